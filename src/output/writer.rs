//! Writes records in one format to standard output.

use std::io;

use super::out::{BUFFER, Out, Outgoing};
use super::record::Record;
use super::{csv, jsonl, text};

/// How records are written: the lines of the Python documentation's example, one JSON object a line, or values under a
/// header line, separated by commas or tabs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Format {
    Text,
    Jsonl,
    Csv,
    Tsv,
}

/// Queues records for one stream. The caller flushes `out` when no other record is ready or [`Writer::is_full`].
pub(crate) struct Writer {
    pub(crate) out: Outgoing,
    format: Format,
    color: bool,
}

impl Writer {
    /// `color` is for [`Format::Text`] alone. The first flush writes the header line of a table, even without records.
    pub(crate) fn new(out: Box<dyn Out>, format: Format, color: bool) -> Self {
        let mut header = Vec::new();
        match format {
            Format::Csv => csv::push_header(&mut header, b','),
            Format::Tsv => csv::push_header(&mut header, b'\t'),
            Format::Text | Format::Jsonl => {}
        }
        let mut out = Outgoing::new(out);
        out.preface(&header);
        Self { out, format, color }
    }

    /// Ends the incomplete line that an earlier run left in the output.
    pub(crate) fn begin_a_line(&mut self) {
        self.out.preface(b"\n");
    }

    /// Queues `record`. Never blocks.
    ///
    /// # Errors
    ///
    /// If an earlier flush failed, with its error.
    pub(crate) fn write(&mut self, record: &Record) -> io::Result<()> {
        let Self { out, format, color } = self;
        out.record(|buffer| match format {
            Format::Text => text::push(buffer, record, *color),
            Format::Jsonl => jsonl::push(buffer, record),
            Format::Csv => csv::push(buffer, record, b','),
            Format::Tsv => csv::push(buffer, record, b'\t'),
        })
    }

    /// Whether to flush before the next record.
    pub(crate) fn is_full(&self) -> bool {
        self.out.left() >= BUFFER
    }
}

#[cfg(test)]
mod tests;
