//! Checks of redirects, waits, proxies and rules of `--resolve`.

use std::time::{Duration, SystemTime};

use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use url::{Position, Url};

use super::cookies::Jar;
use super::headers::RequestHeaders;
use super::proxy::Exception;
use super::redirect::{Hop, same_origin};
use super::request::request;
use super::retry_after::asked_wait;
use super::{
    Cookies, Credentials, CustomHeader, Failure, FailureKind, Netrc, Options, OptionsError,
    Proxies, Resolve,
};

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
        Hop::first(&url, &Method::GET, None).expect("it is one of the web")
    };
    let (home, away) = (hop(HOME, home), hop(AWAY, away));
    let here = if choice & 8 == 0 { &home } else { &away };
    let status = [301, 302, 303, 307, 308][usize::from(choice) % 5];
    let status = StatusCode::from_u16(status).expect("it is one");
    here.next(&home, None, status, Some(location))
}

fn assert_one_request(hop: &Hop) {
    let options = Options {
        headers: vec!["X-Own: own".parse().expect("it is one")],
        ..Options::default()
    };
    let headers = RequestHeaders::new(&options, &[]).expect("they are headers");
    let Ok(head) = request(hop, &headers, &[], None) else {
        return;
    };
    let head = String::from_utf8(head).expect("URLs and these headers are ASCII");
    let lines: Vec<&str> = head.split("\r\n").collect();
    let path = &hop.url[Position::BeforePath..Position::AfterQuery];
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

/// A netrc file: what is sent is one header, and an error names a line and repeats nothing of it.
pub(crate) fn netrc(data: &[u8]) {
    match Netrc::parse(data) {
        Ok(netrc) => {
            let url = Url::parse(HOME).expect("it is a URL");
            let value = netrc.authorization(&url, None);
            assert!(
                value.is_none_or(|value| value
                    .to_str()
                    .is_ok_and(|text| text.starts_with("Basic ")))
            );
        }
        Err(error) => assert_names_a_line(&error, data),
    }
}

/// A file of cookies, NUL, and a `Set-Cookie`: what is sent is one header, and only to where it is for.
pub(crate) fn cookies(data: &[u8]) {
    let mut parts = data.splitn(2, |byte| *byte == 0);
    let file = parts.next().unwrap_or_default();
    let set = [parts.next().unwrap_or_default().to_vec()];
    let cookies = match Cookies::parse(file) {
        Ok(cookies) => cookies,
        Err(error) => return assert_names_a_line(&error, file),
    };
    let url = |text| Url::parse(text).expect("it is a URL");
    let mut jar = Jar::default();
    jar.keep(&set, &url(HOME), Some(&cookies), 1_000_000_000);
    let sent = |cookies, to| jar.value(cookies, &url(to), 1_000_000_000);
    let value = sent(Some(&cookies), HOME);
    assert!(value.len() <= 8190 && HeaderValue::from_bytes(&value).is_ok());
    for other in [AWAY, "http://test/b", "http://ba.test/b"] {
        assert_eq!(sent(None, other), b"", "{other}");
    }
}

fn assert_names_a_line(error: &OptionsError, file: &[u8]) {
    let text = error.to_string();
    let (line, wrong) = text
        .strip_prefix("line ")
        .and_then(|rest| rest.split_once(": "))
        .expect("it names a line");
    let lines = file.split(|byte| *byte == b'\n').count();
    assert!(
        (1..=lines).contains(&line.parse().expect("it is a number")),
        "{text}"
    );
    assert!(!wrong.contains("hunter2"), "{text}");
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
