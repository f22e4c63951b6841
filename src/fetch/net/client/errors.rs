//! The one translation of the HTTP library's errors into a [`Failure`]. Failures of the transport pass through the library
//! unchanged; the library itself, which gets a reduced reply, has nothing to fail at.

use std::io;

use crate::fetch::failure::{Failure, FailureKind};

impl From<Failure> for ureq::Error {
    fn from(failure: Failure) -> Self {
        Self::Other(Box::new(failure))
    }
}

pub(super) fn exchange_failure(error: ureq::Error) -> Failure {
    let text = error.to_string();
    match error {
        ureq::Error::Other(inner) if inner.is::<Failure>() => inner.downcast().map_or_else(
            |_| Failure::new(FailureKind::Internal, text),
            |failure| *failure,
        ),
        _ => Failure::new(FailureKind::Internal, text),
    }
}

/// The failure for an error after `received` of `expected` bytes.
pub(super) fn body_failure(error: io::Error, received: u64, expected: Option<u64>) -> Failure {
    let failure = exchange_failure(ureq::Error::from(error));
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
        assert_eq!(exchange_failure(failure.clone().into()), failure);
        let io = ureq::Error::from(failure.clone()).into_io();
        assert_eq!(body_failure(io, 3, None), failure);
    }

    #[test]
    fn a_cut_body_says_how_much_had_come() {
        let closed = Failure::new(FailureKind::Body, "the connection was closed");
        assert_eq!(
            body_failure(ureq::Error::from(closed).into_io(), 3, Some(10)).to_string(),
            "body: the connection was closed after 3 of 10 bytes"
        );
        let reset = ureq::Error::from(Failure::new(FailureKind::Body, "the connection was reset"));
        assert_eq!(
            body_failure(reset.into_io(), 7, None).to_string(),
            "body: the connection was reset after 7 bytes, before the end of the body"
        );
    }
}
