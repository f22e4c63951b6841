//! What an outcome tells of the replies: validators, redirects, headers and digests.

use fetchpool::fetch::{Method, Options, RecordHeaders};

use crate::library::{Server, bytes, client, failure, fetch, options, page, redirect};

const HEADERS: &[u8] = b"ETag: W/\"\xc3\xa4\xff\" \r\nLast-Modified: Thu, 01 Jan 1970 00:00:00 GMT\r\n\
    X-A: 1\r\nx-a: two \r\nX-Raw: \xe4\xff\r\nX-Utf: \xc3\xa4\r\nSet-Cookie: a=b\r\nSet-Cookie: c=d\r\n";

fn reply(status: &str, rest: &[u8]) -> Vec<u8> {
    [b"HTTP/1.1 ", status.as_bytes(), b"\r\n", HEADERS, rest].concat()
}

fn recording(record_headers: RecordHeaders) -> Options {
    Options {
        record_headers,
        ..options()
    }
}

fn named(names: &[&str]) -> RecordHeaders {
    RecordHeaders::Named(names.iter().map(|name| name.parse().unwrap()).collect())
}

/// As `name=value|value`.
fn shown(headers: Option<Vec<(String, Vec<String>)>>) -> Option<Vec<String>> {
    let line = |(name, values): (String, Vec<String>)| format!("{name}={}", values.join("|"));
    headers.map(|headers| headers.into_iter().map(line).collect())
}

#[test]
fn validators_keep_their_bytes_also_of_a_status_that_is_refused() {
    for (status, is_page) in [
        ("200 OK", true),
        ("404 Not Found", false),
        ("304 Same", false),
    ] {
        let server = Server::always(reply(status, b"Content-Length: 0\r\n\r\n"));
        let (outcome, _) = fetch(options(), &server.url("/"));
        assert_eq!(outcome.result.is_ok(), is_page);
        assert_eq!(outcome.etag.as_deref(), Some("W/\"\u{c3}\u{a4}\u{ff}\""));
        let modified = outcome.last_modified.as_deref();
        assert_eq!(modified, Some("Thu, 01 Jan 1970 00:00:00 GMT"));
        assert_eq!(outcome.headers, None, "none was asked for");
    }
    let (outcome, _) = fetch(options(), &Server::always(page("a")).url("/"));
    assert_eq!((outcome.etag, outcome.last_modified), (None, None));
}

#[test]
fn the_headers_that_were_asked_for_are_those_of_the_last_reply() {
    let last = reply(
        "404 Not Found",
        b"Content-Length: 0\r\nConnection: close\r\n\r\n",
    );
    let server = Server::start(move |mut conn| {
        while let Some(request) = conn.request() {
            if request.starts_with("GET /first ") {
                conn.send("HTTP/1.1 103 Early Hints\r\nX-A: early\r\n\r\n");
                conn.send(
                    redirect(302, "/").replace("\r\n\r\n", "\r\nX-A: first\r\nETag: e\r\n\r\n"),
                );
            } else {
                conn.send(&last);
                return;
            }
        }
    });
    let all = [
        // No UTF-8, so each byte is a character.
        "etag=W/\"\u{c3}\u{a4}\u{ff}\"",
        "last-modified=Thu, 01 Jan 1970 00:00:00 GMT",
        "x-a=1|two",
        "x-raw=\u{e4}\u{ff}",
        "x-utf=\u{e4}",
        "set-cookie=a=b|c=d",
        "content-length=0",
        "connection=close",
    ];
    for (wanted, expected) in [
        (named(&["X-A", "connection", "none"]), vec![all[2], all[7]]),
        (named(&["none"]), vec![]),
        (RecordHeaders::All, all.to_vec()),
    ] {
        let (outcome, _) = fetch(recording(wanted), &server.url("/first"));
        assert_eq!(failure(&outcome), "http_status: 404 Not Found");
        assert_eq!(shown(outcome.headers).unwrap(), expected);
    }
}

#[test]
fn without_a_reply_there_are_no_headers() {
    let server = Server::start(drop);
    let (outcome, _) = fetch(recording(RecordHeaders::All), &server.url("/"));
    assert!(failure(&outcome).starts_with("connect: "));
    assert_eq!((outcome.headers, outcome.etag), (None, None));
}

#[test]
fn framing_headers_are_recorded_as_they_came() {
    let chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 9\r\nX-Fold: a\r\n b\r\n\r\n0\r\n\r\n";
    let server = Server::always(chunked);
    let (outcome, _) = fetch(recording(RecordHeaders::All), &server.url("/"));
    assert_eq!(bytes(&outcome), 0);
    let expected = [
        "transfer-encoding=chunked",
        "content-length=9",
        "x-fold=a b",
    ];
    assert_eq!(shown(outcome.headers).unwrap(), expected);
}

#[test]
fn hops_are_the_redirects_that_were_followed() {
    let server = Server::start(|mut conn| {
        while let Some(request) = conn.request() {
            conn.send(match request.split(' ').nth(1).unwrap() {
                "/1" => redirect(301, "/2"),
                "/2" => redirect(303, "http://ann:hunter2@127.0.0.1:1/"),
                "/3" => redirect(303, "/end"),
                _ => page("end"),
            });
        }
    });
    let mut url = server.url("/1");
    url.set_username("ann").unwrap();
    url.set_password(Some("hunter2")).unwrap();
    let (outcome, _) = fetch(options(), &url);
    let hops: Vec<_> = outcome
        .hops
        .iter()
        .map(|hop| (hop.url.clone(), hop.status))
        .collect();
    assert_eq!(hops, [(server.url("/1"), 301), (server.url("/2"), 303)]);
    assert_eq!(
        (outcome.hops.len(), outcome.final_url.as_str()),
        (2, "http://127.0.0.1:1/")
    );
    assert!(failure(&outcome).starts_with("connect: "));

    let post = Options {
        method: Method::POST,
        ..options()
    };
    let (outcome, _) = fetch(post, &server.url("/3"));
    assert_eq!((outcome.hops.len(), outcome.method), (1, Method::GET));

    let limited = Options {
        max_redirects: 1,
        ..options()
    };
    let (outcome, _) = fetch(limited, &server.url("/1"));
    assert_eq!(
        (outcome.hops.len(), outcome.hops.len()),
        (1, 1),
        "the second was not followed"
    );
    let (outcome, _) = fetch(options(), &server.url("/end"));
    assert!(outcome.hops.is_empty() && outcome.method == Method::GET);
}

#[test]
fn the_digest_of_a_body_is_computed_as_it_streams() {
    let digest = |bytes: &[u8]| {
        let digest = ring::digest::digest(&ring::digest::SHA256, bytes);
        <[u8; 32]>::try_from(digest.as_ref()).unwrap()
    };
    for size in [0, 1, 65_537, 1_000_000] {
        let body: String = (0..size)
            .map(|i| char::from(b'a' + (i % 23) as u8))
            .collect();
        let chunks = format!("{size:x}\r\n{body}\r\n0\r\n\r\n");
        let chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n".to_owned();
        let chunked = chunked + if size == 0 { "0\r\n\r\n" } else { &chunks };
        for reply in [page(&body), chunked] {
            let server = Server::always(reply);
            let with = |sha256| {
                let client = client(Options {
                    sha256,
                    ..options()
                });
                client.load_size(&server.url("/"), &mut |_| {}).sha256
            };
            assert_eq!(with(true), Some(digest(body.as_bytes())), "{size}");
            assert_eq!(with(false), None);
        }
    }
    let head = Options {
        sha256: true,
        method: Method::HEAD,
        ..options()
    };
    let (outcome, _) = fetch(head, &Server::always(page("")).url("/"));
    assert_eq!((outcome.result.is_ok(), outcome.sha256), (true, None));
}
