//! What a caller may choose about requests and connections.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use http::{HeaderName, HeaderValue, Method};

use super::cookies::Cookies;
use super::credentials::Credentials;
use super::custom_header::CustomHeader;
use super::netrc::Netrc;
use super::proxy::Proxies;
use super::resolve::Resolve;
use super::status_set::StatusSet;

/// How a [`Client`](super::Client) makes its requests.
///
/// A limit of zero is the same as `None`: no limit. `Debug` shows no credentials, no cookies, and no value of a
/// [`CustomHeader`].
#[derive(Debug, Clone)]
pub struct Options {
    /// The method of the first request, which has no body. Default GET.
    pub method: Method,
    /// Headers that replace the default ones of the same name, or leave them out. They are sent to the origin (scheme,
    /// host, port) of the requested URL, and not to another after a redirect.
    pub headers: Vec<CustomHeader>,
    /// The `User-Agent`. Default `fetchpool/VERSION`; empty for none.
    pub user_agent: HeaderValue,
    /// Limit of a whole attempt: DNS, connect, TLS, redirects and body. Default 60 s.
    pub timeout: Option<Duration>,
    /// Limit of DNS, connect and TLS of each new connection, within `timeout`.
    pub connect_timeout: Option<Duration>,
    /// The longest time without a byte, in either direction.
    pub stall_timeout: Option<Duration>,
    /// How many redirects are followed; with 0 a redirect is the final answer. Default 10.
    pub max_redirects: u32,
    /// The final statuses that make a page. Default 2xx.
    pub accept: StatusSet,
    /// Asks only whether the page is there, by HEAD in place of `method`. If the final status is a 4xx or 5xx that is not
    /// accepted, the connection is lost or the reply is no HTTP, the same attempt asks again by GET, and reads at most
    /// 64 KiB of the body. For both, [`Page::size`](super::Page::size) is the length that the server told.
    pub check: bool,
    /// Computes the SHA-256 of each decoded body.
    pub sha256: bool,
    /// Which headers of the last reply are in the outcome. Default none.
    pub record_headers: RecordHeaders,
    /// The largest accepted body, in bytes after decoding.
    pub max_size: Option<u64>,
    /// Basic authentication at the origin of the requested URL. It overrides credentials in the URL; an `Authorization`
    /// among the headers overrides both.
    pub credentials: Option<Credentials>,
    /// Users and passwords by host, for each request that has no `Authorization` by the rules above, also after a
    /// redirect to another host, and over http as over https.
    pub netrc: Option<Netrc>,
    /// Cookies of a file, for the hosts that they name. Those that servers set with redirects are always sent back within
    /// the attempt. A `Cookie` among the headers replaces both where it is sent.
    pub cookies: Option<Cookies>,
    /// Asks for gzip, deflate, br and zstd, and decodes the body.
    pub compressed: bool,
    /// Which addresses of a host are used.
    pub family: Family,
    /// Addresses of hosts that are not looked up. The last matching rule wins.
    pub resolve: Vec<Resolve>,
    /// The name servers to ask. Default empty: as the system does.
    pub dns_servers: Vec<SocketAddr>,
    /// Refuses to connect to addresses that are not on the public internet, also after a redirect. Cannot be
    /// combined with a proxy that looks names up itself (all but socks4 and socks5).
    pub deny_private: bool,
    /// Which URLs are fetched through which proxy.
    pub proxies: Proxies,
    /// Which certificates are trusted and shown.
    pub tls: Tls,
    /// How many idle connections are kept open in all. Default 1024.
    pub idle_connections: usize,
    /// How many file descriptors connections and look-ups may use, at least one; an attempt waits for a free one. Default
    /// `None`, no limit.
    pub descriptors: Option<usize>,
    /// The most bytes of bodies a second, of all attempts together, as they come over the network. Default `None`, no
    /// limit.
    pub limit_rate: Option<u64>,
    /// How many attempts are made at once: they share the quarter of a second's worth of [`limit_rate`](Self::limit_rate)
    /// that may come at once. Default 1.
    pub workers: usize,
}

impl Options {
    /// Whether the default header `name` is left out.
    pub(super) fn omits(&self, name: &str) -> bool {
        let mut headers = self.headers.iter();
        headers.any(|header| header.is_named(name) && header.value.is_none())
    }
}

impl Default for Options {
    fn default() -> Self {
        Self {
            method: Method::GET,
            headers: Vec::new(),
            user_agent: HeaderValue::from_static(concat!("fetchpool/", env!("CARGO_PKG_VERSION"))),
            timeout: Some(Duration::from_secs(60)),
            connect_timeout: None,
            stall_timeout: None,
            max_redirects: 10,
            accept: StatusSet::default(),
            check: false,
            sha256: false,
            record_headers: RecordHeaders::default(),
            max_size: None,
            credentials: None,
            netrc: None,
            cookies: None,
            compressed: false,
            family: Family::Any,
            resolve: Vec::new(),
            dns_servers: Vec::new(),
            deny_private: false,
            proxies: Proxies::default(),
            tls: Tls::default(),
            idle_connections: 1024,
            descriptors: None,
            limit_rate: None,
            workers: 1,
        }
    }
}

/// Which headers of the last reply an outcome has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RecordHeaders {
    /// Those with one of these names.
    Named(Vec<HeaderName>),
    /// All of them.
    All,
}

impl RecordHeaders {
    pub(super) fn is_none(&self) -> bool {
        matches!(self, Self::Named(names) if names.is_empty())
    }
}

impl Default for RecordHeaders {
    fn default() -> Self {
        Self::Named(Vec::new())
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

/// Which certificates are trusted and shown. The default trusts the system's root store.
#[derive(Debug, Clone, Default)]
pub struct Tls {
    /// Accepts any certificate: the connection is encrypted, but the server may be an impostor.
    pub insecure: bool,
    /// A PEM file of further certificates to trust. A server may show one of them itself, for the names in it.
    pub cacert: Option<PathBuf>,
    /// A PEM file with the client's own certificate and those that lead to its issuer.
    pub cert: Option<PathBuf>,
    /// A PEM file with its key, unencrypted. `None` looks for the key in `cert`.
    pub key: Option<PathBuf>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_secret_is_not_shown() {
        let options = Options {
            headers: vec!["X-Key: hunter2".parse().unwrap()],
            credentials: Some("user:hunter2".parse().unwrap()),
            netrc: Some(Netrc::parse(b"machine a login hunter2").unwrap()),
            cookies: Some(Cookies::parse(b"a\tFALSE\t/\tFALSE\t0\thunter2\thunter2").unwrap()),
            proxies: Proxies::new(Some("http://user:hunter2@p:1"), &|_| None).unwrap(),
            ..Options::default()
        };
        let shown = format!("{options:?}");
        let encoded = "aHVudGVyMg";
        assert!(
            shown.contains("X-Key") && !shown.contains("hunter2") && !shown.contains(encoded),
            "{shown}"
        );
    }
}
