//! Fetching through proxies of every kind: what each receives, byte for byte, and that no request bypasses it.

mod socks;

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::thread;
use std::time::Duration;

use fetchpool::fetch::{Options, Proxies, Url};

use crate::library::{Conn, Server, bytes, client, failure, fetch, options, page};

fn through(proxy: &str) -> Options {
    Options {
        proxies: Proxies::new(Some(proxy), &|_| None).unwrap(),
        ..options()
    }
}

/// Joins the client's connection with a new one to `addr` until one side ends.
fn join(conn: Conn, addr: SocketAddr) {
    let there = TcpStream::connect(addr).unwrap();
    let (mut from, mut to) = (conn.stream.try_clone().unwrap(), there.try_clone().unwrap());
    let up = thread::spawn(move || {
        let _ = std::io::copy(&mut from, &mut to);
        let _ = to.shutdown(std::net::Shutdown::Write);
    });
    let _ = std::io::copy(&mut &there, &mut &conn.stream);
    let _ = conn.stream.shutdown(std::net::Shutdown::Both);
    up.join().unwrap();
}

fn read<const N: usize>(conn: &mut Conn) -> [u8; N] {
    let mut bytes = [0; N];
    conn.stream.read_exact(&mut bytes).unwrap();
    bytes
}

#[test]
fn a_plain_request_is_handed_over_whole_and_over_one_connection_for_all_origins() {
    let proxy = Server::start(|mut conn| {
        assert_eq!(conn.number, 0);
        conn.answer_all(page("ok"));
    });
    let client = client(through(&format!("http://us%65r:pass@{}", proxy.addr)));
    for url in [
        "http://a.invalid/x?y",
        "http://b.invalid:8080/",
        "http://a.invalid/z",
    ] {
        let url = Url::parse(url).unwrap();
        assert_eq!(
            bytes(&client.load_url(&url, &mut std::io::sink())),
            2,
            "{url}"
        );
    }
    let requests = proxy.requests();
    for (request, (line, host)) in requests.iter().zip([
        ("GET http://a.invalid/x?y HTTP/1.1", "a.invalid"),
        ("GET http://b.invalid:8080/ HTTP/1.1", "b.invalid:8080"),
        ("GET http://a.invalid/z HTTP/1.1", "a.invalid"),
    ]) {
        assert!(request.starts_with(&format!("{line}\r\n")), "{request}");
        assert!(request.contains(&format!("Host: {host}\r\n")), "{request}");
        assert!(
            request.contains("Proxy-Authorization: Basic dXNlcjpwYXNz\r\n"),
            "{request}"
        );
    }
    assert_eq!(requests.len(), 3);
}

#[test]
fn exceptions_go_straight() {
    let origin = Server::always(page("straight"));
    let environment = |name: &str| match name {
        "http_proxy" => Some("http://127.0.0.1:1".to_owned()),
        "no_proxy" => Some("127.0.0.1".to_owned()),
        _ => None,
    };
    let proxies = Proxies::new(None, &environment).unwrap();
    assert_eq!(
        bytes(
            &fetch(
                Options {
                    proxies,
                    ..options()
                },
                &origin.url("/")
            )
            .0
        ),
        8
    );
    assert!(origin.requests()[0].starts_with("GET / HTTP/1.1\r\n"));
}

#[test]
fn a_dead_proxy_is_a_failure_and_never_gone_around() {
    let origin = Server::always(page("straight"));
    for scheme in ["http", "https", "socks4", "socks4a", "socks5", "socks5h"] {
        let (outcome, _) = fetch(
            through(&format!("{scheme}://127.0.0.1:1")),
            &origin.url("/"),
        );
        assert_eq!(
            failure(&outcome),
            "proxy: proxy 127.0.0.1:1: connection refused",
            "{scheme}"
        );
    }
    let (outcome, _) = fetch(through("http://nowhere.invalid:1"), &origin.url("/"));
    assert_eq!(
        failure(&outcome),
        "proxy: proxy nowhere.invalid:1: no address for nowhere.invalid"
    );
    assert!(origin.requests().is_empty());
}

#[test]
fn https_goes_through_a_tunnel_whose_refusal_is_told() {
    for (answer, expected) in [
        (
            "HTTP/1.1 407 Proxy Authentication Required\r\n\r\n",
            "it refused a tunnel to a.invalid:443: 407 Proxy Authentication Required",
        ),
        (
            "HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n",
            "it refused a tunnel to a.invalid:443: 403 Forbidden",
        ),
        ("SSH-2.0\r\n", "the reply is not HTTP: it begins with \"S\""),
        (
            "HTTP/1.1\r\n\r\n",
            "the reply has no status of three digits: \"HTTP/1.1\"",
        ),
        (
            "HTTP/1.1 200 OK\r\nA: b\rC: d\r\n\r\n",
            "there is a CR without its LF in the head of the reply",
        ),
        (
            "HTTP/1.2\t103 Hints\r\n\r\nHTTP/1.2 403\tNo\r\n\r\n",
            "it refused a tunnel to a.invalid:443: 403 Forbidden",
        ),
        (
            "HTTP/2.0 200 OK\r\n\r\n",
            "the reply is in another version than HTTP/1.1: \"HTTP/2.0 200 OK\"",
        ),
        (
            "HTTP/9xyz200 OK\r\n\r\n",
            "the reply is in another version than HTTP/1.1: \"HTTP/9xyz200 OK\"",
        ),
        (
            "HTTP/1.1 2000\r\n\r\n",
            "the reply has no status of three digits: \"HTTP/1.1 2000\"",
        ),
    ] {
        let proxy = Server::once(answer);
        let (outcome, _) = fetch(
            through(&format!("http://u:p@{}", proxy.addr)),
            &Url::parse("https://a.invalid/").unwrap(),
        );
        assert_eq!(
            failure(&outcome),
            format!("proxy: proxy {}: {expected}", proxy.addr)
        );
        let request = &proxy.requests()[0];
        assert!(
            request.starts_with("CONNECT a.invalid:443 HTTP/1.1\r\nHost: a.invalid:443\r\n"),
            "{request}"
        );
        assert!(
            request.contains("Proxy-Authorization: Basic dTpw\r\n"),
            "{request}"
        );
    }
    let closing = Server::once("");
    let (outcome, _) = fetch(
        through(&closing.addr.to_string()),
        &Url::parse("https://a.invalid/").unwrap(),
    );
    assert_eq!(
        failure(&outcome),
        format!("proxy: proxy {}: it closed the connection", closing.addr)
    );
}

#[test]
fn a_proxy_that_is_silent_is_named_and_its_password_is_not() {
    let silent = Server::start(|mut conn| conn.wait_for_hangup());
    let addr = silent.addr;
    // Long enough for every step before the one that times out, on a busy machine too. Nothing is measured.
    let limit = Some(Duration::from_secs(2));
    let rows = [
        (
            "http",
            "http://a.invalid/",
            "no reply within 2s [first_byte]",
        ),
        (
            "http",
            "https://a.invalid/",
            "no connection within 2s [connect]",
        ),
        (
            "https",
            "http://a.invalid/",
            "no end of the TLS handshake within 2s [tls]",
        ),
        (
            "socks4a",
            "http://a.invalid/",
            "no connection within 2s [connect]",
        ),
        (
            "socks5h",
            "http://a.invalid/",
            "no connection within 2s [connect]",
        ),
    ];
    thread::scope(|scope| {
        for (scheme, url, expected) in rows {
            scope.spawn(move || {
                let options = Options {
                    timeout: limit,
                    ..through(&format!("{scheme}://ann:secret@{addr}"))
                };
                let (outcome, _) = fetch(options, &Url::parse(url).unwrap());
                assert_eq!(
                    failure(&outcome),
                    format!("timeout: proxy {addr}: {expected}"),
                    "{scheme} {url}"
                );
            });
        }
    });
}

#[test]
fn a_proxy_that_hangs_up_is_named() {
    let closing = Server::start(drop);
    let addr = closing.addr;
    for (scheme, url, kind) in [
        ("http", "http://a.invalid/", "connect"),
        ("http", "https://a.invalid/", "proxy"),
        ("https", "http://a.invalid/", "proxy"),
        ("socks4a", "http://a.invalid/", "proxy"),
        ("socks5h", "http://a.invalid/", "proxy"),
    ] {
        let (outcome, _) = fetch(
            through(&format!("{scheme}://ann:secret@{addr}")),
            &Url::parse(url).unwrap(),
        );
        let text = failure(&outcome);
        let begin = format!("{kind}: proxy {addr}: ");
        assert!(text.starts_with(&begin), "{scheme} {url}: {text}");
        assert!(!text.contains("secret"), "{text}");
    }
}

#[test]
fn private_addresses_are_not_reached_through_a_proxy_either() {
    let proxy = Server::start(|mut conn| {
        conn.stream.write_all(b"never").unwrap();
        conn.wait_for_hangup();
    });
    for (scheme, url, expected) in [
        (
            "socks5",
            "http://10.0.0.1/",
            "10.0.0.1 is a private address",
        ),
        (
            "socks4",
            "http://localhost/",
            "localhost is at 127.0.0.1, a loopback address",
        ),
    ] {
        let options = Options {
            deny_private: true,
            ..through(&format!("{scheme}://{}", proxy.addr))
        };
        let (outcome, _) = fetch(options, &Url::parse(url).unwrap());
        assert_eq!(
            failure(&outcome),
            format!("blocked_address: {expected}"),
            "{scheme} {url}"
        );
    }
    assert!(proxy.requests().is_empty());
}

#[test]
fn addresses_cannot_be_refused_behind_a_proxy_that_looks_names_up() {
    let client_of = |proxies: Proxies| {
        let options = Options {
            deny_private: true,
            proxies,
            ..options()
        };
        fetchpool::fetch::Client::new(options)
    };
    for scheme in ["http", "https", "socks4a", "socks5h"] {
        let proxy = format!("{scheme}://ann:secret@127.0.0.1:1");
        for variable in [
            None,
            Some("http_proxy"),
            Some("https_proxy"),
            Some("all_proxy"),
        ] {
            let environment = |name: &str| (Some(name) == variable).then(|| proxy.clone());
            let explicit = variable.is_none().then_some(proxy.as_str());
            let error = client_of(Proxies::new(explicit, &environment).unwrap()).unwrap_err();
            let text = error.to_string();
            let source = variable.unwrap_or("--proxy");
            let begin = format!("--deny-private cannot be kept behind the proxy of {source}: ");
            assert!(text.starts_with(&begin), "{text}");
            assert!(
                text.contains("socks5://") && !text.contains("secret"),
                "{text}"
            );
        }
    }
    for scheme in ["socks4", "socks5"] {
        let proxy = format!("{scheme}://127.0.0.1:1");
        client_of(Proxies::new(Some(&proxy), &|_| None).unwrap()).unwrap();
    }
    // No request is sent through it.
    let excepted = |name: &str| match name {
        "all_proxy" => Some("127.0.0.1:1".to_owned()),
        "no_proxy" => Some("*".to_owned()),
        _ => None,
    };
    client_of(Proxies::new(None, &excepted).unwrap()).unwrap();
}
