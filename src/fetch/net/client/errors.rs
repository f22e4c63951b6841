//! The one translation of the HTTP library's errors into a [`Failure`], by variant and never by text. A failure of the
//! connector or transport passes through the library unchanged.

use std::io;

use crate::fetch::failure::{Failure, FailureKind};
use crate::system::os_text;

impl From<Failure> for ureq::Error {
    fn from(failure: Failure) -> Self {
        Self::Other(Box::new(failure))
    }
}

/// A protocol error before the reply began means that the library cannot write the request.
pub(super) fn exchange_failure(error: ureq::Error, reply_began: bool) -> Failure {
    let (kind, text) = match error {
        ureq::Error::Other(inner) => match inner.downcast::<Failure>() {
            Ok(failure) => return *failure,
            Err(other) => (FailureKind::Internal, other.to_string()),
        },
        ureq::Error::Protocol(error) if reply_began => (FailureKind::Protocol, error.to_string()),
        ureq::Error::Protocol(error) => (
            FailureKind::Internal,
            format!("the request could not be written: {error}"),
        ),
        ureq::Error::Http(error) => (FailureKind::InvalidUrl, error.to_string()),
        ureq::Error::BadUri(text) => (FailureKind::InvalidUrl, text),
        ureq::Error::Io(error) => (FailureKind::Connect, os_text(&error)),
        other => (FailureKind::Internal, other.to_string()),
    };
    Failure::new(kind, text)
}

/// The failure for an error after `received` of `expected` bytes of a body.
pub(super) fn body_failure(error: io::Error, received: u64, expected: Option<u64>) -> Failure {
    let failure = match ureq::Error::from(error) {
        ureq::Error::Io(_) => return cut_short("the connection was closed", received, expected),
        other => exchange_failure(other, true),
    };
    match failure.kind() {
        FailureKind::Body => cut_short(failure.message(), received, expected),
        _ => failure,
    }
}

pub(super) fn cut_short(what: &str, received: u64, expected: Option<u64>) -> Failure {
    let message = match expected {
        Some(expected) => format!("{what} after {received} of {expected} bytes"),
        None => format!("{what} after {received} bytes, before the end of the body"),
    };
    Failure::new(FailureKind::Body, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_of_our_own_passes_through_the_library_unchanged() {
        let failure = Failure::new(FailureKind::Tls, "unknown issuer");
        assert_eq!(exchange_failure(failure.clone().into(), false), failure);
        let io = ureq::Error::from(failure.clone()).into_io();
        assert_eq!(body_failure(io, 3, None), failure);
    }

    #[test]
    fn what_the_library_cannot_write_is_not_the_servers_doing() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        let error = || {
            let request = ureq::get(&url).header("Host", "a").header("Host", "b");
            request.call().unwrap_err()
        };
        let failure = exchange_failure(error(), false);
        assert_eq!(failure.kind(), FailureKind::Internal, "{failure}");
        let failure = exchange_failure(error(), true);
        assert_eq!(failure.kind(), FailureKind::Protocol, "{failure}");
    }

    #[test]
    fn a_cut_body_says_how_much_had_come() {
        let eof = || io::Error::from(io::ErrorKind::UnexpectedEof);
        assert_eq!(
            body_failure(eof(), 3, Some(10)).to_string(),
            "body: the connection was closed after 3 of 10 bytes"
        );
        let reset = ureq::Error::from(Failure::new(FailureKind::Body, "the connection was reset"));
        assert_eq!(
            body_failure(reset.into_io(), 7, None).to_string(),
            "body: the connection was reset after 7 bytes, before the end of the body"
        );
    }
}
