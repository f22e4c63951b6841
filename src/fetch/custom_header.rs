//! A header that the user sets, as curl's `-H` takes it.
//!
//! Guards against header injection: a [`CustomHeader`] is one well-formed field (RFC 9110, 5.1 and 5.5) that does not
//! change the framing.

use std::str::FromStr;

use http::{HeaderName, HeaderValue};

use super::options_error::OptionsError;

/// A header that the user sets, or a default header that is left out.
///
/// Read from `Name: value`, `Name;` (an empty value), or `Name:` (left out). `Debug` hides the value.
///
/// ```
/// use fetchpool::fetch::CustomHeader;
///
/// let header: CustomHeader = "Accept: text/html".parse()?;
/// assert!("Content-Length: 5".parse::<CustomHeader>().is_err());
/// # Ok::<(), fetchpool::fetch::OptionsError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CustomHeader {
    /// As the user spells it.
    pub(super) name: String,
    /// `None` leaves the header out.
    pub(super) value: Option<HeaderValue>,
}

impl CustomHeader {
    pub(super) fn is_named(&self, name: &str) -> bool {
        self.name.eq_ignore_ascii_case(name)
    }
}

impl FromStr for CustomHeader {
    type Err = OptionsError;

    fn from_str(text: &str) -> Result<Self, OptionsError> {
        let (name, value) = if let Some((name, value)) = text.split_once(':') {
            let value = value.trim_matches([' ', '\t']);
            (name, (!value.is_empty()).then_some(value))
        } else if let Some(name) = text.strip_suffix(';') {
            (name, Some(""))
        } else {
            return refuse("no colon: a header is written like 'Name: value'");
        };
        if HeaderName::from_bytes(name.as_bytes()).is_err() {
            return refuse(
                "not a header name before the colon: it has letters, digits and hyphens, and no spaces",
            );
        }
        let mut reserved = RESERVED.iter();
        if let Some((_, why)) = reserved.find(|(other, _)| name.eq_ignore_ascii_case(other)) {
            return refuse(format!("{name} cannot be set: {why}"));
        }
        let is_host = name.eq_ignore_ascii_case("host");
        if is_host && value.is_none() {
            return refuse(format!(
                "{name} cannot be left out: every request has one; write 'Host: NAME' to set it"
            ));
        }
        if is_host && !value.is_some_and(str::is_ascii) {
            return refuse(format!("{name} has a character that is not ASCII"));
        }
        let name = name.to_owned();
        let mut value = value.map(header_value).transpose()?;
        if let Some(value) = &mut value {
            value.set_sensitive(true);
        }
        Ok(Self { name, value })
    }
}

pub(crate) fn header_value(text: &str) -> Result<HeaderValue, OptionsError> {
    match text.chars().find(|c| c.is_control() && *c != '\t') {
        Some(c) => refuse(format!(
            "the control character '{}' is not allowed in a header",
            c.escape_debug()
        )),
        None => HeaderValue::from_bytes(text.as_bytes())
            .map_err(|error| OptionsError::new(error.to_string())),
    }
}

fn refuse<T>(why: impl Into<String>) -> Result<T, OptionsError> {
    Err(OptionsError::new(why))
}

/// Headers that the client writes itself. A wrong one would break the framing of later requests.
const RESERVED: [(&str, &str); 10] = [
    ("content-length", NO_BODY),
    ("transfer-encoding", NO_BODY),
    ("trailer", NO_BODY),
    ("expect", NO_BODY),
    ("connection", REUSE),
    ("keep-alive", REUSE),
    ("proxy-connection", REUSE),
    ("te", "it belongs to the connection, not to the request"),
    ("upgrade", ONE_VERSION),
    ("http2-settings", ONE_VERSION),
];
const NO_BODY: &str = "a request has no body";
const REUSE: &str = "the client decides which connections it keeps";
const ONE_VERSION: &str = "only HTTP/1.1 is spoken";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers() {
        let table = [
            ("Accept: text/html", "Accept", Some("text/html")),
            ("Accept:text/html", "Accept", Some("text/html")),
            ("X-A:  \t b  c \t", "X-A", Some("b  c")),
            ("x-time: 10:30", "x-time", Some("10:30")),
            ("X-Empty;", "X-Empty", Some("")),
            ("Accept:", "Accept", None),
            ("uSER-aGENT: \t", "uSER-aGENT", None),
            ("Host: other.example", "Host", Some("other.example")),
            (
                "Authorization: Bearer a.b-c_d=",
                "Authorization",
                Some("Bearer a.b-c_d="),
            ),
            ("X-Name: bücher", "X-Name", Some("bücher")),
            ("X-Tab: a\tb", "X-Tab", Some("a\tb")),
            ("X-Semi: a; b;", "X-Semi", Some("a; b;")),
            ("!#$%&'*+-.^_`|~9a: odd", "!#$%&'*+-.^_`|~9a", Some("odd")),
        ];
        for (text, name, value) in table {
            let header: CustomHeader = text.parse().unwrap_or_else(|e| panic!("{text}: {e}"));
            let read = header.value.as_ref().map(HeaderValue::as_bytes);
            assert_eq!(
                (header.name.as_str(), read),
                (name, value.map(str::as_bytes)),
                "{text}"
            );
        }
    }

    #[test]
    fn what_is_no_header_says_why() {
        let table = [
            ("", "no colon"),
            ("Accept", "no colon"),
            ("@file", "no colon"),
            (":", "not a header name"),
            (": x", "not a header name"),
            (":authority: x", "not a header name"),
            ("A b: x", "not a header name"),
            (" A: x", "not a header name"),
            ("A : x", "not a header name"),
            ("Ä: x", "not a header name"),
            ("A\r\nB: x", "not a header name"),
            ("A\0: x", "not a header name"),
            (";", "not a header name"),
            ("A b;", "not a header name"),
            ("Host:", "Host cannot be left out"),
            ("hOST: \t", "hOST cannot be left out"),
            (
                "host: bücher.test",
                "host has a character that is not ASCII",
            ),
            ("Connection:", "Connection cannot be set"),
            ("A: b\r\nEvil: c", r"the control character '\r'"),
            ("A: b\nEvil: c", r"the control character '\n'"),
            ("A: \r\n", r"the control character '\r'"),
            ("A: b\0", r"the control character '\0'"),
            ("A: b\x1b[31m", r"the control character '\u{1b}'"),
            ("A: b\x7f", r"the control character '\u{7f}'"),
            ("A: b\u{85}c", r"the control character '\u{85}'"),
            (
                "Content-Length: 5",
                "Content-Length cannot be set: a request has no body",
            ),
            ("content-length;", "content-length cannot be set"),
            (
                "TRANSFER-ENCODING: chunked",
                "TRANSFER-ENCODING cannot be set",
            ),
            ("Connection: close", "Connection cannot be set"),
            ("KEEP-Alive: timeout=5", "KEEP-Alive cannot be set"),
            ("Proxy-Connection: close", "Proxy-Connection cannot be set"),
            ("HTTP2-Settings;", "HTTP2-Settings cannot be set"),
            ("Expect: 100-continue", "Expect cannot be set"),
            ("TE: trailers", "TE cannot be set"),
            ("Upgrade: h2c", "Upgrade cannot be set"),
        ];
        for (text, expected) in table {
            let error = text.parse::<CustomHeader>().expect_err(text).to_string();
            assert!(error.starts_with(expected), "{text:?}: {error}");
            assert!(!error.contains(['\r', '\n']), "{error:?}");
        }
    }
}
