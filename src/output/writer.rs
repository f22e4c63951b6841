//! Writes records in one format to standard output.

use std::io;

use super::fields::Fields;
use super::format::Format;
use super::out::{BUFFER, Out, Outgoing};
use super::record::Record;
use super::{csv, jsonl, text};

/// Queues records for a stream. The caller flushes `out` when no other record is ready or [`Writer::is_full`].
pub(crate) struct Writer {
    pub(crate) out: Outgoing,
    format: Format,
    color: bool,
    fields: Fields,
}

impl Writer {
    /// `color` is for [`Format::Text`] alone, `fields` for all others. The first flush writes the header line of a table, even without records.
    pub(crate) fn new(out: Box<dyn Out>, format: Format, color: bool, fields: Fields) -> Self {
        let mut header = Vec::new();
        match format {
            Format::Csv => csv::push_header(&mut header, &fields, b','),
            Format::Tsv => csv::push_header(&mut header, &fields, b'\t'),
            Format::Text | Format::Jsonl => {}
        }
        let mut out = Outgoing::new(out);
        out.preface(&header);
        Self {
            out,
            format,
            color,
            fields,
        }
    }

    /// Ends the incomplete line of an earlier run.
    pub(crate) fn begin_a_line(&mut self) {
        self.out.preface(b"\n");
    }

    /// Queues `record`. Never blocks.
    ///
    /// # Errors
    ///
    /// If an earlier flush failed, with its error.
    pub(crate) fn write(&mut self, record: &Record) -> io::Result<()> {
        let Self {
            out,
            format,
            color,
            fields,
        } = self;
        out.record(|buffer| match format {
            Format::Text => text::push(buffer, record, *color),
            Format::Jsonl => jsonl::push(buffer, record, fields),
            Format::Csv => csv::push(buffer, record, fields, b','),
            Format::Tsv => csv::push(buffer, record, fields, b'\t'),
        })
    }

    pub(crate) fn is_full(&self) -> bool {
        self.out.left() >= BUFFER
    }
}

#[cfg(test)]
mod tests;
