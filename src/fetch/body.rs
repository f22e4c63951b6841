//! A reply's body as a stream whose errors are failures, and where it goes.

use std::io::{self, Read, Write};

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
            Ok(0) if !buf.is_empty() && self.expected.is_some_and(|e| e != self.came) => {
                let failure = Failure::cut_short("the body ended", self.came, self.expected);
                Err(io::Error::other(failure))
            }
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

/// Where a body goes.
pub(crate) enum Sink<'a> {
    Write(&'a mut dyn Write),
    /// Nowhere: this is told how much has come.
    Count(&'a mut dyn FnMut(usize)),
}

impl Sink<'_> {
    pub(super) fn take(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self {
            Self::Write(sink) => sink.write_all(bytes),
            Self::Count(count) => {
                count(bytes.len());
                Ok(())
            }
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

/// `bytes` as `--max-size` takes it: `10M`, or `1000 bytes` for what is no whole number of units.
pub(crate) fn size_text(bytes: u64) -> String {
    let units = [(40, 'T'), (30, 'G'), (20, 'M'), (10, 'K')];
    let unit = units
        .iter()
        .find(|(bits, _)| bytes > 0 && bytes.trailing_zeros() >= *bits);
    match unit {
        Some((bits, unit)) => format!("{}{unit}", bytes >> bits),
        None => format!("{bytes} bytes"),
    }
}

#[cfg(test)]
mod tests {
    use super::size_text;

    #[test]
    fn a_size_is_shown_as_it_is_written() {
        for (bytes, text) in [
            (0, "0 bytes"),
            (100, "100 bytes"),
            (1000, "1000 bytes"),
            (1024, "1K"),
            (1536, "1536 bytes"),
            (10 << 20, "10M"),
            (1025 << 20, "1025M"),
            (2 << 30, "2G"),
            (3 << 40, "3T"),
            (u64::MAX, "18446744073709551615 bytes"),
        ] {
            assert_eq!(size_text(bytes), text);
        }
    }
}
