//! Checks of redirects, waits, proxies and rules of `--resolve`.

use std::time::{Duration, SystemTime};

use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use url::Url;

use super::headers::RequestHeaders;
use super::proxy::Exception;
use super::redirect::{Hop, same_origin};
use super::request::request;
use super::retry_after::asked_wait;
use super::{Credentials, CustomHeader, Failure, FailureKind, Options, Proxies, Resolve};

pub(crate) use super::net::fuzzing::{chunked, head};

/// Headers that ask for a wait: it is at most five minutes.
pub(crate) fn retry_after(data: &[u8]) {
    let Ok(value) = HeaderValue::from_bytes(data) else {
        return;
    };
    let now = || SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000);
    for name in [
        "retry-after",
        "ratelimit",
        "ratelimit-reset",
        "x-ratelimit-reset",
    ] {
        let headers = HeaderMap::from_iter([(HeaderName::from_static(name), value.clone())]);
        let wait = asked_wait(StatusCode::TOO_MANY_REQUESTS, &headers, now);
        assert!(wait.is_none_or(|wait| wait <= Duration::from_secs(300)));
    }
}

/// A `Location`: it leads to http or https, keeps credentials to their origin, and makes one request.
pub(crate) fn location(data: &[u8]) {
    let Some((&choice, rest)) = data.split_first() else {
        return;
    };
    let Ok(location) = HeaderValue::from_bytes(rest) else {
        return;
    };
    let follow = |home, away| follow(choice, &location, home, away);
    let next = match follow("hunter2", "wombat3") {
        Ok(Some(next)) => next,
        Ok(None) => return assert!(rest.is_empty()),
        Err(failure) => {
            let kinds = [FailureKind::InvalidUrl, FailureKind::UnsupportedScheme];
            return assert!(kinds.contains(&failure.kind()), "{failure}");
        }
    };
    assert!(matches!(next.url.scheme(), "http" | "https"));
    assert!(next.url.username().is_empty() && next.url.password().is_none());
    let is_for = |url| same_origin(&next.url, &Url::parse(url).expect("it is a URL"));
    assert_eq!(next.is_home, is_for(HOME));
    // Another origin's password must not change the header. The location itself may contain any password.
    for (origin, home, away) in [(HOME, "another", "wombat3"), (AWAY, "hunter2", "another")] {
        if !is_for(origin) {
            let other = follow(home, away).expect("it led somewhere before");
            let other = other.expect("it was a redirect before");
            assert_eq!(other.authorization, next.authorization, "{}", next.url);
        }
    }
    assert_one_request(&next);
}

/// The origin that the user asked for, and one that was redirected to.
const HOME: &str = "http://a.test/b/c?d";
const AWAY: &str = "https://b.test:8443/e/f";

/// The next request from `HOME` or `AWAY`, by `choice`, with these passwords.
fn follow(
    choice: u8,
    location: &HeaderValue,
    home: &str,
    away: &str,
) -> Result<Option<Hop>, Failure> {
    let hop = |url: &str, password: &str| {
        let url = url.replace("//", &format!("//ann:{password}@"));
        let url = Url::parse(&url).expect("it is a URL");
        Hop::first(&url, &Method::GET).expect("it is one of the web")
    };
    let (home, away) = (hop(HOME, home), hop(AWAY, away));
    let here = if choice & 8 == 0 { &home } else { &away };
    let status = [301, 302, 303, 307, 308][usize::from(choice) % 5];
    let status = StatusCode::from_u16(status).expect("it is one");
    here.next(&home, status, Some(location))
}

fn assert_one_request(hop: &Hop) {
    let options = Options {
        headers: vec!["X-Own: own".parse().expect("it is one")],
        ..Options::default()
    };
    let headers = RequestHeaders::new(&options, &[]).expect("they are headers");
    let Ok((request, head)) = request(hop, &headers, &[], None) else {
        return;
    };
    let head = String::from_utf8(head).expect("URLs and these headers are ASCII");
    let lines: Vec<&str> = head.split("\r\n").collect();
    let path = request.uri().path_and_query().expect("it has a path");
    assert_eq!(lines[0], format!("{} {path} HTTP/1.1", hop.method));
    assert!(!head.replace("\r\n", "").contains(|c: char| c.is_control()));
    assert_eq!(lines.contains(&"X-Own: own"), hop.is_home);
    let end = head.find("\r\n\r\n").expect("it ends");
    assert_eq!(end + 4, head.len(), "it is one request");
}

/// A proxy, NUL, its exceptions: no message repeats the text, which may be a password.
pub(crate) fn proxy(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let (given, except) = text.split_once('\0').unwrap_or((&text, ""));
    let environment = |name: &str| match name {
        "all_proxy" => Some(given.to_owned()),
        "no_proxy" => Some(except.to_owned()),
        _ => None,
    };
    for exception in Exception::parse_list(except) {
        for host in ["a.test", "127.0.0.1", "[::1]", except] {
            exception.matches(host, 80);
        }
    }
    match Proxies::new(None, &environment) {
        // The host may have the same text as the password.
        Ok(proxies) => {
            let proxy = proxies.of(&Url::parse(HOME).expect("it is a URL"));
            assert!(!format!("{proxy:?}").contains('@'), "{proxy:?}");
        }
        Err(error) => assert!(!error.to_string().contains("hunter2"), "{error}"),
    }
}

/// A rule of `--resolve`: it has addresses, and holds for the host and port that it names.
pub(crate) fn rule(data: &[u8]) {
    if let Ok(rule) = String::from_utf8_lossy(data).parse::<Resolve>() {
        assert!(!rule.addresses.is_empty());
        assert!(rule.matches(&rule.host, rule.port));
    }
}

/// A header and a user: a header is one field, and no message has a line break in it.
pub(crate) fn header(data: &[u8]) {
    let text = &*String::from_utf8_lossy(data);
    let _ = text.parse::<Credentials>();
    match text.parse::<CustomHeader>() {
        Ok(CustomHeader { name, value }) => {
            assert!(!name.contains(|c: char| c.is_control() || c == ' ' || c == ':'));
            let value = value
                .as_ref()
                .map(HeaderValue::as_bytes)
                .unwrap_or_default();
            let value = str::from_utf8(value).expect("it was text");
            assert!(!value.contains(|c: char| c.is_control() && c != '\t'));
            let line = format!("{name}: {value}");
            assert!(line.parse::<CustomHeader>().is_ok() || line.eq_ignore_ascii_case("host: "));
        }
        Err(why) => assert!(!why.to_string().contains(['\r', '\n']), "{why}"),
    }
}
