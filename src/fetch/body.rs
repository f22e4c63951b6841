//! A reply's body as a stream whose errors are failures.

use std::io::{self, Read};

use ureq::http::Response;
use ureq::{Body, BodyReader};

use super::failure::{Failure, FailureKind};

/// A body as it comes, whose errors are failures that say how much came.
pub(crate) struct Source<'a> {
    reader: BodyReader<'a>,
    came: u64,
    expected: Option<u64>,
}

impl<'a> Source<'a> {
    /// The body of `response`, of which `expected` bytes are to come, if that is known.
    pub(crate) fn new(response: &'a mut Response<Body>, expected: Option<u64>) -> Self {
        Self {
            reader: response.body_mut().as_reader(),
            came: 0,
            expected,
        }
    }
}

impl Read for Source<'_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        match self.reader.read(buf) {
            Ok(amount) => {
                self.came += amount as u64;
                Ok(amount)
            }
            Err(error) => Err(io::Error::other(Failure::from_body(
                error,
                self.came,
                self.expected,
            ))),
        }
    }
}

/// The failure that reading a body gave: one of its source, or one of the decoder.
pub(crate) fn undecoded(error: io::Error) -> Failure {
    match error.downcast::<Failure>() {
        Ok(failure) => failure,
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
            Failure::new(FailureKind::Body, "the compressed body is cut short")
        }
        Err(error) => Failure::new(
            FailureKind::Body,
            format!("the compressed body is damaged: {error}"),
        ),
    }
}
