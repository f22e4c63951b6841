//! Reads the framing out of a reply's head, and reduces the head to what is asked for.
//!
//! The HTTP library is strict: one folded line, a space before a colon or the 129th header would fail a
//! page that curl fetches; and each header costs it several allocations. So it sees a reduced head, never
//! longer than the original, which it replaces in place. [`super::head`] has refused NUL bytes, and CR
//! without LF.

use memchr::memchr;

use super::chunked::Chunked;

/// What is done with a header.
#[derive(Clone, Copy)]
enum Use {
    /// The first one is kept.
    First,
    /// Kept if it names a coding, up to one more than the [`MOST_CODINGS`] that a body may have.
    ContentCoding,
    /// Kept unless the body is in chunks, without repetitions.
    Length,
    /// The first two are kept, so that the reader sees whether they differ.
    Range,
    /// Summed up in one line.
    Connection,
    TransferCoding,
    /// Kept with a status of 429 or 503.
    RateLimit,
}

/// The headers that `fetch` or the library asks for. All others are dropped.
const USES: [(&str, Use); 13] = [
    ("connection", Use::Connection),
    ("content-encoding", Use::ContentCoding),
    ("content-length", Use::Length),
    ("content-range", Use::Range),
    ("content-type", Use::First),
    ("location", Use::First),
    ("retry-after", Use::First),
    ("transfer-encoding", Use::TransferCoding),
    ("ratelimit", Use::RateLimit),
    ("ratelimit-remaining", Use::RateLimit),
    ("ratelimit-reset", Use::RateLimit),
    ("x-ratelimit-remaining", Use::RateLimit),
    ("x-ratelimit-reset", Use::RateLimit),
];
/// The most content codings that a body may have.
pub(in crate::fetch) const MOST_CODINGS: usize = 5;
/// The most different lengths that the library is shown. It refuses lengths that differ, but takes at
/// most 128 headers.
const MOST_LENGTHS: usize = 40;
/// The most headers of a rate limit that are kept.
const MOST_RATE_LIMITS: usize = 16;

/// How a reply is framed.
#[derive(Debug, Default)]
pub(in crate::fetch::net) struct Framing {
    /// The decoder of a body in chunks. The reduced head does not say that it is.
    pub(in crate::fetch::net) chunked: Option<Chunked>,
    /// Whether the server keeps the connection open.
    pub(in crate::fetch::net) stays_open: bool,
}

#[derive(Debug)]
pub(in crate::fetch::net) struct Inspected {
    pub(in crate::fetch::net) framing: Framing,
    /// Replaces the head, and is never longer.
    pub(in crate::fetch::net) reduced: Vec<u8>,
}

/// Inspects a whole head, with the empty line.
pub(in crate::fetch::net) fn inspect(head: &[u8]) -> Result<Inspected, String> {
    let status = status_line(lines(head).next().unwrap_or_default())?;
    let summary = HeaderSummary::of(head, &status)
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
    let stays_open = !summary.says_close && (status[7] == b'1' || summary.says_keep_alive);
    let chunked = summary.is_chunked.then(Chunked::default);
    Ok(Inspected {
        reduced: summary.finish(),
        framing: Framing {
            chunked,
            stays_open,
        },
    })
}

#[derive(Debug, Default)]
struct HeaderSummary {
    /// The status line and the headers that are kept. Lines end in LF alone, so that it does not grow.
    reduced: Vec<u8>,
    /// One bit for each header of [`USES`] that was kept.
    kept: u8,
    content_codings: usize,
    ranges: u8,
    /// The status is 429 or 503.
    is_refused: bool,
    rate_limits: usize,
    /// Without repetitions.
    lengths: Vec<Vec<u8>>,
    is_chunked: bool,
    says_close: bool,
    says_keep_alive: bool,
    unknown_coding: Option<String>,
}

impl HeaderSummary {
    /// `None` if a line is folded: [`unfold`] has to run first.
    fn of(head: &[u8], status: &[u8]) -> Option<Self> {
        let mut summary = Self {
            reduced: Vec::with_capacity(head.len()),
            is_refused: matches!(&status[9..12], b"429" | b"503"),
            ..Self::default()
        };
        summary.reduced.extend_from_slice(status);
        for line in lines(head).skip(1) {
            if matches!(line.first(), Some(b' ' | b'\t')) {
                return None;
            }
            if let Some((name, value)) = header(line)
                && let Some(at) = USES
                    .iter()
                    .position(|(other, _)| name.eq_ignore_ascii_case(other.as_bytes()))
            {
                summary.add(at, name, value);
            }
        }
        Some(summary)
    }

    /// Adds a header whose name is `USES[at]`.
    fn add(&mut self, at: usize, name: &[u8], value: &[u8]) {
        match USES[at].1 {
            Use::First if self.kept & 1 << at == 0 => {
                self.kept |= 1 << at;
                push_header(&mut self.reduced, name, value, b' ');
            }
            Use::First => {}
            Use::RateLimit => {
                if self.is_refused && self.rate_limits < MOST_RATE_LIMITS {
                    self.rate_limits += 1;
                    push_header(&mut self.reduced, name, value, b' ');
                }
            }
            Use::ContentCoding => {
                let is_none = |t: &String| {
                    matches!(t.to_ascii_lowercase().as_str(), "" | "identity" | "none")
                };
                if self.content_codings <= MOST_CODINGS && !tokens(value).all(|t| is_none(&t)) {
                    self.content_codings += 1;
                    push_header(&mut self.reduced, name, value, NO_TEXT);
                }
            }
            Use::Range => {
                if self.ranges < 2 {
                    self.ranges += 1;
                    push_header(&mut self.reduced, name, value, NO_TEXT);
                }
            }
            Use::Length => self.add_length(value),
            Use::Connection => {
                for option in tokens(value) {
                    self.says_close |= option.eq_ignore_ascii_case("close");
                    self.says_keep_alive |= option.eq_ignore_ascii_case("keep-alive");
                }
            }
            Use::TransferCoding => {
                for coding in tokens(value) {
                    match coding.to_ascii_lowercase().as_str() {
                        "chunked" => self.is_chunked = true,
                        "identity" | "" => {}
                        _ => self.unknown_coding = Some(coding),
                    }
                }
            }
        }
    }

    fn add_length(&mut self, value: &[u8]) {
        let value = trim(value);
        let is_new = || self.lengths.iter().all(|length| length != value);
        // One more than the most is enough to refuse them.
        if self.lengths.len() <= MOST_LENGTHS && is_new() {
            self.lengths.push(value.to_vec());
        }
    }

    fn finish(mut self) -> Vec<u8> {
        // One line stands for all Connection headers, and is no longer than one of them.
        if self.says_close {
            push_header(&mut self.reduced, b"connection", b"close", b' ');
        } else if self.says_keep_alive {
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

/// Replaces a control character in a length or a coding. No number and no coding has it, so that the
/// value stays invalid.
const NO_TEXT: u8 = b'?';

/// Adds a header line. `instead` replaces every byte that the library refuses.
fn push_header(out: &mut Vec<u8>, name: &[u8], value: &[u8], instead: u8) {
    out.extend_from_slice(name);
    out.push(b':');
    out.extend(value.iter().map(|&b| if is_text(b) { b } else { instead }));
    out.push(b'\n');
}

/// The lines of a head, without line breaks and without empty ones.
fn lines(head: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = head;
    let next = move || {
        if rest.is_empty() {
            return None;
        }
        let end = memchr(b'\n', rest).unwrap_or(rest.len());
        let line = &rest[..end];
        rest = rest.get(end + 1..).unwrap_or_default();
        Some(line.strip_suffix(b"\r").unwrap_or(line))
    };
    std::iter::from_fn(next).filter(|line| !line.is_empty())
}

/// The status line as the library accepts it: version and code, without the reason. Any white space
/// separates the words (RFC 9112, 4). A later version of HTTP/1 is read as 1.1 (RFC 9110, 2.5).
pub(in crate::fetch::net) fn status_line(line: &[u8]) -> Result<[u8; 13], String> {
    let mut words = line
        .split(|byte| matches!(byte, b'\t'..=b'\r' | b' '))
        .filter(|word| !word.is_empty());
    let minor = match words.next().and_then(|word| word.strip_prefix(b"HTTP/1.")) {
        Some([minor @ b'0'..=b'9']) => *minor.min(&b'1'),
        _ => {
            return Err(format!(
                "the reply is in another version than HTTP/1.1: {}",
                quote(line)
            ));
        }
    };
    match words.next() {
        Some([a @ b'1'..=b'9', b @ b'0'..=b'9', c @ b'0'..=b'9']) => {
            let mut status = *b"HTTP/1.x 000\n";
            status[7] = minor;
            status[9..12].copy_from_slice(&[*a, *b, *c]);
            Ok(status)
        }
        _ => Err(format!(
            "the reply has no status of three digits: {}",
            quote(line)
        )),
    }
}

fn quote(line: &[u8]) -> String {
    format!("\"{}\"", line[..line.len().min(40)].escape_ascii())
}

/// Name and value of a header line. White space and control characters around a name are dropped: some
/// servers send them, and the header may frame the body.
fn header(line: &[u8]) -> Option<(&[u8], &[u8])> {
    let colon = memchr(b':', line)?;
    let mut name = &line[..colon];
    while let [0..=b' ' | 0x7f, inner @ ..] | [inner @ .., 0..=b' ' | 0x7f] = name {
        name = inner;
    }
    Some((name, &line[colon + 1..]))
}

/// Drops blanks and tabs at both ends. No other white space is part of HTTP's.
fn trim(mut text: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', inner @ ..] | [inner @ .., b' ' | b'\t'] = text {
        text = inner;
    }
    text
}

/// Whether `byte` may stand in a header's value.
fn is_text(byte: u8) -> bool {
    byte == b'\t' || byte >= b' ' && byte != 0x7f
}

fn tokens(value: &[u8]) -> impl Iterator<Item = String> {
    value
        .split(|&b| b == b',')
        .map(|t| String::from_utf8_lossy(trim(t)).into_owned())
}

/// Joins folded lines (RFC 9112, 5.2).
fn unfold(head: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(head.len());
    for line in lines(head) {
        let text = trim(line);
        match line.first() {
            // Skip blank lines: a folded line must not attach to one.
            _ if text.is_empty() => continue,
            Some(b' ' | b'\t') => out.push(b' '),
            _ if out.is_empty() => {}
            _ => out.push(b'\n'),
        }
        out.extend_from_slice(text);
    }
    out
}

#[cfg(test)]
mod tests;
