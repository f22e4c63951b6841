//! What one attempt does: the client's options, with those of its request in their place.

use std::time::Duration;

use http::Method;

use super::failure::{Failure, FailureKind};
use super::headers::RequestHeaders;
use super::options::Options;
use super::options_error::OptionsError;
use super::request_options::RequestOptions;
use super::status_set::StatusSet;
use crate::escape::hex;

static HEAD: Method = Method::HEAD;

pub(super) struct Plan<'a> {
    pub(super) options: &'a Options,
    request: Option<&'a RequestOptions>,
    headers: &'a RequestHeaders,
    /// Those of a request that sets some itself.
    own_headers: Option<RequestHeaders>,
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
    ) -> Result<Self, OptionsError> {
        let mut own_headers = None;
        if let Some(request) = request {
            request.method.as_ref().map_or(Ok(()), check_method)?;
            if !request.headers.is_empty() {
                own_headers = Some(RequestHeaders::new(options, &request.headers)?);
            }
        }
        Ok(Self {
            options,
            request,
            headers,
            own_headers,
        })
    }

    pub(super) fn method(&self) -> &'a Method {
        method(self.options, self.request)
    }

    /// Whether GET is tried where HEAD is refused. A method of the request's own is never replaced.
    pub(super) fn is_check(&self) -> bool {
        self.options.check && self.request.is_none_or(|own| own.method.is_none())
    }

    pub(super) fn headers(&self) -> &RequestHeaders {
        self.own_headers.as_ref().unwrap_or(self.headers)
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
