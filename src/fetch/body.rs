//! Where a body goes, and how large it may be.

use std::io::{self, Read, Write};

use ring::digest;

use super::continuation::PartialBody;
use super::failure::{Failure, FailureKind};
use crate::system::os_text;

pub(super) enum Sink<'a> {
    Write(&'a mut dyn Write),
    /// It may have a part of the body already.
    Part(&'a mut dyn PartialBody),
    /// Called with the size of each piece.
    Count(&'a mut dyn FnMut(usize)),
}

/// Reads `body` to its end into `sink`, and into `digest` if there is one. `check` is called with its size so far. Returns
/// its size.
pub(super) fn copy(
    body: &mut dyn Read,
    buf: &mut [u8],
    sink: &mut Sink<'_>,
    check: &dyn Fn(u64) -> Result<(), Failure>,
    mut digest: Option<&mut digest::Context>,
) -> Result<u64, Failure> {
    let mut size = 0;
    loop {
        let amount = body.read(buf).map_err(read_failure)?;
        if amount == 0 {
            return Ok(size);
        }
        size += amount as u64;
        check(size)?;
        if let Some(digest) = &mut digest {
            digest.update(&buf[..amount]);
        }
        let bytes = &buf[..amount];
        match sink {
            Sink::Write(sink) => sink.write_all(bytes).map_err(write_failure)?,
            Sink::Part(sink) => sink.write_all(bytes).map_err(write_failure)?,
            Sink::Count(count) => count(amount),
        }
    }
}

pub(super) fn write_failure(error: io::Error) -> Failure {
    Failure::new(FailureKind::Write, os_text(&error))
}

pub(super) fn check_size(size: u64, max_size: Option<u64>) -> Result<(), Failure> {
    match max_size {
        Some(max) if size > max => Err(Failure::new(
            FailureKind::TooLarge,
            format!("the body is larger than {}", size_text(max)),
        )),
        _ => Ok(()),
    }
}

/// The failure inside `error`, or else that of a decoder.
pub(super) fn read_failure(error: io::Error) -> Failure {
    error.downcast::<Failure>().unwrap_or_else(|error| {
        let text = match error.kind() {
            io::ErrorKind::UnexpectedEof => "the compressed body is cut short".to_owned(),
            _ => format!("the compressed body is damaged: {error}"),
        };
        Failure::new(FailureKind::Body, text)
    })
}

/// `bytes` as `--max-size` takes it (`10M`), or in bytes if no unit divides it.
fn size_text(bytes: u64) -> String {
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
