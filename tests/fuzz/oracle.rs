//! A second, strict reader of replies (RFC 9112), over all bytes at once. It shares only the decoders of content codings
//! with the transport, and does not judge replies that the transport repairs.

use std::io::Read;

/// What a reply is if its connection ends after it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Reading {
    /// It breaks the standard; the transport may repair or refuse it.
    Unclear,
    /// Cut short, or beyond repair: no page.
    Broken,
    /// A whole reply.
    Whole { status: u16, body: Vec<u8> },
    /// A whole reply with a content coding. It is a page only if it can be decoded.
    Coded {
        status: u16,
        coding: String,
        body: Vec<u8>,
    },
}

/// A head that keeps to the standard, and the bytes after it.
struct Head<'a> {
    status: u16,
    fields: Vec<(String, &'a str)>,
    rest: &'a [u8],
}

/// Reads the reply to a GET.
pub(crate) fn read(reply: &[u8]) -> Reading {
    let mut rest = reply;
    let head = loop {
        if !has_empty_line(rest) || has_bare_cr(rest) {
            return Reading::Broken;
        }
        match Head::read(rest) {
            None => return Reading::Unclear,
            // Interim replies; 101 is none.
            Some(head) if matches!(head.status, 100 | 102..=199) => rest = head.rest,
            Some(head) => break head,
        }
    };
    let status = head.status;
    let body = match head.body() {
        Ok(body) => body,
        Err(reading) => return reading,
    };
    if status == 206 {
        match head.range() {
            Some((0, last, length))
                if last.checked_add(1) == Some(length) && length == body.len() as u64 => {}
            None if !head.values("content-range").is_empty() => return Reading::Unclear,
            _ => return Reading::Broken,
        }
    }
    match head.values("content-encoding")[..] {
        [] => Reading::Whole { status, body },
        [coding] if coding.contains(',') || coding.eq_ignore_ascii_case("deflate") => {
            Reading::Unclear
        }
        [coding] => Reading::Coded {
            status,
            coding: coding.to_ascii_lowercase(),
            body,
        },
        _ => Reading::Unclear,
    }
}

fn has_empty_line(bytes: &[u8]) -> bool {
    find(bytes, b"\n\n").is_some()
        || find(bytes, b"\n\r\n").is_some()
        || matches!(bytes, [b'\n', ..] | [b'\r', b'\n', ..])
}

/// Whether a head has a CR that is no part of a line break, and otherwise keeps to the standard.
fn has_bare_cr(bytes: &[u8]) -> bool {
    let end = find(bytes, b"\r\n\r\n").map_or(0, |at| at + 2);
    let head = &bytes[..end];
    !head.starts_with(b"\n")
        && find(head, b"\n\n").is_none()
        && find(head, b"\n\r\n").is_none()
        && head
            .windows(2)
            .any(|two| two[0] == b'\r' && two[1] != b'\n')
}

fn find(bytes: &[u8], what: &[u8]) -> Option<usize> {
    bytes.windows(what.len()).position(|window| window == what)
}

impl<'a> Head<'a> {
    /// `None`: it breaks the standard.
    fn read(bytes: &'a [u8]) -> Option<Self> {
        let end = find(bytes, b"\r\n\r\n")?;
        let text = std::str::from_utf8(&bytes[..end]).ok()?;
        let mut lines = text.split("\r\n");
        let status = lines.next()?.strip_prefix("HTTP/1.")?;
        let status = status.strip_prefix(['0', '1'])?.strip_prefix(' ')?;
        let (digits, reason) = status.split_at_checked(3)?;
        let is_status = digits.bytes().all(|b| b.is_ascii_digit()) && digits >= "100";
        if !is_status || !is_printable(reason) || !(reason.is_empty() || reason.starts_with(' ')) {
            return None;
        }
        let fields: Option<Vec<_>> = lines.map(field).collect();
        Some(Self {
            status: digits.parse().ok()?,
            fields: fields?,
            rest: &bytes[end + 4..],
        })
    }

    fn values(&self, name: &str) -> Vec<&'a str> {
        let fields = self.fields.iter().filter(|(other, _)| other == name);
        fields.map(|(_, value)| *value).collect()
    }

    /// The first and the last byte of a 206, and the length of the whole page: RFC 9110, 14.4.
    fn range(&self) -> Option<(u64, u64, u64)> {
        let range = self
            .values("content-range")
            .first()?
            .strip_prefix("bytes ")?;
        let (range, length) = range.split_once('/')?;
        let (first, last) = range.split_once('-')?;
        Some((number(first)?, number(last)?, number(length)?))
    }

    /// RFC 9112, 6.3.
    fn body(&self) -> Result<Vec<u8>, Reading> {
        if matches!(self.status, 204 | 304) {
            return Ok(Vec::new());
        }
        match self.values("transfer-encoding")[..] {
            [] => {}
            [coding] if coding.eq_ignore_ascii_case("chunked") => return chunks(self.rest),
            _ => return Err(Reading::Unclear),
        }
        let lengths: Option<Vec<u64>> = self
            .values("content-length")
            .into_iter()
            .map(number)
            .collect();
        match lengths.ok_or(Reading::Unclear)?[..] {
            [] => Ok(self.rest.to_vec()),
            [length, ref others @ ..] => {
                let size = usize::try_from(length).unwrap_or(usize::MAX);
                let is_said_twice = others.iter().any(|&other| other != length);
                let body = self.rest.get(..size).filter(|_| !is_said_twice);
                body.map(<[u8]>::to_vec).ok_or(Reading::Broken)
            }
        }
    }
}

/// Name, in lower case, and value.
fn field(line: &str) -> Option<(String, &str)> {
    let (name, value) = line.split_once(':')?;
    // White space before the colon breaks the standard, but the header is the same.
    let name = name.trim_end_matches([' ', '\t']);
    let is_token = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
    let is_good = !name.is_empty() && name.bytes().all(is_token) && is_printable(value);
    is_good.then(|| (name.to_ascii_lowercase(), value.trim_matches([' ', '\t'])))
}

fn is_printable(text: &str) -> bool {
    text.bytes().all(|b| matches!(b, b'\t' | b' '..=b'~'))
}

fn number(text: &str) -> Option<u64> {
    let is_number = text.bytes().all(|b| b.is_ascii_digit());
    text.parse().ok().filter(|_| is_number)
}

/// RFC 9112, 7.1. Trailers are not read.
fn chunks(mut rest: &[u8]) -> Result<Vec<u8>, Reading> {
    let mut body = Vec::new();
    loop {
        let has_line = rest.contains(&b'\n');
        let begins_well = rest.first().is_some_and(u8::is_ascii_hexdigit);
        if !has_line || !begins_well {
            return Err(Reading::Broken);
        }
        let end = find(rest, b"\r\n").ok_or(Reading::Unclear)?;
        let line = str::from_utf8(&rest[..end]).map_err(|_| Reading::Unclear)?;
        let digits = line.split(';').next().unwrap_or_default();
        let is_plain = is_printable(line) && digits.bytes().all(|b| b.is_ascii_hexdigit());
        let size = usize::from_str_radix(digits, 16).ok().filter(|_| is_plain);
        let size = size.ok_or(Reading::Unclear)?;
        if size == 0 {
            return Ok(body);
        }
        rest = &rest[end + 2..];
        body.extend(rest.get(..size).ok_or(Reading::Broken)?);
        rest = match &rest[size..] {
            [b'\r', b'\n', next @ ..] => next,
            _ => return Err(Reading::Broken),
        };
    }
}

/// A body without its content coding; `None` if it is damaged. An empty body has no coding.
pub(crate) fn decoded(coding: &str, body: &[u8]) -> Option<Vec<u8>> {
    let mut plain = Vec::new();
    match coding {
        _ if body.is_empty() => return Some(plain),
        "zstd" => return zstd::decode_all(body).ok(),
        "gzip" | "x-gzip" => flate2::read::MultiGzDecoder::new(body)
            .read_to_end(&mut plain)
            .ok()?,
        "br" => brotli_decompressor::Decompressor::new(body, body.len())
            .read_to_end(&mut plain)
            .ok()?,
        _ => return Some(body.to_vec()),
    };
    Some(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replies_are_read_by_the_letter() {
        let whole = |body: &str| Reading::Whole {
            status: 200,
            body: body.into(),
        };
        for (rest, reading) in [
            ("\r\nto the end", whole("to the end")),
            ("Content-Length: 2\r\n\r\nabc", whole("ab")),
            ("Content-Length: 4\r\n\r\nabc", Reading::Broken),
            (
                "Content-Length: 1\r\nContent-Length: 2\r\n\r\nabc",
                Reading::Broken,
            ),
            ("Content-Length: 2, 2\r\n\r\nabc", Reading::Unclear),
            ("Content-Length: 2\r\n", Reading::Broken),
            ("Content-Length: 2\n\nab", Reading::Unclear),
            (
                "Transfer-Encoding: Chunked\r\n\r\n2;x\r\nab\r\n1\r\nc\r\n0\r\n",
                whole("abc"),
            ),
            (
                "Transfer-Encoding: chunked\r\n\r\n2\r\nab\r\n1\r\nc\r\n",
                Reading::Broken,
            ),
            ("Transfer-Encoding: chunked\r\n\r\n2\r\na", Reading::Broken),
            ("Transfer-Encoding: chunked\r\n\r\n0", Reading::Broken),
            ("Transfer-Encoding: x\r\n\r\n", Reading::Unclear),
            ("A : b\r\n\r\n", whole("")),
            ("Content-Length : 4\r\n\r\nabc", Reading::Broken),
            ("A: b\rContent-Length: 4\r\n\r\nabc", Reading::Broken),
            ("A: b\r\n\r\nab\rc", whole("ab\rc")),
            ("A : b\x01\r\n\r\n", Reading::Unclear),
            (
                "Transfer-Encoding: chunked\r\n\r\n3\r\nab\r\n0\r\n",
                Reading::Broken,
            ),
        ] {
            let reply = format!("HTTP/1.1 103 Early\r\nA: b\r\n\r\nHTTP/1.1 200 OK\r\n{rest}");
            assert_eq!(read(reply.as_bytes()), reading, "{rest:?}");
        }
    }
}
