//! The outcome of an attempt, as plain data.

use std::net::IpAddr;
use std::time::{Duration, SystemTime};

use url::Url;

use super::Failure;

/// A page that was fetched: a final 2xx status and a whole body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Page {
    /// Size of the body in bytes, decoded, as the sink got it; 0 for HEAD.
    pub bytes: u64,
    /// Size of the page: `bytes`, or for HEAD the length that the server gave, if the body is not coded.
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

/// The outcome of one attempt at one URL.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// The page, or the failure.
    pub result: Result<Page, Failure>,
    /// The last status that a server sent, also if the attempt failed after it.
    pub status: Option<u16>,
    /// The `Content-Type` that came with `status`.
    pub content_type: Option<String>,
    /// The wait that the server asked for with `status`, at most five minutes: by `Retry-After` or, with a 429 or 503,
    /// by `RateLimit` or `X-RateLimit-Reset`.
    pub retry_after: Option<Duration>,
    /// The URL of the last request, or else the given one; without credentials.
    pub final_url: Url,
    /// How many redirects were followed.
    pub redirects: u32,
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
