//! Reads how a reply is framed, and reduces its head to the headers that `fetch` asks for.
//!
//! The HTTP library would refuse pages that curl fetches, for a folded line, a space before a colon or a 129th header,
//! and each header costs it several allocations. [`super::head`] refuses NUL bytes, and CR without LF.

use super::chunked::Chunked;
use super::framing::Framing;
use super::lines::{header, is, tokens, trim};
use super::recorded::{Recorded, keep_members, keep_validator};
use crate::fetch::failure::shortened;

/// The most content codings that a body may have.
pub(in crate::fetch) const MOST_CODINGS: usize = 5;

/// The headers that `fetch` reads, how many of each are kept, and what replaces a byte that the library refuses. All
/// others are dropped.
const KEPT: [(&str, u8, u8); 9] = [
    // `fetch` refuses one coding too many, and a second range.
    ("content-encoding", MOST_CODINGS as u8 + 1, NO_TEXT),
    ("content-range", 2, NO_TEXT),
    ("location", 1, b' '),
    ("retry-after", 1, b' '),
    ("ratelimit", 16, b' '),
    ("ratelimit-remaining", 1, b' '),
    ("ratelimit-reset", 1, b' '),
    ("x-ratelimit-remaining", 1, b' '),
    ("x-ratelimit-reset", 1, b' '),
];
/// Where the rate limits begin: kept only with a status of 429 or 503.
const RATE_LIMITS: usize = 4;
/// At least as long as any name that is read.
pub(super) const LONGEST_NAME: usize = 24;
/// In no number and no coding, so that an invalid value stays invalid.
const NO_TEXT: u8 = b'?';

#[derive(Debug)]
pub(in crate::fetch::net) struct Inspected {
    pub(in crate::fetch::net) reduced: Vec<u8>,
    /// Of the body, if the reply has one. The reduced head does not mention it.
    pub(in crate::fetch::net) framing: Framing,
    /// The length that the head tells, if the body is not chunked.
    pub(in crate::fetch::net) length: Option<u64>,
    /// Whether the server keeps the connection open.
    pub(in crate::fetch::net) stays_open: bool,
    /// The validators.
    pub(in crate::fetch::net) recorded: Recorded,
}

/// HTTP/1.0 or HTTP/1.1 and the status, as `HTTP/1.1 200` and LF.
pub(in crate::fetch::net) type StatusLine = [u8; 13];

#[derive(Debug, Default)]
pub(super) struct HeaderSummary {
    pub(super) status: StatusLine,
    /// The status line and the kept headers. Lines end in LF alone.
    reduced: Vec<u8>,
    counts: [u8; KEPT.len()],
    length: Option<u64>,
    /// What is wrong with the length.
    bad_length: Option<String>,
    is_chunked: bool,
    says_close: bool,
    says_keep_alive: bool,
    unknown_coding: Option<String>,
    recorded: Recorded,
}

/// A header that is read.
enum Known {
    Connection,
    ContentLength,
    TransferEncoding,
    ETag,
    LastModified,
    ContentType,
    Date,
    ReprDigest,
    ContentDigest,
    SetCookie,
    /// At this place in [`KEPT`].
    Kept(usize),
}

impl Known {
    fn of(name: &[u8]) -> Option<Self> {
        let mut lower = [0; LONGEST_NAME];
        lower.get_mut(..name.len())?.copy_from_slice(name);
        // Makes letters lower-case, and of other bytes no letter and no hyphen: CR is in no name.
        lower.iter_mut().for_each(|byte| *byte |= 0x20);
        Some(match &lower[..name.len()] {
            b"connection" => Self::Connection,
            b"content-length" => Self::ContentLength,
            b"transfer-encoding" => Self::TransferEncoding,
            b"etag" => Self::ETag,
            b"last-modified" => Self::LastModified,
            b"content-type" => Self::ContentType,
            b"date" => Self::Date,
            b"repr-digest" => Self::ReprDigest,
            b"content-digest" => Self::ContentDigest,
            b"set-cookie" => Self::SetCookie,
            name => {
                let mut kept = KEPT.iter();
                Self::Kept(kept.position(|kept| kept.0.as_bytes() == name)?)
            }
        })
    }
}

/// Whether a header of this name is read.
pub(super) fn is_read(name: &[u8]) -> bool {
    Known::of(name).is_some()
}

impl HeaderSummary {
    /// The reduced head will be in `buffer`.
    pub(super) fn new(buffer: Vec<u8>) -> Self {
        Self {
            reduced: buffer,
            ..Self::default()
        }
    }

    pub(super) fn begin(&mut self, status: StatusLine) {
        self.status = status;
        self.reduced.clear();
        self.reduced.extend_from_slice(&status);
    }

    /// Reads a header line that is not folded, with its line break.
    pub(super) fn add_line(&mut self, line: &[u8]) {
        let line = line.strip_suffix(b"\n").unwrap_or(line);
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if let Some((name, value)) = header(line)
            && let Some(known) = Known::of(name)
        {
            self.add(known, name, value);
        }
    }

    fn add(&mut self, known: Known, name: &[u8], value: &[u8]) {
        let recorded = &mut self.recorded;
        match known {
            Known::Connection => {
                self.says_close |= tokens(value).any(|option| is(option, "close"));
                self.says_keep_alive |= tokens(value).any(|option| is(option, "keep-alive"));
            }
            Known::ContentLength => self.add_length(value),
            Known::TransferEncoding => self.add_codings(value),
            Known::ETag => keep_validator(&mut recorded.etag, value),
            Known::LastModified => keep_validator(&mut recorded.last_modified, value),
            Known::ContentType => {
                recorded.content_type.get_or_insert_with(|| text_of(value));
            }
            Known::Date => recorded.date = trim(value).try_into().ok(),
            Known::ReprDigest => {
                let digests = recorded.digests.get_or_insert_default();
                keep_members(&mut digests.repr_digest, value);
            }
            Known::ContentDigest => {
                let digests = recorded.digests.get_or_insert_default();
                keep_members(&mut digests.content_digest, value);
            }
            // Only redirects are followed by a request that has their cookies.
            Known::SetCookie if self.status[9] == b'3' => recorded.set_cookies.push(value.to_vec()),
            Known::SetCookie => {}
            Known::Kept(at) => self.keep(at, name, value),
        }
    }

    fn add_codings(&mut self, value: &[u8]) {
        for coding in tokens(value).filter(|coding| !is(coding, "identity")) {
            if is(coding, "chunked") {
                self.is_chunked = true;
            } else if !coding.is_empty() {
                self.unknown_coding = Some(String::from_utf8_lossy(coding).into_owned());
            }
        }
    }

    fn keep(&mut self, at: usize, name: &[u8], value: &[u8]) {
        let (kept, most, replacement) = KEPT[at];
        let is_none = |coding| ["", "identity", "none"].iter().any(|none| is(coding, none));
        let says_nothing = kept == "content-encoding" && tokens(value).all(is_none)
            || at >= RATE_LIMITS && !matches!(&self.status[9..12], b"429" | b"503");
        if !says_nothing && self.counts[at] < most {
            self.counts[at] += 1;
            push_header(&mut self.reduced, name, value, replacement);
        }
    }

    /// All lengths must be numbers, and the same one (RFC 9112, 6.3).
    fn add_length(&mut self, value: &[u8]) {
        for told in tokens(value) {
            let digits = str::from_utf8(told).ok();
            let digits = digits.filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()));
            let length = digits.and_then(|digits| digits.parse().ok());
            self.bad_length = match (length, self.length) {
                (None, _) => Some(format!("Content-Length is no number: {}", excerpt(told))),
                (Some(new), Some(earlier)) if new != earlier => {
                    Some(format!("Content-Length is told twice: {earlier} and {new}"))
                }
                _ => self.bad_length.take(),
            };
            self.length = length.or(self.length);
        }
    }

    /// What the whole head says.
    pub(super) fn finish(mut self) -> Result<Inspected, String> {
        if let (false, Some(reason)) = (self.is_chunked, self.bad_length) {
            return Err(reason);
        }
        if let Some(coding) = self.unknown_coding {
            return Err(format!(
                "the body has the transfer coding {coding:?}, which was not asked for"
            ));
        }
        let is_1_1 = self.status[7] == b'1';
        self.reduced.push(b'\n');
        Ok(Inspected {
            reduced: self.reduced,
            framing: match self.length {
                _ if self.is_chunked => Framing::Chunked(Chunked::default()),
                Some(length) => Framing::Length(length),
                None => Framing::Close,
            },
            length: self.length.filter(|_| !self.is_chunked),
            stays_open: !self.says_close && (is_1_1 || self.says_keep_alive),
            recorded: self.recorded,
        })
    }
}

/// A value as a record has it.
fn text_of(value: &[u8]) -> String {
    let value = trim(value);
    if value.iter().copied().all(is_text) {
        return shortened(value);
    }
    let text = |&byte| if is_text(byte) { byte } else { b' ' };
    shortened(&value.iter().map(text).collect::<Vec<u8>>())
}

/// Adds a header line, with `replacement` for each byte that the library refuses.
fn push_header(out: &mut Vec<u8>, name: &[u8], value: &[u8], replacement: u8) {
    out.extend_from_slice(name);
    out.push(b':');
    let text = |&byte| if is_text(byte) { byte } else { replacement };
    out.extend(value.iter().map(text));
    out.push(b'\n');
}

/// The status line as the library accepts it. Any white space separates words (RFC 9112, 4). A later
/// version of HTTP/1 is read as 1.1 (RFC 9110, 2.5).
pub(super) fn status_line(line: &[u8]) -> Result<StatusLine, String> {
    let mut words = words(line);
    let wrong = |what| Err(format!("the reply {what}: {}", excerpt(line)));
    let Some([minor @ b'0'..=b'9']) = words.next().and_then(|word| word.strip_prefix(b"HTTP/1."))
    else {
        return wrong("is in another version than HTTP/1.1");
    };
    let Some([a @ b'1'..=b'9', b @ b'0'..=b'9', c @ b'0'..=b'9']) = words.next() else {
        return wrong("has no status of three digits");
    };
    let mut status = *b"HTTP/1.x 000\n";
    status[7] = *minor.min(&b'1');
    status[9..12].copy_from_slice(&[*a, *b, *c]);
    Ok(status)
}

fn words(line: &[u8]) -> impl Iterator<Item = &[u8]> {
    line.split(|byte| matches!(byte, b'\t'..=b'\r' | b' '))
        .filter(|word| !word.is_empty())
}

/// Whether `part`, the beginning of a status line, tells the whole status.
pub(super) fn has_status(part: &[u8]) -> bool {
    part.contains(&b'\n') || words(part).nth(2).is_some()
}

pub(super) fn excerpt(text: &[u8]) -> String {
    format!("\"{}\"", text[..text.len().min(40)].escape_ascii())
}

fn is_text(byte: u8) -> bool {
    byte == b'\t' || byte >= b' ' && byte != 0x7f
}

#[cfg(test)]
mod tests;
