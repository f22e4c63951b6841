//! Splits a byte stream into the rows of a table, quoted by RFC 4180, in constant memory.
//!
//! Only [`Rows::fill`] blocks, for one `read`: a row is available before the next has come. Empty lines are skipped,
//! and so is a BOM at the beginning.
//!
//! The csv crate cannot say whether a whole row is buffered. It also accepts text behind a closing quote, so that one
//! missing quote makes one row of many.

#[cfg(test)]
mod tests;

use super::lines::read_once;
use std::io::{self, Read};

/// The longest row of a list, in bytes without its line end.
pub(super) const LIMIT: usize = 1 << 20;

/// The most bytes of one read.
const READ: usize = 128 << 10;

const BOM: &[u8] = "\u{feff}".as_bytes();

/// Why a row has no more cells than it has. Reading goes on with the line after its first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum RowFault {
    /// It is longer than the limit.
    TooLong,
    /// The quote of the cell behind the last is not closed, within the limit.
    OpenQuote,
    /// That cell goes on behind its closing quote.
    TextAfterQuote,
}

/// The cells of a row, without quotes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cells<'a> {
    text: &'a [u8],
    /// Where each cell ends in `text`.
    ends: &'a [usize],
    pub(super) fault: Option<RowFault>,
}

impl<'a> Cells<'a> {
    pub(super) fn len(&self) -> usize {
        self.ends.len()
    }

    pub(super) fn get(&self, index: usize) -> Option<&'a [u8]> {
        let end = *self.ends.get(index)?;
        let start = index.checked_sub(1).map_or(0, |before| self.ends[before]);
        Some(&self.text[start..end])
    }

    pub(super) fn iter(self) -> impl Iterator<Item = &'a [u8]> {
        (0..self.len()).filter_map(move |index| self.get(index))
    }
}

/// Where in a row the next byte is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Position {
    CellStart,
    Unquoted,
    Quoted,
    /// Behind a quote in a quoted cell: it closes the cell, unless another follows.
    AfterQuote,
}

pub(super) struct Rows<R> {
    reader: R,
    delimiter: u8,
    limit: usize,
    buffer: Vec<u8>,
    /// The row so far is `buffer[start..at]`, and unread bytes are `buffer[at..end]`.
    start: usize,
    at: usize,
    end: usize,
    position: Position,
    /// The row's cells so far, as in [`Cells`].
    text: Vec<u8>,
    ends: Vec<usize>,
    /// The lines that end before `buffer[reread]` were a part of a row with a fault. Their own rows have no line ends,
    /// so that no byte is read again and again.
    reread: usize,
    /// The line on which `buffer[start]` is.
    line: u64,
    /// A CR is before `buffer[start]`.
    after_cr: bool,
    in_row: bool,
    /// The rest of the line must be dropped.
    skipping: bool,
    /// A BOM may come.
    at_start: bool,
    ended: bool,
}

impl<R: Read> Rows<R> {
    pub(super) fn new(reader: R, delimiter: u8) -> Self {
        Self::with_limit(reader, delimiter, LIMIT)
    }

    pub(super) fn with_limit(reader: R, delimiter: u8, limit: usize) -> Self {
        Self {
            reader,
            delimiter,
            limit,
            buffer: vec![0; READ],
            start: 0,
            at: 0,
            end: 0,
            position: Position::CellStart,
            text: Vec::new(),
            ends: Vec::new(),
            reread: 0,
            line: 1,
            after_cr: false,
            in_row: false,
            skipping: false,
            at_start: true,
            ended: false,
        }
    }

    /// The line on which the current or next row begins.
    pub(super) fn line(&self) -> u64 {
        self.line
    }

    /// The next buffered row, with the line on which it begins, from 1; `None` until the next [`fill`](Self::fill).
    pub(super) fn next_buffered(&mut self) -> Option<(u64, Cells<'_>)> {
        if self.skipping && !self.skip_line() || !(self.in_row || self.begin_row()) {
            return None;
        }
        let read = self.read_row()?;
        let line = self.line;
        self.in_row = false;
        match read {
            Ok(()) => self.leave_row(),
            Err(_) => {
                self.reread = self.reread.max(self.at);
                self.skip_line();
            }
        }
        let cells = Cells {
            text: &self.text,
            ends: &self.ends,
            fault: read.err(),
        };
        Some((line, cells))
    }

    /// Reads once, after [`next_buffered`](Self::next_buffered) returned `None`. `Ok(false)` is the end.
    pub(super) fn fill(&mut self) -> io::Result<bool> {
        if self.ended {
            return Ok(false);
        }
        self.buffer.copy_within(self.start..self.end, 0);
        self.at -= self.start;
        self.end -= self.start;
        self.reread = self.reread.saturating_sub(self.start);
        self.start = 0;
        // A row over the limit is never waited for.
        let most = self
            .buffer
            .len()
            .max(self.end + READ)
            .min(self.limit + 1 + READ);
        self.buffer.resize(most, 0);
        match read_once(&mut self.reader, &mut self.buffer[self.end..])? {
            0 => {
                self.ended = true;
                // Ends the last row, unless it stands within quotes.
                self.buffer[self.end] = b'\n';
                self.end += 1;
            }
            count => self.end += count,
        }
        Ok(true)
    }

    /// Skips what stands before a row. False if no byte of the row is buffered.
    fn begin_row(&mut self) -> bool {
        let rest = &self.buffer[self.start..self.end];
        if self.at_start {
            if rest.len() < BOM.len() && BOM.starts_with(rest) {
                return false;
            }
            self.start += if rest.starts_with(BOM) { BOM.len() } else { 0 };
            self.at_start = false;
        }
        while let Some(byte @ (b'\r' | b'\n')) = self.buffer[..self.end].get(self.start) {
            self.start += 1;
            self.end_line(*byte);
        }
        self.at = self.start;
        self.position = Position::CellStart;
        self.text.clear();
        self.ends.clear();
        self.in_row = self.start < self.end;
        self.in_row
    }

    /// Counts a line, which ended with `byte`: LF, CR or CRLF.
    fn end_line(&mut self, byte: u8) {
        let is_second = byte == b'\n' && self.after_cr;
        self.line += u64::from(!is_second);
        self.after_cr = byte == b'\r';
    }

    /// Reads the buffered part of the row, up to its end or a fault. `None` if neither is buffered.
    fn read_row(&mut self) -> Option<Result<(), RowFault>> {
        loop {
            let most = self.end.min(self.start + self.limit + 1);
            let rest = &self.buffer[self.at..most];
            let Some(&byte) = rest.first() else {
                return self.fault_at_end().map(Err);
            };
            let is_end = byte == self.delimiter || matches!(byte, b'\r' | b'\n');
            match self.position {
                Position::CellStart if byte == b'"' => {
                    self.position = Position::Quoted;
                    self.at += 1;
                }
                Position::Unquoted | Position::AfterQuote if is_end => {
                    self.ends.push(self.text.len());
                    self.position = Position::CellStart;
                    self.at += 1;
                    if byte != self.delimiter {
                        return Some(Ok(()));
                    }
                }
                Position::CellStart | Position::Unquoted => {
                    let end = memchr::memchr3(self.delimiter, b'\r', b'\n', rest);
                    self.position = Position::Unquoted;
                    self.take(end.unwrap_or(rest.len()));
                }
                Position::Quoted => {
                    let quote = memchr::memchr(b'"', rest);
                    let length = quote.unwrap_or(rest.len());
                    let known = self.reread.clamp(self.at, self.at + length);
                    if memchr::memchr2(b'\r', b'\n', &self.buffer[self.at..known]).is_some() {
                        return Some(Err(RowFault::OpenQuote));
                    }
                    self.take(length);
                    if quote.is_some() {
                        self.position = Position::AfterQuote;
                        self.at += 1;
                    }
                }
                Position::AfterQuote if byte == b'"' => {
                    self.position = Position::Quoted;
                    self.take(1);
                }
                Position::AfterQuote => return Some(Err(RowFault::TextAfterQuote)),
            }
        }
    }

    /// Appends the next `length` bytes to the cell.
    fn take(&mut self, length: usize) {
        let next = &self.buffer[self.at..self.at + length];
        self.text.extend_from_slice(next);
        self.at += length;
    }

    /// The fault of a row whose end is not among the bytes up to the limit; `None` if it may come.
    fn fault_at_end(&self) -> Option<RowFault> {
        let is_quoted = matches!(self.position, Position::Quoted | Position::AfterQuote);
        match (is_quoted, self.at > self.start + self.limit) {
            (true, true) => Some(RowFault::OpenQuote),
            (true, false) => self.ended.then_some(RowFault::OpenQuote),
            (false, true) => Some(RowFault::TooLong),
            (false, false) => None,
        }
    }

    /// Goes to the end of a row.
    fn leave_row(&mut self) {
        let row = &self.buffer[self.start..self.at];
        let (end, row) = row.split_last().expect("a row has a line end");
        self.line += memchr::memchr_iter(b'\n', row).count() as u64;
        self.after_cr = false;
        self.start = self.at;
        self.end_line(*end);
    }

    /// Drops the buffered part of the line at `start`. True if its end was found.
    fn skip_line(&mut self) -> bool {
        let rest = &self.buffer[self.start..self.end];
        let end = memchr::memchr2(b'\r', b'\n', rest);
        self.skipping = end.is_none();
        self.after_cr = false;
        self.start += end.map_or(rest.len(), |at| at + 1);
        self.at = self.start;
        if let Some(at) = end {
            self.end_line(rest[at]);
        }
        !self.skipping
    }
}
