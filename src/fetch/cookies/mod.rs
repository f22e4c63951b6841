//! Cookies by RFC 6265: those of a file, which all attempts share, and those that servers set along the redirects of one
//! attempt.
//!
//! These rules of its successor (RFC 6265bis) hold, too: the prefixes of names; http sets no `Secure` cookie, and none that
//! would hide one; a host's own cookie and one for its domain are two; the limits of sizes. `SameSite` is ignored: there is
//! no page that another site could embed.

mod date;
mod file;
mod jar;
mod set_cookie;

use std::fmt;

use psl::Psl;
use url::{Host, Url};

pub(super) use jar::Jar;

/// The longest name and value, together.
const LONGEST: usize = 4096;

/// The cookies of a file. `Debug` shows none of them.
///
/// ```
/// use fetchpool::fetch::Cookies;
///
/// let cookies = Cookies::parse(b"# Netscape HTTP Cookie File\n.example.com\tTRUE\t/\tFALSE\t0\tid\t1\n")?;
/// assert!(Cookies::parse(b"id=1").unwrap_err().to_string().starts_with("line 1: "));
/// # Ok::<(), fetchpool::fetch::OptionsError>(())
/// ```
// Sorted by domain, so that a host finds its own. A map would hold each domain twice.
#[derive(Clone, Default)]
pub struct Cookies(Vec<Cookie>);

impl Cookies {
    /// Those that may be for `host`: of its own domain and its parents.
    fn of_host<'a>(&'a self, host: &'a str) -> impl Iterator<Item = &'a Cookie> {
        let parent = |domain: &&'a str| Some(domain.split_once('.')?.1);
        std::iter::successors(Some(host), parent).flat_map(|domain| {
            let from = self.0.partition_point(|cookie| *cookie.domain < *domain);
            let rest = self.0[from..].iter();
            rest.take_while(move |cookie| *cookie.domain == *domain)
        })
    }
}

impl fmt::Debug for Cookies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cookies").finish_non_exhaustive()
    }
}

#[derive(Clone)]
struct Cookie {
    name: Vec<u8>,
    value: Vec<u8>,
    /// As URLs have their hosts.
    domain: String,
    /// It is for the host `domain` alone, not for those under it.
    is_host_only: bool,
    path: Vec<u8>,
    /// It is for https alone.
    is_secure: bool,
    /// In seconds since 1970.
    expires: Option<u64>,
    /// Its line in the file; the greatest number for one of a server, which comes behind them.
    line: usize,
}

impl Cookie {
    /// Two cookies with the same identity are versions of one.
    fn identity(&self) -> (&str, bool, &[u8], &[u8]) {
        (&self.domain, self.is_host_only, &self.path, &self.name)
    }

    fn is_for(&self, url: &Url, now: u64) -> bool {
        let host = url.host_str().unwrap_or_default();
        let is_host = match self.is_host_only {
            true => self.domain == host,
            false => is_within(host, &self.domain),
        };
        is_host
            && path_matches(url.path().as_bytes(), &self.path)
            && (!self.is_secure || url.scheme() == "https")
            && self.expires.is_none_or(|at| now < at)
    }

    /// The bytes that it takes in a jar.
    fn size(&self) -> usize {
        size_of::<Self>() + self.name.len() + self.value.len() + self.domain.len() + self.path.len()
    }

    /// What is wrong with it, wherever it comes from.
    fn fault(&self) -> Option<&'static str> {
        let begins = |prefix: &[u8]| {
            let begin = self.name.get(..prefix.len());
            begin.is_some_and(|begin| begin.eq_ignore_ascii_case(prefix))
        };
        let is_for_host = self.is_host_only && self.path == b"/";
        let is_control = |byte: &u8| byte.is_ascii_control() && *byte != b'\t';
        let mut bytes = self.name.iter().chain(&self.value);
        if self.name.is_empty() {
            return Some("the name of the cookie is empty");
        }
        if self.name.len() + self.value.len() > LONGEST {
            return Some("name and value of the cookie are over 4096 bytes");
        }
        if bytes.any(is_control) {
            return Some("the name or the value of the cookie has a control character");
        }
        if self.name.contains(&b'=') || self.name.contains(&b';') || self.value.contains(&b';') {
            return Some("a cookie has no = in its name, and no ; in name and value");
        }
        if begins(b"__Secure-") && !self.is_secure {
            return Some("a cookie whose name begins with __Secure- is for https alone");
        }
        if begins(b"__Host-") && !(self.is_secure && is_for_host) {
            return Some(
                "a cookie whose name begins with __Host- is for https, one host and the path / alone",
            );
        }
        None
    }
}

/// Whether `host` is `domain` or lies under it. Nothing lies under an address, as no domain is the end of one.
fn is_within(host: &str, domain: &str) -> bool {
    let before = host.strip_suffix(domain);
    before.is_some_and(|before| before.is_empty() || before.ends_with('.'))
}

/// RFC 6265, 5.1.4.
fn path_matches(path: &[u8], of_cookie: &[u8]) -> bool {
    let Some(rest) = path.strip_prefix(of_cookie) else {
        return false;
    };
    rest.is_empty() || rest.starts_with(b"/") || of_cookie.ends_with(b"/")
}

/// A domain as URLs have their hosts.
fn domain(text: &[u8]) -> Option<Host> {
    let text = text.strip_prefix(b".").unwrap_or(text);
    Host::parse(str::from_utf8(text).ok()?).ok()
}

/// Whether a cookie for `domain` is for that host alone: an address, or a suffix under which anyone may have a name.
fn stands_alone(domain: &Host) -> bool {
    let Host::Domain(name) = domain else {
        return true;
    };
    let suffix = psl::List.suffix(name.as_bytes());
    suffix.is_none_or(|suffix| suffix.as_bytes() == name.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn domains_that_stand_alone() {
        for (name, expected) in [
            ("example.com", false),
            ("a.example.com", false),
            ("com", true),
            ("com.", true),
            ("co.uk", true),
            ("a.co.uk", false),
            ("github.io", true),
            ("me.github.io", false),
            ("ck", true),
            ("any.ck", true),
            ("www.ck", false),
            ("公司.cn", true),
            ("рф", true),
            ("a.рф", false),
            ("test", true),
            ("a.test", false),
            ("localhost", true),
            ("127.0.0.1", true),
            ("[::1]", true),
        ] {
            let domain = domain(name.as_bytes()).unwrap();
            assert_eq!(stands_alone(&domain), expected, "{name}");
        }
    }

    #[test]
    fn hosts_and_paths() {
        for (host, domain, expected) in [
            ("a.test", "a.test", true),
            ("b.a.test", "a.test", true),
            ("ba.test", "a.test", false),
            ("test", "a.test", false),
            ("1.2.3.4", "1.2.3.4", true),
        ] {
            assert_eq!(is_within(host, domain), expected, "{host} {domain}");
        }
        for (path, of_cookie, expected) in [
            ("/", "/", true),
            ("/a", "/", true),
            ("/a", "/a", true),
            ("/a/", "/a", true),
            ("/a/b", "/a/", true),
            ("/a", "/a/", false),
            ("/ab", "/a", false),
            ("/", "/a", false),
        ] {
            let matches = path_matches(path.as_bytes(), of_cookie.as_bytes());
            assert_eq!(matches, expected, "{path} {of_cookie}");
        }
    }
}
