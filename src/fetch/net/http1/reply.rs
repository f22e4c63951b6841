//! Reads how a reply is framed, and reduces its head to the headers that `fetch` asks for.
//!
//! The HTTP library would refuse pages that curl fetches, for a folded line, a space before a colon or a 129th header,
//! and each header costs it several allocations. A reduced head is never longer than the original, so that it can
//! replace it in place. [`super::head`] has refused NUL bytes, and CR without LF.

use super::chunked::Chunked;
use super::lines::{header, is, lines, tokens, trim, unfold};
use super::recorded::{Recorded, keep_members, keep_validator};
use crate::fetch::failure::shortened;

/// The most content codings that a body may have.
pub(in crate::fetch) const MOST_CODINGS: usize = 5;
/// The most different lengths kept. The library refuses lengths that differ, but accepts only 128 headers.
const MOST_LENGTHS: usize = 40;

/// The headers that `fetch` reads, how many of each are kept, and what replaces a byte that the library refuses. All
/// others are dropped, except those that frame the body.
const KEPT: [(&str, usize, u8); 9] = [
    // `fetch` refuses one coding too many, and a second range.
    ("content-encoding", MOST_CODINGS + 1, NO_TEXT),
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
/// In no number and no coding, so that an invalid value stays invalid.
const NO_TEXT: u8 = b'?';

#[derive(Debug)]
pub(in crate::fetch::net) struct Inspected {
    pub(in crate::fetch::net) reduced: Vec<u8>,
    /// Decodes a chunked body, which the reduced head does not mention.
    pub(in crate::fetch::net) chunked: Option<Chunked>,
    /// The length of the body, if it is told once and the body is not chunked.
    pub(in crate::fetch::net) length: Option<u64>,
    /// Whether the server keeps the connection open.
    pub(in crate::fetch::net) stays_open: bool,
    /// The validators.
    pub(in crate::fetch::net) recorded: Recorded,
}

/// Inspects a whole head, with the empty line.
pub(in crate::fetch::net) fn inspect(head: &[u8]) -> Result<Inspected, String> {
    let status = status_line(lines(head).next().unwrap_or_default())?;
    let mut summary = HeaderSummary::of(head, &status)
        .or_else(|| HeaderSummary::of(&unfold(head), &status))
        .unwrap_or_default();
    if !summary.is_chunked && summary.lengths.len() > MOST_LENGTHS {
        return Err(format!(
            "the reply has more than {MOST_LENGTHS} different Content-Length headers"
        ));
    }
    if let Some(coding) = summary.unknown_coding {
        return Err(format!(
            "the body has the transfer coding {coding:?}, which was not asked for"
        ));
    }
    let recorded = std::mem::take(&mut summary.recorded);
    Ok(Inspected {
        recorded,
        chunked: summary.is_chunked.then(Chunked::default),
        length: summary.length(),
        stays_open: !summary.says_close && (status[7] == b'1' || summary.says_keep_alive),
        reduced: summary.finish(),
    })
}

#[derive(Debug, Default)]
struct HeaderSummary {
    /// The status line and the kept headers. Lines end in LF alone, which makes room.
    reduced: Vec<u8>,
    counts: [usize; KEPT.len()],
    /// Without repetitions.
    lengths: Vec<Vec<u8>>,
    is_chunked: bool,
    says_close: bool,
    says_keep_alive: bool,
    unknown_coding: Option<String>,
    /// Only redirects are followed by a request that has their cookies.
    is_redirect: bool,
    recorded: Recorded,
}

impl HeaderSummary {
    /// `None` if a line is folded: [`unfold`] has to run first.
    fn of(head: &[u8], status: &[u8]) -> Option<Self> {
        let mut summary = Self {
            reduced: Vec::with_capacity(head.len()),
            is_redirect: status[9] == b'3',
            ..Self::default()
        };
        summary.reduced.extend_from_slice(status);
        let kept = match &status[9..12] {
            b"429" | b"503" => &KEPT[..],
            _ => &KEPT[..RATE_LIMITS],
        };
        for line in lines(head).skip(1) {
            if matches!(line.first(), Some(b' ' | b'\t')) {
                return None;
            }
            if let Some((name, value)) = header(line) {
                summary.add(kept, name, value);
            }
        }
        Some(summary)
    }

    fn add(&mut self, kept: &[(&str, usize, u8)], name: &[u8], value: &[u8]) {
        if is(name, "connection") {
            self.says_close |= tokens(value).any(|option| is(option, "close"));
            self.says_keep_alive |= tokens(value).any(|option| is(option, "keep-alive"));
        } else if is(name, "content-length") {
            self.add_length(trim(value));
        } else if is(name, "transfer-encoding") {
            for coding in tokens(value).filter(|coding| !is(coding, "identity")) {
                if is(coding, "chunked") {
                    self.is_chunked = true;
                } else if !coding.is_empty() {
                    self.unknown_coding = Some(String::from_utf8_lossy(coding).into_owned());
                }
            }
        } else if is(name, "etag") {
            keep_validator(&mut self.recorded.etag, value);
        } else if is(name, "last-modified") {
            keep_validator(&mut self.recorded.last_modified, value);
        } else if is(name, "content-type") {
            self.recorded
                .content_type
                .get_or_insert_with(|| text_of(value));
        } else if is(name, "date") {
            self.recorded.date = trim(value).try_into().ok();
        } else if is(name, "repr-digest") {
            let digests = self.recorded.digests.get_or_insert_default();
            keep_members(&mut digests.repr_digest, value);
        } else if is(name, "content-digest") {
            let digests = self.recorded.digests.get_or_insert_default();
            keep_members(&mut digests.content_digest, value);
        } else if let Some(at) = kept.iter().position(|kept| is(name, kept.0)) {
            let (_, most, replacement) = kept[at];
            let is_none = |coding| ["", "identity", "none"].iter().any(|none| is(coding, none));
            let says_nothing = is(name, "content-encoding") && tokens(value).all(is_none);
            if !says_nothing && self.counts[at] < most {
                self.counts[at] += 1;
                push_header(&mut self.reduced, name, value, replacement);
            }
        } else if self.is_redirect && is(name, "set-cookie") {
            self.recorded.set_cookies.push(value.to_vec());
        }
    }

    fn add_length(&mut self, value: &[u8]) {
        let is_new = || self.lengths.iter().all(|length| length != value);
        // One more than the limit is enough to refuse them.
        if self.lengths.len() <= MOST_LENGTHS && is_new() {
            self.lengths.push(value.to_vec());
        }
    }

    fn length(&self) -> Option<u64> {
        match &self.lengths[..] {
            [length] if !self.is_chunked => str::from_utf8(length).ok()?.parse().ok(),
            _ => None,
        }
    }

    fn finish(mut self) -> Vec<u8> {
        // One line replaces all Connection headers, and is no longer than one of them.
        if self.says_close {
            push_header(&mut self.reduced, b"connection", b"close", b' ');
        } else if self.says_keep_alive && self.reduced[7] == b'0' {
            push_header(&mut self.reduced, b"connection", b"keep-alive", b' ');
        }
        if !self.is_chunked {
            for length in &self.lengths {
                push_header(&mut self.reduced, b"content-length", length, NO_TEXT);
            }
        }
        self.reduced.push(b'\n');
        self.reduced
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

/// The status line as the library accepts it: version and code. Any white space separates words (RFC 9112, 4). A later
/// version of HTTP/1 is read as 1.1 (RFC 9110, 2.5).
pub(in crate::fetch::net) fn status_line(line: &[u8]) -> Result<[u8; 13], String> {
    let mut words = line
        .split(|byte| matches!(byte, b'\t'..=b'\r' | b' '))
        .filter(|word| !word.is_empty());
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

pub(super) fn excerpt(text: &[u8]) -> String {
    format!("\"{}\"", text[..text.len().min(40)].escape_ascii())
}

fn is_text(byte: u8) -> bool {
    byte == b'\t' || byte >= b' ' && byte != 0x7f
}

#[cfg(test)]
mod tests;
