//! Which texts are URLs, and the messages for others.

use super::*;

const INVALID_HOST: &str = "invalid_url: invalid host: it is a name like example.com, or an address like 192.0.2.1 or [2001:db8::1]";

/// The URL of a text, or `kind: message`.
fn outcome(written: &str, default_scheme: Option<Scheme>) -> String {
    let targets = all(options(&[List::Url(written.to_owned())], default_scheme));
    let [target] = targets.as_slice() else {
        panic!("{written:?} gave {} targets", targets.len());
    };
    shown(target)
}

#[test]
fn urls_are_read_as_a_browser_reads_them() {
    let table = [
        ("http://example.com", "http://example.com/"),
        ("HTTP://EXAMPLE.com:80/A", "http://example.com/A"),
        ("https://example.com:443/", "https://example.com/"),
        ("https://example.com:8443", "https://example.com:8443/"),
        ("http://example.com:/x", "http://example.com/x"),
        ("http://a/b c", "http://a/b%20c"),
        ("http://a/b?c d#e f", "http://a/b?c%20d#e%20f"),
        ("http://a/ä?ö", "http://a/%C3%A4?%C3%B6"),
        ("http://bücher.example/", "http://xn--bcher-kva.example/"),
        ("http://EXÄMPLE.com/", "http://xn--exmple-cua.com/"),
        ("http://a/x/../y/./z", "http://a/y/z"),
        (r"http:\\a\b", "http://a/b"),
        ("http:/a/b", "http://a/b"),
        ("http:///a/b", "http://a/b"),
        ("http:a", "http://a/"),
        ("http://user:pa%20ss@a/", "http://user:pa%20ss@a/"),
        ("http://[::1]:8080/", "http://[::1]:8080/"),
        ("http://0x7f.1/", "http://127.0.0.1/"),
        ("http://2130706433/", "http://127.0.0.1/"),
    ];
    for (written, expected) in table {
        assert_eq!(outcome(written, None), expected, "{written:?}");
    }
}

#[test]
fn what_is_no_url_fails_and_says_why() {
    let no_scheme = "invalid_url: no scheme: a URL begins with http:// or https://";
    let no_host = "invalid_url: no host: a URL is written like https://example.com/x";
    let host = INVALID_HOST;
    let port = "invalid_url: invalid port: it is a number from 0 to 65535";
    let table = [
        ("http://", no_host),
        ("https://", no_host),
        ("http:", no_host),
        ("http://:80/", no_host),
        ("http://a:99999/", port),
        ("http://a:b/", port),
        ("http://a b/", host),
        ("http://%/", host),
        ("http://[::1/", "invalid_url: invalid IPv6 address"),
        ("http://1.2.3.256/", "invalid_url: invalid IPv4 address"),
        (
            "http://a/\rhttp://b/",
            "invalid_url: a carriage return inside the line: lines end with LF or CRLF",
        ),
        // A browser would drop each of these, and NUL is what separates names for xargs -0.
        (
            "http://a/\thttp://b/",
            "invalid_url: a tab inside the line: a list has one URL a line",
        ),
        (
            "ht\ttp://a/",
            "invalid_url: a tab inside the line: a list has one URL a line",
        ),
        (
            "http://a/\nhttp://b/",
            "invalid_url: a line end inside the URL",
        ),
        (
            "http://a/\0http://b/",
            "invalid_url: a NUL byte inside the line: a list is text with one URL a line",
        ),
        (
            "ftp://a/b",
            "unsupported_scheme: the scheme 'ftp' is neither http nor https",
        ),
        (
            "FILE:///etc/passwd",
            "unsupported_scheme: the scheme 'file' is neither http nor https",
        ),
        (
            "mailto:me@example.com",
            "unsupported_scheme: the scheme 'mailto' is neither http nor https",
        ),
        (
            "x.y://example.com/",
            "unsupported_scheme: the scheme 'x.y' is neither http nor https",
        ),
        (
            "htp://example.com/",
            "unsupported_scheme: the scheme 'htp' is neither http nor https",
        ),
        (
            "javascript:alert(1)",
            "unsupported_scheme: the scheme 'javascript' is neither http nor https",
        ),
        (
            "data:,x",
            "unsupported_scheme: the scheme 'data' is neither http nor https",
        ),
        (
            "h\0t\0t\0p\0",
            "invalid_url: a NUL byte inside the line: a list is text with one URL a line",
        ),
        ("/etc/passwd", no_scheme),
        ("./x", no_scheme),
        ("../x", no_scheme),
        ("?q", no_scheme),
        ("", no_scheme),
        ("hello world", no_scheme),
        ("us_er:secret@example.com/x", no_scheme),
        ("//user:secret@example.com/x", no_scheme),
    ];
    for (written, expected) in table {
        let outcome = outcome(written, None);
        assert_eq!(outcome, expected, "{written:?}");
        assert!(!outcome.contains("secret"), "{written:?}");
    }
    let long = format!("{}:x", "a".repeat(5000));
    assert!(
        outcome(&long, None).len() < 120,
        "a scheme without an end is cut"
    );
}

#[test]
fn a_url_without_a_scheme_gets_a_hint_or_the_default() {
    // (written, the hint and the URL without their scheme)
    let table = [
        ("example.com", "example.com", "example.com/"),
        ("example.com/x", "example.com/x", "example.com/x"),
        ("//example.com/x", "example.com/x", "example.com/x"),
        ("localhost:8080/x", "localhost:8080/x", "localhost:8080/x"),
        ("localhost:8080?x", "localhost:8080?x", "localhost:8080/?x"),
        ("example.com:81", "example.com:81", "example.com:81/"),
        ("example.com:", "example.com:", "example.com/"),
        ("1.2.3.4:99", "1.2.3.4:99", "1.2.3.4:99/"),
        ("[::1]:99/x", "[::1]:99/x", "[::1]:99/x"),
        ("bücher.example", "bücher.example", "xn--bcher-kva.example/"),
    ];
    for (written, meant, expected) in table {
        assert_eq!(
            outcome(written, None),
            format!(
                "invalid_url: no scheme; did you mean https://{meant}? (--default-scheme https)"
            ),
            "{written:?}"
        );
        assert_eq!(
            outcome(written, Some(Scheme::Https)),
            format!("https://{expected}"),
            "{written:?}"
        );
        assert_eq!(
            outcome(written, Some(Scheme::Http)),
            format!("http://{expected}"),
            "{written:?}"
        );
    }
}

#[test]
fn what_stands_around_a_url_is_told_from_it() {
    for written in [
        "\"http://a/x\"",
        "<http://a/x>",
        "'http://a/x',",
        "(http://a/x)",
        "[http://a/x]",
        "- http://a/x",
        "* <http://a/x>",
        "\u{201c}http://a/x\u{201d}",
    ] {
        for default_scheme in [None, Some(Scheme::Https)] {
            assert_eq!(
                outcome(written, default_scheme),
                "invalid_url: a URL stands alone on its line, without quotes or brackets: did you mean http://a/x?",
                "{written:?}"
            );
        }
    }
    // Only a single URL without a password is proposed.
    for written in [
        "<http://u:secret@a/>",
        "\"http://a/ http://b/\"",
        "<a.html>",
    ] {
        let message = outcome(written, None);
        assert!(message.starts_with("invalid_url: "), "{message}");
        assert!(!message.contains("did you mean"), "{message}");
        assert!(!message.contains("secret"), "{message}");
    }
}

#[test]
fn no_message_about_what_is_no_url_repeats_a_password() {
    for written in [
        "\"http://me:secret@h/\"",
        "<https://me:secret@h/>,",
        "http//me:secret@h/",
        "HTTPS//me:secret@h/",
    ] {
        for default_scheme in [None, Some(Scheme::Http), Some(Scheme::Https)] {
            let message = outcome(written, default_scheme);
            assert!(message.starts_with("invalid_url: "), "{message}");
            assert!(!message.contains("secret"), "{message}");
        }
    }
    for written in [
        "h/http://me:secret@h/",
        "\"http//me:secret@h/\"",
        "ttp//me:secret@h/",
        "//me:secret@h/",
    ] {
        let message = outcome(written, None);
        assert_eq!(
            message, "invalid_url: no scheme: a URL begins with http:// or https://",
            "{written}"
        );
    }
}

#[test]
fn a_user_before_a_host_is_no_scheme() {
    for written in [
        "user:pw@host/",
        "user:pw@host",
        "user:pw@example.com:80/x?y",
        "a.b:c@[::1]/",
    ] {
        let message = outcome(written, None);
        assert_eq!(
            message, "invalid_url: no scheme: a URL begins with http:// or https://",
            "{written}"
        );
    }
    assert_eq!(
        outcome("user:pw@host/", Some(Scheme::Http)),
        "http://user:pw@host/"
    );
    for (written, scheme) in [
        ("mailto:me@example.com", "mailto"),
        ("sip:me@example.com", "sip"),
        ("ftp://me:pw@example.com/", "ftp"),
        ("data:text/plain,me@example.com", "data"),
        ("urn:isbn:0451450523", "urn"),
    ] {
        let expected =
            format!("unsupported_scheme: the scheme '{scheme}' is neither http nor https");
        assert_eq!(outcome(written, None), expected, "{written}");
    }
}

#[test]
fn a_default_scheme_leaves_the_rest_as_it_was() {
    let table = [
        ("http://a/", "http://a/"),
        (
            "ftp://a/",
            "unsupported_scheme: the scheme 'ftp' is neither http nor https",
        ),
        (
            "mailto:me@example.com",
            "unsupported_scheme: the scheme 'mailto' is neither http nor https",
        ),
        (
            "/x",
            "invalid_url: no host: a URL is written like https://example.com/x or example.com/x",
        ),
        ("a b.com", INVALID_HOST),
        (
            "example.com:99999",
            "invalid_url: invalid port: it is a number from 0 to 65535",
        ),
        ("us_er:pw@example.com/x", "https://us_er:pw@example.com/x"),
    ];
    for (written, expected) in table {
        assert_eq!(
            outcome(written, Some(Scheme::Https)),
            expected,
            "{written:?}"
        );
    }
}
