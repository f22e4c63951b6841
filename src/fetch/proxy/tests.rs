//! The rules of curl, one table each.

use super::*;

fn of(proxies: &Proxies, url: &str) -> Option<String> {
    proxies
        .of(&Url::parse(url).unwrap())
        .map(|p| p.key.trim().to_owned())
}

fn from_env(pairs: &[(&str, &str)]) -> Result<Proxies, OptionsError> {
    Proxies::new(None, &|name| {
        pairs
            .iter()
            .find(|(n, _)| *n == name)
            .map(|(_, v)| (*v).to_owned())
    })
}

#[test]
fn the_environment_by_curls_rules() {
    let (http, https) = ("http://a.test/", "https://a.test/");
    for (pairs, for_http, for_https) in [
        (&[][..], None, None),
        (&[("http_proxy", "p:1")], Some("http://p:1"), None),
        (&[("HTTP_PROXY", "p:1")], None, None),
        (&[("https_proxy", "p:1")], None, Some("http://p:1")),
        (&[("HTTPS_PROXY", "p:1")], None, Some("http://p:1")),
        (
            &[("HTTPS_PROXY", "p:1"), ("https_proxy", "q:1")],
            None,
            Some("http://q:1"),
        ),
        (
            &[("all_proxy", "p:1")],
            Some("http://p:1"),
            Some("http://p:1"),
        ),
        (
            &[("ALL_PROXY", "p:1"), ("http_proxy", "")],
            Some("http://p:1"),
            Some("http://p:1"),
        ),
        (
            &[("https_proxy", " "), ("HTTPS_PROXY", "p:1")],
            None,
            Some("http://p:1"),
        ),
        (
            &[("all_proxy", ""), ("ALL_PROXY", "p:1")],
            Some("http://p:1"),
            Some("http://p:1"),
        ),
        (
            &[("all_proxy", "p:1"), ("no_proxy", ""), ("NO_PROXY", "*")],
            None,
            None,
        ),
        (&[("http_proxy", ""), ("https_proxy", "")], None, None),
        (&[("all_proxy", "p:1"), ("no_proxy", "*")], None, None),
        (&[("all_proxy", "p:1"), ("NO_PROXY", "a.test")], None, None),
    ] {
        let proxies = from_env(pairs).unwrap();
        assert_eq!(of(&proxies, http).as_deref(), for_http, "{pairs:?}");
        assert_eq!(of(&proxies, https).as_deref(), for_https, "{pairs:?}");
    }
}

#[test]
fn an_explicit_proxy_goes_before_the_environment_but_not_before_its_exceptions() {
    let environment = |name: &str| match name {
        "http_proxy" => Some("env:1".to_owned()),
        "no_proxy" => Some("b.test".to_owned()),
        _ => None,
    };
    let proxies = Proxies::new(Some("socks5h://p"), &environment).unwrap();
    assert_eq!(
        of(&proxies, "http://a.test/").as_deref(),
        Some("socks5h://p:1080")
    );
    assert_eq!(
        of(&proxies, "https://a.test/").as_deref(),
        Some("socks5h://p:1080")
    );
    assert_eq!(of(&proxies, "https://b.test/"), None);
    assert!(!Proxies::new(Some(""), &environment).unwrap().any());
}

#[test]
fn proxies_as_they_are_written() {
    for (text, key, protocol) in [
        ("p", "http://p:1080", Protocol::Http),
        ("p:3128", "http://p:3128", Protocol::Http),
        ("http://p:80", "http://p:80", Protocol::Http),
        ("HTTP://P.Test:80/", "http://p.test:80", Protocol::Http),
        ("https://p", "https://p:443", Protocol::Https),
        ("socks4://p", "socks4://p:1080", Protocol::Socks4),
        ("socks4a://p:9", "socks4a://p:9", Protocol::Socks4a),
        ("socks5://[::1]:9", "socks5://[::1]:9", Protocol::Socks5),
        ("http://us%65r:p%40ss@p:1", "http://p:1", Protocol::Http),
    ] {
        let proxy = Proxy::parse(text, "--proxy").unwrap();
        assert_eq!(
            (proxy.key.trim(), proxy.protocol),
            (key, protocol),
            "{text}"
        );
    }
    let proxy = Proxy::parse("socks5://us%65r:p%40ss@p", "--proxy").unwrap();
    assert_eq!(
        (proxy.user.as_slice(), proxy.password.as_slice()),
        (&b"user"[..], &b"p@ss"[..])
    );
}

#[test]
fn what_is_no_proxy_says_why_and_repeats_no_password() {
    let path = "a proxy is a host and a port, without a path";
    for (text, why) in [
        ("ftp://me:secret@proxy", "a proxy is of http, https,"),
        ("socks6://proxy", "a proxy is of http, https,"),
        ("me:sec://ret@proxy", "a proxy is of http, https,"),
        ("http://", "it has no host"),
        ("http://:3128", "no URL of a proxy, empty host"),
        ("http://me:secret@", "no URL of a proxy, empty host"),
        (
            "http://me:secret@p:port",
            "no URL of a proxy, invalid port number",
        ),
        (
            "http://me:secret@p:99999",
            "no URL of a proxy, invalid port number",
        ),
        ("http://pro xy", "no URL of a proxy, invalid"),
        ("proxy:3128/path", path),
        ("http://proxy:3128?x", path),
        ("http://proxy:3128/#x", path),
        ("http://pr\u{fffd}xy", "it is not UTF-8"),
    ] {
        let error = Proxy::parse(text, OPTION).expect_err(text).to_string();
        assert!(
            error.starts_with(&format!("{OPTION}: {why}")),
            "{text}: {error}"
        );
        assert!(
            !error.contains("secret") && !error.contains("ret@"),
            "{error}"
        );
        assert!(error.contains("http://proxy.example:3128"), "{error}");
    }
}

#[test]
fn exceptions_by_domain_address_network_and_port() {
    for (list, host, port, is_excepted) in [
        ("a.test", "a.test", 80, true),
        ("a.test", "www.a.test", 80, true),
        ("a.test", "nota.test", 80, false),
        (".a.test", "a.test", 80, true),
        (".a.test", "www.a.test", 80, true),
        // An asterisk matches everything if it is the whole list, otherwise nothing.
        ("*.a.test", "www.a.test", 80, false),
        ("*.a.test", "a.test", 80, false),
        ("b.test,*", "a.test", 80, false),
        ("*:80", "a.test", 80, false),
        ("A.TEST.", "a.test", 80, true),
        ("a.test", "a.test.", 80, true),
        ("www.a.test", "a.test", 80, false),
        ("a.test:8080", "a.test", 8080, true),
        ("a.test:8080", "a.test", 80, false),
        ("b.test, a.test", "a.test", 80, true),
        ("b.test a.test", "a.test", 80, true),
        (",,", "a.test", 80, false),
        ("*", "anything", 1, true),
        ("127.0.0.1", "127.0.0.1", 80, true),
        ("127.0.0.1:81", "127.0.0.1", 80, false),
        ("10.0.0.0/8", "10.200.1.2", 80, true),
        ("10.0.0.0/8", "11.0.0.1", 80, false),
        ("0.0.0.0/0", "1.2.3.4", 80, true),
        ("0.0.0.0/0", "[::1]", 80, false),
        ("10.0.0.0/33", "10.0.0.1", 80, false),
        ("::1", "[::1]", 80, true),
        ("[::1]:80", "[::1]", 80, true),
        ("fd00::/8", "[fd12::1]", 80, true),
        ("0.1", "127.0.0.1", 80, false),
    ] {
        let got = Exception::parse_list(list)
            .iter()
            .any(|e| e.matches(host, port));
        assert_eq!(got, is_excepted, "{list:?} and {host}:{port}");
    }
}
