//! The one owner of standard output: records go in, whole lines come out.
//!
//! Lines are gathered in one buffer and leave in one write when the caller flushes, as it should when nothing else is
//! ready or [`Writer::is_full`] says so. An error is returned as it came ([`io::ErrorKind::BrokenPipe`] among them) and
//! ends the writer: what was gathered is dropped and nothing is ever written again, so that a torn line is never followed by another. Dropping the writer
//! writes nothing: whoever owns it flushes it.

use std::io;

use super::csv::{self, Delimiter};
use super::record::Record;
use super::{jsonl, text};

/// Enough for a write to cost nothing beside its lines; the size of a Linux pipe.
const BUFFER: usize = 64 * 1024;

/// How records are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    /// The lines of the Python documentation's example, for people.
    Text,
    /// One JSON object a line.
    Jsonl,
    /// Comma-separated values under a header line.
    Csv,
    /// Tab-separated values under a header line.
    Tsv,
}

/// Writes records to one stream, in one format.
pub(crate) struct Writer {
    out: Box<dyn io::Write + Send>,
    format: Format,
    color: bool,
    buffer: Vec<u8>,
    failed: Option<io::ErrorKind>,
}

impl Writer {
    /// A writer to `out`, which should not buffer by itself. `color` counts for [`Format::Text`] alone. The header
    /// line of a format that has one leaves with the first flush, whether or not there are records.
    pub(crate) fn new(out: Box<dyn io::Write + Send>, format: Format, color: bool) -> Self {
        let mut buffer = Vec::with_capacity(BUFFER);
        match format {
            Format::Csv => csv::push_header(&mut buffer, Delimiter::Comma),
            Format::Tsv => csv::push_header(&mut buffer, Delimiter::Tab),
            Format::Text | Format::Jsonl => {}
        }
        Self {
            out,
            format,
            color,
            buffer,
            failed: None,
        }
    }

    /// Takes `record`. Never blocks: nothing is written before [`flush`](Self::flush).
    ///
    /// # Errors
    ///
    /// If an earlier flush failed: every call after that fails with its kind.
    pub(crate) fn write(&mut self, record: &Record) -> io::Result<()> {
        self.check()?;
        match self.format {
            Format::Text => text::push(&mut self.buffer, record, self.color)?,
            Format::Jsonl => jsonl::push(&mut self.buffer, record)?,
            Format::Csv => csv::push(&mut self.buffer, record, Delimiter::Comma)?,
            Format::Tsv => csv::push(&mut self.buffer, record, Delimiter::Tab)?,
        }
        Ok(())
    }

    /// Whether so much is gathered that it should be flushed before more is written.
    pub(crate) fn is_full(&self) -> bool {
        self.buffer.len() >= BUFFER
    }

    /// Writes out what is gathered; blocks while the reader is slow.
    ///
    /// # Errors
    ///
    /// Those of the stream; after one of them every call fails with its kind.
    pub(crate) fn flush(&mut self) -> io::Result<()> {
        self.check()?;
        if self.buffer.is_empty() {
            Ok(())
        } else {
            self.send()
        }
    }

    /// Whether nothing waits to be flushed.
    pub(crate) fn is_flushed(&self) -> bool {
        self.buffer.is_empty()
    }

    fn check(&self) -> io::Result<()> {
        self.failed.map_or(Ok(()), |kind| Err(kind.into()))
    }

    fn send(&mut self) -> io::Result<()> {
        let sent = self
            .out
            .write_all(&self.buffer)
            .and_then(|()| self.out.flush());
        self.buffer.clear();
        // One very long line must not be paid for until the end of the run.
        self.buffer.shrink_to(2 * BUFFER);
        sent.inspect_err(|error| self.failed = Some(error.kind()))
    }
}

/// Standard output without a buffer of its own: what is written goes out in one piece.
///
/// It also waits where the stream was left non-blocking by another program that shares it.
///
/// # Errors
///
/// When the descriptor cannot be duplicated, because descriptors have run out.
pub(crate) fn stdout() -> io::Result<Box<dyn io::Write + Send>> {
    #[cfg(unix)]
    {
        use std::os::fd::AsFd as _;
        let descriptor = io::stdout().as_fd().try_clone_to_owned()?;
        Ok(Box::new(Patient(descriptor.into())))
    }
    #[cfg(not(unix))]
    {
        // Its line buffer passes whole lines through in one write; on a console it also translates to UTF-16.
        Ok(Box::new(io::stdout()))
    }
}

/// A file that waits until it can be written to.
#[cfg(unix)]
struct Patient(std::fs::File);

#[cfg(unix)]
impl io::Write for Patient {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        use rustix::event::{PollFd, PollFlags, poll};
        loop {
            match self.0.write(bytes) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                done => return done,
            }
            match poll(&mut [PollFd::new(&self.0, PollFlags::OUT)], None) {
                Ok(_) | Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests;
