//! Requests with options of their own, and what their bodies must be.

use std::io::{self, Write};
use std::sync::Arc;
use std::time::Duration;

use fetchpool::fetch::{Client, FailureKind, Method, Options, Outcome, RequestOptions};

use crate::library::{Server, bytes, client, failure, options, page, redirect};

fn own() -> RequestOptions {
    RequestOptions::default()
}

/// The SHA-256 of `hello`.
const HELLO: &str = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824";

fn sha256(hex: &str) -> [u8; 32] {
    let byte = |at: usize| u8::from_str_radix(&hex[2 * at..2 * at + 2], 16).unwrap();
    std::array::from_fn(byte)
}

fn load(client: &Client, request: RequestOptions, server: &Server) -> Outcome {
    let client = client.with_request_options(Arc::new(request));
    client.load_url(&server.url("/"), &mut io::sink())
}

#[test]
fn each_option_goes_before_that_of_the_client() {
    let server = Server::always("HTTP/1.1 404 No\r\nContent-Length: 5\r\n\r\nhello");
    let client = client(Options {
        accept: "404".parse().unwrap(),
        max_size: Some(4),
        ..options()
    });
    let rows = [
        (own(), "too_large: the body is larger than 4 bytes"),
        (
            RequestOptions {
                max_size: Some(3),
                ..own()
            },
            "too_large: the body is larger than 3 bytes",
        ),
        (
            RequestOptions {
                accept: Some("2xx".parse().unwrap()),
                ..own()
            },
            "http_status: 404 Not Found",
        ),
    ];
    for (request, message) in rows {
        assert_eq!(failure(&load(&client, request, &server)), message);
    }
    for max_size in [0, 5] {
        let request = RequestOptions {
            max_size: Some(max_size),
            ..own()
        };
        assert_eq!(bytes(&load(&client, request, &server)), 5);
    }
    let request = RequestOptions {
        method: Some(Method::HEAD),
        max_size: Some(0),
        ..own()
    };
    let outcome = load(&client, request, &server);
    assert_eq!(outcome.method, Method::HEAD);
    assert_eq!(outcome.result.unwrap().size, Some(5));
    assert!(server.requests().last().unwrap().starts_with("HEAD "));
}

#[test]
fn a_request_has_its_own_time() {
    let silent = Server::start(|mut conn| while conn.request().is_some() {});
    let request = RequestOptions {
        timeout: Some(Duration::from_millis(500)),
        ..own()
    };
    let outcome = load(&client(options()), request, &silent);
    assert_eq!(
        failure(&outcome),
        "timeout: no reply within 500ms [first_byte]"
    );

    let server = Server::always(page("hello"));
    let hurried = client(Options {
        timeout: Some(Duration::from_nanos(1)),
        ..options()
    });
    assert!(failure(&load(&hurried, own(), &server)).starts_with("timeout: "));
    let request = RequestOptions {
        timeout: Some(Duration::ZERO),
        ..own()
    };
    assert_eq!(bytes(&load(&hurried, request, &server)), 5);
}

#[test]
fn headers_replace_those_of_the_client_and_stay_at_their_origin() {
    let other = Server::always(page("other"));
    let server = Server::always(redirect(302, other.url("/").as_str()));
    let general = ["X-Key: general", "X-Kept: kept"];
    let client = client(Options {
        headers: general.map(|text| text.parse().unwrap()).to_vec(),
        credentials: Some("ann:general".parse().unwrap()),
        ..options()
    });
    let headers = [
        "x-key: own",
        "Accept:",
        "Authorization: own",
        "Host: h.test",
    ];
    let request = RequestOptions {
        headers: headers.map(|text| text.parse().unwrap()).to_vec(),
        ..own()
    };
    assert_eq!(bytes(&load(&client, request, &server)), 5);
    let agent = concat!("User-Agent: fetchpool/", env!("CARGO_PKG_VERSION"));
    let expected = format!(
        "GET / HTTP/1.1\r\nHost: h.test\r\n{agent}\r\nX-Kept: kept\r\nx-key: own\r\nAuthorization: own\r\n\r\n"
    );
    assert_eq!(server.requests(), [expected]);
    let away = &other.requests()[0];
    assert!(!away.contains("own") && !away.contains("kept"), "{away}");

    assert_eq!(bytes(&load(&client, own(), &server)), 5);
    assert!(
        server.requests()[1].contains("X-Key: general\r\n"),
        "later requests have none of it"
    );
}

#[test]
fn options_that_make_no_request_are_refused_before_anything_is_sent() {
    let server = Server::always(page("hello"));
    let twice = ["Host: a", "host: b"].map(|text| text.parse().unwrap());
    for (request, message) in [
        (
            RequestOptions {
                headers: twice.to_vec(),
                ..own()
            },
            "Host is given twice",
        ),
        (
            RequestOptions {
                method: Some(Method::CONNECT),
                ..own()
            },
            "CONNECT asks for a tunnel",
        ),
    ] {
        let outcome = load(&client(options()), request, &server);
        let failure = outcome.result.unwrap_err();
        assert_eq!(failure.kind(), FailureKind::InvalidRow);
        assert!(failure.message().contains(message), "{failure}");
    }
    assert!(server.requests().is_empty());
}

#[test]
fn a_body_that_is_not_the_expected_one_is_a_mismatch() {
    let wrong = HELLO.replace('c', "d");
    let zeros = "0".repeat(64);
    for (size, digest, message) in [
        (Some(5), None, None),
        (None, Some(HELLO), None),
        (Some(5), Some(HELLO), None),
        (
            Some(6),
            None,
            Some("size: expected 6 bytes, got 5".to_owned()),
        ),
        (
            Some(0),
            Some(HELLO),
            Some("size: expected 0 bytes, got 5".to_owned()),
        ),
        (
            None,
            Some(&*wrong),
            Some(format!("sha256: expected {wrong}, got {HELLO}")),
        ),
        (
            Some(5),
            Some(&*zeros),
            Some(format!("sha256: expected {zeros}, got {HELLO}")),
        ),
    ] {
        let server = Server::always(page("hello"));
        let request = RequestOptions {
            size,
            sha256: digest.map(sha256),
            ..own()
        };
        let client = client(options()).with_request_options(Arc::new(request));
        // A length that is not the size is enough.
        let is_read = size.is_none_or(|size| size == 5);
        let (mut body, mut count) = (Vec::new(), 0);
        for outcome in [
            client.load_url(&server.url("/"), &mut body),
            client.load_size(&server.url("/"), &mut |amount| count += amount),
        ] {
            match &message {
                Some(message) => assert_eq!(failure(&outcome), format!("mismatch: {message}")),
                None => assert_eq!(bytes(&outcome), 5),
            }
            let digest = digest.filter(|_| is_read);
            assert_eq!(outcome.sha256, digest.map(|_| sha256(HELLO)));
        }
        let read = if is_read { &b"hello"[..] } else { b"" };
        assert_eq!((body.as_slice(), count), (read, read.len()));
        assert_eq!(server.requests().len(), 2, "nothing is repeated");
    }
}

#[test]
fn a_failure_comes_before_a_mismatch() {
    let server = Server::once("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhello");
    let request = RequestOptions {
        sha256: Some([0; 32]),
        ..own()
    };
    let outcome = load(&client(options()), request, &server);
    assert_eq!(
        failure(&outcome),
        "body: the connection was closed after 5 of 9 bytes"
    );
    assert_eq!(outcome.sha256, None, "the body is not whole");
}

#[test]
fn head_compares_the_told_length_and_no_digest() {
    for (told, message) in [
        ("Content-Length: 5", None),
        ("X: y", None),
        ("Content-Encoding: gzip\r\nContent-Length: 4", None),
        (
            "Content-Length: 4",
            Some("mismatch: size: expected 5 bytes, got 4"),
        ),
    ] {
        let server = Server::always(format!("HTTP/1.1 200 OK\r\n{told}\r\n\r\n"));
        let request = RequestOptions {
            method: Some(Method::HEAD),
            size: Some(5),
            sha256: Some([0; 32]),
            ..own()
        };
        let outcome = load(&client(options()), request, &server);
        match message {
            Some(message) => assert_eq!(failure(&outcome), message),
            None => assert_eq!(bytes(&outcome), 0, "{told}"),
        }
    }
}

#[test]
fn expectations_are_of_the_decoded_body() {
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    gzip.write_all(b"hello").unwrap();
    let gzip = gzip.finish().unwrap();
    let head = format!(
        "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: {}\r\n\r\n",
        gzip.len()
    );
    let server = Server::always([head.as_bytes(), &gzip].concat());
    let compressed = client(Options {
        compressed: true,
        ..options()
    });
    let request = RequestOptions {
        size: Some(5),
        sha256: Some(sha256(HELLO)),
        ..own()
    };
    assert_eq!(bytes(&load(&compressed, request.clone(), &server)), 5);
    let outcome = load(&client(options()), request, &server);
    let message = format!("mismatch: size: expected 5 bytes, got {}", gzip.len());
    assert_eq!(failure(&outcome), message, "it was not asked to be decoded");
}
