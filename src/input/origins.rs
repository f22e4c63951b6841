//! Parses URLs that mostly have one of a few origins, as the lines of most lists have.

use std::collections::HashMap;

use url::{ParseError, Position, Url};

/// The most origins to remember beside the last. At the worst they take 3 MB.
const KNOWN: usize = 1024;
/// The longest URL and path that are remembered, in bytes.
const LONGEST: usize = 512;

/// A URL of each origin, without query and fragment. The next URL of that origin is parsed from its path on, at a fifth of
/// the cost.
#[derive(Debug, Default)]
pub(super) struct Origins {
    last: Option<Url>,
    /// Earlier ones, by the text before the path.
    others: HashMap<Box<str>, Url>,
}

impl Origins {
    /// The same as [`Url::parse`].
    pub(super) fn parse(&mut self, text: &str) -> Result<Url, ParseError> {
        if let Some((origin, path)) = cut(text) {
            let is_last = |last: &&mut Url| last[..Position::BeforePath] == *origin;
            let last = self.last.as_mut().filter(is_last);
            if let Some(url) = last.or_else(|| self.others.get_mut(origin)) {
                return with_path(url, path);
            }
        }
        let url = Url::parse(text)?;
        if matches!(url.scheme(), "http" | "https") && url.as_str().len() <= LONGEST {
            let mut last = url.clone();
            last.set_query(None);
            last.set_fragment(None);
            self.remember(last);
        }
        Ok(url)
    }

    fn remember(&mut self, url: Url) {
        if self.others.len() == KNOWN {
            self.others.clear();
        }
        if let Some(last) = self.last.replace(url) {
            let origin = last[..Position::BeforePath].into();
            self.others.insert(origin, last);
        }
    }
}

/// The text before the path and the path. `None` if the parser may see them otherwise: it drops tabs and line breaks.
fn cut(text: &str) -> Option<(&str, &str)> {
    let http = text.strip_prefix("http://");
    let host = http.or_else(|| text.strip_prefix("https://"))?;
    let (origin, path) = text.split_at(text.len() - host.len() + host.find('/')?);
    // Two slashes would begin another host.
    let is_safe = !path[1..].starts_with(['/', '\\']) && !path.contains(['\t', '\r', '\n']);
    is_safe.then_some((origin, path))
}

/// `url` with another path, which may have a query and a fragment.
fn with_path(url: &mut Url, path: &str) -> Result<Url, ParseError> {
    // These belong to a path wherever they stand.
    let is_plain = |byte| matches!(byte, b'!'..=b'~') && !matches!(byte, b'?' | b'#');
    if path.len() > LONGEST || !path.bytes().all(is_plain) {
        return url.join(path);
    }
    url.set_path(path);
    Ok(url.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_url_before_changes_one() {
        let urls = [
            "http://a.test/x?y#z",
            "http://a.test/",
            "http://a.test",
            "http://a.test/%41/../b//c/./d",
            "http://a.test//b.test/x",
            "http://a.test/\\b.test/x",
            "http://a.test/\t/b.test/x",
            "http://a.test/\n\\b.test/x",
            "http://a.test\\x",
            "http://a.test?q=/",
            "http://a.test#f",
            "http://a.test/?q#f",
            "http://a.test/a b|{}`\"<>",
            "http://a.test/a|{}`\"<>%zz^'~",
            "http://a.test/a\\..\\b/%2e%2E/",
            "http://a.test.evil/x",
            "http://a.test@b.test/x",
            "http://u:p@a.test/x",
            "http://u:p@a.test/y",
            "http://a.test:80/x",
            "http://a.test:8080/x",
            "HTTP://A.TEST/x",
            "https://a.test/x",
            "http:a.test/x",
            "http:///a.test/x",
            "http://[::1]:1/x",
            "http://[::1]:1/y",
            "http://b\u{fc}cher.test/\u{fc}",
            "http://xn--bcher-kva.test/\u{fc}",
            "ftp://a.test/x",
            "mailto:a@a.test",
            "mailto:/x",
            "/x",
            "",
        ];
        for first in urls {
            for second in urls {
                let mut origins = Origins::default();
                for text in [first, second, "http://other.test/", first, second] {
                    assert_eq!(origins.parse(text), Url::parse(text), "{first} {second}");
                }
            }
        }
    }

    #[test]
    fn few_origins_are_remembered_and_none_that_is_long() {
        let mut origins = Origins::default();
        let long = "x".repeat(LONGEST);
        for n in 0..2 * KNOWN + 2 {
            let url = format!("http://{n}.test/");
            assert_eq!(origins.parse(&url), Url::parse(&url));
            let long = format!("http://long-{n}.test/{long}");
            assert_eq!(origins.parse(&long), Url::parse(&long));
            assert!(origins.others.len() <= KNOWN);
        }
        let texts = || origins.others.keys();
        assert!(texts().all(|origin| !origin.contains("long")));
        assert!(texts().count() > 0);
    }
}
