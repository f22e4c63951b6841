//! Parses URLs that mostly have one origin, as the lines of most lists have.

use url::{ParseError, Position, Url};

/// The origin of the last URL. The next URL of that origin is parsed from its path on, at a third of the cost.
#[derive(Debug, Default)]
pub(super) struct LastOrigin(Option<Url>);

impl LastOrigin {
    /// The same as [`Url::parse`].
    pub(super) fn parse(&mut self, text: &str) -> Result<Url, ParseError> {
        if let Some(last) = &self.0
            && let Some(path) = text.strip_prefix(&last[..Position::BeforePath])
            // Two slashes would begin another host.
            && path.starts_with('/')
            && !path[1..].starts_with(['/', '\\'])
        {
            return last.join(path);
        }
        let url = Url::parse(text)?;
        if matches!(url.scheme(), "http" | "https") {
            self.0 = Some(url.clone());
        }
        Ok(url)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_url_before_changes_none() {
        let urls = [
            "http://a.test/x?y#z",
            "http://a.test/",
            "http://a.test",
            "http://a.test/%41/../b//c/./d",
            "http://a.test//b.test/x",
            "http://a.test/\\b.test/x",
            "http://a.test\\x",
            "http://a.test?q=/",
            "http://a.test#f",
            "http://a.test/?q#f",
            "http://a.test/a b|{}`\"<>",
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
                let mut origin = LastOrigin::default();
                let _ = origin.parse(first);
                let parsed = origin.parse(second);
                assert_eq!(parsed, Url::parse(second), "{first} {second}");
            }
        }
    }
}
