//! What one attempt does: the client's options, with those of its request in their place.

use std::time::Duration;

use http::{Method, StatusCode};

use super::body::check_size;
use super::condition::Condition;
use super::failure::{Failure, FailureKind};
use super::headers::RequestHeaders;
use super::options::Options;
use super::options_error::OptionsError;
use super::redirect::Hop;
use super::request_options::RequestOptions;
use super::status_set::StatusSet;
use crate::escape::hex;

/// A body that is larger than expected by less is read to its end, so that its failure names its size.
const FAR: u64 = 1 << 20;

static HEAD: Method = Method::HEAD;

pub(super) struct Plan<'a> {
    pub(super) options: &'a Options,
    request: Option<&'a RequestOptions>,
    headers: &'a RequestHeaders,
    /// Those of a request that sets some itself.
    own_headers: Option<Box<RequestHeaders>>,
    condition: Option<&'a Condition>,
}

/// The method of the first request.
pub(super) fn method<'a>(options: &'a Options, request: Option<&'a RequestOptions>) -> &'a Method {
    match request.and_then(|request| request.method.as_ref()) {
        Some(own) => own,
        None if options.check => &HEAD,
        None => &options.method,
    }
}

/// # Errors
///
/// CONNECT is no method of a page.
pub(super) fn check_method(method: &Method) -> Result<(), OptionsError> {
    if *method == Method::CONNECT {
        return Err(OptionsError::new(
            "the method CONNECT asks for a tunnel, not for a page",
        ));
    }
    Ok(())
}

impl<'a> Plan<'a> {
    /// `headers` are those of `options`.
    ///
    /// # Errors
    ///
    /// No request can be made with the options of `request`.
    pub(super) fn new(
        options: &'a Options,
        headers: &'a RequestHeaders,
        request: Option<&'a RequestOptions>,
        condition: Option<&'a Condition>,
    ) -> Result<Self, OptionsError> {
        let mut own_headers = None;
        if let Some(request) = request {
            request.method.as_ref().map_or(Ok(()), check_method)?;
            if !request.headers.is_empty() {
                let headers = RequestHeaders::new(options, &request.headers)?;
                own_headers = Some(Box::new(headers));
            }
        }
        Ok(Self {
            options,
            request,
            headers,
            own_headers,
            condition,
        })
    }

    /// The lines of the condition for `hop`, if there is one that may take the place of the page.
    pub(super) fn condition(&self, hop: &Hop) -> Option<&'a [u8]> {
        let may_stand = |condition: &&Condition| {
            !self.headers().have_conditions
                && self.accept().contains(StatusCode::OK.as_u16())
                && self.accepts_page_of(condition)
        };
        self.condition.filter(may_stand)?.lines_for(hop)
    }

    /// Whether the page of an earlier reply is what this attempt must get.
    fn accepts_page_of(&self, earlier: &Condition) -> bool {
        let expects_size = self.request.is_some_and(|request| request.size.is_some());
        let has_size = earlier.size.map_or(!expects_size, |size| {
            check_size(size, self.max_size()).is_ok() && self.expect_size(size).is_ok()
        });
        let is_digest = |sha256| self.expect_sha256(sha256).is_ok();
        has_size && earlier.sha256.map_or(!self.wants_sha256(), is_digest)
    }

    pub(super) fn method(&self) -> &'a Method {
        method(self.options, self.request)
    }

    /// Whether GET is tried where HEAD is refused. A method of the request's own is never replaced.
    pub(super) fn is_check(&self) -> bool {
        self.options.check && self.request.is_none_or(|own| own.method.is_none())
    }

    pub(super) fn headers(&self) -> &RequestHeaders {
        self.own_headers.as_deref().unwrap_or(self.headers)
    }

    /// Whether a body that was cut may be continued.
    pub(super) fn may_continue(&self) -> bool {
        !self.headers().have_conditions && !self.is_check()
    }

    pub(super) fn accept(&self) -> &'a StatusSet {
        let own = self.request.and_then(|request| request.accept.as_ref());
        own.unwrap_or(&self.options.accept)
    }

    pub(super) fn timeout(&self) -> Option<Duration> {
        let own = self.request.and_then(|request| request.timeout);
        own.or(self.options.timeout)
    }

    pub(super) fn max_size(&self) -> Option<u64> {
        let own = self.request.and_then(|request| request.max_size);
        own.or(self.options.max_size).filter(|max| *max > 0)
    }

    /// Whether the body's SHA-256 is computed.
    pub(super) fn wants_sha256(&self) -> bool {
        self.options.sha256 || self.request.is_some_and(|own| own.sha256.is_some())
    }

    /// Fails if a body of which `size` bytes have come is too large, or far larger than expected.
    pub(super) fn check_so_far(&self, size: u64) -> Result<(), Failure> {
        check_size(size, self.max_size())?;
        match self.request.and_then(|request| request.size) {
            Some(expected) if size > expected.saturating_add(FAR) => Err(Failure::new(
                FailureKind::Mismatch,
                format!("size: expected {expected} bytes, got at least {size}"),
            )),
            _ => Ok(()),
        }
    }

    /// Fails if `size` is not the expected one.
    pub(super) fn expect_size(&self, size: u64) -> Result<(), Failure> {
        match self.request.and_then(|request| request.size) {
            Some(expected) if expected != size => Err(Failure::new(
                FailureKind::Mismatch,
                format!("size: expected {expected} bytes, got {size}"),
            )),
            _ => Ok(()),
        }
    }

    /// Fails if `sha256` is not the expected one.
    pub(super) fn expect_sha256(&self, sha256: [u8; 32]) -> Result<(), Failure> {
        match self.request.and_then(|request| request.sha256) {
            Some(expected) if expected != sha256 => {
                let (expected, got) = (hex(&expected), hex(&sha256));
                let text = format!("sha256: expected {expected}, got {got}");
                Err(Failure::new(FailureKind::Mismatch, text))
            }
            _ => Ok(()),
        }
    }
}
