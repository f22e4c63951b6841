//! Splits a byte stream into the rows of a table, quoted by RFC 4180, in constant memory.
//!
//! Only [`Rows::fill`] blocks, for one `read`: a row is available before the next has come. Empty lines are skipped,
//! and so is a BOM at the beginning.

#[cfg(test)]
mod tests;

use super::lines::read_once;
use csv_core::{ReadRecordResult, Reader, ReaderBuilder};
use std::io::{self, Read};

/// The longest row of a list, in bytes without its line end.
pub(super) const LIMIT: usize = 1 << 20;

/// The most bytes of one read.
const READ: usize = 128 << 10;

/// The least room for the text and the ends of further cells.
const ROOM: usize = 64;

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

pub(super) struct Rows<R> {
    reader: R,
    parser: Reader,
    delimiter: u8,
    limit: usize,
    buffer: Vec<u8>,
    /// The row and what follows it are `buffer[start..end]`. The parser has read `parsed` bytes of it.
    start: usize,
    parsed: usize,
    end: usize,
    /// The row's cells so far: `text[..written]` and `ends[..cells]`.
    text: Vec<u8>,
    written: usize,
    ends: Vec<usize>,
    cells: usize,
    /// The line on which the row begins.
    line: u64,
    in_row: bool,
    /// The rest of a line that was too long must be dropped.
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
            parser: parser(delimiter, 1),
            delimiter,
            limit,
            buffer: vec![0; READ],
            start: 0,
            parsed: 0,
            end: 0,
            text: vec![0; 4 << 10],
            written: 0,
            ends: vec![0; 2 * ROOM],
            cells: 0,
            line: 1,
            in_row: false,
            skipping: false,
            at_start: true,
            ended: false,
        }
    }

    /// The line on which the current or next row begins.
    pub(super) fn line(&self) -> u64 {
        if self.in_row {
            self.line
        } else {
            self.parser.line()
        }
    }

    /// The next buffered row, with the line on which it begins, from 1; `None` until the next [`fill`](Self::fill).
    pub(super) fn next_buffered(&mut self) -> Option<(u64, Cells<'_>)> {
        if self.skipping && !self.skip() || !(self.in_row || self.begin_row()) {
            return None;
        }
        let fault = self.read_row()?;
        self.in_row = false;
        match fault {
            None => self.start += self.parsed,
            Some(_) => self.begin_next_line(),
        }
        let cells = Cells {
            text: &self.text[..self.written],
            ends: &self.ends[..self.cells],
            fault,
        };
        Some((self.line, cells))
    }

    /// Reads once, after [`next_buffered`](Self::next_buffered) returned `None`. `Ok(false)` is the end.
    pub(super) fn fill(&mut self) -> io::Result<bool> {
        if self.ended {
            return Ok(false);
        }
        self.buffer.copy_within(self.start..self.end, 0);
        self.end -= self.start;
        self.start = 0;
        if self.end == self.buffer.len() {
            // Only a long row fills it.
            self.buffer.resize(2 * self.end, 0);
        }
        let most = self.buffer.len().min(self.end + READ);
        match read_once(&mut self.reader, &mut self.buffer[self.end..most])? {
            0 => self.ended = true,
            count => self.end += count,
        }
        Ok(!self.ended || self.in_row || self.end > 0)
    }

    /// Skips what stands before a row. False if no byte of the row is buffered.
    fn begin_row(&mut self) -> bool {
        let mut rest = &self.buffer[self.start..self.end];
        if self.at_start {
            if rest.len() < BOM.len() && BOM.starts_with(rest) && !self.ended {
                return false;
            }
            rest = rest.strip_prefix(BOM).unwrap_or(rest);
            self.at_start = false;
        }
        // The parser would skip them too, but not say where the row begins.
        let is_end = |byte: &&u8| matches!(byte, b'\r' | b'\n');
        let skipped = rest.iter().take_while(is_end).count();
        let lines = memchr::memchr_iter(b'\n', &rest[..skipped]).count() as u64;
        self.start = self.end - rest.len() + skipped;
        self.line = self.parser.line() + lines;
        self.parser.set_line(self.line);
        self.in_row = self.start < self.end;
        (self.written, self.cells, self.parsed) = (0, 0, 0);
        self.in_row
    }

    /// Reads the buffered part of the row. Returns its fault, if any, once its end or its fault is found.
    fn read_row(&mut self) -> Option<Option<RowFault>> {
        loop {
            let rest = &self.buffer[self.start + self.parsed..self.end];
            let is_last = rest.is_empty();
            let input = match rest {
                [] if !self.ended => return None,
                // Ends the row, unless it stands within quotes.
                [] => b"\n",
                // With the line end, so that the limit does not depend on how reads cut the row.
                _ => &rest[..rest.len().min(self.limit + 1 - self.parsed)],
            };
            let (text, ends) = (&mut self.text[self.written..], &mut self.ends[self.cells..]);
            let (result, read, written, cells) = self.parser.read_record(input, text, ends);
            if !is_last {
                self.parsed += read;
            }
            self.written += written;
            self.cells += cells;
            match result {
                ReadRecordResult::Record | ReadRecordResult::End => return Some(self.check()),
                ReadRecordResult::InputEmpty if is_last => return Some(Some(RowFault::OpenQuote)),
                _ => self.make_room(),
            }
            if self.parsed > self.limit {
                return Some(Some(self.too_long()));
            }
        }
    }

    /// Makes room for more of the row. The parser panics if there is none for the end of a cell.
    fn make_room(&mut self) {
        if self.text.len() < self.written + ROOM {
            self.text.resize(2 * self.text.len(), 0);
        }
        if self.ends.len() < self.cells + ROOM {
            self.ends.resize(2 * self.ends.len(), 0);
        }
    }

    /// The fault of a complete row: the parser takes text behind a closing quote for a part of the cell.
    fn check(&mut self) -> Option<RowFault> {
        let row = &self.buffer[self.start..self.start + self.parsed];
        memchr::memchr(b'"', row)?;
        self.cells = cell_with_text_after_quote(row, self.delimiter)?;
        Some(RowFault::TextAfterQuote)
    }

    fn too_long(&self) -> RowFault {
        let cell = self.cells.checked_sub(1).map_or(0, |last| self.ends[last]);
        // Only within quotes has a cell a line end.
        match memchr::memchr(b'\n', &self.text[cell..self.written]) {
            Some(_) => RowFault::OpenQuote,
            None => RowFault::TooLong,
        }
    }

    /// Leaves a row that has a fault for the line after its first.
    fn begin_next_line(&mut self) {
        self.parser = parser(self.delimiter, self.line);
        self.skipping = true;
        self.skip();
    }

    /// Drops the buffered rest of the line. True if its end was found.
    fn skip(&mut self) -> bool {
        let rest = &self.buffer[self.start..self.end];
        let newline = memchr::memchr(b'\n', rest);
        self.start += newline.map_or(rest.len(), |at| at + 1);
        if newline.is_some() {
            self.skipping = false;
            self.parser.set_line(self.parser.line() + 1);
        }
        newline.is_some()
    }
}

fn parser(delimiter: u8, line: u64) -> Reader {
    let mut parser = ReaderBuilder::new().delimiter(delimiter).build();
    // At its first read it would drop another BOM, if that were whole.
    parser.read_record(b"\n", &mut [0], &mut [0]);
    parser.set_line(line);
    parser
}

/// The first cell of `row` that goes on behind its closing quote.
fn cell_with_text_after_quote(row: &[u8], delimiter: u8) -> Option<usize> {
    let is_end = |byte: u8| byte == delimiter || matches!(byte, b'\r' | b'\n');
    let (mut rest, mut cell) = (row, 0);
    loop {
        if let Some(mut quoted) = rest.strip_prefix(b"\"") {
            loop {
                // A doubled quote is a part of the text.
                quoted = &quoted[memchr::memchr(b'"', quoted)? + 1..];
                match quoted.strip_prefix(b"\"") {
                    Some(behind) => quoted = behind,
                    None => break,
                }
            }
            if quoted.first().is_some_and(|byte| !is_end(*byte)) {
                return Some(cell);
            }
            rest = quoted;
        }
        let end = rest.iter().position(|byte| *byte == delimiter)?;
        rest = &rest[end + 1..];
        cell += 1;
    }
}
