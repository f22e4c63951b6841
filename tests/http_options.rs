//! What a user may ask for beyond a plain GET: given addresses, refused addresses, credentials,
//! compressed bodies.

mod http_support;

use std::io::{Read, Write};

use fetchpool::fetch::{FailureKind, Family, Options, Proxies, Resolve, Url};
use flate2::Compression;
use flate2::write::GzEncoder;

use http_support::{Server, bytes, client, failure, fetch, options, page, redirect};

#[test]
fn given_addresses_are_used_instead_of_looked_up_ones() {
    let server = Server::always(page("ok"));
    let port = server.addr.port();
    let with = |rules: &[String]| Options {
        resolve: rules
            .iter()
            .map(|r| r.parse::<Resolve>().unwrap())
            .collect(),
        ..options()
    };
    let url = Url::parse(&format!("http://nowhere.invalid:{port}/")).unwrap();
    for rules in [
        vec![format!("nowhere.invalid:{port}:127.0.0.1")],
        vec![format!("*:{port}:127.0.0.1")],
        // Of an address that refuses and one that takes, the second.
        vec![format!("nowhere.invalid:{port}:127.0.0.9,127.0.0.1")],
        // The last rule holds.
        vec![
            format!("nowhere.invalid:{port}:127.0.0.9"),
            format!("nowhere.invalid:{port}:127.0.0.1"),
        ],
    ] {
        assert_eq!(bytes(&fetch(with(&rules), &url).0), 2, "{rules:?}");
    }
    let (outcome, _) = fetch(
        with(&[format!("nowhere.invalid:{}:127.0.0.1", port ^ 1)]),
        &url,
    );
    assert_eq!(failure(&outcome), "dns: no address for nowhere.invalid");
    assert!(server.requests()[0].contains(&format!("Host: nowhere.invalid:{port}\r\n")));
}

#[test]
fn only_the_wanted_family_is_connected_to() {
    let server = Server::always(page("ok"));
    let url = server.url("/");
    let with = |family| Options {
        family,
        ..options()
    };
    assert_eq!(bytes(&fetch(with(Family::V4), &url).0), 2);
    assert_eq!(
        failure(&fetch(with(Family::V6), &url).0),
        "dns: no IPv6 address for 127.0.0.1"
    );
    let six = Url::parse("http://[::1]:1/").unwrap();
    assert_eq!(
        failure(&fetch(with(Family::V4), &six).0),
        "dns: no IPv4 address for [::1]"
    );
}

#[test]
fn private_addresses_are_refused_in_every_spelling_and_nothing_is_sent_there() {
    let server = Server::always(page("ok"));
    let port = server.addr.port();
    let deny = Options {
        deny_private: true,
        ..options()
    };
    for host in [
        "127.0.0.1",
        "2130706433",
        "0x7f000001",
        "0177.0.0.1",
        "127.1",
        "127.0.0.1.",
        "localhost",
        "LOCALHOST.",
        "a.localhost",
        "0.0.0.0",
        "[::1]",
        "[::]",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "[64:ff9b::7f00:1]",
        "169.254.169.254",
        "10.0.0.1",
        "%31%32%37.0.0.1",
        "①②⑦.0.0.1",
    ] {
        let url = Url::parse(&format!("http://{host}:{port}/")).unwrap();
        let (outcome, _) = fetch(deny.clone(), &url);
        assert_eq!(
            outcome.result.unwrap_err().kind(),
            FailureKind::BlockedAddress,
            "{host}"
        );
    }
    let rule = format!("public.example:{port}:127.0.0.1").parse().unwrap();
    let url = Url::parse(&format!("http://public.example:{port}/")).unwrap();
    let (outcome, _) = fetch(
        Options {
            resolve: vec![rule],
            ..deny
        },
        &url,
    );
    assert_eq!(
        failure(&outcome),
        "blocked_address: public.example is at 127.0.0.1, a loopback address"
    );
    assert!(server.requests().is_empty());
}

#[test]
fn private_addresses_are_refused_on_a_redirect_too() {
    // The loopback's only way to stand for a public address is to be a proxy for one.
    let inner = Server::always(page("secret"));
    let away = redirect(302, inner.url("/").as_str());
    let proxy = Server::start(move |mut conn| {
        // RFC 1928: a greeting, and a request for 1.1.1.1 port 80.
        conn.stream.read_exact(&mut [0; 3]).unwrap();
        conn.send([5, 0]);
        let mut request = [0; 10];
        conn.stream.read_exact(&mut request).unwrap();
        assert_eq!(request, [5, 1, 0, 1, 1, 1, 1, 1, 0, 80]);
        conn.send([5, 0, 0, 1, 0, 0, 0, 0, 0, 0]);
        conn.answer_all(&away);
    });
    let public = Url::parse("http://1.1.1.1/").unwrap();
    let proxies = Proxies::new(Some(&format!("socks5://{}", proxy.addr)), &|_| None).unwrap();
    let through = Options {
        proxies,
        deny_private: true,
        ..options()
    };
    let client = client(through);
    for attempt in 1..=2 {
        let outcome = client.load_url(&public, &mut std::io::sink());
        assert_eq!(
            failure(&outcome),
            "blocked_address: 127.0.0.1 is a loopback address"
        );
        assert_eq!(outcome.redirects, 1);
        assert_eq!(proxy.requests().len(), attempt);
    }
    assert!(inner.requests().is_empty());
}

#[test]
fn credentials_go_to_the_origin_that_was_asked_for() {
    let other = Server::always(page("other"));
    let away = other.url("/").to_string();
    let server = Server::always(redirect(302, &away));
    let credentials = Some(("user".to_owned(), "pass".to_owned()));
    let given = Options {
        credentials,
        ..options()
    };
    assert_eq!(bytes(&fetch(given.clone(), &server.url("/")).0), 5);
    assert!(server.requests()[0].contains("Authorization: Basic dXNlcjpwYXNz\r\n"));
    assert!(!other.requests()[0].contains("Authorization"));

    // Those in the URL give way to those given for all, and both to a header.
    let mut url = server.url("/");
    url.set_username("else").unwrap();
    fetch(given.clone(), &url);
    assert!(server.requests()[1].contains("Authorization: Basic dXNlcjpwYXNz\r\n"));
    let headers = vec![("Authorization".to_owned(), "Bearer x".to_owned())];
    fetch(Options { headers, ..given }, &url);
    assert!(server.requests()[2].contains("Authorization: Bearer x\r\n"));
    assert_eq!(server.requests()[2].matches("Authorization").count(), 1);
}

fn gzip(content: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(content).unwrap();
    encoder.finish().unwrap()
}

/// 5,000 bytes, `hello` a thousand times, as brotli has it.
const BROTLI: [u8; 17] = [
    0x1b, 0x87, 0x13, 0xf8, 0xa5, 0xcb, 0xd0, 0xd8, 0xde, 0xc4, 0x6b, 0x51, 0x40, 0xcf, 0x02, 0x80,
    0xd4,
];

fn coded(coding: &str, body: &[u8]) -> Vec<u8> {
    let head = format!(
        "HTTP/1.1 200 OK\r\nContent-Encoding: {coding}\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    [head.as_bytes(), body].concat()
}

#[test]
fn a_rule_for_a_host_goes_before_one_for_any() {
    let server = Server::always(page("ok"));
    let port = server.addr.port();
    let rule = |host: &str, address: &str| {
        let text = format!("{host}:{port}:{address}");
        text.parse::<Resolve>().unwrap()
    };
    let (own, any) = (rule("a.invalid", "127.0.0.1"), rule("*", "0.0.0.1"));
    let older = rule("a.invalid", "0.0.0.1");
    for resolve in [
        vec![own, any.clone()],
        vec![any, older, rule("a.invalid", "127.0.0.1")],
    ] {
        let options = Options {
            resolve,
            ..options()
        };
        let url = format!("http://a.invalid:{port}/").parse().unwrap();
        assert_eq!(bytes(&fetch(options, &url).0), 2);
    }
}

#[test]
fn compressed_bodies_are_decoded_when_they_were_asked_for() {
    let plain = b"hello".repeat(1000);
    let compressed = Options {
        compressed: true,
        ..options()
    };
    for (coding, body) in [
        ("gzip", gzip(&plain)),
        ("x-gzip", gzip(&plain)),
        ("br", BROTLI.to_vec()),
        ("identity", plain.clone()),
    ] {
        let server = Server::start({
            let (reply, body) = (coded(coding, &body), body.clone());
            move |mut conn| {
                assert_eq!(
                    conn.number,
                    0,
                    "a second connection for {} bytes",
                    body.len()
                );
                conn.answer_all(&reply);
            }
        });
        let client = client(compressed.clone());
        for _ in 0..2 {
            let mut got = Vec::new();
            let outcome = client.load_url(&server.url("/"), &mut got);
            assert_eq!((bytes(&outcome), got == plain), (5000, true), "{coding}");
        }
        assert!(server.requests()[0].contains("accept-encoding: gzip, br\r\n"));

        // Not asked for, it is taken as it is.
        let server = Server::always(coded(coding, &body));
        assert_eq!(
            bytes(&fetch(options(), &server.url("/")).0),
            body.len() as u64
        );
        assert!(!server.requests()[0].contains("accept-encoding"));
    }
}

#[test]
fn damaged_cut_or_unknown_codings_are_told_apart() {
    let whole = gzip(&b"hello".repeat(1000));
    let mut damaged = whole.clone();
    damaged[12] ^= 0xff;
    let chunked = |body: &[u8]| {
        let head =
            "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n";
        [format!("{head}{:x}\r\n", body.len()).as_bytes(), body].concat()
    };
    for (reply, expected) in [
        (
            coded("gzip", &damaged),
            "body: the compressed body is damaged: ",
        ),
        (coded("gzip", b"plain text"), "body: the body is not gzip"),
        (coded("gzip", b"abc"), "body: the body is not gzip"),
        (
            coded("gzip", &[&whole[..], &[0; 8]].concat()),
            "body: there is more behind the end of the compressed body",
        ),
        (
            coded("gzip", &[&whole[..], b"junk"].concat()),
            "body: there is more behind the end of the compressed body",
        ),
        (
            coded("br", b"\xff\xff\xff\xff"),
            "body: the compressed body is damaged: ",
        ),
        (
            coded("gzip", &whole[..whole.len() - 4]),
            "body: the compressed body is cut short",
        ),
        (coded("br", &BROTLI[..10]), "body: the compressed body is "),
        (
            chunked(&whole[..30]),
            "body: the connection was closed after 30 bytes",
        ),
        (
            coded("zstd", b"x"),
            "protocol: the body has the content coding \"zstd\"",
        ),
        (
            coded("gzip, br", b"x"),
            "protocol: the body has the content coding \"gzip, br\"",
        ),
    ] {
        let server = Server::once(reply);
        let (outcome, _) = fetch(
            Options {
                compressed: true,
                ..options()
            },
            &server.url("/"),
        );
        assert!(
            failure(&outcome).starts_with(expected),
            "{} instead of {expected}",
            failure(&outcome)
        );
    }
    let empty =
        Server::once("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 0\r\n\r\n");
    assert_eq!(
        bytes(
            &fetch(
                Options {
                    compressed: true,
                    ..options()
                },
                &empty.url("/")
            )
            .0
        ),
        0
    );
}

/// A body that does not end where its coding ends.
#[test]
fn what_comes_behind_the_end_of_the_coding_is_part_of_the_transfer() {
    let head = |rest: &str| format!("HTTP/1.1 200 OK\r\n{rest}\r\n").into_bytes();
    for (name, body) in [
        ("gzip", gzip(&b"hello".repeat(1000))),
        ("br", BROTLI.to_vec()),
    ] {
        let (size, coding) = (body.len(), format!("Content-Encoding: {name}\r\n"));
        let chunked = head(&format!("{coding}Transfer-Encoding: chunked\r\n"));
        let chunk = [format!("{size:x}\r\n").as_bytes(), &body, b"\r\n"].concat();
        let longer = head(&format!("{coding}Content-Length: {}\r\n", size + 5));
        let cut = format!("body: the connection was closed after {size} ");
        let behind = "body: there is more behind the end";
        for (reply, expected) in [
            ([&longer[..], &body].concat(), cut.as_str()),
            ([&chunked[..], &chunk].concat(), &cut),
            ([&longer[..], &body, b"extra"].concat(), behind),
            (
                [&chunked[..], &chunk, b"5\r\nextra\r\n0\r\n\r\n"].concat(),
                behind,
            ),
            (
                [&head(&coding)[..], &body, &[b'x'; 100_000]].concat(),
                behind,
            ),
        ] {
            let server = Server::once(reply);
            let compressed = Options {
                compressed: true,
                ..options()
            };
            let failure = failure(&fetch(compressed, &server.url("/")).0);
            assert!(failure.starts_with(expected), "{name}: {failure}");
        }
    }
}

#[test]
fn a_transfer_that_hangs_or_is_reset_behind_the_end_of_the_coding_fails() {
    let reply = [
        format!(
            "HTTP/1.1 200 OK\r\nContent-Encoding: br\r\nContent-Length: {}\r\n\r\n",
            BROTLI.len() + 5
        )
        .as_bytes(),
        &BROTLI,
    ]
    .concat();
    // Long enough to get to the end of the coding on a busy machine; nothing is measured.
    let limit = Some(std::time::Duration::from_secs(2));
    let hangs = "timeout: nothing was heard for 2s [body]";
    for (resets, expected) in [(false, hangs), (true, "body: ")] {
        let reply = reply.clone();
        let server = Server::start(move |mut conn| {
            conn.request();
            conn.send(&reply);
            if resets {
                conn.reset();
            } else {
                conn.wait_for_hangup();
            }
        });
        let compressed = Options {
            compressed: true,
            stall_timeout: limit.filter(|_| !resets),
            ..options()
        };
        let failure = failure(&fetch(compressed, &server.url("/")).0);
        assert!(failure.starts_with(expected), "{failure}");
    }
}

#[test]
fn the_limit_on_the_size_is_one_of_the_decoded_body() {
    let bomb = gzip(&vec![0; 50_000_000]);
    assert!(bomb.len() < 100_000);
    let server = Server::always(coded("gzip", &bomb));
    let limited = |max_size| Options {
        compressed: true,
        max_size: Some(max_size),
        ..options()
    };
    let (outcome, body) = fetch(limited(1_000_000), &server.url("/"));
    assert_eq!(
        failure(&outcome),
        "too_large: the body is larger than 1000000 bytes"
    );
    assert!(body.len() <= 1_000_000);
    assert_eq!(
        bytes(&fetch(limited(50_000_000), &server.url("/")).0),
        50_000_000
    );
}

#[test]
fn an_option_that_no_request_can_be_made_with_is_refused_by_name() {
    let bad = |change: fn(&mut Options)| {
        let mut options = Options::default();
        change(&mut options);
        fetchpool::fetch::Client::new(options)
            .unwrap_err()
            .to_string()
    };
    assert!(bad(|o| o.headers.push(("X".into(), "a\nb".into()))).contains("header X"));
    assert!(
        bad(|o| o.headers.push(("Content-Length".into(), "5".into()))).contains("Content-Length")
    );
    assert!(bad(|o| o.user_agent = "a\r\nb".into()).contains("User-Agent"));
    assert!(bad(|o| o.method = "CONNECT".parse().unwrap()).contains("CONNECT"));
    assert!(
        bad(|o| o.tls.cacert = Some("/no/such/file".into()))
            .contains("'/no/such/file': no such file")
    );
    assert!(
        bad(|o| o.tls.cacert = Some("Cargo.toml".into()))
            .contains("no certificate in 'Cargo.toml'")
    );
    assert!(bad(|o| o.tls.key = Some("k.pem".into())).contains("'k.pem'"));
}

// Elsewhere the loopback network is a single address.
#[cfg(target_os = "linux")]
#[test]
fn a_dead_first_address_costs_no_more_than_the_head_start() {
    // Refusing is answered at once; what does not answer at all is in the unit tests of the
    // connector.
    let server = Server::always(page("ok"));
    let port = server.addr.port();
    let dead = std::net::TcpListener::bind("127.0.0.2:0")
        .unwrap()
        .local_addr()
        .unwrap();
    assert_ne!(dead.port(), port);
    let rule = format!("two.test:{port}:127.0.0.2,127.0.0.1")
        .parse()
        .unwrap();
    let url = Url::parse(&format!("http://two.test:{port}/")).unwrap();
    assert_eq!(
        bytes(
            &fetch(
                Options {
                    resolve: vec![rule],
                    ..options()
                },
                &url
            )
            .0
        ),
        2
    );
}
