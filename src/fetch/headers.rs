//! The headers of a request, checked and written once for each client. No line can break the framing of a request.

use http::{HeaderValue, Method};

use super::credentials::Credentials;
use super::options::Options;
use super::options_error::OptionsError;
use super::redirect::Hop;

/// All codings of [`decode`](super::decode).
const CODINGS: &str = "gzip, deflate, br, zstd";

pub(super) struct RequestHeaders {
    /// For the origin that the user gave.
    home: HeaderLines,
    /// For any other origin: no header of the user's but the `User-Agent`.
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
        if name.eq_ignore_ascii_case("host") {
            push_line(&mut self.host, name, value);
        } else {
            push_line(&mut self.lines, name, value);
        }
    }
}

pub(super) fn push_line(lines: &mut Vec<u8>, name: &str, value: &HeaderValue) {
    for part in [name.as_bytes(), b": ", value.as_bytes(), b"\r\n"] {
        lines.extend_from_slice(part);
    }
}

impl RequestHeaders {
    /// # Errors
    ///
    /// `Host` is given twice.
    pub(super) fn new(options: &Options) -> Result<Self, OptionsError> {
        let is_named = |name: &str| options.headers_named(name).next().is_some();
        if options.headers_named("host").count() > 1 {
            return Err(OptionsError::new(
                "the header Host is given twice: a request has one",
            ));
        }
        let mut away = HeaderLines {
            has_authorization: options.omits("authorization"),
            has_proxy_authorization: options.omits("proxy-authorization"),
            ..HeaderLines::default()
        };
        let mut ranges = options.headers_named("range");
        let range = ranges.find_map(|header| header.value.as_ref()?.to_str().ok());
        let mut home = HeaderLines {
            has_authorization: is_named("authorization"),
            has_proxy_authorization: is_named("proxy-authorization"),
            range: range.map(str::to_owned),
            ..HeaderLines::default()
        };
        let codings = if options.compressed { CODINGS } else { "" };
        for (name, value) in [
            ("Accept", &HeaderValue::from_static("*/*")),
            ("User-Agent", &options.user_agent),
            ("Accept-Encoding", &HeaderValue::from_static(codings)),
        ] {
            if value.is_empty() || options.omits(name) {
                continue;
            }
            away.push(name, value);
            if !is_named(name) {
                home.push(name, value);
            }
        }
        if let Some(Credentials(value)) = &options.credentials
            && !home.has_authorization
        {
            home.push("Authorization", value);
            home.has_authorization = true;
        }
        for header in &options.headers {
            if let Some(value) = &header.value {
                home.push(&header.name, value);
            }
        }
        Ok(Self { home, away })
    }

    /// The headers for the origin of `hop`.
    pub(super) fn of(&self, hop: &Hop) -> &HeaderLines {
        if hop.is_home { &self.home } else { &self.away }
    }
}

/// Whether a request may be sent twice without harm (RFC 9110, 9.2.2).
pub(super) fn is_idempotent(method: &Method) -> bool {
    matches!(
        *method,
        Method::GET | Method::HEAD | Method::OPTIONS | Method::TRACE | Method::PUT | Method::DELETE
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(headers: &[&str]) -> Result<RequestHeaders, OptionsError> {
        RequestHeaders::new(&Options {
            headers: headers.iter().map(|text| text.parse().unwrap()).collect(),
            ..Options::default()
        })
    }

    #[test]
    fn a_users_header_replaces_the_default_keeps_its_spelling_and_stays_at_home() {
        let headers = with(&["accept: text/html", "X-Key: 1", "x-kEY: 2"]).unwrap();
        let text = |lines: &[u8]| String::from_utf8(lines.to_vec()).unwrap();
        let agent = concat!("User-Agent: fetchpool/", env!("CARGO_PKG_VERSION"), "\r\n");
        assert_eq!(
            text(&headers.home.lines),
            format!("{agent}accept: text/html\r\nX-Key: 1\r\nx-kEY: 2\r\n")
        );
        assert_eq!(text(&headers.away.lines), format!("Accept: */*\r\n{agent}"));
    }

    #[test]
    fn a_request_has_one_host() {
        let error = with(&["Host: a", "host: b"]).err().unwrap().to_string();
        assert!(error.contains("Host is given twice"), "{error}");
    }
}
