//! The headers of a reply that go into the outcome, as the server sent them.

use std::collections::HashMap;

use super::lines::{header, is, lines, trim, unfold};
use crate::fetch::options::RecordHeaders;

/// Servers refuse a request with a longer header, so a longer validator is of no use.
const LONGEST_VALIDATOR: usize = 8 * 1024;

#[derive(Debug, Default)]
pub(in crate::fetch) struct Recorded {
    pub(in crate::fetch) content_type: Option<String>,
    pub(in crate::fetch) etag: Option<String>,
    pub(in crate::fetch) last_modified: Option<String>,
    /// In the form that RFC 9110, 5.6.7, prefers, which has this length.
    pub(in crate::fetch) date: Option<[u8; 29]>,
    /// In a box, because few replies have one.
    pub(in crate::fetch) digests: Option<Box<DigestHeaders>>,
    pub(in crate::fetch) headers: Option<Vec<(String, Vec<String>)>>,
    /// The values of `Set-Cookie`, if the status is a 3xx.
    pub(in crate::fetch) set_cookies: Vec<Vec<u8>>,
}

/// Those of RFC 9530.
#[derive(Debug, Default)]
pub(in crate::fetch) struct DigestHeaders {
    pub(in crate::fetch) repr_digest: String,
    pub(in crate::fetch) content_digest: String,
}

/// Keeps the first `value` that is short enough. Each byte is one character, so that it can be sent back unchanged.
pub(super) fn keep_validator(kept: &mut Option<String>, value: &[u8]) {
    let value = trim(value);
    if kept.is_none() && value.len() <= LONGEST_VALIDATOR {
        *kept = Some(latin1(value));
    }
}

/// Adds `value` to a list whose members may come in several headers.
pub(super) fn keep_members(kept: &mut String, value: &[u8]) {
    if kept.len() + value.len() <= LONGEST_VALIDATOR {
        kept.push_str(&latin1(trim(value)));
        kept.push(',');
    }
}

/// The headers of a whole head that `wanted` names. `None` if it names no header.
pub(in crate::fetch::net) fn wanted_headers(
    head: &[u8],
    wanted: &RecordHeaders,
) -> Option<Vec<(String, Vec<String>)>> {
    if wanted.is_none() {
        return None;
    }
    let mut found = Vec::<(String, Vec<String>)>::new();
    // A head can have tens of thousands of names.
    let mut places = HashMap::new();
    for (name, value) in lines(&unfold(head)).skip(1).filter_map(header) {
        let is_wanted = match wanted {
            RecordHeaders::All => !name.is_empty(),
            RecordHeaders::Named(names) => names.iter().any(|wanted| is(name, wanted.as_str())),
        };
        if !is_wanted {
            continue;
        }
        let name = text(&name.to_ascii_lowercase());
        let place = *places.entry(name.clone()).or_insert(found.len());
        if place == found.len() {
            found.push((name, Vec::new()));
        }
        found[place].1.push(text(trim(value)));
    }
    Some(found)
}

fn text(bytes: &[u8]) -> String {
    str::from_utf8(bytes).map_or_else(|_| latin1(bytes), str::to_owned)
}

fn latin1(bytes: &[u8]) -> String {
    if let (true, Ok(text)) = (bytes.is_ascii(), str::from_utf8(bytes)) {
        return text.to_owned();
    }
    bytes.iter().map(|&byte| char::from(byte)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &[u8] = b"HTTP/1.1 200 OK\r\nX-A: 1\r\nETag: \"a\"\r\nx-a : 2\r\n 3\r\n\
        : no name\r\nno colon\r\nX-Utf: \xc3\xa4\r\nX-Raw: \xe4\xff\r\nX-A:\r\n\r\n";

    fn shown(wanted: &RecordHeaders) -> Vec<String> {
        let found = wanted_headers(HEAD, wanted).unwrap().into_iter();
        let line = |(name, values): (String, Vec<_>)| format!("{name}={}", values.join("|"));
        found.map(line).collect()
    }

    #[test]
    fn headers_are_grouped_by_name_in_the_order_of_the_reply() {
        let all = [
            "x-a=1|2 3|",
            "etag=\"a\"",
            "x-utf=\u{e4}",
            "x-raw=\u{e4}\u{ff}",
        ];
        assert_eq!(shown(&RecordHeaders::All), all);
        let named = |names: &[&'static str]| {
            let names = names.iter().map(|name| http::HeaderName::from_static(name));
            RecordHeaders::Named(names.collect())
        };
        assert_eq!(shown(&named(&["etag", "x-a", "no"])), all[..2]);
        assert!(shown(&named(&["no"])).is_empty());
        assert_eq!(wanted_headers(HEAD, &named(&[])), None);
    }

    #[test]
    fn a_head_may_have_tens_of_thousands_of_names() {
        let lines: Vec<_> = (0..30_000).map(|n| format!("{n:x}:\n")).collect();
        let head = format!("HTTP/1.1 200 OK\n{}\n", lines.concat());
        let found = wanted_headers(head.as_bytes(), &RecordHeaders::All).unwrap();
        assert_eq!(found.len(), lines.len());
    }

    #[test]
    fn a_validator_keeps_its_bytes() {
        for (values, kept) in [
            (
                &[&b" \"\xc3\xa4\xff\" "[..]][..],
                Some("\"\u{c3}\u{a4}\u{ff}\""),
            ),
            (&[b"a", b"b"], Some("a")),
            (&[b""], Some("")),
            (&[&[b'x'; LONGEST_VALIDATOR + 1]], None),
        ] {
            let mut validator = None;
            for value in values {
                keep_validator(&mut validator, value);
            }
            assert_eq!(validator.as_deref(), kept);
        }
    }
}
