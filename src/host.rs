//! The host of a URL, for shards, limits and counts, without the final dot of a name (RFC 1034, 3.1).

use std::sync::Arc;

use url::Url;

/// A name in lower case and ASCII, or an address; IPv6 in brackets.
pub(crate) fn name(url: &Url) -> &str {
    let host = url.host_str().unwrap_or_default();
    host.strip_suffix('.').unwrap_or(host)
}

/// Name and port, whatever the scheme.
pub(crate) fn with_port(url: &Url) -> Arc<str> {
    let port = url.port_or_known_default().unwrap_or_default();
    [name(url), ":", &port.to_string()].concat().into()
}

/// The host of the URL before, so that lines of one host share one text.
#[derive(Default)]
pub(crate) struct LastHost {
    name: Box<str>,
    port: Option<u16>,
    key: Arc<str>,
}

impl LastHost {
    /// What [`with_port`] returns.
    pub(crate) fn key_of(&mut self, url: &Url) -> Arc<str> {
        let port = url.port_or_known_default();
        if name(url) != &*self.name || port != self.port {
            self.key = with_port(url);
            (self.name, self.port) = (name(url).into(), port);
        }
        Arc::clone(&self.key)
    }
}

/// Name and port for people, without the scheme's default port.
pub(crate) fn shown(url: &Url) -> Box<str> {
    match url.port() {
        None => name(url).into(),
        Some(port) => format!("{}:{port}", name(url)).into(),
    }
}

/// Cheap, and no more: anyone can name hosts with the same one.
pub(crate) fn plain_hash(text: &str) -> usize {
    let add = |hash: usize, byte: u8| hash.wrapping_mul(31).wrapping_add(byte.into());
    text.bytes().fold(0, add)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_one_however_it_is_written() {
        let host = |url| with_port(&Url::parse(url).expect("it is one"));
        assert_eq!(
            host("http://example.com/"),
            host("HTTP://Example.com.:80/x")
        );
        assert_ne!(host("http://example.com/"), host("https://example.com/"));
        assert_ne!(host("http://example.com/"), host("http://example.com../"));
    }

    #[test]
    fn only_an_unusual_port_is_shown() {
        for (url, expected) in [
            ("https://Example.COM/x", "example.com"),
            ("http://user:secret@h:8080/", "h:8080"),
            ("http://h:80/", "h"),
            ("https://h:80/", "h:80"),
            ("http://[::1]:99/", "[::1]:99"),
            ("https://b\u{fc}cher.example/", "xn--bcher-kva.example"),
        ] {
            let url = Url::parse(url).expect("it is one");
            assert_eq!(&*shown(&url), expected, "{url}");
        }
    }
}
