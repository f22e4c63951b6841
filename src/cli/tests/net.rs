//! Credentials, proxies, given addresses and certificates as users write them.

use super::super::net::*;
use crate::fetch::Resolve;
use std::path::PathBuf;

#[test]
fn users() {
    for (text, user_, password) in [
        ("me", "me", ""),
        ("me:", "me", ""),
        ("me:secret", "me", "secret"),
        ("me:a:b: c", "me", "a:b: c"),
        (":token", "", "token"),
        ("jörg:käse", "jörg", "käse"),
    ] {
        assert_eq!(
            user(text),
            Ok((user_.to_owned(), password.to_owned())),
            "{text}"
        );
    }
    for text in [
        "",
        "me:sec\nret",
        "m\0e:secret",
        "me:secret\r\nX: y",
        "me:\u{85}secret",
        "\t:secret",
    ] {
        let error = user(text).expect_err(text);
        assert!(!error.contains("ret") && !error.contains("me"), "{error}");
    }
}

#[test]
fn proxies() {
    for text in [
        "",
        "proxy.example",
        "proxy.example:3128",
        "http://proxy.example:3128",
        "HTTP://proxy.example:3128/",
        "https://me:secret@proxy.example",
        "socks4://127.0.0.1:1080",
        "socks4a://proxy",
        "socks5://[::1]:1080",
        "socks5h://me@proxy:9",
        "me:secret@proxy:3128",
    ] {
        assert_eq!(proxy(text).as_deref(), Ok(text));
    }
    assert_eq!(proxy(" proxy:1 ").as_deref(), Ok("proxy:1"));
    let table = [
        ("ftp://me:secret@proxy", "a proxy is of http, https,"),
        ("socks6://proxy", "a proxy is of http, https,"),
        ("me:sec://ret@proxy", "a proxy is of http, https,"),
        ("http://", "it has no host"),
        ("http://:3128", "no URL of a proxy, empty host"),
        ("http://me:secret@", "no URL of a proxy, empty host"),
        (
            "http://me:secret@proxy:port",
            "no URL of a proxy, invalid port number",
        ),
        ("proxy:99999", "no URL of a proxy, invalid port number"),
        ("http://pro xy", "no URL of a proxy, invalid"),
        (
            "proxy:3128/path",
            "a proxy is a host and a port, without a path",
        ),
        (
            "http://proxy:3128?x",
            "a proxy is a host and a port, without a path",
        ),
        (
            "http://proxy:3128/#x",
            "a proxy is a host and a port, without a path",
        ),
    ];
    for (text, expected) in table {
        let error = proxy(text).expect_err(text);
        assert!(error.starts_with(expected), "{text}: {error}");
        assert!(
            !error.contains("secret") && !error.contains("ret@"),
            "{error}"
        );
        assert!(error.contains("http://proxy.example:3128"), "{error}");
    }
}

#[test]
fn given_addresses() {
    let table = [
        ("a.test:80:127.0.0.1", "a.test", 80, &["127.0.0.1"][..]),
        (
            "A.Test:443:127.0.0.1,::1,[::2]",
            "a.test",
            443,
            &["127.0.0.1", "::1", "::2"],
        ),
        ("a.test:80:::1", "a.test", 80, &["::1"]),
        ("a.test:80:[2001:db8::1]", "a.test", 80, &["2001:db8::1"]),
        ("*:65535:[::1]", "*", 65535, &["::1"]),
        ("[::1]:80:127.0.0.1", "[::1]", 80, &["127.0.0.1"]),
        ("[0:0::1]:80:::1", "[::1]", 80, &["::1"]),
        ("127.0.0.1:80:127.0.0.2", "127.0.0.1", 80, &["127.0.0.2"]),
        (
            "bücher.example:80:127.0.0.1",
            "xn--bcher-kva.example",
            80,
            &["127.0.0.1"],
        ),
    ];
    for (text, host, port, addresses) in table {
        let addresses = addresses.iter().map(|text| text.parse().unwrap()).collect();
        let expected = Resolve {
            host: host.to_owned(),
            port,
            addresses,
        };
        assert_eq!(resolve(text), Ok(expected), "{text}");
    }
}

#[test]
fn what_gives_no_address_says_why() {
    let table = [
        ("", "write HOST:PORT:ADDR"),
        ("a.test", "write HOST:PORT:ADDR"),
        ("a.test:80", "write HOST:PORT:ADDR"),
        ("[::1]:80", "write HOST:PORT:ADDR"),
        ("[::1", "'[' is no host"),
        (":80:127.0.0.1", "'' is no host"),
        ("a b:80:127.0.0.1", "'a b' is no host"),
        ("[x]:80:127.0.0.1", "'[x]' is no host"),
        ("-a.test:80:127.0.0.1", "'-a.test' is no host"),
        ("+a.test:80:127.0.0.1", "'+a.test' is no host"),
        ("a\x1b:80:127.0.0.1", r"'a\x1b' is no host"),
        ("a.test:0:127.0.0.1", "'0' is no port from 1 to 65535"),
        ("a.test:65536:127.0.0.1", "'65536' is no port"),
        ("a.test:+80:127.0.0.1", "'+80' is no port"),
        ("a.test:http:127.0.0.1", "'http' is no port"),
        ("a.test::127.0.0.1", "'' is no port"),
        ("::1:80:127.0.0.1", "'' is no host"),
        ("a.test:80:", "'' is no address"),
        ("a.test:80:b.test", "'b.test' is no address"),
        ("a.test:80:127.0.0.1,", "'' is no address"),
        ("a.test:80:127.0.0.256", "'127.0.0.256' is no address"),
        ("a.test:80:[127.0.0.1]", "'[127.0.0.1]' is no address"),
        ("a.test:80:127.0.0.1:81", "'127.0.0.1:81' is no address"),
    ];
    for (text, expected) in table {
        let error = resolve(text).expect_err(text);
        assert!(error.starts_with(expected), "{text}: {error}");
        assert!(error.contains("example.com:443:[::1]"), "{error}");
    }
}

#[test]
fn a_certificate_comes_with_its_key() {
    let path = |text: &str| Some(PathBuf::from(text));
    assert_eq!(identity(None, None), Ok(None));
    let both = Identity {
        cert: "c".into(),
        key: "k".into(),
    };
    assert_eq!(identity(path("c"), path("k")), Ok(Some(both)));
    let error = identity(path("c\x1b"), None).unwrap_err();
    assert!(
        error.starts_with(r"--cert 'c\x1b' is given without its key: add --key"),
        "{error}"
    );
    let error = identity(None, path("k")).unwrap_err();
    assert!(
        error.starts_with("--key 'k' is given without its certificate: add --cert"),
        "{error}"
    );
}
