//! Reads `Set-Cookie` as RFC 6265, 5.2 and 5.3, says.

use url::Url;

use super::{Cookie, date, domain, is_within, stands_alone};

/// The longest attribute that counts.
const LONGEST_ATTRIBUTE: usize = 1024;

/// The cookie that a reply from `url` sets at `now`; `None` if it may not set it. A cookie that has expired deletes another.
pub(super) fn parse(value: &[u8], url: &Url, now: u64) -> Option<Cookie> {
    let mut parts = value.split(|byte| *byte == b';');
    let (name, value) = split(parts.next()?);
    let mut cookie = Cookie {
        name: name.to_vec(),
        value: value?.to_vec(),
        domain: url.host_str()?.to_owned(),
        is_host_only: true,
        path: default_path(url).to_vec(),
        is_secure: false,
        expires: None,
        line: usize::MAX,
    };
    let (mut of_domain, mut max_age) = (None, None);
    for part in parts {
        let (name, value) = split(part);
        let value = value.unwrap_or_default();
        match &*name.to_ascii_lowercase() {
            _ if value.len() > LONGEST_ATTRIBUTE => {}
            b"domain" if !value.is_empty() => of_domain = Some(value),
            b"path" if value.starts_with(b"/") => cookie.path = value.to_vec(),
            b"path" => cookie.path = default_path(url).to_vec(),
            b"secure" => cookie.is_secure = true,
            b"expires" => cookie.expires = date::parse(value).or(cookie.expires),
            b"max-age" => max_age = seconds(value).or(max_age),
            _ => {}
        }
    }
    cookie.expires = max_age.map_or(cookie.expires, |age| Some(now.saturating_add(age)));
    if let Some(text) = of_domain {
        cookie.is_host_only = is_host_only(text, &cookie.domain)?;
        cookie.domain = domain(text)?.to_string();
    }
    let is_allowed = !cookie.is_secure || url.scheme() == "https";
    (is_allowed && cookie.fault().is_none()).then_some(cookie)
}

/// Whether `Domain=text` names `host` alone; `None` if a reply of `host` may not name it.
fn is_host_only(text: &[u8], host: &str) -> Option<bool> {
    let domain = domain(text)?;
    let name = domain.to_string();
    match stands_alone(&domain) {
        true => (name == host).then_some(true),
        false => is_within(host, &name).then_some(false),
    }
}

/// Name and value around the first `=`, without the blanks around them.
fn split(part: &[u8]) -> (&[u8], Option<&[u8]>) {
    let at = memchr::memchr(b'=', part);
    let (name, value) = part.split_at(at.unwrap_or(part.len()));
    (name.trim_ascii(), value.get(1..).map(<[u8]>::trim_ascii))
}

/// The path of `url` up to its last slash (RFC 6265, 5.1.4).
fn default_path(url: &Url) -> &[u8] {
    match url.path().rsplit_once('/') {
        None | Some(("", _)) => b"/",
        Some((directory, _)) => directory.as_bytes(),
    }
}

/// A number of seconds, 0 if it is negative.
fn seconds(text: &[u8]) -> Option<u64> {
    let digits = text.strip_prefix(b"-").unwrap_or(text);
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    if digits.len() < text.len() {
        return Some(0);
    }
    // Too large a number is for ever.
    Some(str::from_utf8(digits).ok()?.parse().unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: u64 = 1_000_000_000;

    /// `domain path name=value`, with `*.` before a domain that is for all hosts under it, `s` for a secure cookie, and
    /// its seconds.
    fn shown(value: &str, url: &str) -> String {
        let Some(cookie) = parse(value.as_bytes(), &Url::parse(url).unwrap(), NOW) else {
            return "none".to_owned();
        };
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        let mut shown = if cookie.is_host_only { "" } else { "*." }.to_owned();
        shown += &format!("{} {} ", cookie.domain, text(&cookie.path));
        shown += &format!("{}={}", text(&cookie.name), text(&cookie.value));
        shown += if cookie.is_secure { " s" } else { "" };
        let left = cookie.expires.map(|at| at as i64 - NOW as i64);
        left.map_or(shown.clone(), |left| format!("{shown} {left}"))
    }

    #[test]
    fn names_values_and_times() {
        let url = "http://a.test/b/c?d";
        for (value, expected) in [
            ("n=v", "a.test /b n=v"),
            (" n = v w ; ", "a.test /b n=v w"),
            ("n=\"v\"=w", "a.test /b n=\"v\"=w"),
            ("n=", "a.test /b n="),
            ("n", "none"),
            ("=v", "none"),
            ("", "none"),
            ("n=a\x01b", "none"),
            ("n=v; Path=/x", "a.test /x n=v"),
            ("n=v; Path=/x; path=y", "a.test /b n=v"),
            ("n=v; PATH", "a.test /b n=v"),
            ("n=v; max-age=10", "a.test /b n=v 10"),
            (
                "n=v; max-age=10; expires=Sun, 06 Nov 1994 08:49:37 GMT",
                "a.test /b n=v 10",
            ),
            (
                "n=v; expires=Sun, 09 Sep 2001 01:46:41 GMT",
                "a.test /b n=v 1",
            ),
            ("n=v; max-age=0", "a.test /b n=v 0"),
            ("n=v; max-age=-1", "a.test /b n=v 0"),
            ("n=v; max-age=+1; expires=never", "a.test /b n=v"),
            ("n=v; httponly; samesite=strict; other=x", "a.test /b n=v"),
            ("n=v; secure", "none"),
        ] {
            assert_eq!(shown(value, url), expected, "{value}");
        }
        let ever = parse(
            b"n=v; max-age=99999999999999999999999",
            &Url::parse(url).unwrap(),
            NOW,
        );
        assert_eq!(ever.unwrap().expires, Some(u64::MAX));
        for (path, expected) in [("/", "/"), ("/b", "/"), ("/b/", "/b"), ("/b/c", "/b")] {
            let url = format!("http://a.test{path}");
            assert_eq!(shown("n=v", &url), format!("a.test {expected} n=v"));
        }
        let long = format!("n={}", "x".repeat(4095));
        assert!(shown(&long, url).len() > 4095 && shown(&(long + "x"), url) == "none");
    }

    #[test]
    fn domains_and_schemes() {
        for (url, value, expected) in [
            ("http://b.a.test", "n=v; domain=a.test", "*.a.test / n=v"),
            ("http://b.a.test", "n=v; domain=.A.Test", "*.a.test / n=v"),
            (
                "http://b.a.test",
                "n=v; domain=b.a.test",
                "*.b.a.test / n=v",
            ),
            ("http://b.a.test", "n=v; domain=", "b.a.test / n=v"),
            ("http://b.a.test", "n=v; domain=c.a.test", "none"),
            ("http://b.a.test", "n=v; domain=test", "none"),
            ("http://b.a.test", "n=v; domain=..a.test", "none"),
            ("http://b.a.test", "n=v; domain=a.test:80", "none"),
            ("http://a.test", "n=v; domain=b.a.test", "none"),
            ("http://ba.test", "n=v; domain=a.test", "none"),
            ("http://a.co.uk", "n=v; domain=co.uk", "none"),
            ("http://co.uk", "n=v; domain=co.uk", "co.uk / n=v"),
            (
                "http://localhost",
                "n=v; domain=localhost",
                "localhost / n=v",
            ),
            ("http://1.2.3.4", "n=v; domain=1.2.3.4", "1.2.3.4 / n=v"),
            ("http://1.2.3.4", "n=v; domain=3.4", "none"),
            ("http://[::1]", "n=v; domain=[::1]", "[::1] / n=v"),
            (
                "http://x.bücher.test",
                "n=v; domain=bücher.test",
                "*.xn--bcher-kva.test / n=v",
            ),
            ("https://a.test", "n=v; secure", "a.test / n=v s"),
            ("https://a.test", "__Secure-n=v", "none"),
            (
                "https://a.test",
                "__Secure-n=v; secure",
                "a.test / __Secure-n=v s",
            ),
            (
                "https://a.test",
                "__Host-n=v; secure; path=/",
                "a.test / __Host-n=v s",
            ),
            ("https://a.test", "__host-n=v; secure; path=/b", "none"),
            (
                "https://b.a.test",
                "__Host-n=v; secure; path=/; domain=a.test",
                "none",
            ),
            ("http://a.test", "__Host-n=v; path=/", "none"),
        ] {
            assert_eq!(shown(value, url), expected, "{url} {value}");
        }
    }
}
