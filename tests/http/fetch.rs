//! One attempt at a time against servers of bytes: pages, redirects, statuses, limits and the fields of a record.

use std::io::{self, Write};
use std::net::TcpListener;
use std::thread;
use std::time::Duration;

use fetchpool::fetch::{FailureKind, Method, Options, Url};

use crate::library::{Server, bytes, client, failure, fetch, options, page, redirect};

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
    assert_eq!((outcome.redirects, outcome.retry_after), (0, None));
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
fn redirects_are_followed_and_counted() {
    let server = Server::start(|mut conn| {
        while let Some(request) = conn.request() {
            let path = request.split(' ').nth(1).unwrap().to_owned();
            conn.send(match path.as_str() {
                "/1" => redirect(301, "/2"),
                "/2" => redirect(302, "3?x=a b"),
                "/3?x=a%20b" => redirect(307, "/4"),
                "/4" => {
                    "HTTP/1.1 308 Moved\r\nLocation: /5\r\nContent-Length: 4\r\n\r\nbody".into()
                }
                _ => page("end"),
            });
        }
    });
    let (outcome, _) = fetch(options(), &server.url("/1"));
    assert_eq!(
        (bytes(&outcome), outcome.redirects, outcome.status),
        (3, 4, Some(200))
    );
    assert_eq!(outcome.final_url, server.url("/5"));

    for (max, expected) in [
        (0, "http_status: 301 Moved Permanently"),
        (1, "too_many_redirects: more than 1 redirect"),
        (3, "too_many_redirects: more than 3 redirects"),
    ] {
        let (outcome, _) = fetch(
            Options {
                max_redirects: max,
                ..options()
            },
            &server.url("/1"),
        );
        assert_eq!(
            (failure(&outcome).as_str(), outcome.redirects),
            (expected, max)
        );
    }
    assert_eq!(
        bytes(
            &fetch(
                Options {
                    max_redirects: 4,
                    ..options()
                },
                &server.url("/1")
            )
            .0
        ),
        3
    );
}

#[test]
fn a_redirect_out_of_http_is_refused() {
    let server = Server::always(redirect(302, "ftp://example.com/"));
    let (outcome, _) = fetch(options(), &server.url("/"));
    assert_eq!(
        failure(&outcome),
        "unsupported_scheme: ftp is not supported; http and https are"
    );
    assert_eq!(outcome.status, Some(302));
    let (outcome, _) = fetch(options(), &Url::parse("ftp://example.com/").unwrap());
    assert_eq!(
        failure(&outcome),
        "unsupported_scheme: ftp is not supported; http and https are"
    );
}

#[test]
fn what_the_user_gave_for_one_origin_is_not_sent_to_another() {
    let other = Server::always(page("other"));
    let away = other.url("/other").to_string();
    let server = Server::start(move |mut conn| {
        while let Some(request) = conn.request() {
            conn.send(match request.split(' ').nth(1).unwrap() {
                "/start" => redirect(302, "/same"),
                _ => redirect(302, &away),
            });
        }
    });
    let headers = ["X-Api-Key: secret", "Host: h.test"].map(|text| text.parse().unwrap());
    let headers = headers.to_vec();
    let mut url = server.url("/start");
    url.set_username("us er").unwrap();
    url.set_password(Some("p:w")).unwrap();
    let (outcome, _) = fetch(
        Options {
            headers,
            ..options()
        },
        &url,
    );
    assert_eq!(bytes(&outcome), 5);
    assert_eq!(outcome.final_url, other.url("/other"));
    for request in server.requests() {
        assert!(request.contains("X-Api-Key: secret"), "{request}");
        assert!(request.contains("Host: h.test"), "{request}");
        assert!(
            request.contains("Authorization: Basic dXMgZXI6cDp3"),
            "{request}"
        );
    }
    assert_eq!(server.requests().len(), 2);
    let request = &other.requests()[0];
    assert!(
        !request.contains("secret") && !request.contains("Authorization"),
        "{request}"
    );
    assert!(
        request.contains(&format!("Host: {}\r\n", other.addr)),
        "{request}"
    );
}

#[test]
fn credentials_are_in_no_message_and_in_no_final_url() {
    let refused = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let bad = Server::once("junk");
    for url in [
        format!("http://user:hunter2@{refused}/"),
        format!("http://user:hunter2@{}/", bad.addr),
    ] {
        let (outcome, _) = fetch(options(), &Url::parse(&url).unwrap());
        assert!(
            !failure(&outcome).contains("hunter2"),
            "{}",
            failure(&outcome)
        );
        assert!(!outcome.final_url.as_str().contains("hunter2"));
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

/// Long enough to reach the tested phase on a busy machine; nothing is measured.
const LIMIT: Option<Duration> = Some(Duration::from_secs(2));

#[test]
fn the_timeout_names_what_was_waited_for() {
    let silent = Server::start(|mut conn| conn.wait_for_hangup());
    let half = Server::start(|mut conn| {
        conn.request();
        conn.send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf");
        conn.wait_for_hangup();
    });
    let whole = || Options {
        timeout: LIMIT,
        ..options()
    };
    let stall = || Options {
        stall_timeout: LIMIT,
        ..options()
    };
    let connect = || Options {
        connect_timeout: LIMIT,
        ..options()
    };
    let secure = Url::parse(&format!("https://{}/", silent.addr)).unwrap();
    let rows = [
        (whole(), silent.url("/"), "no reply within 2s [first_byte]"),
        (
            stall(),
            silent.url("/"),
            "nothing was heard for 2s [first_byte]",
        ),
        (
            whole(),
            half.url("/"),
            "no end of the body within 2s [body]",
        ),
        (stall(), half.url("/"), "nothing was heard for 2s [body]"),
        (
            connect(),
            secure,
            "no end of the TLS handshake within 2s [tls]",
        ),
    ];
    thread::scope(|scope| {
        for (options, url, expected) in rows {
            scope.spawn(move || {
                let (outcome, _) = fetch(options, &url);
                assert_eq!(failure(&outcome), format!("timeout: {expected}"), "{url}");
            });
        }
    });
}

#[test]
fn a_drip_that_never_stalls_ends_at_the_timeout() {
    let server = Server::start(|mut conn| {
        conn.request();
        conn.send("HTTP/1.1 200 OK\r\n\r\n");
        while conn.stream.write_all(b"x").is_ok() {}
    });
    let options = Options {
        timeout: LIMIT,
        ..options()
    };
    let (outcome, body) = fetch(options, &server.url("/"));
    assert_eq!(
        failure(&outcome),
        "timeout: no end of the body within 2s [body]"
    );
    assert!(!body.is_empty());
}

#[test]
fn a_body_that_is_too_large_is_given_up_as_soon_as_that_is_seen() {
    let endless = Server::start(|mut conn| {
        conn.request();
        conn.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
        while conn.stream.write_all(b"5\r\nhello\r\n").is_ok() {}
    });
    let announced = Server::start(|mut conn| {
        conn.request();
        conn.send("HTTP/1.1 200 OK\r\nContent-Length: 1001\r\n\r\n");
        conn.wait_for_hangup();
    });
    for server in [endless, announced] {
        let (outcome, body) = fetch(
            Options {
                max_size: Some(1000),
                ..options()
            },
            &server.url("/"),
        );
        assert_eq!(
            failure(&outcome),
            "too_large: the body is larger than 1000 bytes"
        );
        assert!(body.len() <= 1000);
    }
    let fits = Server::always(page(&"x".repeat(1000)));
    assert_eq!(
        bytes(
            &fetch(
                Options {
                    max_size: Some(1000),
                    ..options()
                },
                &fits.url("/")
            )
            .0
        ),
        1000
    );
}

#[test]
fn a_sink_that_fails_ends_the_attempt() {
    struct Full;
    impl Write for Full {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::Error::from(io::ErrorKind::StorageFull))
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let server = Server::always(page("hello"));
    let outcome = client(options()).load_url(&server.url("/"), &mut Full);
    assert_eq!(outcome.result.unwrap_err().kind(), FailureKind::Write);
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
