//! The headers of a request, checked and written once per client, and again for a request with headers of its own. No line can break the framing.

use http::{HeaderValue, Method};

use super::condition::CONDITIONS;
use super::credentials::Credentials;
use super::custom_header::CustomHeader;
use super::options::Options;
use super::options_error::OptionsError;
use super::redirect::Hop;

/// All codings of [`decode`](super::decode).
const CODINGS: &str = "gzip, deflate, br, zstd";

pub(super) struct RequestHeaders {
    /// For the origin that the user gave.
    home: HeaderLines,
    /// For any other origin: of the user's headers only `User-Agent`.
    away: HeaderLines,
    /// The user set or omitted one of [`CONDITIONS`].
    pub(super) have_conditions: bool,
}

/// Header lines as sent, with names as the user wrote them.
#[derive(Clone, Default)]
pub(super) struct HeaderLines {
    /// The user's own `Host`, which replaces that of the URL.
    pub(super) host: Vec<u8>,
    pub(super) lines: Vec<u8>,
    /// The user set or omitted `Authorization`: the credentials of a URL or a netrc file are not sent.
    pub(super) has_authorization: bool,
    /// The user set or omitted `Proxy-Authorization`: the proxy's credentials are not sent.
    pub(super) has_proxy_authorization: bool,
    /// The user set or omitted `Cookie`: no other cookies are sent.
    pub(super) has_cookie: bool,
    /// The user's own `Range`.
    pub(super) range: Option<String>,
    /// `lines` has an `Accept-Encoding`, or the user omitted it.
    pub(super) has_accept_encoding: bool,
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
    /// The headers of `options`, but for those that `own`, the headers of one request, replace.
    ///
    /// # Errors
    ///
    /// `Host` is given twice.
    pub(super) fn new(options: &Options, own: &[CustomHeader]) -> Result<Self, OptionsError> {
        let is_replaced = |general: &&CustomHeader| own.iter().any(|o| o.is_named(&general.name));
        let general = options.headers.iter().filter(|header| !is_replaced(header));
        let headers: Vec<&CustomHeader> = general.chain(own).collect();
        let named = |name| headers.iter().filter(move |header| header.is_named(name));
        let is_named = |name| named(name).next().is_some();
        let omits = |name| named(name).any(|header| header.value.is_none());
        if named("host").count() > 1 {
            return Err(OptionsError::new(
                "the header Host is given twice: a request has one",
            ));
        }
        let mut away = HeaderLines {
            has_authorization: omits("authorization"),
            has_proxy_authorization: omits("proxy-authorization"),
            has_cookie: omits("cookie"),
            ..HeaderLines::default()
        };
        let mut ranges = named("range");
        let range = ranges.find_map(|header| header.value.as_ref()?.to_str().ok());
        let mut home = HeaderLines {
            has_authorization: is_named("authorization"),
            has_proxy_authorization: is_named("proxy-authorization"),
            has_cookie: is_named("cookie"),
            range: range.map(str::to_owned),
            ..HeaderLines::default()
        };
        away.has_accept_encoding = omits("accept-encoding") || options.compressed;
        home.has_accept_encoding = is_named("accept-encoding") || options.compressed;
        let codings = if options.compressed { CODINGS } else { "" };
        for (name, value) in [
            ("Accept", &HeaderValue::from_static("*/*")),
            ("User-Agent", &options.user_agent),
            ("Accept-Encoding", &HeaderValue::from_static(codings)),
        ] {
            if value.is_empty() || omits(name) {
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
        for header in &headers {
            if let Some(value) = &header.value {
                home.push(&header.name, value);
            }
        }
        Ok(Self {
            home,
            away,
            have_conditions: CONDITIONS.into_iter().any(is_named),
        })
    }

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
        RequestHeaders::new(
            &Options {
                headers: headers.iter().map(|text| text.parse().unwrap()).collect(),
                ..Options::default()
            },
            &[],
        )
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
    fn a_requests_own_header_replaces_that_of_the_client() {
        let general = ["X-Key: 1", "X-kept: k", "Host: a", "Accept: a/b"];
        let own = [
            "x-key: 2",
            "x-key: 3",
            "HOST: b",
            "accept:",
            "User-Agent: me",
        ];
        let parsed = |texts: &[&str]| texts.iter().map(|text| text.parse().unwrap()).collect();
        let options = Options {
            headers: parsed(&general),
            ..Options::default()
        };
        let own: Vec<CustomHeader> = parsed(&own);
        let home = RequestHeaders::new(&options, &own).unwrap().home;
        assert_eq!(home.host, b"HOST: b\r\n");
        let lines = "X-kept: k\r\nx-key: 2\r\nx-key: 3\r\nUser-Agent: me\r\n";
        assert_eq!(String::from_utf8(home.lines).unwrap(), lines);
    }

    #[test]
    fn a_request_has_one_host() {
        let error = with(&["Host: a", "host: b"]).err().unwrap().to_string();
        assert!(error.contains("Host is given twice"), "{error}");
    }
}
