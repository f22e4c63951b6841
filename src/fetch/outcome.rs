//! The outcome of an attempt, as plain data.

use std::net::IpAddr;
use std::time::{Duration, SystemTime};

use http::Method;
use url::Url;

use super::Failure;
use super::credentials::without_credentials;

/// A page that was fetched: a final status that is accepted, and a whole body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Page {
    /// Size of the body in bytes, decoded, as the sink got it; 0 for HEAD. [`Options::check`](super::Options::check)
    /// reads no more than 64 KiB, and does not decode them.
    pub bytes: u64,
    /// Size of the page: `bytes`, or for HEAD and [`Options::check`](super::Options::check) the length that the server
    /// told, if the body is not coded.
    pub size: Option<u64>,
}

/// The connection that an attempt used last.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ConnectionInfo {
    /// The address that it leads to: that of the proxy, if there is one. `None` if there was no connection.
    pub remote_ip: Option<IpAddr>,
    /// Whether it carried an earlier request.
    pub is_reused: bool,
    /// How long the look-up of its name took; `None` if there was none for it.
    pub dns: Option<Duration>,
    /// How long connecting took; `None` if the connection is reused or was not made.
    pub connect: Option<Duration>,
    /// How long the TLS handshake took; `None` without one.
    pub tls: Option<Duration>,
}

/// A redirect that was followed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Redirect {
    /// The URL that was requested, without credentials.
    pub url: Url,
    /// The status of the reply.
    pub status: u16,
}

/// The outcome of one attempt at one URL.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// The page, or the failure.
    pub result: Result<Page, Failure>,
    /// The server said that the page is still that of an earlier reply, as asked. The page then has no body.
    pub is_unchanged: bool,
    /// The last status that a server sent, also if the attempt failed after it.
    pub status: Option<u16>,
    /// The `Content-Type` that came with `status`.
    pub content_type: Option<String>,
    /// The wait that the server asked for with `status`, at most five minutes: by `Retry-After` or, with a 429 or 503,
    /// by `RateLimit` or `X-RateLimit-Reset`.
    pub retry_after: Option<Duration>,
    /// The URL of the last request, or else the given one; without credentials.
    pub final_url: Url,
    /// When the attempt began, by the wall clock.
    pub started_at: SystemTime,
    /// The duration of the attempt.
    pub elapsed: Duration,
    /// From the beginning of the attempt to the first byte of the final reply.
    pub ttfb: Option<Duration>,
    /// Bytes read from the network, with heads, redirects and TLS records.
    pub wire_bytes: u64,
    /// The connection that was used last.
    pub connection: ConnectionInfo,
    /// The method of the last request.
    pub method: Method,
    /// The `ETag` that came with `status`, of at most 8 KiB. Bytes beyond ASCII are U+0080 to U+00FF.
    pub etag: Option<String>,
    /// The `Last-Modified` that came with `status`, in the same form.
    pub last_modified: Option<String>,
    /// Where the body was continued, in bytes; `None` if it was read from its beginning.
    pub resumed_from: Option<u64>,
    /// The SHA-256 of the decoded body, if it was asked for and the body is whole.
    pub sha256: Option<[u8; 32]>,
    /// The redirects that were followed, in order.
    pub hops: Vec<Redirect>,
    /// The headers that [`Options::record_headers`](super::Options::record_headers) asks for, with lower-case names in
    /// the order of the reply, each with its values. `None` if none was asked for, or no server replied.
    pub headers: Option<Vec<(String, Vec<String>)>>,
}

impl Outcome {
    /// The outcome of an attempt at `url` that has just begun.
    pub(crate) fn begun(url: &Url, method: &Method, started_at: SystemTime) -> Self {
        Self {
            result: Ok(Page {
                bytes: 0,
                size: None,
            }),
            is_unchanged: false,
            status: None,
            content_type: None,
            retry_after: None,
            final_url: without_credentials(url),
            started_at,
            elapsed: Duration::ZERO,
            ttfb: None,
            wire_bytes: 0,
            connection: ConnectionInfo::default(),
            method: method.clone(),
            etag: None,
            last_modified: None,
            resumed_from: None,
            sha256: None,
            hops: Vec::new(),
            headers: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fetch::{Client, FailureKind, Options};

    #[test]
    fn the_url_of_what_was_never_requested_has_no_credentials_either() {
        let client = Client::new(Options::default()).unwrap();
        for (text, shown) in [
            ("ftp://ann:hunter2@a.test/x?y#z", "ftp://a.test/x?y#z"),
            ("ftp://ann@a.test/", "ftp://a.test/"),
            ("gopher://:hunter2@a.test:70/x", "gopher://a.test:70/x"),
            ("mailto:ann@a.test", "mailto:ann@a.test"),
        ] {
            let url = Url::parse(text).unwrap();
            for outcome in [
                client.load_url(&url, &mut std::io::sink()),
                client.load_size(&url, &mut |_| {}),
            ] {
                let kind = outcome.result.as_ref().unwrap_err().kind();
                assert_eq!(kind, FailureKind::UnsupportedScheme, "{text}");
                assert_eq!(outcome.final_url.as_str(), shown);
                assert!(!format!("{outcome:?}").contains("hunter2"), "{outcome:?}");
            }
        }
    }
}
