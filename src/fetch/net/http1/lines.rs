//! The lines of a head, and their parts.

use memchr::memchr;

/// The lines of a head, without line breaks and empty ones.
pub(super) fn lines(mut head: &[u8]) -> impl Iterator<Item = &[u8]> {
    let next = move || {
        let end = memchr(b'\n', head)?;
        let line = &head[..end];
        head = &head[end + 1..];
        Some(line.strip_suffix(b"\r").unwrap_or(line))
    };
    std::iter::from_fn(next).filter(|line| !line.is_empty())
}

/// Name and value of a header line. Drops white space and control characters around the name: servers send them.
pub(super) fn header(line: &[u8]) -> Option<(&[u8], &[u8])> {
    let colon = memchr(b':', line)?;
    Some((header_name(&line[..colon]), &line[colon + 1..]))
}

pub(super) fn header_name(mut text: &[u8]) -> &[u8] {
    while let [0..=b' ' | 0x7f, inner @ ..] | [inner @ .., 0..=b' ' | 0x7f] = text {
        text = inner;
    }
    text
}

/// Drops blanks and tabs at both ends, the only white space in HTTP.
pub(super) fn trim(mut text: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', inner @ ..] | [inner @ .., b' ' | b'\t'] = text {
        text = inner;
    }
    text
}

pub(super) fn tokens(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    value.split(|&byte| byte == b',').map(trim)
}

pub(super) fn is(token: &[u8], name: &str) -> bool {
    token.eq_ignore_ascii_case(name.as_bytes())
}

/// `text` up to its first line break.
pub(super) fn first_line(text: &[u8]) -> &[u8] {
    let line = memchr(b'\n', text).map_or(text, |end| &text[..end]);
    line.strip_suffix(b"\r").unwrap_or(line)
}

/// Joins folded lines (RFC 9112, 5.2).
pub(super) fn unfold(head: &[u8]) -> Vec<u8> {
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
    out.push(b'\n');
    out
}
