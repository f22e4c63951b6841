//! Reads the head of a reply as it comes.
//!
//! Each line is read once, however slowly the head arrives, and then dropped: while more is awaited, only what is kept of
//! the head is held. What does not begin like HTTP, bytes that no head may contain, and heads that are too large are
//! refused; interim replies (1xx) are passed over. [`super::reply`] reads the headers.

use std::mem;

use memchr::memchr3;

use super::lines::{first_line, header, header_name, unfold};
use super::reply::{
    HeaderSummary, Inspected, LONGEST_NAME, StatusLine, excerpt, has_status, is_read, status_line,
};

/// The largest head, with interim replies. curl's limit is 300 KiB.
pub(in crate::fetch::net) const HEAD_LIMIT: usize = 256 * 1024;
/// A longer line is not held if its header is not read.
pub(in crate::fetch::net) const LONG_LINE: usize = 1024;

#[derive(Debug, PartialEq, Eq)]
pub(in crate::fetch::net) enum HeadStatus {
    /// More must come.
    Partial,
    Whole,
    /// No head of a reply, for this reason.
    Bad(String),
}

/// What was found at the beginning of some bytes.
enum Found {
    /// So many bytes that are read now.
    Read(usize),
    /// The empty line that ends the head, of so many bytes.
    End(usize),
    Partial,
}

/// What the next line is.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Next {
    #[default]
    StatusLine,
    Header,
    /// A header of an interim reply.
    InterimHeader,
}

#[derive(Debug, Default)]
pub(in crate::fetch::net) struct HeadReader {
    next: Next,
    /// The next bytes are the rest of a line that is passed over.
    is_inside_line: bool,
    /// How many of the bytes that are not yet read were searched.
    searched: usize,
    /// A line is looked at again when it is longer than this, so that one that drips is not looked at byte by byte.
    held: usize,
    /// Bytes read, with interim replies.
    size: usize,
    /// A reply has begun to come, perhaps an interim one.
    pub(in crate::fetch::net) has_begun: bool,
    summary: HeaderSummary,
    /// The head as it came, if it is kept.
    raw: Option<Vec<u8>>,
}

impl HeadReader {
    /// The reduced head will be in `buffer`. `keeps_raw`: the head is also kept as it comes.
    pub(in crate::fetch::net) fn new(buffer: Vec<u8>, keeps_raw: bool) -> Self {
        Self {
            summary: HeaderSummary::new(buffer),
            raw: keeps_raw.then(Vec::new),
            ..Self::default()
        }
    }

    /// Reads the bytes that have come and were not read. Returns how many are read now.
    pub(in crate::fetch::net) fn read(&mut self, input: &[u8]) -> (usize, HeadStatus) {
        let mut at = 0;
        let status = loop {
            match self.next_line(&input[at..]) {
                Ok(Found::Read(amount)) => at += amount,
                Ok(Found::End(amount)) => {
                    at += amount;
                    break HeadStatus::Whole;
                }
                Ok(Found::Partial) => break HeadStatus::Partial,
                Err(reason) => return (at, HeadStatus::Bad(reason)),
            }
        };
        self.searched = match status {
            HeadStatus::Partial => input.len() - at,
            _ => 0,
        };
        let most = HEAD_LIMIT - usize::from(status == HeadStatus::Partial);
        if self.size + self.searched > most {
            let limit = HEAD_LIMIT / 1024;
            let reason = format!("the head of the reply is larger than {limit} KiB");
            return (at, HeadStatus::Bad(reason));
        }
        (at, status)
    }

    /// The status of a whole head.
    pub(in crate::fetch::net) fn status(&self) -> StatusLine {
        self.summary.status
    }

    /// What a whole head says, and the head as it came, if it is kept.
    pub(in crate::fetch::net) fn finish(self) -> Result<(Inspected, Option<Vec<u8>>), String> {
        Ok((self.summary.finish()?, self.raw))
    }

    /// Reads the line at the beginning of `rest`, with those that are folded into it.
    fn next_line(&mut self, rest: &[u8]) -> Result<Found, String> {
        if !self.is_inside_line
            && let Some(found) = self.before_line(rest)?
        {
            return Ok(found);
        }
        // The last two bytes may be a line break, which is looked at with what follows it.
        let searched = mem::take(&mut self.searched).saturating_sub(2);
        let Some((end, is_folded)) = line_end(rest, searched)? else {
            return self.part_of_line(rest);
        };
        self.held = 0;
        if !mem::take(&mut self.is_inside_line) {
            self.take_line(&rest[..end], is_folded || searched > 0)?;
        }
        self.keep(&rest[..end]);
        Ok(Found::Read(end))
    }

    /// What stands where a line would begin, if that is none.
    fn before_line(&mut self, rest: &[u8]) -> Result<Option<Found>, String> {
        if self.next == Next::StatusLine {
            if let empty @ 1.. = empty_lines(rest) {
                self.size += empty;
                return Ok(Some(Found::Read(empty)));
            }
            if matches!(rest, [] | [b'\r']) {
                return Ok(Some(Found::Partial));
            }
            begins_a_reply(rest)?;
            self.has_begun = true;
        } else if let [b'\n', ..] | [b'\r', b'\n', ..] = rest {
            return Ok(Some(self.end(&rest[..1 + usize::from(rest[0] == b'\r')])));
        }
        Ok(None)
    }

    /// Passes over all of a long line that has come, if no more of it is read, but for a byte that may be half of a line
    /// break.
    fn part_of_line(&mut self, rest: &[u8]) -> Result<Found, String> {
        if !self.is_inside_line {
            if rest.len() <= LONG_LINE.max(self.held) {
                return Ok(Found::Partial);
            }
            if self.may_be_read(rest) {
                self.held = 2 * rest.len();
                return Ok(Found::Partial);
            }
            if self.next == Next::StatusLine {
                self.take_line(rest, true)?;
            }
            self.is_inside_line = true;
        }
        let part = rest.split_last().map_or(rest, |(_, part)| part);
        self.keep(part);
        Ok(match part.len() {
            0 => Found::Partial,
            amount => Found::Read(amount),
        })
    }

    /// Whether more of the line that begins with `part` may be read.
    fn may_be_read(&self, part: &[u8]) -> bool {
        match self.next {
            Next::StatusLine => !has_status(part),
            Next::Header => match header(part) {
                Some((name, _)) => is_read(name),
                None => header_name(part).len() <= LONGEST_NAME,
            },
            Next::InterimHeader => false,
        }
    }

    fn take_line(&mut self, line: &[u8], may_be_folded: bool) -> Result<(), String> {
        match self.next {
            Next::StatusLine => {
                let status = status_line(first_line(line))?;
                self.summary.begin(status);
                // What follows 101 is another protocol.
                let is_interim = status[9] == b'1' && status[9..12] != *b"101";
                self.next = if is_interim {
                    Next::InterimHeader
                } else {
                    Next::Header
                };
            }
            Next::Header if may_be_folded => self.summary.add_line(&unfold(line)),
            Next::Header => self.summary.add_line(line),
            Next::InterimHeader => {}
        }
        Ok(())
    }

    /// Reads the empty line at the end of a head.
    fn end(&mut self, line: &[u8]) -> Found {
        self.keep(line);
        if self.next == Next::Header {
            return Found::End(line.len());
        }
        self.next = Next::StatusLine;
        if let Some(raw) = &mut self.raw {
            raw.clear();
        }
        Found::Read(line.len())
    }

    fn keep(&mut self, read: &[u8]) {
        self.size += read.len();
        if let Some(raw) = &mut self.raw {
            raw.extend_from_slice(read);
        }
    }
}

/// The end of the line at the beginning of `text`, with the lines that are folded into it (RFC 9112, 5.2), and whether one
/// was found. The end is not before `from`. `None` if more must come to tell.
///
/// Some recipients read a CR without LF as a line break, others as white space or text, so that they see different headers
/// (RFC 9112, 2.2).
fn line_end(text: &[u8], mut from: usize) -> Result<Option<(usize, bool)>, String> {
    let mut is_folded = false;
    while let Some(at) = memchr3(0, b'\r', b'\n', &text[from..]) {
        let end = &text[from + at..];
        from += at + 1 + usize::from(end[0] == b'\r');
        match end {
            [0, ..] => return Err("there is a NUL byte in the head of the reply".to_owned()),
            [b'\r'] | [b'\r', b'\n'] | [b'\n'] => break,
            [b'\r', b'\n', b' ' | b'\t', ..] | [b'\n', b' ' | b'\t', ..] => is_folded = true,
            [b'\r', b'\n', ..] | [b'\n', ..] => return Ok(Some((from, is_folded))),
            _ => return Err("there is a CR without its LF in the head of the reply".to_owned()),
        }
    }
    Ok(None)
}

/// Refuses what cannot become a reply.
fn begins_a_reply(input: &[u8]) -> Result<(), String> {
    // The type of a TLS record, an alert or a handshake, and its version (RFC 8446, 5.1).
    if let [21 | 22, 3, ..] = input {
        let why = "the server speaks TLS on this port; the URL must begin with https://";
        return Err(format!("the reply is not HTTP: {why}"));
    }
    if !input.iter().zip(b"HTTP/").all(|(a, b)| a == b) {
        let begin = excerpt(input);
        return Err(format!("the reply is not HTTP: it begins with {begin}"));
    }
    Ok(())
}

fn empty_lines(input: &[u8]) -> usize {
    let mut rest = input;
    while let [b'\n', behind @ ..] | [b'\r', b'\n', behind @ ..] = rest {
        rest = behind;
    }
    input.len() - rest.len()
}

/// Inspects a whole head.
#[cfg(any(test, feature = "fuzzing"))]
pub(super) fn inspect(head: &[u8]) -> Result<Inspected, String> {
    let mut reader = HeadReader::default();
    match reader.read(head).1 {
        HeadStatus::Whole => Ok(reader.finish()?.0),
        HeadStatus::Partial => Err("more must come".to_owned()),
        HeadStatus::Bad(reason) => Err(reason),
    }
}

#[cfg(test)]
mod tests;
