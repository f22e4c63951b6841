//! Splits a byte stream into numbered lines, in constant memory.
//!
//! A line ends with LF, CRLF, or the end of the stream. Only [`Lines::fill`] blocks, for one `read`: a line is
//! available before the next has come.

#[cfg(test)]
mod tests;

use std::io::{self, Read};

/// The longest line of a list, in bytes without its line end.
pub(super) const LIMIT: usize = 64 * 1024;

/// The most bytes of one read. Only long lines need the rest of the buffer.
const READ: usize = 2 * LIMIT;

/// A line without its line end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Line<'a> {
    Whole(&'a [u8]),
    /// The beginning of a longer line, as long as the limit.
    TooLong(&'a [u8]),
}

impl<'a> Line<'a> {
    pub(super) fn bytes(&self) -> &'a [u8] {
        match self {
            Self::Whole(bytes) | Self::TooLong(bytes) => bytes,
        }
    }
}

pub(super) struct Lines<R> {
    reader: R,
    limit: usize,
    buffer: Box<[u8]>,
    /// Unread bytes are `buffer[start..end]`.
    start: usize,
    end: usize,
    /// So many unread bytes have no LF.
    searched: usize,
    number: u64,
    /// Bytes of all returned lines, with their line ends.
    position: u64,
    /// The position before the last returned line.
    line_start: u64,
    /// The rest of a line that was too long must be dropped.
    skipping: bool,
    ended: bool,
    /// The stream ended without an LF.
    unfinished: bool,
}

impl<R: Read> Lines<R> {
    pub(super) fn new(reader: R) -> Self {
        Self::with_limit(reader, LIMIT)
    }

    pub(super) fn with_limit(reader: R, limit: usize) -> Self {
        // For the longest line and a read.
        let buffer = vec![0; 2 * limit].into_boxed_slice();
        Self {
            reader,
            limit,
            buffer,
            start: 0,
            end: 0,
            searched: 0,
            number: 0,
            position: 0,
            line_start: 0,
            skipping: false,
            ended: false,
            unfinished: false,
        }
    }

    /// Whether the stream has ended without an LF.
    pub(super) fn is_unfinished(&self) -> bool {
        self.unfinished
    }

    /// The number of the last returned line.
    pub(super) fn number(&self) -> u64 {
        self.number
    }

    /// Where the last returned line begins, in bytes from the beginning of the stream.
    pub(super) fn line_start(&self) -> u64 {
        self.line_start
    }

    /// The next buffered line, with its number from 1; `None` until the next [`fill`](Self::fill).
    pub(super) fn next_buffered(&mut self) -> Option<(u64, Line<'_>)> {
        if self.skipping && !self.skip() {
            return None;
        }
        let rest = &self.buffer[self.start..self.end];
        let taken = self.searched + through_newline(&rest[self.searched..]);
        if taken == 0 {
            return None;
        }
        let complete = rest[taken - 1] == b'\n' || self.ended;
        // One byte more than the limit may be the CR of CRLF.
        if !complete && taken <= self.limit + 1 {
            self.searched = taken;
            return None;
        }
        self.searched = 0;
        self.start += taken;
        self.number += 1;
        self.line_start = self.position;
        self.position += taken as u64;
        self.skipping = !complete;
        let line = without_line_end(&self.buffer[self.start - taken..self.start]);
        let line = if line.len() > self.limit {
            Line::TooLong(&line[..self.limit])
        } else {
            Line::Whole(line)
        };
        Some((self.number, line))
    }

    /// Reads once, after [`next_buffered`](Self::next_buffered) returned `None`. `Ok(false)` is the end.
    pub(super) fn fill(&mut self) -> io::Result<bool> {
        if self.ended {
            return Ok(false);
        }
        if self.start > 0 {
            self.buffer.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
        }
        let most = self.buffer.len().min(self.end + READ);
        match read_once(&mut self.reader, &mut self.buffer[self.end..most])? {
            0 => {
                self.ended = true;
                self.unfinished = self.end > 0 || self.skipping;
            }
            count => self.end += count,
        }
        Ok(!self.ended || self.end > 0)
    }

    /// Drops the buffered part of a line that was too long. True if its end was found.
    fn skip(&mut self) -> bool {
        let rest = &self.buffer[self.start..self.end];
        let taken = through_newline(rest);
        self.skipping = taken == 0 || rest[taken - 1] != b'\n';
        self.start += taken;
        self.position += taken as u64;
        !self.skipping
    }
}

/// The length up to and with the first LF, or of all.
fn through_newline(bytes: &[u8]) -> usize {
    memchr::memchr(b'\n', bytes).map_or(bytes.len(), |at| at + 1)
}

fn without_line_end(line: &[u8]) -> &[u8] {
    match line {
        [line @ .., b'\r', b'\n'] | [line @ .., b'\n'] => line,
        line => line,
    }
}

/// Reads once, and again if a signal interrupts.
pub(super) fn read_once(reader: &mut impl Read, into: &mut [u8]) -> io::Result<usize> {
    loop {
        match reader.read(into) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            result => return result,
        }
    }
}
