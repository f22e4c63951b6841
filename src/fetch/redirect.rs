//! Decides whether and where a reply redirects, and what the next request may carry.
//!
//! The user's headers and credentials are for one origin (scheme, host, port) and are sent to no other. Those of a netrc
//! file are for one host.

use http::{HeaderValue, Method, StatusCode};
use percent_encoding::{AsciiSet, percent_encode};
use url::Url;

use super::credentials::take_credentials;
use super::failure::{Failure, FailureKind};
use super::netrc::Netrc;

/// One request of an attempt.
#[derive(Debug, Clone)]
pub(super) struct Hop {
    /// Without credentials.
    pub(super) url: Url,
    pub(super) method: Method,
    /// `Authorization`, from the credentials of a URL, or of its host in a netrc file.
    pub(super) authorization: Option<HeaderValue>,
    /// It goes to the origin that the user gave.
    pub(super) is_home: bool,
}

impl Hop {
    /// The first request. The credentials of `url` move into a header.
    pub(super) fn first(
        url: &Url,
        method: &Method,
        netrc: Option<&Netrc>,
    ) -> Result<Self, Failure> {
        check_scheme(url)?;
        let mut url = url.clone();
        let own = take_credentials(&mut url, netrc);
        let authorization = own.or_else(|| netrc?.authorization(&url, None));
        Ok(Self {
            url,
            method: method.clone(),
            authorization,
            is_home: true,
        })
    }

    /// The next request, if a reply with this status and `Location` is a redirect. `home` is the attempt's first
    /// request.
    pub(super) fn next(
        &self,
        home: &Self,
        netrc: Option<&Netrc>,
        status: StatusCode,
        location: Option<&HeaderValue>,
    ) -> Result<Option<Self>, Failure> {
        let Some(location) = location.filter(|l| is_redirect(status) && !l.is_empty()) else {
            return Ok(None);
        };
        let mut url = self.target(location)?;
        check_scheme(&url)?;
        if url.fragment().is_none() {
            // The fragment is inherited (RFC 9110, 10.2.2).
            url.set_fragment(self.url.fragment());
        }
        let is_home = same_origin(&url, &home.url);
        let authorization = match take_credentials(&mut url, netrc) {
            Some(own) => Some(own),
            None if same_origin(&url, &self.url) => self.authorization.clone(),
            None if is_home => home.authorization.clone(),
            None => netrc.and_then(|netrc| netrc.authorization(&url, None)),
        };
        Ok(Some(Self {
            url,
            method: next_method(&self.method, status),
            authorization,
            is_home,
        }))
    }

    fn target(&self, location: &HeaderValue) -> Result<Url, Failure> {
        let text = without_extra_slashes(readable(location.as_bytes()));
        self.url.join(&text).map_err(|error| {
            // It may hold credentials.
            let is_shown = !text.contains('@');
            let shown = if is_shown { &*text } else { "(not shown)" };
            let text = format!("redirected to what is no URL: {shown}: {error}");
            Failure::new(FailureKind::InvalidUrl, text)
        })
    }
}

fn check_scheme(url: &Url) -> Result<(), Failure> {
    let scheme = url.scheme();
    if matches!(scheme, "http" | "https") {
        return Ok(());
    }
    let text = format!("{scheme} is not supported; http and https are");
    Err(Failure::new(FailureKind::UnsupportedScheme, text))
}

fn is_redirect(status: StatusCode) -> bool {
    matches!(status.as_u16(), 301 | 302 | 303 | 307 | 308)
}

/// As in browsers and curl: 303 turns all but HEAD into GET; 301 and 302 turn POST into GET.
fn next_method(method: &Method, status: StatusCode) -> Method {
    match (status.as_u16(), method) {
        (303, &Method::HEAD) => Method::HEAD,
        (303, _) | (301 | 302, &Method::POST) => Method::GET,
        _ => method.clone(),
    }
}

/// A `Location` as text. Bytes that are not UTF-8 are percent-encoded.
fn readable(bytes: &[u8]) -> String {
    match str::from_utf8(bytes) {
        Ok(text) => text.to_owned(),
        Err(_) => percent_encode(bytes, &AsciiSet::EMPTY).to_string(),
    }
}

/// Turns `///host/x` into `//host/x`, as the URL Standard does ("special authority ignore slashes state"). The parser
/// does so only after a scheme.
fn without_extra_slashes(text: String) -> String {
    let begun = text.trim_start_matches(|c: char| c <= ' ');
    let rest = begun.trim_start_matches(['/', '\\']);
    if begun.len() - rest.len() > 2 {
        return format!("//{rest}");
    }
    text
}

pub(super) fn same_origin(a: &Url, b: &Url) -> bool {
    a.scheme() == b.scheme()
        && a.host_str() == b.host_str()
        && a.port_or_known_default() == b.port_or_known_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hop(url: &str) -> Hop {
        Hop::first(&Url::parse(url).unwrap(), &Method::GET, None).unwrap()
    }

    fn follow(hop: &Hop, home: &Hop, location: &[u8]) -> Result<Option<Hop>, Failure> {
        hop.next(
            home,
            None,
            StatusCode::FOUND,
            Some(&HeaderValue::from_bytes(location).unwrap()),
        )
    }

    #[test]
    fn locations_as_servers_write_them() {
        let from = hop("http://a.test/x/y?q");
        for (location, to) in [
            ("/z", "http://a.test/z"),
            ("z", "http://a.test/x/z"),
            (".", "http://a.test/x/"),
            ("../../../up", "http://a.test/up"),
            ("?n=1", "http://a.test/x/y?n=1"),
            ("//b.test:8080/z", "http://b.test:8080/z"),
            ("https://b.test", "https://b.test/"),
            ("HTTP://B.TEST/%41", "http://b.test/%41"),
            ("/a b", "http://a.test/a%20b"),
            ("/ä", "http://a.test/%C3%A4"),
            ("http://bücher.test/", "http://xn--bcher-kva.test/"),
            ("\\back", "http://a.test/back"),
            ("///b.test/x", "http://b.test/x"),
            (" /\\//b.test:8080", "http://b.test:8080/"),
            ("\\\\b.test/x", "http://b.test/x"),
            ("http:///b.test/x", "http://b.test/x"),
            ("/z#frag", "http://a.test/z#frag"),
            ("http://b.test:80/", "http://b.test/"),
        ] {
            let next = follow(&from, &from, location.as_bytes()).unwrap().unwrap();
            assert_eq!(next.url.as_str(), to, "{location}");
        }
        let latin1 = follow(&from, &from, b"/caf\xe9").unwrap().unwrap();
        assert_eq!(latin1.url.as_str(), "http://a.test/caf%E9");
    }

    #[test]
    fn a_fragment_is_inherited_by_a_location_without_one() {
        for (from, location, to) in [
            ("http://a.test/x#f", "/y", "http://a.test/y#f"),
            ("http://a.test/x#f", "?q", "http://a.test/x?q#f"),
            ("http://a.test/x#f", "//b.test:1/", "http://b.test:1/#f"),
            ("http://a.test/x#%41 b", "y", "http://a.test/y#%41%20b"),
            ("http://a.test/x#", "y", "http://a.test/y#"),
            ("http://a.test/x#f", "/y#g", "http://a.test/y#g"),
            ("http://a.test/x#f", "#g", "http://a.test/x#g"),
            ("http://a.test/x#f", "/y#", "http://a.test/y#"),
            ("http://a.test/x", "/y", "http://a.test/y"),
        ] {
            let from = hop(from);
            let next = follow(&from, &from, location.as_bytes()).unwrap().unwrap();
            assert_eq!(next.url.as_str(), to, "{location}");
        }
    }

    #[test]
    fn what_is_no_redirect_is_final() {
        let from = hop("http://a.test/");
        let location = HeaderValue::from_static("/z");
        for status in [200, 201, 300, 304, 305, 306, 399, 404] {
            let status = StatusCode::from_u16(status).unwrap();
            assert!(
                from.next(&from, None, status, Some(&location))
                    .unwrap()
                    .is_none(),
                "{status}"
            );
        }
        assert!(
            from.next(&from, None, StatusCode::FOUND, None)
                .unwrap()
                .is_none()
        );
        assert!(follow(&from, &from, b"").unwrap().is_none());
    }

    #[test]
    fn only_http_and_https_are_followed() {
        let from = hop("https://a.test/");
        for location in [
            "ftp://a.test/",
            "file:///etc/passwd",
            "javascript:alert(1)",
            "data:,x",
            "gopher://a/",
        ] {
            let failure = follow(&from, &from, location.as_bytes()).unwrap_err();
            assert_eq!(failure.kind(), FailureKind::UnsupportedScheme, "{location}");
        }
        for location in [
            "http://",
            "///",
            "///user:secret@a:x/",
            "http://[::1",
            "http://a:99999/",
            "http://user:secret@a:x/",
        ] {
            let failure = follow(&from, &from, location.as_bytes()).unwrap_err();
            assert_eq!(failure.kind(), FailureKind::InvalidUrl, "{location}");
            assert!(!failure.message().contains("secret"), "{failure}");
        }
    }

    #[test]
    fn methods_change_as_browsers_change_them() {
        let from = hop("http://a.test/");
        for (method, status, next) in [
            ("GET", 301, "GET"),
            ("HEAD", 302, "HEAD"),
            ("HEAD", 303, "HEAD"),
            ("POST", 301, "GET"),
            ("POST", 302, "GET"),
            ("POST", 303, "GET"),
            ("POST", 307, "POST"),
            ("POST", 308, "POST"),
            ("DELETE", 301, "DELETE"),
            ("DELETE", 303, "GET"),
            ("PUT", 308, "PUT"),
        ] {
            let from = Hop {
                method: Method::from_bytes(method.as_bytes()).unwrap(),
                ..from.clone()
            };
            let status = StatusCode::from_u16(status).unwrap();
            let got = from
                .next(&from, None, status, Some(&HeaderValue::from_static("/")))
                .unwrap()
                .unwrap();
            assert_eq!(got.method.as_str(), next, "{method} {status}");
        }
    }

    #[test]
    fn credentials_stay_with_their_origin() {
        let home = hop("http://us%65r:p%40ss:w@a.test/");
        assert_eq!(home.url.as_str(), "http://a.test/");
        assert_eq!(
            home.authorization.as_ref().unwrap(),
            "Basic dXNlcjpwQHNzOnc="
        );
        for (location, is_home, authorization) in [
            ("/z", true, home.authorization.clone()),
            ("http://a.test:80/z", true, home.authorization.clone()),
            ("https://a.test/", false, None),
            ("http://a.test:81/", false, None),
            ("http://b.test/", false, None),
            (
                "http://x@b.test/",
                false,
                Some(HeaderValue::from_static("Basic eDo=")),
            ),
        ] {
            let next = follow(&home, &home, location.as_bytes()).unwrap().unwrap();
            assert_eq!(
                (next.is_home, next.authorization),
                (is_home, authorization),
                "{location}"
            );
            assert!(next.url.username().is_empty(), "{location}");
        }
        let away = follow(&home, &home, b"http://b.test/").unwrap().unwrap();
        let back = follow(&away, &home, b"http://a.test/").unwrap().unwrap();
        assert_eq!(
            (back.is_home, back.authorization),
            (true, home.authorization)
        );
    }

    #[test]
    fn a_netrc_file_is_for_its_hosts_whatever_the_scheme() {
        let netrc =
            Netrc::parse(b"machine b.test login u password p machine c.test login v").unwrap();
        let url = Url::parse("http://me:own@a.test/").unwrap();
        let home = Hop::first(&url, &Method::GET, Some(&netrc)).unwrap();
        for (location, expected) in [
            ("https://b.test/", Some("Basic dTpw")),
            ("http://b.test:8080/", Some("Basic dTpw")),
            ("http://x@b.test/", Some("Basic eDo=")),
            ("http://v@c.test/", Some("Basic djo=")),
            ("https://a.test/", None),
            ("/x", Some("Basic bWU6b3du")),
        ] {
            let location = HeaderValue::from_static(location);
            let next = home.next(&home, Some(&netrc), StatusCode::FOUND, Some(&location));
            let value = next.unwrap().unwrap().authorization;
            assert_eq!(
                value.as_ref().map(|value| value.to_str().unwrap()),
                expected,
                "{location:?}"
            );
        }
    }
}
