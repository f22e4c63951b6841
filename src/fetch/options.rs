//! How requests are made: what a caller may choose, and the check that refuses what could not be sent.
//!
//! Nothing here touches the network. After [`Options::headers`] have been accepted they can break neither the
//! framing of a request nor another header.

use std::fmt;
use std::time::Duration;

use ureq::http::{HeaderMap, HeaderName, HeaderValue, Method, header};

/// How a [`Client`](super::Client) makes its requests. The default is what a careful user would choose.
///
/// A limit of zero is the same as `None`: no limit.
#[derive(Debug, Clone)]
pub struct Options {
    /// The method of the first request; it never has a body. Default GET.
    pub method: Method,
    /// Headers of the user's own, name and value. One that is named replaces the default header of that name;
    /// the same name may be given several times. They go to the origin (scheme, host, port) of the URL that
    /// was asked for and to no other, whatever redirects say.
    pub headers: Vec<(String, String)>,
    /// The `User-Agent`. Default `fetchpool/VERSION`; empty for none.
    pub user_agent: String,
    /// Limit of one whole attempt: DNS, connect, TLS, redirects and body. Default 60 s.
    pub timeout: Option<Duration>,
    /// Limit of DNS + connect + TLS of each new connection, within `timeout`.
    pub connect_timeout: Option<Duration>,
    /// The longest silence while waiting for bytes, in either direction.
    pub stall_timeout: Option<Duration>,
    /// How many redirects are followed; with 0 a redirect is the final answer. Default 10.
    pub max_redirects: u32,
    /// The largest body, in bytes after decoding, that is taken.
    pub max_size: Option<u64>,
    /// How many idle connections are kept open in all. Default 1024.
    pub idle_connections: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            method: Method::GET,
            headers: Vec::new(),
            user_agent: concat!("fetchpool/", env!("CARGO_PKG_VERSION")).to_owned(),
            timeout: Some(Duration::from_secs(60)),
            connect_timeout: None,
            stall_timeout: None,
            max_redirects: 10,
            max_size: None,
            idle_connections: 1024,
        }
    }
}

/// An option that no client can be built with; the message names it and says what would be right.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OptionsError(String);

impl OptionsError {
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self(message.into())
    }
}

impl fmt::Display for OptionsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for OptionsError {}

/// Headers whose value is the client's own business: they say where a message ends or who speaks next on the
/// connection, and a wrong one would break the framing for every request behind it.
const FRAMING: [HeaderName; 7] = [
    header::CONNECTION,
    header::CONTENT_LENGTH,
    header::EXPECT,
    header::TE,
    header::TRAILER,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
];

/// The headers of a request, made once for a client.
#[derive(Debug)]
pub(crate) struct RequestHeaders {
    /// For the origin that the user asked for.
    pub(crate) home: HeaderMap,
    /// For any other origin: nothing of the user's but the User-Agent.
    pub(crate) away: HeaderMap,
    /// Bytes that the larger of the two takes in a request.
    pub(crate) size: usize,
}

impl RequestHeaders {
    pub(crate) fn new(options: &Options) -> Result<Self, OptionsError> {
        let mut away = HeaderMap::new();
        away.insert(header::ACCEPT, HeaderValue::from_static("*/*"));
        if !options.user_agent.is_empty() {
            away.insert(
                header::USER_AGENT,
                value("User-Agent", &options.user_agent)?,
            );
        }
        let mut home = away.clone();
        for (name, _) in &options.headers {
            home.remove(name.as_str());
        }
        for (name, text) in &options.headers {
            home.append(self::name(name)?, value(name, text)?);
        }
        if home.get_all(header::HOST).iter().count() > 1 {
            return Err(OptionsError::new(
                "header Host was given more than once; a request has one",
            ));
        }
        let size = home
            .iter()
            .map(|(n, v)| n.as_str().len() + v.len() + 4)
            .sum();
        Ok(Self { home, away, size })
    }
}

fn name(text: &str) -> Result<HeaderName, OptionsError> {
    let name = HeaderName::from_bytes(text.as_bytes()).map_err(|_| {
        OptionsError::new(format!(
            "{text:?} is no header name; letters, digits and hyphens are (for example X-Api-Key)"
        ))
    })?;
    if FRAMING.contains(&name) {
        return Err(OptionsError::new(format!(
            "header {text} is set by the client itself, as it says where messages end; leave it out"
        )));
    }
    Ok(name)
}

fn value(name: &str, text: &str) -> Result<HeaderValue, OptionsError> {
    HeaderValue::from_bytes(text.as_bytes()).map_err(|_| {
        OptionsError::new(format!(
            "the value of header {name} holds a line break or another control character"
        ))
    })
}

/// Methods that may be sent twice without harm (RFC 9110, 9.2.2): what a request on a connection that turned
/// out dead may be repeated with.
pub(crate) fn is_idempotent(method: &Method) -> bool {
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
    fn a_users_header_replaces_the_default_and_stays_at_home() {
        let headers = with(&[("accept", "text/html"), ("X-Key", "1"), ("X-Key", "2")]).unwrap();
        assert_eq!(
            headers.home.get_all("accept").iter().collect::<Vec<_>>(),
            ["text/html"]
        );
        assert_eq!(
            headers.home.get_all("x-key").iter().collect::<Vec<_>>(),
            ["1", "2"]
        );
        assert_eq!(headers.away["accept"], "*/*");
        assert!(!headers.away.contains_key("x-key"));
    }

    #[test]
    fn what_would_break_the_framing_is_refused_by_name() {
        for (name, value) in [
            ("Content-Length", "5"),
            ("Transfer-Encoding", "chunked"),
            ("X Y", "1"),
            ("", "1"),
            ("X-A:", "1"),
            ("X-A", "1\r\nX-B: 2"),
            ("X-A", "1\n"),
            ("X-A", "\0"),
        ] {
            let error = with(&[(name, value)]).expect_err(name).to_string();
            assert!(error.contains(name), "{error:?} does not name {name:?}");
            assert!(!error.contains('\n'), "{error:?}");
        }
        assert!(with(&[("Host", "a"), ("host", "b")]).is_err());
    }
}
