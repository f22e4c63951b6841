//! Reads the framing out of a reply's head, and repairs what servers get wrong in it and every
//! other client puts up with.
//!
//! The client library parses heads strictly: one folded line, one space before a colon or the 129th
//! header would fail a page that curl fetches. Such a head is rewritten here before the library
//! sees it. It never grows, so that it can be put back where it was. What only looks like HTTP is
//! refused.

use super::chunked::Chunked;

/// Headers that anybody asks for: all that is kept of a head with very many.
const NEEDED: [&str; 6] = [
    "connection",
    "content-encoding",
    "content-length",
    "content-type",
    "location",
    "retry-after",
];
/// The library takes 128.
const MOST_HEADERS: usize = 120;

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
    /// The head to be used instead, no longer than the original, if that is not good as it is.
    pub(crate) rewritten: Option<Vec<u8>>,
}

/// Inspects a whole head, up to and including the empty line.
pub(crate) fn inspect(head: &[u8]) -> Result<Inspected, String> {
    if head.contains(&0) {
        return Err("there is a NUL byte in the head of the reply".to_owned());
    }
    let status = lines(head).next().unwrap_or_default();
    let (minor, is_plain_status) = status_line(status)?;
    let mut survey = Survey::of(head);
    // A folded line may hide the end of a list of codings or options.
    let unfolded = survey.is_folded.then(|| unfold(head));
    if let Some(unfolded) = &unfolded {
        survey = Survey::of(unfolded);
    }
    let is_good = is_plain_status && survey.is_good && unfolded.is_none();
    if let Some(coding) = survey.unknown_coding {
        return Err(format!(
            "the body has the transfer coding {coding:?}, which was not asked for"
        ));
    }
    let rewritten = (!is_good || survey.is_chunked || survey.headers > MOST_HEADERS)
        .then(|| rewrite(unfolded.as_deref().unwrap_or(head), &survey));
    let stays_open = !survey.says_close && (minor == b'1' || survey.says_keep_alive);
    let chunked = survey.is_chunked.then(Chunked::new);
    Ok(Inspected {
        framing: Framing {
            chunked,
            stays_open,
        },
        rewritten,
    })
}

/// What the headers come to.
#[derive(Debug, Default)]
struct Survey {
    headers: usize,
    is_good: bool,
    is_folded: bool,
    is_chunked: bool,
    says_close: bool,
    says_keep_alive: bool,
    unknown_coding: Option<String>,
}

impl Survey {
    fn of(head: &[u8]) -> Self {
        let mut survey = Self {
            is_good: true,
            ..Self::default()
        };
        lines(head).skip(1).for_each(|line| survey.look_at(line));
        survey
    }

    fn look_at(&mut self, line: &[u8]) {
        self.headers += 1;
        self.is_folded |= matches!(line.first(), Some(b' ' | b'\t'));
        let Some((name, value)) = header(line) else {
            self.is_good = false;
            return;
        };
        self.is_good &= value.iter().all(|&b| is_text(b));
        if name.eq_ignore_ascii_case(b"transfer-encoding") {
            for coding in tokens(value) {
                match coding.to_ascii_lowercase().as_str() {
                    "chunked" => self.is_chunked = true,
                    "identity" | "" => {}
                    _ => self.unknown_coding = Some(coding),
                }
            }
        } else if name.eq_ignore_ascii_case(b"connection") {
            for option in tokens(value) {
                self.says_close |= option.eq_ignore_ascii_case("close");
                self.says_keep_alive |= option.eq_ignore_ascii_case("keep-alive");
            }
        }
    }
}

/// The lines of a head without their line breaks, and without the empty one.
fn lines(head: &[u8]) -> impl Iterator<Item = &[u8]> {
    head.split(|&b| b == b'\n')
        .map(|l| l.strip_suffix(b"\r").unwrap_or(l))
        .filter(|l| !l.is_empty())
}

/// The minor version, and whether the library can take the line as it is.
fn status_line(line: &[u8]) -> Result<(u8, bool), String> {
    let (minor, rest) = match line {
        [
            b'H',
            b'T',
            b'T',
            b'P',
            b'/',
            b'1',
            b'.',
            minor @ (b'0' | b'1'),
            b' ',
            rest @ ..,
        ] => (*minor, rest),
        [b'H', b'T', b'T', b'P', b'/', b'1', b'.', b'0' | b'1', ..] => {
            return Err(not_a_status(line));
        }
        _ => {
            return Err(format!(
                "the reply is in another version than HTTP/1.1: {}",
                quote(line)
            ));
        }
    };
    let code = rest.trim_ascii_start();
    match code {
        [b'1'..=b'9', b'0'..=b'9', b'0'..=b'9', reason @ ..]
            if matches!(reason.first(), None | Some(b' ')) =>
        {
            Ok((
                minor,
                code.len() == rest.len() && reason.iter().all(|&b| is_text(b)),
            ))
        }
        _ => Err(not_a_status(line)),
    }
}

fn not_a_status(line: &[u8]) -> String {
    format!("the reply has no status of three digits: {}", quote(line))
}

fn quote(line: &[u8]) -> String {
    format!("\"{}\"", line[..line.len().min(40)].escape_ascii())
}

/// Name and value of a header line that is one.
fn header(line: &[u8]) -> Option<(&[u8], &[u8])> {
    let colon = line.iter().position(|&b| b == b':')?;
    let (name, value) = (&line[..colon], &line[colon + 1..]);
    (!name.is_empty() && name.iter().all(|&b| is_token(b))).then_some((name, value))
}

/// A byte of a header's name (RFC 9110, 5.6.2).
fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

/// A byte that may stand in a header's value.
fn is_text(byte: u8) -> bool {
    byte == b'\t' || byte >= b' ' && byte != 0x7f
}

fn tokens(value: &[u8]) -> impl Iterator<Item = String> {
    value
        .split(|&b| b == b',')
        .map(|t| String::from_utf8_lossy(t.trim_ascii()).into_owned())
}

/// Puts folded lines (RFC 9112, 5.2) on one.
fn unfold(head: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(head.len());
    for line in lines(head) {
        match line.first() {
            Some(b' ' | b'\t') => out.push(b' '),
            _ if out.is_empty() => {}
            _ => out.push(b'\n'),
        }
        out.extend_from_slice(line.trim_ascii());
    }
    out
}

/// The same head without what the library would stumble over. Lines end in LF alone: it is not to
/// grow.
fn rewrite(head: &[u8], survey: &Survey) -> Vec<u8> {
    let mut out = Vec::with_capacity(head.len());
    let mut lines = lines(head);
    let status = lines.next().unwrap_or_default();
    let code = status[9..].trim_ascii_start();
    out.extend_from_slice(&status[..9]);
    out.extend_from_slice(&code[..3]);
    out.push(b'\n');
    for (name, value) in lines.filter_map(header) {
        let is = |other: &str| name.eq_ignore_ascii_case(other.as_bytes());
        let is_dropped = is("transfer-encoding")
            || survey.is_chunked && is("content-length")
            || survey.headers > MOST_HEADERS && !NEEDED.iter().any(|n| is(n));
        if !is_dropped {
            out.extend_from_slice(name);
            out.push(b':');
            out.extend(value.iter().map(|&b| if is_text(b) { b } else { b' ' }));
            out.push(b'\n');
        }
    }
    out.push(b'\n');
    out
}

#[cfg(test)]
mod tests;
