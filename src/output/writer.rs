//! The one owner of standard output: records go in, whole lines come out.
//!
//! Lines are gathered in one buffer and leave in one write when the caller flushes, as it should when nothing else is
//! ready or [`Writer::is_full`] says so. An error is returned as it came ([`io::ErrorKind::BrokenPipe`] among them) and
//! ends the writer: what was gathered is dropped and nothing is ever written again, so that a torn line is never followed by another. Dropping the writer
//! writes nothing: whoever owns it flushes it.

use std::io;
use std::time::Instant;

use super::csv::{self, Delimiter};
use super::out::{BUFFER, Out, Outgoing};
use super::record::Record;
use super::{jsonl, text};

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
    outgoing: Outgoing,
    format: Format,
    color: bool,
    /// How much of what is gathered is no record: a header, the end of a torn line.
    preamble: usize,
}

impl Writer {
    /// A writer to `out`, which should not buffer by itself. `color` counts for [`Format::Text`] alone. The header
    /// line of a format that has one leaves with the first flush, whether or not there are records.
    pub(crate) fn new(out: Box<dyn Out>, format: Format, color: bool) -> Self {
        let mut writer = Self {
            outgoing: Outgoing::new(out),
            format,
            color,
            preamble: 0,
        };
        writer.preface(|buffer| {
            buffer.reserve(BUFFER);
            match format {
                Format::Csv => csv::push_header(buffer, Delimiter::Comma),
                Format::Tsv => csv::push_header(buffer, Delimiter::Tab),
                Format::Text | Format::Jsonl => {}
            }
        });
        writer
    }

    /// Ends the torn line that an earlier run has left where the records go.
    pub(crate) fn begin_a_line(&mut self) {
        self.preface(|buffer| buffer.push(b'\n'));
    }

    fn preface(&mut self, push: impl FnOnce(&mut Vec<u8>)) {
        // Before the first flush nothing can have failed.
        if let Ok(buffer) = self.outgoing.buffer() {
            push(buffer);
        }
        self.preamble = self.outgoing.len();
    }

    /// Takes `record`. Never blocks: nothing is written before [`flush_by`](Self::flush_by).
    ///
    /// # Errors
    ///
    /// If an earlier flush failed: every call after that fails with its kind.
    pub(crate) fn write(&mut self, record: &Record) -> io::Result<()> {
        let buffer = self.outgoing.buffer()?;
        match self.format {
            Format::Text => text::push(buffer, record, self.color)?,
            Format::Jsonl => jsonl::push(buffer, record)?,
            Format::Csv => csv::push(buffer, record, Delimiter::Comma)?,
            Format::Tsv => csv::push(buffer, record, Delimiter::Tab)?,
        }
        Ok(())
    }

    /// Whether so much is gathered that it should be flushed before more is written.
    pub(crate) fn is_full(&self) -> bool {
        self.outgoing.len() >= BUFFER
    }

    /// Whether nothing waits to be flushed.
    pub(crate) fn is_flushed(&self) -> bool {
        self.outgoing.is_flushed()
    }

    /// How many records are gathered and have not been written, or not to their end.
    pub(crate) fn unwritten(&self) -> usize {
        let left = self.outgoing.left_after(self.preamble);
        left.iter().filter(|byte| **byte == b'\n').count()
    }

    /// As [`Outgoing::is_mid_line`].
    pub(crate) fn is_mid_line(&self) -> bool {
        self.outgoing.is_mid_line()
    }

    /// As [`Outgoing::give_up`].
    pub(crate) fn give_up(&mut self) {
        self.outgoing.give_up();
    }

    /// As [`Outgoing::unread`].
    pub(crate) fn unread(&self) -> usize {
        self.outgoing.unread()
    }

    /// As [`Outgoing::flush_by`].
    ///
    /// # Errors
    ///
    /// Those of the stream; after one of them every call fails with its kind.
    pub(crate) fn flush_by(&mut self, until: Option<Instant>) -> io::Result<bool> {
        let flushed = self.outgoing.flush_by(until);
        self.note_flushed();
        flushed
    }

    /// As [`Outgoing::flush_between`].
    ///
    /// # Errors
    ///
    /// Those of the stream; after one of them every call fails with its kind.
    pub(crate) fn flush_between(
        &mut self,
        before: &[u8],
        after: &[u8],
        until: Instant,
    ) -> io::Result<bool> {
        if self.preamble > 0 {
            self.preamble += before.len();
        }
        let flushed = self.outgoing.flush_between(before, after, until);
        self.note_flushed();
        flushed
    }

    fn note_flushed(&mut self) {
        if self.outgoing.is_flushed() {
            self.preamble = 0;
        }
    }
}

#[cfg(test)]
mod tests;
