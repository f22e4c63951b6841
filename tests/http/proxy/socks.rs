//! SOCKS 4 and 5.

use fetchpool::fetch::Url;

use super::{join, read, through};
use crate::library::{Conn, Server, bytes, client, failure, fetch, page};

#[test]
fn socks5_with_a_name_and_a_password() {
    let origin = Server::always(page("socks"));
    let addr = origin.addr;
    let proxy = Server::start(move |mut conn| {
        assert_eq!(read::<4>(&mut conn), [5, 2, 0, 2]);
        conn.send([5, 2]);
        assert_eq!(&read::<12>(&mut conn), b"\x01\x04user\x05p@ss!");
        conn.send([1, 0]);
        assert_eq!(
            &read::<16>(&mut conn),
            b"\x05\x01\x00\x03\x09a.invalid\x1f\x90"
        );
        conn.send([5, 0, 0, 3, 2, b'x', b'y', 0, 0]);
        join(conn, addr);
    });
    let options = through(&format!("socks5h://user:p%40ss!@{}", proxy.addr));
    let client = client(options);
    for _ in 0..2 {
        let outcome = client.load_url(
            &Url::parse("http://a.invalid:8080/x").unwrap(),
            &mut std::io::sink(),
        );
        assert_eq!(bytes(&outcome), 5);
    }
    assert!(origin.requests()[0].starts_with("GET /x HTTP/1.1\r\nHost: a.invalid:8080\r\n"));
    assert!(!origin.requests()[0].contains("Proxy-Authorization"));
}

#[test]
fn socks5_and_socks4_with_an_address_that_is_looked_up_here() {
    let origin = Server::always(page("socks"));
    let (addr, port) = (origin.addr, origin.addr.port().to_be_bytes());
    let five = Server::start(move |mut conn| {
        assert_eq!(read::<3>(&mut conn), [5, 1, 0]);
        conn.send([5, 0]);
        assert_eq!(
            read::<10>(&mut conn),
            [5, 1, 0, 1, 127, 0, 0, 1, port[0], port[1]]
        );
        conn.send([5, 0, 0, 1, 0, 0, 0, 0, 0, 0]);
        join(conn, addr);
    });
    let four = Server::start(move |mut conn| {
        assert_eq!(
            read::<9>(&mut conn),
            [4, 1, port[0], port[1], 127, 0, 0, 1, 0]
        );
        conn.send([0, 90, 0, 0, 0, 0, 0, 0]);
        join(conn, addr);
    });
    let four_a = Server::start(move |mut conn| {
        assert_eq!(
            &read::<21>(&mut conn),
            b"\x04\x01\x00\x50\x00\x00\x00\x01me\x00a.invalid\x00"
        );
        conn.send([0, 90, 0, 0, 0, 0, 0, 0]);
        join(conn, addr);
    });
    for (proxy, url) in [
        (
            format!("socks5://{}", five.addr),
            origin.url("/").to_string(),
        ),
        (
            format!("socks4://{}", four.addr),
            origin.url("/").to_string(),
        ),
        (
            format!("socks4a://me@{}", four_a.addr),
            "http://a.invalid/".to_owned(),
        ),
    ] {
        assert_eq!(
            bytes(&fetch(through(&proxy), &Url::parse(&url).unwrap()).0),
            5,
            "{proxy}"
        );
    }
}

#[test]
fn what_a_socks_proxy_refuses_is_told() {
    type Script = fn(&mut Conn);
    let cases: [(&str, Script, &str); 7] = [
        (
            "socks5h",
            |c| {
                read::<3>(c);
                c.send([5, 255]);
            },
            "it wants another kind of authentication",
        ),
        (
            "socks5h",
            |c| {
                read::<3>(c);
                c.send(b"HT");
            },
            "its answer is not SOCKS 5",
        ),
        (
            "socks5h",
            |c| {
                read::<3>(c);
                c.send([5, 0, 5, 5, 0, 1]);
            },
            "it made no connection: connection refused (SOCKS 5 reply 5)",
        ),
        (
            "socks5h",
            |c| {
                read::<3>(c);
                c.send([5, 0, 5, 2, 0, 1]);
            },
            "it made no connection: connection not allowed by ruleset (SOCKS 5 reply 2)",
        ),
        (
            "socks4a",
            |c| {
                c.send([0, 91, 0, 0, 0, 0, 0, 0]);
            },
            "it made no connection: rejected or failed (SOCKS 4 reply 91)",
        ),
        (
            "socks4a",
            |c| {
                c.send([0, 93, 0, 0, 0, 0, 0, 0]);
            },
            "it made no connection: identd on this machine names another user (SOCKS 4 reply 93)",
        ),
        (
            "socks4a",
            |c| {
                c.send(b"HTTP/1.1");
            },
            "its answer is not SOCKS 4",
        ),
    ];
    for (scheme, script, expected) in cases {
        let proxy = Server::start(move |mut conn| {
            script(&mut conn);
            conn.wait_for_hangup();
        });
        let (outcome, _) = fetch(
            through(&format!("{scheme}://{}", proxy.addr)),
            &Url::parse("http://a.invalid/").unwrap(),
        );
        assert_eq!(
            failure(&outcome),
            format!("proxy: proxy {}: {expected}", proxy.addr)
        );
    }
}
