//! Conditional requests (RFC 9110, 13): a page is sent only if it has changed since an earlier reply.

use http::{HeaderValue, Method};
use url::Position;

use super::headers::push_line;
use super::redirect::Hop;

/// The headers of a condition, and those that change what a condition or its reply means. The user's own go first.
pub(super) const CONDITIONS: [&str; 6] = [
    "if-none-match",
    "if-modified-since",
    "if-match",
    "if-unmodified-since",
    "if-range",
    "range",
];

/// An earlier reply, which the server compares with the page.
#[derive(Clone, Debug)]
pub(crate) struct Condition {
    /// Where the reply came from, without a fragment: a validator is of no other resource.
    url: String,
    /// `If-None-Match` and `If-Modified-Since`.
    lines: Vec<u8>,
    /// The size of its decoded body.
    pub(crate) size: Option<u64>,
    /// The SHA-256 of its decoded body.
    pub(crate) sha256: Option<[u8; 32]>,
}

impl Condition {
    /// The condition of a reply from `url`; `None` if it has no validator that can be sent back.
    pub(crate) fn new(url: &str, etag: Option<&str>, last_modified: Option<&str>) -> Option<Self> {
        let mut lines = Vec::new();
        // `*` would mean any page.
        let etag = etag.filter(|etag| *etag != "*");
        for (name, validator) in [
            ("If-None-Match", etag),
            ("If-Modified-Since", last_modified),
        ] {
            if let Some(value) = validator.and_then(as_sent) {
                push_line(&mut lines, name, &value);
            }
        }
        let url = url.split('#').next().unwrap_or(url).to_owned();
        (!lines.is_empty()).then_some(Self {
            url,
            lines,
            size: None,
            sha256: None,
        })
    }

    /// The header lines, if `hop` asks for the same resource.
    pub(super) fn lines_for(&self, hop: &Hop) -> Option<&[u8]> {
        let is_read = matches!(hop.method, Method::GET | Method::HEAD);
        let is_same = is_read && hop.url[..Position::AfterQuery] == self.url;
        is_same.then_some(&self.lines)
    }
}

/// The bytes of a recorded `validator`, one a character; `None` if they are not those of a header.
pub(super) fn as_sent(validator: &str) -> Option<HeaderValue> {
    let bytes: Option<Vec<u8>> = validator.chars().map(|c| u8::try_from(c).ok()).collect();
    let bytes = bytes.filter(|bytes| !bytes.is_empty())?;
    HeaderValue::from_bytes(&bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use url::Url;

    fn lines(etag: Option<&str>, last_modified: Option<&str>) -> Option<Vec<u8>> {
        Condition::new("http://a/", etag, last_modified).map(|condition| condition.lines)
    }

    #[test]
    fn validators_are_sent_byte_for_byte_or_not_at_all() {
        let table: [(Option<&str>, Option<&str>, &[u8]); 10] = [
            (Some("\"a\""), None, b"If-None-Match: \"a\"\r\n"),
            (Some("W/\"a b\\"), None, b"If-None-Match: W/\"a b\\\r\n"),
            (
                Some("\"\u{e4}\u{80}\u{ff}\t\""),
                None,
                b"If-None-Match: \"\xe4\x80\xff\t\"\r\n",
            ),
            (None, Some("yesterday"), b"If-Modified-Since: yesterday\r\n"),
            (
                Some("a"),
                Some("b"),
                b"If-None-Match: a\r\nIf-Modified-Since: b\r\n",
            ),
            (Some("\"\u{100}\""), Some("b"), b"If-Modified-Since: b\r\n"),
            (
                Some("\"a\r\nX: b\""),
                Some("b"),
                b"If-Modified-Since: b\r\n",
            ),
            (Some("\"\0\""), Some("b"), b"If-Modified-Since: b\r\n"),
            (Some("*"), Some("b"), b"If-Modified-Since: b\r\n"),
            (Some(""), Some("b"), b"If-Modified-Since: b\r\n"),
        ];
        for (etag, last_modified, expected) in table {
            assert_eq!(
                lines(etag, last_modified).as_deref(),
                Some(expected),
                "{etag:?}"
            );
        }
        for nothing in [
            None,
            Some(""),
            Some("\u{7f}"),
            Some("\u{20ac}"),
            Some("a\n"),
        ] {
            assert_eq!(lines(nothing, nothing), None, "{nothing:?}");
        }
    }

    #[test]
    fn it_is_for_the_resource_of_the_reply_alone() {
        let condition = Condition::new("http://a.test/x?q#f", Some("\"a\""), None).unwrap();
        for (url, method, is_sent) in [
            ("http://a.test/x?q", Method::GET, true),
            ("http://a.test/x?q#g", Method::HEAD, true),
            ("http://a.test/x?q", Method::POST, false),
            ("http://a.test/x", Method::GET, false),
            ("https://a.test/x?q", Method::GET, false),
        ] {
            let hop = Hop::first(&Url::parse(url).unwrap(), &method, None).unwrap();
            assert_eq!(
                condition.lines_for(&hop).is_some(),
                is_sent,
                "{method} {url}"
            );
        }
    }
}
