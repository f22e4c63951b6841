//! Reads the framing out of a reply's head, and reduces it to what is asked for, so that the client
//! library need not stumble over the rest.
//!
//! The library parses heads strictly: one folded line, one space before a colon or the 129th header
//! would fail a page that curl fetches. And each header that it takes costs it time and memory. What
//! it is shown is never longer than what came, so that it can be put in its place, and never more than
//! [`MOST_LENGTHS`] headers and a handful: repetitions are dropped, and nothing that says more. What
//! only looks like HTTP is refused. [`super::head`] has seen to it that there is no NUL byte, and no CR but
//! before LF.

use memchr::memchr;

use super::chunked::Chunked;

/// What is made of a header.
#[derive(Clone, Copy)]
enum Use {
    /// Somebody asks for it, for the first of them.
    First,
    /// What the body is coded with. More headers than [`MOST_CODINGS`] that name any need not be shown: so
    /// many are refused.
    ContentCoding,
    /// Said by the length of the body, which is not to be asked for if the body is in chunks.
    Length,
    /// A second one that differs is told from the first by the reader.
    Range,
    Connection,
    Coding,
    /// Kept behind a status that refuses.
    Limit,
}

/// Headers that anybody asks for: all that the library is shown of a head, as each one that it sees
/// costs it several allocations.
const USES: [(&str, Use); 13] = [
    ("connection", Use::Connection),
    ("content-encoding", Use::ContentCoding),
    ("content-length", Use::Length),
    ("content-range", Use::Range),
    ("content-type", Use::First),
    ("location", Use::First),
    ("retry-after", Use::First),
    ("transfer-encoding", Use::Coding),
    ("ratelimit", Use::Limit),
    ("ratelimit-remaining", Use::Limit),
    ("ratelimit-reset", Use::Limit),
    ("x-ratelimit-remaining", Use::Limit),
    ("x-ratelimit-reset", Use::Limit),
];
/// The most content codings that a body may have.
pub(crate) const MOST_CODINGS: usize = 5;
/// So many lengths in different words are shown: the library refuses those that do not agree, and takes
/// 128 headers in all.
const MOST_LENGTHS: usize = 40;

/// So many headers of a rate limit are shown.
const MOST_LIMITS: usize = 16;

/// How a reply is framed.
#[derive(Debug, Default)]
pub(crate) struct Framing {
    /// The decoder of a body in the chunked transfer coding. The head then says nothing of it any
    /// more.
    pub(crate) chunked: Option<Chunked>,
    /// Whether the connection stays open behind it.
    pub(crate) stays_open: bool,
}

/// What there is to know of a head.
#[derive(Debug)]
pub(crate) struct Inspected {
    pub(crate) framing: Framing,
    /// What the library is to see instead of the head, no longer than that.
    pub(crate) reduced: Vec<u8>,
}

/// Inspects a whole head, up to and including the empty line.
pub(crate) fn inspect(head: &[u8]) -> Result<Inspected, String> {
    let status = status_line(lines(head).next().unwrap_or_default())?;
    // A folded line may hide the end of a list of codings or options.
    let survey = match Survey::of(head, &status) {
        Some(survey) => survey,
        None => Survey::of(&unfold(head), &status).unwrap_or_default(),
    };
    if !survey.is_chunked && survey.lengths.len() > MOST_LENGTHS {
        return Err(format!(
            "the reply has more than {MOST_LENGTHS} different Content-Length headers"
        ));
    }
    if let Some(coding) = survey.unknown_coding {
        return Err(format!(
            "the body has the transfer coding {coding:?}, which was not asked for"
        ));
    }
    let stays_open = !survey.says_close && (status[7] == b'1' || survey.says_keep_alive);
    let chunked = survey.is_chunked.then(Chunked::new);
    Ok(Inspected {
        reduced: survey.finish(),
        framing: Framing {
            chunked,
            stays_open,
        },
    })
}

/// What the headers come to.
#[derive(Debug, Default)]
struct Survey {
    /// The status line, and the headers that are wanted. Lines end in LF alone: it is not to grow.
    reduced: Vec<u8>,
    /// The headers of [`USES`] that were kept, one bit each.
    kept: u8,
    content_codings: usize,
    ranges: u8,
    /// The status is one behind which a rate limit counts.
    is_refused: bool,
    limits: usize,
    /// Without repetitions.
    lengths: Vec<Vec<u8>>,
    is_chunked: bool,
    says_close: bool,
    says_keep_alive: bool,
    unknown_coding: Option<String>,
}

impl Survey {
    /// `None`: a line is folded.
    fn of(head: &[u8], status: &[u8]) -> Option<Self> {
        let mut survey = Self {
            reduced: Vec::with_capacity(head.len()),
            is_refused: matches!(&status[9..12], b"429" | b"503"),
            ..Self::default()
        };
        survey.reduced.extend_from_slice(status);
        for line in lines(head).skip(1) {
            if matches!(line.first(), Some(b' ' | b'\t')) {
                return None;
            }
            if let Some((name, value)) = header(line)
                && let Some(at) = USES.iter().position(|(other, _)| is(name, other))
            {
                survey.look_at(at, name, value);
            }
        }
        Some(survey)
    }

    /// Takes a header of the name that stands at `at` in [`USES`].
    fn look_at(&mut self, at: usize, name: &[u8], value: &[u8]) {
        match USES[at].1 {
            Use::First if self.kept & 1 << at == 0 => {
                self.kept |= 1 << at;
                keep(&mut self.reduced, name, value, b' ');
            }
            Use::First => {}
            Use::Limit => {
                if self.is_refused && self.limits < MOST_LIMITS {
                    self.limits += 1;
                    keep(&mut self.reduced, name, value, b' ');
                }
            }
            Use::ContentCoding => {
                let is_none = |t: &String| {
                    matches!(t.to_ascii_lowercase().as_str(), "" | "identity" | "none")
                };
                if self.content_codings <= MOST_CODINGS && !tokens(value).all(|t| is_none(&t)) {
                    self.content_codings += 1;
                    keep(&mut self.reduced, name, value, NO_TEXT);
                }
            }
            Use::Range => {
                if self.ranges < 2 {
                    self.ranges += 1;
                    keep(&mut self.reduced, name, value, NO_TEXT);
                }
            }
            Use::Length => self.take_length(value),
            Use::Connection => {
                for option in tokens(value) {
                    self.says_close |= option.eq_ignore_ascii_case("close");
                    self.says_keep_alive |= option.eq_ignore_ascii_case("keep-alive");
                }
            }
            Use::Coding => {
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

    fn take_length(&mut self, value: &[u8]) {
        let value = trim(value);
        let is_new = || self.lengths.iter().all(|length| length != value);
        // One more than can be shown says that there are too many.
        if self.lengths.len() <= MOST_LENGTHS && is_new() {
            self.lengths.push(value.to_vec());
        }
    }

    fn finish(mut self) -> Vec<u8> {
        // One line says what all of them come to, and is no longer than the one that said it.
        if self.says_close {
            keep(&mut self.reduced, b"connection", b"close", b' ');
        } else if self.says_keep_alive {
            keep(&mut self.reduced, b"connection", b"keep-alive", b' ');
        }
        if !self.is_chunked {
            for length in &self.lengths {
                keep(&mut self.reduced, b"content-length", length, NO_TEXT);
            }
        }
        self.reduced.push(b'\n');
        self.reduced
    }
}

fn is(name: &[u8], other: &str) -> bool {
    name.eq_ignore_ascii_case(other.as_bytes())
}

/// Stands for a control character in a value that is read by the letter: no number and no coding has it.
const NO_TEXT: u8 = b'?';

/// Adds a header line. `instead` stands for every byte that the library does not take.
fn keep(out: &mut Vec<u8>, name: &[u8], value: &[u8], instead: u8) {
    out.extend_from_slice(name);
    out.push(b':');
    out.extend(value.iter().map(|&b| if is_text(b) { b } else { instead }));
    out.push(b'\n');
}

/// The lines of a head without their line breaks, and without the empty one.
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

/// The status line as the library can take it: version and code, and nothing of what a server says
/// besides. Any white space parts its words (RFC 9112, 4), and a later version of HTTP/1 is read as 1.1
/// (RFC 9110, 2.5).
pub(super) fn status_line(line: &[u8]) -> Result<[u8; 13], String> {
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

/// Name and value of a header line. White space and control characters around a name are no part of it:
/// some servers send them, and what the header says of the body counts.
fn header(line: &[u8]) -> Option<(&[u8], &[u8])> {
    let colon = memchr(b':', line)?;
    let mut name = &line[..colon];
    while let [0..=b' ' | 0x7f, inner @ ..] | [inner @ .., 0..=b' ' | 0x7f] = name {
        name = inner;
    }
    Some((name, &line[colon + 1..]))
}

/// Drops blanks and tabs at both ends, and no other white space: in a value that is not text.
fn trim(mut text: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', inner @ ..] | [inner @ .., b' ' | b'\t'] = text {
        text = inner;
    }
    text
}

/// A byte that may stand in a header's value.
fn is_text(byte: u8) -> bool {
    byte == b'\t' || byte >= b' ' && byte != 0x7f
}

fn tokens(value: &[u8]) -> impl Iterator<Item = String> {
    value
        .split(|&b| b == b',')
        .map(|t| String::from_utf8_lossy(trim(t)).into_owned())
}

/// Puts folded lines (RFC 9112, 5.2) on one.
fn unfold(head: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(head.len());
    for line in lines(head) {
        let text = trim(line);
        match line.first() {
            // What would be left of it is a line for the next to look folded behind.
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
