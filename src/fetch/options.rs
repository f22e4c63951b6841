//! How requests are made: what a caller may choose, and the check that refuses what could not be
//! sent.
//!
//! Nothing here touches the network.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use http::Method;

use super::proxy::Proxies;
use super::resolve::Resolve;

/// How a [`Client`](super::Client) makes its requests. The default is what a careful user would
/// choose.
///
/// A limit of zero is the same as `None`: no limit. `Debug` shows neither credentials nor the values
/// of headers.
#[derive(Clone)]
pub struct Options {
    /// The method of the first request; it never has a body. Default GET.
    pub method: Method,
    /// Headers of the user's own, name and value. One that is named replaces the default header of
    /// that name; the same name may be given several times. They go to the origin (scheme, host,
    /// port) of the URL that was asked for and to no other, whatever redirects say.
    pub headers: Vec<(String, String)>,
    /// Default headers that are left out, whatever else asks for them, at every origin. `Host` is always sent.
    pub omitted_headers: Vec<String>,
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
    /// User and password for Basic authentication, sent to the origin that was asked for and to no
    /// other. They go before those in a URL, and an `Authorization` among the headers goes before
    /// both.
    pub credentials: Option<(String, String)>,
    /// Asks for gzip, deflate, br and zstd, and decodes what comes. Sizes are then those of the decoded
    /// body.
    pub compressed: bool,
    /// Which addresses of a host are used.
    pub family: Family,
    /// Hosts whose addresses are given here and not looked up; the last rule that matches holds.
    pub resolve: Vec<Resolve>,
    /// Refuses to connect to loopback, private, link-local, multicast and other addresses that are
    /// not on the public internet, whatever a URL, a name or a redirect says. It excludes proxies that
    /// look names up themselves (all but socks4 and socks5): what those connect to is not known here.
    pub deny_private: bool,
    /// The proxies that URLs are fetched through.
    pub proxies: Proxies,
    /// Whom to trust, and as whom to appear, in TLS.
    pub tls: Tls,
    /// How many idle connections are kept open in all. Default 1024.
    pub idle_connections: usize,
    /// How many file descriptors there are for connections and look-ups of names, at the least one.
    /// Attempts that find none left wait for those before them. Default `None`: there are enough. Who
    /// gives none where they are too few must reckon with failures of kind `dns`: the system's resolver
    /// does not always tell that it had none left.
    pub descriptors: Option<usize>,
}

impl Options {
    /// Whether the header `name` is left out.
    pub(super) fn omits(&self, name: &str) -> bool {
        let mut omitted = self.omitted_headers.iter();
        omitted.any(|omitted| omitted.eq_ignore_ascii_case(name))
    }
}

impl Default for Options {
    fn default() -> Self {
        Self {
            method: Method::GET,
            headers: Vec::new(),
            omitted_headers: Vec::new(),
            user_agent: concat!("fetchpool/", env!("CARGO_PKG_VERSION")).to_owned(),
            timeout: Some(Duration::from_secs(60)),
            connect_timeout: None,
            stall_timeout: None,
            max_redirects: 10,
            max_size: None,
            credentials: None,
            compressed: false,
            family: Family::Any,
            resolve: Vec::new(),
            deny_private: false,
            proxies: Proxies::default(),
            tls: Tls::default(),
            idle_connections: 1024,
            descriptors: None,
        }
    }
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self.headers.iter().map(|(name, _)| name.as_str()).collect();
        f.debug_struct("Options")
            .field("method", &self.method)
            .field("headers", &names)
            .field("omitted_headers", &self.omitted_headers)
            .field("user_agent", &self.user_agent)
            .field("timeout", &self.timeout)
            .field("connect_timeout", &self.connect_timeout)
            .field("stall_timeout", &self.stall_timeout)
            .field("max_redirects", &self.max_redirects)
            .field("max_size", &self.max_size)
            .field("compressed", &self.compressed)
            .field("family", &self.family)
            .field("resolve", &self.resolve)
            .field("deny_private", &self.deny_private)
            .field("proxies", &self.proxies)
            .field("tls", &self.tls)
            .field("idle_connections", &self.idle_connections)
            .field("descriptors", &self.descriptors)
            .finish_non_exhaustive()
    }
}

/// Which addresses of a host are used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Family {
    /// IPv4 and IPv6, whichever answers first.
    #[default]
    Any,
    /// IPv4 only.
    V4,
    /// IPv6 only.
    V6,
}

/// Whom to trust, and as whom to appear, in TLS. The default trusts the system's store.
#[derive(Debug, Clone, Default)]
pub struct Tls {
    /// Takes any certificate: the connection is then encrypted, but with whom is not known.
    pub insecure: bool,
    /// A PEM file of further certificates to trust. A server that shows one of them itself is
    /// accepted, for the names in it.
    pub cacert: Option<PathBuf>,
    /// A PEM file with the client's own certificate and those that lead to its issuer.
    pub cert: Option<PathBuf>,
    /// A PEM file with the key to it, unencrypted; if there is none, `cert` holds that as well.
    pub key: Option<PathBuf>,
}

/// Headers whose value is the client's own business, and why. They say where a message ends or who
/// speaks next on the connection, and a wrong one would break the framing for every request behind
/// it.
const RESERVED_HEADERS: [(&str, &str); 10] = [
    ("content-length", NO_BODY),
    ("transfer-encoding", NO_BODY),
    ("trailer", NO_BODY),
    ("expect", NO_BODY),
    ("connection", CONNECTIONS),
    ("keep-alive", CONNECTIONS),
    ("proxy-connection", CONNECTIONS),
    ("te", "it belongs to the connection, not to the request"),
    ("upgrade", ONE_VERSION),
    ("http2-settings", ONE_VERSION),
];
const NO_BODY: &str = "a request has no body";
const CONNECTIONS: &str = "connections are kept and closed as is best";
const ONE_VERSION: &str = "only HTTP/1.1 is spoken";

/// Why a header of that name, in any case of letters, cannot be among [`Options::headers`]; `None`
/// if it can.
pub(crate) fn reserved_header(name: &str) -> Option<&'static str> {
    let mut all = RESERVED_HEADERS.iter();
    let found = all.find(|(reserved, _)| name.eq_ignore_ascii_case(reserved));
    found.map(|&(_, reason)| reason)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_secret_is_not_shown() {
        let options = Options {
            headers: vec![("X-Key".to_owned(), "hunter2".to_owned())],
            credentials: Some(("user".to_owned(), "hunter2".to_owned())),
            proxies: Proxies::new(Some("http://user:hunter2@p:1"), &|_| None).unwrap(),
            ..Options::default()
        };
        let shown = format!("{options:?}");
        assert!(
            shown.contains("X-Key") && !shown.contains("hunter2"),
            "{shown}"
        );
    }
}
