//! The cookies that servers set during one attempt, and what a request sends of them and of the file.

use std::cmp::Reverse;

use url::Url;

use super::{Cookie, Cookies, is_within, path_matches, set_cookie};

/// The most bytes of a jar: further cookies are dropped, so that a hostile server costs no memory.
const LARGEST: usize = 128 << 10;

/// The longest value of a `Cookie` line, as with curl: later cookies are left out.
const LONGEST_LINE: usize = 8190;

/// The cookies of one attempt. Those that have expired stay, to hide those of the file. An empty jar allocates nothing.
#[derive(Default)]
pub(in crate::fetch) struct Jar(Vec<Cookie>);

impl Jar {
    pub(in crate::fetch) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Keeps what a reply from `url` set at `now`, in seconds since 1970, with these values of `Set-Cookie`.
    pub(in crate::fetch) fn keep(
        &mut self,
        values: &[Vec<u8>],
        url: &Url,
        file: Option<&Cookies>,
        now: u64,
    ) {
        for value in values {
            let Some(cookie) = set_cookie::parse(value, url, now) else {
                continue;
            };
            if url.scheme() == "https" || !self.hides_secure(&cookie, file) {
                self.set(cookie);
            }
        }
    }

    /// Adds `cookie`, or puts it in the place of its earlier version, if the jar has room for it.
    fn set(&mut self, cookie: Cookie) {
        let mut jar = self.0.iter();
        let place = jar.position(|old| old.identity() == cookie.identity());
        let size: usize = self.0.iter().map(Cookie::size).sum();
        let freed = place.map_or(0, |place| self.0[place].size());
        if size - freed + cookie.size() > LARGEST {
            return;
        }
        match place {
            Some(place) => self.0[place] = cookie,
            None => self.0.push(cookie),
        }
    }

    /// Whether `cookie`, which comes over http, would hide one that is for https alone.
    fn hides_secure(&self, cookie: &Cookie, file: Option<&Cookies>) -> bool {
        let of_file = file.into_iter().flat_map(|file| &file.0);
        self.0.iter().chain(of_file).any(|old| {
            let [a, b] = [&old.domain, &cookie.domain];
            old.is_secure
                && old.name == cookie.name
                && (is_within(a, b) || is_within(b, a))
                && path_matches(&cookie.path, &old.path)
        })
    }

    /// The value of `Cookie` for `url` at `now`, in seconds since 1970; empty if no cookie is for it.
    pub(in crate::fetch) fn value(&self, file: Option<&Cookies>, url: &Url, now: u64) -> Vec<u8> {
        let host = url.host_str().unwrap_or_default();
        let is_new = |old: &&Cookie| !self.0.iter().any(|own| own.identity() == old.identity());
        let of_file = file.into_iter().flat_map(|file| file.of_host(host));
        let all = of_file.filter(is_new).chain(&self.0);
        let mut cookies: Vec<_> = all.filter(|cookie| cookie.is_for(url, now)).collect();
        cookies.sort_by_key(|cookie| (Reverse(cookie.path.len()), cookie.line));
        let mut value = Vec::new();
        for cookie in cookies {
            let pair = [&*cookie.name, b"=", &*cookie.value].concat();
            let separator: &[u8] = if value.is_empty() { b"" } else { b"; " };
            if value.len() + separator.len() + pair.len() > LONGEST_LINE {
                break;
            }
            value.extend_from_slice(separator);
            value.extend_from_slice(&pair);
        }
        value
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: u64 = 1_000_000_000;

    fn url(text: &str) -> Url {
        Url::parse(text).unwrap()
    }

    fn keep(jar: &mut Jar, from: &str, file: Option<&Cookies>, values: &[&str]) {
        let values: Vec<Vec<u8>> = values
            .iter()
            .map(|value| value.as_bytes().to_vec())
            .collect();
        jar.keep(&values, &url(from), file, NOW);
    }

    fn sent(jar: &Jar, file: Option<&Cookies>, to: &str) -> String {
        String::from_utf8(jar.value(file, &url(to), NOW)).unwrap()
    }

    #[test]
    fn longer_paths_go_first_then_earlier_cookies() {
        let mut jar = Jar::default();
        keep(
            &mut jar,
            "http://a.test/p/q",
            None,
            &["a=1; path=/", "b=2; path=/p", "c=3; path=/"],
        );
        keep(
            &mut jar,
            "http://a.test/p/q",
            None,
            &["a=4; path=/", "d=5; max-age=0", "e=6"],
        );
        assert_eq!(sent(&jar, None, "http://a.test/p"), "b=2; e=6; a=4; c=3");
        assert_eq!(sent(&jar, None, "http://a.test/"), "a=4; c=3");
        assert_eq!(sent(&jar, None, "http://b.test/p"), "");
        keep(&mut jar, "http://a.test/", None, &["a=; max-age=0"]);
        assert_eq!(sent(&jar, None, "http://a.test/"), "c=3");
    }

    #[test]
    fn a_server_s_cookie_hides_that_of_the_file() {
        let file = Cookies::parse(
            b"a.test\tFALSE\t/\tFALSE\t0\ta\told\n.a.test\tTRUE\t/\tFALSE\t0\tb\told\n\
            a.test\tFALSE\t/\tTRUE\t0\ts\told\n",
        )
        .unwrap();
        let file = Some(&file);
        let mut jar = Jar::default();
        assert_eq!(sent(&jar, file, "http://a.test/"), "a=old; b=old");
        keep(
            &mut jar,
            "http://a.test/",
            file,
            &["a=new", "b=; domain=a.test; max-age=0"],
        );
        assert_eq!(sent(&jar, file, "http://a.test/"), "a=new");
        assert_eq!(sent(&jar, file, "http://x.a.test/"), "");
        // A reply over http cannot replace a `Secure` cookie.
        keep(
            &mut jar,
            "http://a.test/",
            file,
            &["s=new", "s=new; domain=a.test"],
        );
        assert_eq!(sent(&jar, file, "https://a.test/"), "s=old; a=new");
        let of_subdomain = Cookies::parse(b"x.a.test\tFALSE\t/\tTRUE\t0\ts\told\n").unwrap();
        let of_subdomain = Some(&of_subdomain);
        let mut planted = Jar::default();
        keep(
            &mut planted,
            "http://a.test/",
            of_subdomain,
            &["s=new; domain=a.test; path=/p"],
        );
        assert_eq!(sent(&planted, of_subdomain, "https://x.a.test/p"), "s=old");
        keep(&mut jar, "https://a.test/", file, &["s=new; secure"]);
        keep(&mut jar, "http://a.test/", None, &["s=http"]);
        assert_eq!(sent(&jar, file, "https://a.test/"), "a=new; s=new");
    }

    #[test]
    fn a_jar_and_a_line_have_their_limits() {
        let mut jar = Jar::default();
        for number in 0..100 {
            keep(
                &mut jar,
                "http://a.test/",
                None,
                &[&format!("n{number}={}", "x".repeat(4000))],
            );
        }
        let size = |jar: &Jar| jar.0.iter().map(Cookie::size).sum::<usize>();
        assert!(jar.0.len() > 25 && size(&jar) <= LARGEST);
        let mut grown = Jar::default();
        for value in [String::new(), "x".repeat(4000)] {
            let cookie = |n| format!("n{n}={value}");
            let all: Vec<String> = (0..500).map(cookie).collect();
            let all: Vec<&str> = all.iter().map(String::as_str).collect();
            keep(&mut grown, "http://a.test/", None, &all);
            assert!(grown.0.len() == 500 && size(&grown) <= LARGEST);
        }
        let line = sent(&jar, None, "http://a.test/");
        assert!(line.starts_with("n0=") && line.contains("; n1=") && line.len() <= LONGEST_LINE);
    }
}
