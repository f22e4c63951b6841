//! The header lines of a request, written once for each client.

use ureq::http::{HeaderValue, Method};

use super::options::Options;
use super::options_error::OptionsError;
use super::redirect::Hop;

/// What `--compressed` asks for: every coding that [`decode`](super::decode) knows.
const CODINGS: &str = "gzip, deflate, br, zstd";

/// The headers of a request, made once for a client.
pub(super) struct RequestHeaders {
    /// For the origin that the user asked for.
    home: HeaderLines,
    /// For any other origin: nothing of the user's but the User-Agent.
    away: HeaderLines,
}

/// Header lines as they are sent. Names are spelled as the user wrote them, default ones in the usual
/// capitals.
#[derive(Clone, Default)]
pub(super) struct HeaderLines {
    /// The user's own `Host`, which takes the place of the URL's.
    pub(super) host: Vec<u8>,
    /// All others.
    pub(super) lines: Vec<u8>,
    /// The user decided on `Authorization`: a URL's credentials are not sent.
    pub(super) has_authorization: bool,
    /// The user decided on `Proxy-Authorization`: the proxy's credentials are not sent to it.
    pub(super) has_proxy_authorization: bool,
    /// The user asks for a part of the page.
    pub(super) has_range: bool,
}

impl HeaderLines {
    /// Adds one line.
    fn push(&mut self, name: &str, value: &HeaderValue) {
        let is_host = name.eq_ignore_ascii_case("host");
        let lines = if is_host {
            &mut self.host
        } else {
            &mut self.lines
        };
        push_line(lines, name, value);
    }
}

/// Adds the line of one header.
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
        let is_settled = |name: &str| options.headers_named(name).next().is_some();
        let is_set = |name: &str| options.headers_named(name).any(|h| h.value.is_some());
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
        let mut home = HeaderLines {
            has_authorization: is_settled("authorization") || options.credentials.is_some(),
            has_proxy_authorization: is_settled("proxy-authorization"),
            has_range: is_set("range"),
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
            if !is_set(name) {
                home.push(name, value);
            }
        }
        if let Some(credentials) = &options.credentials
            && !is_settled("authorization")
        {
            home.push("Authorization", &credentials.0);
        }
        for header in &options.headers {
            if let Some(value) = &header.value {
                home.push(&header.name, value);
            }
        }
        Ok(Self { home, away })
    }

    /// Those that are sent to the origin of `hop`.
    pub(super) fn of(&self, hop: &Hop) -> &HeaderLines {
        if hop.is_home { &self.home } else { &self.away }
    }
}

/// Methods that may be sent twice without harm (RFC 9110, 9.2.2): what a request on a connection
/// that turned out dead may be repeated with.
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
