//! The headers of a request, checked and written once for each client. No line of them can break the
//! framing of a request or another header.

use http::{HeaderName, HeaderValue, Method};

use super::credentials::basic;
use super::options::{Options, OptionsError, reserved_header};
use super::redirect::Hop;

/// All codings of [`decode`](super::decode).
const CODINGS: &str = "gzip, deflate, br, zstd";

pub(super) struct RequestHeaders {
    /// For the origin that the user gave.
    home: HeaderLines,
    /// For any other origin: the User-Agent, and no other header of the user's.
    away: HeaderLines,
}

/// Header lines as they are sent, with names as the user wrote them.
#[derive(Clone, Default)]
pub(super) struct HeaderLines {
    /// The user's own `Host`, which replaces that of the URL.
    pub(super) host: Vec<u8>,
    /// All other headers.
    pub(super) lines: Vec<u8>,
    /// The user set or omitted `Authorization`: the credentials of a URL are not sent.
    pub(super) has_authorization: bool,
    /// The user set or omitted `Proxy-Authorization`: the credentials of the proxy are not sent.
    pub(super) has_proxy_authorization: bool,
    /// The user's own `Range`, which asks for a part of the page.
    pub(super) range: Option<String>,
}

impl HeaderLines {
    fn push(&mut self, name: &str, value: &HeaderValue) {
        let is_host = name.eq_ignore_ascii_case("host");
        let lines = if is_host {
            &mut self.host
        } else {
            &mut self.lines
        };
        push_line(lines, name, value);
    }

    /// Adds a header of the user's.
    fn push_own(&mut self, name: &str, text: &str) -> Result<(), OptionsError> {
        check_name(name)?;
        if name.eq_ignore_ascii_case("host") {
            if !text.is_ascii() {
                return Err(OptionsError::new(format!(
                    "the value of header {name} holds a character that is not ASCII"
                )));
            }
            if !self.host.is_empty() {
                return Err(OptionsError::new(
                    "header Host was given more than once; a request has one",
                ));
            }
        }
        self.push(name, &value(name, text)?);
        Ok(())
    }
}

pub(super) fn push_line(lines: &mut Vec<u8>, name: &str, value: &HeaderValue) {
    for part in [name.as_bytes(), b": ", value.as_bytes(), b"\r\n"] {
        lines.extend_from_slice(part);
    }
}

impl RequestHeaders {
    pub(super) fn new(options: &Options) -> Result<Self, OptionsError> {
        let is_given = |name: &str| {
            let mut given = options.headers.iter();
            given.any(|(given, _)| given.eq_ignore_ascii_case(name))
        };
        let range = options
            .headers
            .iter()
            .find(|(name, _)| name.eq_ignore_ascii_case("range"));
        let is_settled = |name: &str| is_given(name) || options.omits(name);
        let mut away = HeaderLines {
            has_authorization: options.omits("authorization"),
            has_proxy_authorization: options.omits("proxy-authorization"),
            ..HeaderLines::default()
        };
        let mut home = HeaderLines {
            has_authorization: is_settled("authorization") || options.credentials.is_some(),
            has_proxy_authorization: is_settled("proxy-authorization"),
            range: range.map(|(_, value)| value.clone()),
            ..HeaderLines::default()
        };
        let codings = if options.compressed { CODINGS } else { "" };
        for (name, text) in [
            ("Accept", "*/*"),
            ("User-Agent", &options.user_agent),
            ("Accept-Encoding", codings),
        ] {
            if text.is_empty() || options.omits(name) {
                continue;
            }
            let value = value(name, text)?;
            away.push(name, &value);
            if !is_given(name) {
                home.push(name, &value);
            }
        }
        if let Some((user, password)) = &options.credentials
            && !is_settled("authorization")
            && let Some(value) = basic(user.as_bytes(), password.as_bytes())
        {
            home.push("Authorization", &value);
        }
        for (name, text) in &options.headers {
            home.push_own(name, text)?;
        }
        if options.omits("host") {
            return Err(OptionsError::new(
                "header Host cannot be left out: HTTP/1.1 demands it",
            ));
        }
        Ok(Self { home, away })
    }

    /// The headers for the origin of `hop`.
    pub(super) fn of(&self, hop: &Hop) -> &HeaderLines {
        if hop.is_home { &self.home } else { &self.away }
    }
}

fn check_name(text: &str) -> Result<(), OptionsError> {
    HeaderName::from_bytes(text.as_bytes()).map_err(|_| {
        OptionsError::new(format!(
            "{text:?} is no header name; letters, digits and hyphens are (for example X-Api-Key)"
        ))
    })?;
    if let Some(reason) = reserved_header(text) {
        return Err(OptionsError::new(format!(
            "header {text} cannot be set: {reason}"
        )));
    }
    Ok(())
}

fn value(name: &str, text: &str) -> Result<HeaderValue, OptionsError> {
    HeaderValue::from_bytes(text.as_bytes()).map_err(|_| {
        OptionsError::new(format!(
            "the value of header {name} holds a line break or another control character"
        ))
    })
}

/// Whether a request may be sent twice (RFC 9110, 9.2.2), as happens when an idle connection turns out to
/// be dead.
pub(super) fn is_idempotent(method: &Method) -> bool {
    matches!(
        *method,
        Method::GET | Method::HEAD | Method::OPTIONS | Method::TRACE | Method::PUT | Method::DELETE
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(headers: &[(&str, &str)]) -> Result<RequestHeaders, OptionsError> {
        let headers = headers
            .iter()
            .map(|&(n, v)| (n.to_owned(), v.to_owned()))
            .collect();
        RequestHeaders::new(&Options {
            headers,
            ..Options::default()
        })
    }

    #[test]
    fn a_users_header_replaces_the_default_keeps_its_spelling_and_stays_at_home() {
        let headers = with(&[("accept", "text/html"), ("X-Key", "1"), ("x-kEY", "2")]).unwrap();
        let text = |lines: &[u8]| String::from_utf8(lines.to_vec()).unwrap();
        let agent = format!("User-Agent: {}\r\n", Options::default().user_agent);
        assert_eq!(
            text(&headers.home.lines),
            format!("{agent}accept: text/html\r\nX-Key: 1\r\nx-kEY: 2\r\n")
        );
        assert_eq!(text(&headers.away.lines), format!("Accept: */*\r\n{agent}"));
    }

    #[test]
    fn what_would_break_the_framing_is_refused_by_name() {
        for (name, value) in [
            ("Content-Length", "5"),
            ("Transfer-Encoding", "chunked"),
            ("KEEP-Alive", "timeout=5"),
            ("Proxy-Connection", "close"),
            ("HTTP2-Settings", ""),
            ("X Y", "1"),
            ("", "1"),
            ("X-A:", "1"),
            ("X-A", "1\r\nX-B: 2"),
            ("X-A", "1\n"),
            ("X-A", "\0"),
            ("host", "b\u{fc}cher.test"),
        ] {
            let error = with(&[(name, value)]).err().expect(name).to_string();
            assert!(error.contains(name), "{error:?} does not name {name:?}");
            assert!(!error.contains('\n'), "{error:?}");
        }
        assert!(with(&[("Host", "a"), ("host", "b")]).is_err());
    }
}
