//! Reads the framing out of a reply's head, and repairs what servers get wrong in it and every other client
//! puts up with.
//!
//! The client library parses heads strictly: one folded line, one space before a colon or the 129th header would
//! fail a page that curl fetches. Such a head is rewritten here before the library sees it. It never grows, so
//! that it can be put back where it was. What only looks like HTTP is refused.

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
    /// The decoder of a body in the chunked transfer coding. The head then says nothing of it any more.
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
    let mut lines = lines(head);
    let (minor, is_plain_status) = status_line(lines.next().unwrap_or_default())?;
    let mut survey = Survey {
        is_good: is_plain_status,
        ..Survey::default()
    };
    for line in lines {
        survey.look_at(line);
    }
    // A folded line may hide the end of a list of codings or options.
    let unfolded = if survey.is_folded {
        Some(unfold(head))
    } else {
        None
    };
    if let Some(unfolded) = &unfolded {
        survey = Survey::default();
        self::lines(unfolded)
            .skip(1)
            .for_each(|line| survey.look_at(line));
        survey.is_good = false;
    }
    if let Some(coding) = survey.unknown_coding {
        return Err(format!(
            "the body has the transfer coding {coding:?}, which was not asked for"
        ));
    }
    let rewritten = (!survey.is_good || survey.is_chunked || survey.headers > MOST_HEADERS)
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

/// The same head without what the library would stumble over. Lines end in LF alone: it is not to grow.
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
mod tests {
    use super::*;

    fn rewritten(headers: &str) -> Option<String> {
        let head = format!("HTTP/1.1 200 OK\r\n{headers}\r\n");
        let new = inspect(head.as_bytes()).unwrap().rewritten?;
        assert!(new.len() <= head.len(), "{headers:?} has grown");
        Some(String::from_utf8(new).unwrap())
    }

    #[test]
    fn a_good_head_is_left_alone() {
        for headers in [
            "",
            "A: b\r\n",
            "Content-Length: 5\r\nX-Y_z: \t\u{e4} \r\n",
            "A: b\nC:d\n",
            "Empty:\r\n",
        ] {
            assert_eq!(rewritten(headers), None, "{headers:?}");
        }
    }

    #[test]
    fn what_others_put_up_with_is_repaired() {
        for (headers, repaired) in [
            ("A: b\r\n c\r\n\td\r\nE: f\r\n", "A: b c d\nE: f\n"),
            ("A : b\r\nC: d\r\n", "C: d\n"),
            ("no colon\r\nC: d\r\n", "C: d\n"),
            (": no name\r\nC: d\r\n", "C: d\n"),
            ("A: b\u{1}c\u{7f}d\r\n", "A: b c d\n"),
            ("A: b\rc\r\n", "A: b c\n"),
            ("X Y: z\r\nC: d\r\n", "C: d\n"),
        ] {
            assert_eq!(
                rewritten(headers),
                Some(format!("HTTP/1.1 200\n{repaired}\n")),
                "{headers:?}"
            );
        }
        let many: String = (0..500).map(|i| format!("X-{i}: {i}\r\n")).collect();
        let headers = format!("{many}Location: /here\r\n{many}");
        assert_eq!(
            rewritten(&headers).unwrap(),
            "HTTP/1.1 200\nLocation: /here\n\n"
        );
        for (status, expected) in [
            ("HTTP/1.1  404  Gone", "HTTP/1.1 404\n\n"),
            ("HTTP/1.0 200 \u{1b}[2J", "HTTP/1.0 200\n\n"),
        ] {
            let inspected = inspect(format!("{status}\r\n\r\n").as_bytes()).unwrap();
            assert_eq!(
                inspected.rewritten.unwrap(),
                expected.as_bytes(),
                "{status:?}"
            );
        }
    }

    #[test]
    fn the_framing_is_read_by_the_letter() {
        for (version, headers, is_chunked, stays_open) in [
            ("1.1", "", false, true),
            ("1.0", "", false, false),
            ("1.0", "Connection: Keep-Alive\r\n", false, true),
            ("1.1", "connection: foo, CLOSE\r\n", false, false),
            ("1.1", "Transfer-Encoding: Chunked\r\n", true, true),
            ("1.0", "Transfer-Encoding: chunked\r\n", true, false),
            ("1.1", "Transfer-Encoding: identity\r\n", false, true),
            ("1.1", "Transfer-Encoding:\r\n chunked\r\n", true, true),
            (
                "1.1",
                "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
                true,
                true,
            ),
        ] {
            let head = format!("HTTP/{version} 200 OK\r\n{headers}\r\n");
            let inspected = inspect(head.as_bytes()).unwrap();
            assert_eq!(inspected.framing.chunked.is_some(), is_chunked, "{head:?}");
            assert_eq!(inspected.framing.stays_open, stays_open, "{head:?}");
            if is_chunked {
                let text = String::from_utf8(inspected.rewritten.unwrap()).unwrap();
                assert!(
                    !text.contains("Transfer") && !text.contains("Length"),
                    "{text:?}"
                );
            }
        }
    }

    #[test]
    fn what_only_looks_like_http_is_refused() {
        for head in [
            "HTTP/2 200\r\n\r\n",
            "HTTP/1.2 200 OK\r\n\r\n",
            "HTTP/1.1 20 OK\r\n\r\n",
            "HTTP/1.1 2000 OK\r\n\r\n",
            "HTTP/1.1 099 OK\r\n\r\n",
            "HTTP/1.1 OK\r\n\r\n",
            "HTTP/1.1\r\n\r\n",
            "HTTP/1.1 200 OK\r\nA: \0\r\n\r\n",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
        ] {
            assert!(inspect(head.as_bytes()).is_err(), "{head:?}");
        }
    }
}
