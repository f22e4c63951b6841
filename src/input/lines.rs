//! Cuts a byte stream into numbered lines, in constant memory.
//!
//! A line ends with LF or CRLF, the last one also with the end of the stream. A line over a limit
//! is reported by its beginning and the rest of it is skipped while it streams by.
//! Callers may rely on this: [`Lines::next_buffered`] never reads, so a line that has arrived can be
//! taken while its successor has yet to come; only [`Lines::fill`] blocks, for one `read`.
//! It knows nothing of URLs, comments or encodings.

#[cfg(test)]
mod tests;

use std::io::{self, BufRead, Read};

/// The longest line of a list that is taken whole, in bytes without its line end.
pub(super) const LIMIT: usize = 64 * 1024;

/// The most that one read brings, so that a buffer for long lines is only used as far as there are some.
/// The standard library's own buffer of standard input is bypassed by reads of 8 KiB and more.
const READ: usize = 2 * LIMIT;

/// A line without its line end.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Line<'a> {
    /// All of it.
    Whole(&'a [u8]),
    /// As many bytes as the limit is of a line that is longer.
    TooLong(&'a [u8]),
}

impl<'a> Line<'a> {
    /// What there is of it.
    pub(super) fn bytes(&self) -> &'a [u8] {
        match self {
            Self::Whole(bytes) | Self::TooLong(bytes) => bytes,
        }
    }
}

/// The lines of one stream; see the module's page.
pub(super) struct Lines<R> {
    reader: R,
    limit: usize,
    buffer: Box<[u8]>,
    /// What has been read and not yet given out is `buffer[start..end]`.
    start: usize,
    end: usize,
    number: u64,
    /// Inside a line that was given out as too long: drop bytes up to its LF.
    skipping: bool,
    ended: bool,
    /// The stream ended, and not with an LF.
    unfinished: bool,
}

impl<R: Read> Lines<R> {
    /// The lines of a list.
    pub(super) fn new(reader: R) -> Self {
        Self::with_limit(reader, LIMIT)
    }

    /// Lines of which those up to `limit` bytes are taken whole.
    pub(super) fn with_limit(reader: R, limit: usize) -> Self {
        // One line of the longest kind, its CR, and room for reads that are still large beside it.
        let buffer = vec![0; 2 * limit].into_boxed_slice();
        Self {
            reader,
            limit,
            buffer,
            start: 0,
            end: 0,
            number: 0,
            skipping: false,
            ended: false,
            unfinished: false,
        }
    }

    /// Whether the stream has ended without an LF behind its last line.
    pub(super) fn is_unfinished(&self) -> bool {
        self.unfinished
    }

    /// How many lines have been given out; the last one has this number.
    pub(super) fn number(&self) -> u64 {
        self.number
    }

    /// The next line that is already here, with its number from 1. Never blocks.
    ///
    /// `None` asks for another [`fill`](Self::fill), until that says that the stream has ended.
    pub(super) fn next_buffered(&mut self) -> Option<(u64, Line<'_>)> {
        if self.skipping && !self.skip() {
            return None;
        }
        let rest = &self.buffer[self.start..self.end];
        let taken = through_newline(rest);
        if taken == 0 {
            return None;
        }
        let complete = rest[taken - 1] == b'\n' || self.ended;
        // Of an unfinished line one byte more than the limit may still turn out to be the CR of CRLF.
        if !complete && taken <= self.limit + 1 {
            return None;
        }
        self.start += taken;
        self.number += 1;
        self.skipping = !complete;
        let line = without_line_end(&self.buffer[self.start - taken..self.start]);
        let line = if line.len() > self.limit {
            Line::TooLong(&line[..self.limit])
        } else {
            Line::Whole(line)
        };
        Some((self.number, line))
    }

    /// Reads once, blocking until something comes. `Ok(false)` says that the stream has ended and
    /// that every line has been given out.
    ///
    /// To be called when [`next_buffered`](Self::next_buffered) has nothing to give.
    pub(super) fn fill(&mut self) -> io::Result<bool> {
        if self.ended {
            return Ok(false);
        }
        self.buffer.copy_within(self.start..self.end, 0);
        self.end -= self.start;
        self.start = 0;
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

    /// Drops what is here of a line too long. True when its end was found.
    fn skip(&mut self) -> bool {
        let rest = &self.buffer[self.start..self.end];
        let taken = through_newline(rest);
        self.skipping = taken == 0 || rest[taken - 1] != b'\n';
        self.start += taken;
        !self.skipping
    }
}

/// The length of `bytes` up to and with its first LF, or all of it.
fn through_newline(mut bytes: &[u8]) -> usize {
    // The standard library's way to its fast memchr.
    bytes
        .skip_until(b'\n')
        .expect("reading from memory does not fail")
}

fn without_line_end(line: &[u8]) -> &[u8] {
    match line {
        [line @ .., b'\r', b'\n'] | [line @ .., b'\n'] => line,
        line => line,
    }
}

/// One read that no signal has interrupted.
pub(super) fn read_once(reader: &mut impl Read, into: &mut [u8]) -> io::Result<usize> {
    loop {
        match reader.read(into) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            result => return result,
        }
    }
}
