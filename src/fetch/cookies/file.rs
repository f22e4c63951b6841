//! Reads a Netscape cookie file, as browsers, curl and wget write it.

use super::{Cookie, Cookies, domain, stands_alone};
use crate::fetch::options_error::OptionsError;

impl Cookies {
    /// Reads the bytes of a file: a cookie a line, in seven fields with tabs between them.
    ///
    /// # Errors
    ///
    /// A line is no cookie. The message begins with `line N: ` and repeats nothing of the file.
    pub fn parse(text: &[u8]) -> Result<Self, OptionsError> {
        let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
        let mut cookies = Vec::new();
        for (line, number) in text.split(|byte| *byte == b'\n').zip(1..) {
            let line = line.strip_suffix(b"\r").unwrap_or(line);
            let line = line.strip_prefix(b"#HttpOnly_").unwrap_or(line);
            if line.trim_ascii().is_empty() || line.starts_with(b"#") {
                continue;
            }
            let cookie = cookie(line, number);
            cookies.push(
                cookie.map_err(|wrong| OptionsError::new(format!("line {number}: {wrong}")))?,
            );
        }
        // The last line for a cookie counts.
        cookies.reverse();
        cookies.sort_by(|a, b| a.identity().cmp(&b.identity()));
        cookies.dedup_by(|a, b| a.identity() == b.identity());
        Ok(Self(cookies))
    }
}

fn cookie(line: &[u8], number: usize) -> Result<Cookie, &'static str> {
    let fields: Vec<&[u8]> = line.splitn(7, |byte| *byte == b'\t').collect();
    // Editors remove a tab at the end of a line.
    let &[
        of_domain,
        with_subdomains,
        path,
        is_secure,
        expires,
        name,
        ref value @ ..,
    ] = &fields[..]
    else {
        return Err(NO_FIELDS);
    };
    let of_domain = domain(of_domain).ok_or("the first field is no domain, like .example.com")?;
    if !path.starts_with(b"/") {
        return Err("the third field is no path: it begins with /");
    }
    let is_for_all = flag(with_subdomains).ok_or("the second field is TRUE or FALSE")?;
    let cookie = Cookie {
        name: name.to_vec(),
        value: value.first().copied().unwrap_or_default().to_vec(),
        is_host_only: !is_for_all || stands_alone(&of_domain),
        domain: of_domain.to_string(),
        path: path.to_vec(),
        is_secure: flag(is_secure).ok_or("the fourth field is TRUE or FALSE")?,
        expires: seconds(expires).ok_or(NO_TIME)?,
        line: number,
    };
    cookie.fault().map_or(Ok(cookie), Err)
}

const NO_FIELDS: &str = "fewer than seven fields: a cookie is domain, TRUE or FALSE for its subdomains, path, TRUE or \
    FALSE for https alone, expiry, name and value, with a tab between them";
const NO_TIME: &str = "the fifth field is no time: it is in seconds since 1970, or 0 for a cookie that does not expire";

fn flag(field: &[u8]) -> Option<bool> {
    let is = |word: &[u8]| field.eq_ignore_ascii_case(word);
    (is(b"TRUE") || is(b"FALSE")).then(|| is(b"TRUE"))
}

/// Seconds, maybe with a fraction. `Some(None)` for a cookie that does not expire.
fn seconds(field: &[u8]) -> Option<Option<u64>> {
    if field.is_empty() {
        return Some(None);
    }
    let whole = field.split(|byte| *byte == b'.').next()?;
    let is_number = field
        .iter()
        .all(|byte| byte.is_ascii_digit() || *byte == b'.');
    let seconds: u64 = str::from_utf8(whole)
        .ok()
        .filter(|_| is_number)?
        .parse()
        .ok()?;
    Some((seconds > 0).then_some(seconds))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fetch::cookies::Jar;
    use url::Url;

    /// The cookies that a request for `url` sends in 2001.
    fn sent(file: &[u8], url: &str) -> String {
        let cookies = Cookies::parse(file).unwrap_or_else(|e| panic!("{file:?}: {e}"));
        let url = Url::parse(url).unwrap();
        let value = Jar::default().value(Some(&cookies), &url, 1_000_000_000);
        String::from_utf8_lossy(&value).into_owned()
    }

    #[test]
    fn a_line_is_a_cookie() {
        let line = |rest: &str| format!("a.test\tFALSE\t/\tFALSE\t{rest}");
        for (file, expected) in [
            ("".to_owned(), ""),
            ("# Netscape HTTP Cookie File\n\n \t\r\n#x\n".to_owned(), ""),
            (line("0\tn\tv"), "n=v"),
            (line("0\tn\tv\r\n"), "n=v"),
            (format!("\u{feff}{}", line("0\tn\tv")), "n=v"),
            (format!("#HttpOnly_{}", line("0\tn\tv")), "n=v"),
            (line("0\tn\t"), "n="),
            (line("0\tn"), "n="),
            (line("0\tn\tv\tw"), "n=v\tw"),
            (line("0\tn\t\"v w\"=x"), "n=\"v w\"=x"),
            (line("\tn\tv"), "n=v"),
            (line("1000000000\tn\tv"), ""),
            (line("1000000001\tn\tv"), "n=v"),
            (line("1000000001.5\tn\tv"), "n=v"),
            (
                line("0\tn\tv\n") + &line("0\tm\tw\n") + &line("0\tn\tx"),
                "m=w; n=x",
            ),
        ] {
            assert_eq!(
                sent(file.as_bytes(), "http://a.test/"),
                expected,
                "{file:?}"
            );
        }
        let raw = b"a.test\tFALSE\t/\tFALSE\t0\tn\t\xe9";
        assert_eq!(sent(raw, "http://a.test/"), "n=\u{fffd}");
    }

    #[test]
    fn a_cookie_is_for_its_hosts_paths_and_schemes() {
        let file = "a.test\tFALSE\t/\tFALSE\t0\thost\t1\n\
            .a.test\tTRUE\t/\tFALSE\t0\tall\t2\n\
            A.test\tTRUE\t/p\tFALSE\t0\tpath\t3\n\
            a.test\ttrue\t/\tTRUE\t0\tsecure\t4\n\
            .co.uk\tTRUE\t/\tFALSE\t0\tsuffix\t5\n\
            127.0.0.1\tTRUE\t/\tFALSE\t0\taddress\t6\n\
            bücher.test\tTRUE\t/\tFALSE\t0\tidna\t7\n";
        for (url, expected) in [
            ("http://a.test:8080/", "host=1; all=2"),
            ("http://A.TEST/p?q", "path=3; host=1; all=2"),
            ("http://b.a.test/p/x", "path=3; all=2"),
            ("https://b.a.test/", "all=2; secure=4"),
            ("http://ba.test/", ""),
            ("http://test/", ""),
            ("http://co.uk/", "suffix=5"),
            ("http://a.co.uk/", ""),
            ("http://127.0.0.1/", "address=6"),
            ("http://x.127.0.0.1.test/", ""),
            ("http://x.bücher.test/", "idna=7"),
        ] {
            assert_eq!(sent(file.as_bytes(), url), expected, "{url}");
        }
    }

    #[test]
    fn a_wrong_line_is_named_without_its_text() {
        for (line, expected) in [
            ("hunter2", "fewer than seven"),
            ("a.test FALSE / FALSE 0 hunter2 hunter2", "fewer than seven"),
            ("{\"name\":\"hunter2\"}", "fewer than seven"),
            ("hun ter2\tFALSE\t/\tFALSE\t0\tn\tv", "the first field"),
            ("\tFALSE\t/\tFALSE\t0\tn\tv", "the first field"),
            ("http://a.test\tFALSE\t/\tFALSE\t0\tn\tv", "the first field"),
            ("a.test\thunter2\t/\tFALSE\t0\tn\tv", "the second field"),
            ("a.test\tFALSE\thunter2\tFALSE\t0\tn\tv", "the third field"),
            ("a.test\tFALSE\t/\t\t0\tn\tv", "the fourth field"),
            ("a.test\tFALSE\t/\tFALSE\thunter2\tn\tv", "the fifth field"),
            ("a.test\tFALSE\t/\tFALSE\t-1\tn\tv", "the fifth field"),
            (
                "a.test\tFALSE\t/\tFALSE\t0\t\thunter2",
                "the name of the cookie is empty",
            ),
            (
                "a.test\tFALSE\t/\tFALSE\t0\tn\thunter2\x01",
                "the name or the value",
            ),
            (
                "a.test\tFALSE\t/\tFALSE\t0\tn\thunter2; m=v",
                "a cookie has no =",
            ),
            (
                "a.test\tFALSE\t/\tFALSE\t0\thunter2=\tv",
                "a cookie has no =",
            ),
            (
                "a.test\tFALSE\t/\tFALSE\t0\t__Secure-n\thunter2",
                "a cookie whose name begins with __Secure-",
            ),
            (
                "a.test\tTRUE\t/\tTRUE\t0\t__Host-n\thunter2",
                "a cookie whose name begins with __Host-",
            ),
        ] {
            let file = format!("# x\n\n{line}\na.test\tFALSE\t/\tFALSE\t0\tn\tv\n");
            let error = Cookies::parse(file.as_bytes()).expect_err(line).to_string();
            assert!(
                error.starts_with(&format!("line 3: {expected}")),
                "{line:?}: {error}"
            );
            assert!(!error.contains("hunter2"), "{line:?}: {error}");
        }
        let long = format!("a.test\tFALSE\t/\tFALSE\t0\tn\t{}", "x".repeat(4096));
        let error = Cookies::parse(long.as_bytes()).unwrap_err().to_string();
        assert_eq!(
            error,
            "line 1: name and value of the cookie are over 4096 bytes"
        );
    }

    #[test]
    fn nothing_is_shown() {
        let cookies = Cookies::parse(b"a.test\tFALSE\t/\tFALSE\t0\tn\thunter2").unwrap();
        assert_eq!(format!("{cookies:?}"), "Cookies { .. }");
    }
}
