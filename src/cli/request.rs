//! Reads what shapes a request: header lines, the method, the user agent.
//!
//! This is the door against header injection: what passes is one well-formed header field (RFC 9110,
//! sections 5.1 and 5.5), and none that would change where a message ends.

use crate::fetch::{Method, reserved_header};

/// One header of the user's: its name and its value, or `None` for a default header that is left out.
pub(super) type Header = (String, Option<String>);

/// Reads `Name: value`, `Name;` for a header without a value, or `Name:` for a default header that is not
/// to be sent, as curl does.
///
/// # Errors
///
/// What is wrong with `text`, and what would be right.
pub(super) fn header(text: &str) -> Result<Header, String> {
    let (name, value) = match text.split_once(':') {
        Some((name, value)) => (name, Some(value.trim_matches([' ', '\t']))),
        None => match text.strip_suffix(';') {
            Some(name) => (name, None),
            None => return Err("no colon: a header is written like 'Name: value'".to_owned()),
        },
    };
    if !is_token(name) {
        return Err(
            "not a header name before the colon: it has letters, digits and hyphens, and no spaces"
                .to_owned(),
        );
    }
    if let Some(reason) = reserved_header(name) {
        return Err(format!("{name} cannot be set: {reason}"));
    }
    let value = match value {
        Some("") if name.eq_ignore_ascii_case("host") => {
            return Err(format!(
                "{name} cannot be left out: every request has one; write 'Host: NAME' to set it"
            ));
        }
        Some("") => None,
        value => Some(header_value(value.unwrap_or_default())?),
    };
    Ok((name.to_owned(), value))
}

/// Reads a value for the User-Agent header.
///
/// # Errors
///
/// Names the control character in it.
pub(super) fn header_value(text: &str) -> Result<String, String> {
    match text.chars().find(|c| c.is_control() && *c != '\t') {
        None => Ok(text.to_owned()),
        Some(c) => Err(format!(
            "the control character '{}' is not allowed in a header",
            c.escape_debug()
        )),
    }
}

/// Reads a method, which is case-sensitive and nearly always in capitals.
///
/// # Errors
///
/// What is wrong with `text`, and what would be right.
pub(super) fn method(text: &str) -> Result<Method, String> {
    // A method could begin with anything; what is meant by `-X -I` is something else.
    if !is_token(text) || !text.starts_with(|c: char| c.is_ascii_alphabetic()) {
        return Err("not a method: it is a word like GET, HEAD, OPTIONS or DELETE".to_owned());
    }
    if text.contains(|c: char| c.is_ascii_lowercase()) {
        return Err(format!(
            "methods are written in capitals: {}",
            text.to_ascii_uppercase()
        ));
    }
    if text == "CONNECT" {
        return Err("CONNECT asks for a tunnel, not for a page".to_owned());
    }
    Method::from_bytes(text.as_bytes()).map_err(|error| error.to_string())
}

/// A token of RFC 9110, section 5.6.2.
fn is_token(text: &str) -> bool {
    !text.is_empty()
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte))
}

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
            assert_eq!(
                header(text),
                Ok((name.to_owned(), value.map(str::to_owned))),
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
            ("Expect: 100-continue", "Expect cannot be set"),
            ("TE: trailers", "TE cannot be set"),
            ("Upgrade: h2c", "Upgrade cannot be set"),
        ];
        for (text, expected) in table {
            let error = header(text).expect_err(text);
            assert!(error.starts_with(expected), "{text:?}: {error}");
        }
    }

    #[test]
    fn methods() {
        for text in [
            "GET", "HEAD", "POST", "DELETE", "OPTIONS", "TRACE", "PROPFIND", "M-SEARCH", "X1",
        ] {
            assert_eq!(
                method(text).map(|method| method.to_string()),
                Ok(text.to_owned()),
                "{text}"
            );
        }
        let table = [
            ("", "not a method"),
            ("GE T", "not a method"),
            ("GET\r\nEvil: x", "not a method"),
            ("GÊT", "not a method"),
            ("-I", "not a method"),
            ("get", "methods are written in capitals: GET"),
            ("Get", "methods are written in capitals: GET"),
            ("CONNECT", "CONNECT asks for a tunnel"),
        ];
        for (text, expected) in table {
            let error = method(text).expect_err(text);
            assert!(error.starts_with(expected), "{text:?}: {error}");
        }
    }
}
