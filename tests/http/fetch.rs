//! One attempt at a time against servers of bytes: pages, statuses, methods and what a record shows.

use std::io;
use std::net::TcpListener;
use std::time::Duration;

use fetchpool::fetch::{FailureKind, Method, Options, Url};

use crate::library::{Server, bytes, client, failure, fetch, options, page};

#[test]
fn a_page_and_all_that_a_record_shows_of_it() {
    let server = Server::always(
        "HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\nContent-Length: 5\r\n\r\nhello",
    );
    let (outcome, body) = fetch(options(), &server.url("/a?b=c#d"));
    assert_eq!((bytes(&outcome), body.as_slice()), (5, b"hello".as_slice()));
    assert_eq!(outcome.status, Some(200));
    assert_eq!(
        outcome.content_type.as_deref(),
        Some("text/html; charset=utf-8")
    );
    assert_eq!(outcome.final_url, server.url("/a?b=c#d"));
    assert_eq!((outcome.hops.len(), outcome.retry_after), (0, None));
    assert!(outcome.ttfb.unwrap() <= outcome.elapsed);
    assert!(outcome.wire_bytes > 80);
    let expected = format!(
        "GET /a?b=c HTTP/1.1\r\nHost: {}\r\nAccept: */*\r\nUser-Agent: fetchpool/{}\r\n\r\n",
        server.addr,
        env!("CARGO_PKG_VERSION")
    );
    assert_eq!(server.requests(), [expected]);
}

#[test]
fn bodies_of_every_framing_and_size_arrive_whole() {
    for size in [0, 1, 1000, 16 * 1024, 64 * 1024 + 1, 3_000_000] {
        let content: Vec<u8> = (0..size).map(|i| (i * 7 % 251) as u8).collect();
        let head = |framing: String| format!("HTTP/1.1 200 OK\r\n{framing}\r\n").into_bytes();
        let chunks: Vec<u8> = content
            .chunks(10_000)
            .flat_map(|c| [format!("{:x}\r\n", c.len()).as_bytes(), c, b"\r\n"].concat())
            .collect();
        let replies = [
            [head(format!("Content-Length: {size}\r\n")), content.clone()].concat(),
            [
                head("Transfer-Encoding: chunked\r\n".into()),
                chunks,
                b"0\r\n\r\n".to_vec(),
            ]
            .concat(),
            [head("Connection: close\r\n".into()), content.clone()].concat(),
        ];
        for reply in replies {
            let server = Server::once(reply);
            let (outcome, body) = fetch(options(), &server.url("/"));
            assert_eq!(bytes(&outcome), size as u64);
            assert!(
                body == content,
                "a body of {size} bytes came out differently"
            );
        }
    }
}

#[test]
fn head_and_bodiless_replies_have_no_bytes_and_leave_the_connection_usable() {
    for (method, reply) in [
        (
            Method::HEAD,
            "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n",
        ),
        (
            Method::HEAD,
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
        ),
        (Method::HEAD, "HTTP/1.1 200 OK\r\n\r\n"),
        (Method::GET, "HTTP/1.1 204 No Content\r\n\r\n"),
        (
            Method::GET,
            "HTTP/1.1 204 No Content\r\nContent-Length: 7\r\n\r\n",
        ),
    ] {
        let server = Server::start(move |mut conn| {
            assert_eq!(conn.number, 0, "{reply:?} cost a connection");
            conn.answer_all(reply);
        });
        let client = client(Options {
            method,
            max_size: Some(10),
            ..options()
        });
        for _ in 0..3 {
            assert_eq!(
                bytes(&client.load_url(&server.url("/"), &mut io::sink())),
                0,
                "{reply:?}"
            );
        }
        assert_eq!(server.requests().len(), 3);
    }
}

#[test]
fn a_status_other_than_2xx_is_a_failure_that_names_it() {
    for (status, message) in [
        (404, "http_status: 404 Not Found"),
        (500, "http_status: 500 Internal Server Error"),
        (304, "http_status: 304 Not Modified"),
        (300, "http_status: 300 Multiple Choices"),
        (302, "http_status: 302 Found"),
        (101, "http_status: 101 Switching Protocols"),
        (799, "http_status: 799"),
    ] {
        let head =
            format!("HTTP/1.1 {status} Whatever\r\nRetry-After: 7\r\nContent-Length: 0\r\n\r\n");
        let server = Server::once(head);
        let (outcome, _) = fetch(options(), &server.url("/"));
        assert_eq!(failure(&outcome), message);
        assert_eq!(
            (outcome.status, outcome.retry_after),
            (Some(status), Some(Duration::from_secs(7)))
        );
    }
}

#[test]
fn what_cannot_be_reached_says_where_and_why() {
    let refused = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let (outcome, _) = fetch(
        options(),
        &Url::parse(&format!("http://{refused}/")).unwrap(),
    );
    assert_eq!(
        failure(&outcome),
        format!("connect: {refused}: connection refused")
    );
    assert_eq!((outcome.status, outcome.ttfb), (None, None));
    let (outcome, _) = fetch(options(), &Url::parse("http://nowhere.invalid/").unwrap());
    assert_eq!(failure(&outcome), "dns: no address for nowhere.invalid");
    let https = format!("https://{refused}/");
    let (outcome, _) = fetch(options(), &Url::parse(&https).unwrap());
    assert_eq!(
        failure(&outcome),
        format!("connect: {refused}: connection refused")
    );
}

#[test]
fn methods_are_sent_as_given_and_never_with_a_body() {
    let server = Server::always("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    for method in [
        "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PURGE",
    ] {
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        bytes(
            &fetch(
                Options {
                    method,
                    ..options()
                },
                &server.url("/"),
            )
            .0,
        );
    }
    for request in server.requests() {
        let promises_a_body = ["POST", "PUT", "PATCH"]
            .iter()
            .any(|m| request.starts_with(m));
        assert_eq!(
            request.contains("Content-Length: 0\r\n"),
            promises_a_body,
            "{request}"
        );
        assert!(!request.contains("transfer-encoding"), "{request}");
    }
    assert_eq!(server.requests().len(), 7);
}

#[test]
fn a_very_long_url_and_a_very_long_header_are_sent_whole() {
    let server = Server::always(page("ok"));
    let path = format!("/{}", "p".repeat(60_000));
    let headers = vec![format!("X-Long: {}", "v".repeat(100_000)).parse().unwrap()];
    assert_eq!(
        bytes(
            &fetch(
                Options {
                    headers,
                    ..options()
                },
                &server.url(&path)
            )
            .0
        ),
        2
    );
    assert_eq!(
        server.requests()[0].len(),
        160_000 + server.requests()[0].len() % 1000
    );
    let (outcome, _) = fetch(options(), &server.url(&format!("/{}", "p".repeat(70_000))));
    assert_eq!(outcome.result.unwrap_err().kind(), FailureKind::InvalidUrl);
}
