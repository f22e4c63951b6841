//! Checks: HEAD, and GET where HEAD is refused.

use std::net::TcpListener;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use fetchpool::fetch::{Client, Method, Options, Outcome, RequestOptions, Url};

use crate::library::{Conn, Server, client, failure, options, page, redirect};

const REFUSED: &str =
    "HTTP/1.1 405 Method Not Allowed\r\nETag: \"no\"\r\nContent-Length: 9\r\n\r\n";

fn checking() -> Options {
    Options {
        check: true,
        ..options()
    }
}

/// A server that answers HEAD and GET differently.
fn two_faced(head: impl Fn(&mut Conn) + Send + Sync + 'static, get: impl Into<Vec<u8>>) -> Server {
    let get = get.into();
    Server::start(move |mut conn| {
        while let Some(request) = conn.request() {
            if request.starts_with("HEAD ") {
                head(&mut conn);
            } else {
                conn.send(&get);
            }
        }
    })
}

fn check(client: &Client, url: &Url) -> Outcome {
    client.load_size(url, &mut |_| {})
}

/// The methods that a server saw.
fn methods(server: &Server) -> Vec<String> {
    let requests = server.requests();
    let method = |request: &String| request.split(' ').next().unwrap().to_owned();
    requests.iter().map(method).collect()
}

#[test]
fn head_suffices_where_it_is_answered() {
    for (reply, result) in [
        ("200 OK\r\nContent-Length: 70000", Ok(Some(70_000))),
        ("200 OK", Ok(None)),
        (
            "200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 7",
            Ok(None),
        ),
        (
            "302 Found\r\nContent-Length: 0",
            Err("http_status: 302 Found"),
        ),
        (
            "200 OK\r\nContent-Length: 70001",
            Err("too_large: the body is larger than 70000 bytes"),
        ),
    ] {
        let server = Server::always(format!("HTTP/1.1 {reply}\r\n\r\n"));
        let client = client(Options {
            max_size: Some(70_000),
            ..checking()
        });
        let outcome = check(&client, &server.url("/"));
        match result {
            Ok(size) => assert_eq!(outcome.result.unwrap().size, size, "{reply}"),
            Err(message) => assert_eq!(failure(&outcome), message, "{reply}"),
        }
        assert_eq!(
            (outcome.method, methods(&server)),
            (Method::HEAD, vec!["HEAD".into()])
        );
    }
}

#[test]
fn get_is_tried_where_head_is_refused() {
    type Refusal = fn(&mut Conn);
    let refusals: [(Refusal, &str); 5] = [
        (|conn| conn.send(REFUSED), "405"),
        (|conn| conn.send("HTTP/1.1 500 No\r\n\r\n"), "500"),
        (
            |conn| conn.stream.shutdown(std::net::Shutdown::Both).unwrap(),
            "closed",
        ),
        (|conn| conn.send("junk"), "junk"),
        (|conn| conn.send("HTTP/1.1 200 OK\r\n\0: x\r\n\r\n"), "NUL"),
    ];
    for (refusal, name) in refusals {
        let server = two_faced(refusal, page("hello"));
        let outcome = check(&client(checking()), &server.url("/"));
        let page = outcome.result.unwrap();
        assert_eq!((page.bytes, page.size), (5, Some(5)), "{name}");
        assert_eq!(
            (outcome.method, outcome.status),
            (Method::GET, Some(200)),
            "{name}"
        );
        assert_eq!(outcome.etag, None, "{name}: that of the refusal");
        assert_eq!(methods(&server), ["HEAD", "GET"], "{name}");
    }
}

#[test]
fn what_get_answers_counts() {
    for (get, result) in [
        (
            "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n",
            "http_status: 404 Not Found",
        ),
        (
            "HTTP/1.1 200 OK\r\nContent-Length: 1001\r\n\r\n",
            "too_large: the body is larger than 1000 bytes",
        ),
        (
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n",
            "protocol: ",
        ),
    ] {
        let server = two_faced(|conn| conn.send(REFUSED), get);
        let options = Options {
            max_size: Some(1000),
            ..checking()
        };
        let outcome = check(&client(options), &server.url("/"));
        assert!(
            failure(&outcome).starts_with(result),
            "{}",
            failure(&outcome)
        );
        assert_eq!(outcome.method, Method::GET);
    }
}

#[test]
fn an_accepted_status_is_no_refusal() {
    let server = Server::always(REFUSED);
    let options = Options {
        accept: "2xx,405".parse().unwrap(),
        ..checking()
    };
    let outcome = check(&client(options), &server.url("/"));
    assert_eq!(
        (outcome.result.unwrap().size, outcome.method),
        (Some(9), Method::HEAD)
    );
    assert_eq!(methods(&server), ["HEAD"]);
}

#[test]
fn a_check_reads_at_most_64_kib_and_closes_the_connection_of_more() {
    for (size, kept) in [
        (0, true),
        (65_535, true),
        (65_536, true),
        (65_537, false),
        (3_000_000, false),
    ] {
        let reply = page(&"x".repeat(size));
        let used = Arc::<Mutex<Vec<usize>>>::default();
        let log = Arc::clone(&used);
        let server = Server::start(move |mut conn| {
            while let Some(request) = conn.request() {
                log.lock().unwrap().push(conn.number);
                conn.send(if request.starts_with("HEAD ") {
                    REFUSED
                } else {
                    &reply
                });
            }
        });
        let client = client(checking());
        for _ in 0..2 {
            let mut taken = 0;
            let outcome = client.load_size(&server.url("/"), &mut |amount| taken += amount);
            let page = outcome.result.unwrap();
            assert_eq!(page.size, Some(size as u64));
            assert_eq!(
                (page.bytes, taken),
                (size.min(65_536) as u64, size.min(65_536))
            );
        }
        let connections = if kept { [0, 0, 0, 0] } else { [0, 0, 1, 1] };
        assert_eq!(*used.lock().unwrap(), connections, "{size}");
    }
}

#[test]
fn the_size_of_what_get_answers_is_the_length_told() {
    for (framing, body, size) in [
        ("Content-Length: 5", "hello", Some(5)),
        ("Content-Encoding: gzip\r\nContent-Length: 5", "hello", None),
        (
            "Content-Length: 9\r\nTransfer-Encoding: chunked",
            "5\r\nhello\r\n0\r\n\r\n",
            None,
        ),
    ] {
        let reply = format!("HTTP/1.1 200 OK\r\n{framing}\r\n\r\n{body}");
        let server = two_faced(|conn| conn.send(REFUSED), reply);
        let options = Options {
            compressed: true,
            ..checking()
        };
        let page = check(&client(options), &server.url("/")).result.unwrap();
        assert_eq!((page.bytes, page.size), (5, size), "{framing}");
    }
}

#[test]
fn get_asks_for_the_original_url_and_follows_redirects_anew() {
    let server = Server::start(|mut conn| {
        while let Some(request) = conn.request() {
            let (method, rest) = request.split_once(' ').unwrap();
            conn.send(match (method, rest.split(' ').next().unwrap()) {
                ("HEAD", "/a") => redirect(301, "/b"),
                ("HEAD", "/b") => redirect(302, "/c"),
                ("HEAD", _) => REFUSED.to_owned(),
                (_, "/a") => redirect(307, "/d"),
                _ => page("hello"),
            });
        }
    });
    let outcome = check(&client(checking()), &server.url("/a"));
    assert_eq!(methods(&server), ["HEAD", "HEAD", "HEAD", "GET", "GET"]);
    assert_eq!((outcome.hops.len(), outcome.hops.len()), (1, 1));
    let hop = (outcome.hops[0].url.clone(), outcome.hops[0].status);
    assert_eq!(hop, (server.url("/a"), 307));
    assert_eq!(outcome.final_url, server.url("/d"));
}

#[test]
fn a_host_that_is_not_reached_and_a_timeout_are_no_refusal() {
    let refused = TcpListener::bind("127.0.0.1:0").unwrap().local_addr();
    let url = Url::parse(&format!("http://{}/", refused.unwrap())).unwrap();
    let outcome = check(&client(checking()), &url);
    assert!(failure(&outcome).contains("connection refused"));
    assert_eq!(outcome.method, Method::HEAD);

    let silent = Server::start(|mut conn| while conn.request().is_some() {});
    let options = Options {
        timeout: Some(Duration::from_secs(1)),
        ..checking()
    };
    let outcome = check(&client(options.clone()), &silent.url("/"));
    assert_eq!(
        failure(&outcome),
        "timeout: no reply within 1s [first_byte]"
    );
    assert_eq!(
        (outcome.method, methods(&silent)),
        (Method::HEAD, vec!["HEAD".into()])
    );

    let half = Server::start(|mut conn| {
        conn.request();
        conn.send(REFUSED);
        while conn.request().is_some() {}
    });
    let outcome = check(&client(options), &half.url("/"));
    assert_eq!(
        failure(&outcome),
        "timeout: no reply within 1s [first_byte]"
    );
    assert_eq!((outcome.method, outcome.status), (Method::GET, Some(405)));
}

#[test]
fn a_requests_own_method_is_never_replaced() {
    for (method, bytes) in [(Method::GET, 70_000), (Method::POST, 70_000)] {
        let server = two_faced(|conn| conn.send(REFUSED), page(&"x".repeat(70_000)));
        let own = RequestOptions {
            method: Some(method.clone()),
            ..RequestOptions::default()
        };
        let client = client(checking()).with_request_options(Arc::new(own));
        let outcome = check(&client, &server.url("/"));
        assert_eq!(
            (outcome.result.unwrap().bytes, outcome.method),
            (bytes, method.clone())
        );
        assert_eq!(methods(&server), [method.as_str()]);
    }
    let server = two_faced(|conn| conn.send(REFUSED), page("hello"));
    let own = RequestOptions {
        method: Some(Method::HEAD),
        ..RequestOptions::default()
    };
    let client = client(checking()).with_request_options(Arc::new(own));
    let outcome = check(&client, &server.url("/"));
    assert_eq!(failure(&outcome), "http_status: 405 Method Not Allowed");
    assert_eq!(methods(&server), ["HEAD"]);
}

#[test]
fn a_check_compares_the_told_length_and_no_digest() {
    let with = |size| {
        let own = RequestOptions {
            size: Some(size),
            sha256: Some([0; 32]),
            ..RequestOptions::default()
        };
        client(checking()).with_request_options(Arc::new(own))
    };
    let plain = Server::always(page("hello"));
    let untold = Server::always("HTTP/1.1 200 OK\r\n\r\n");
    let refusing = two_faced(|conn| conn.send(REFUSED), page("hello"));
    for server in [plain, refusing] {
        assert_eq!(
            check(&with(5), &server.url("/")).result.unwrap().size,
            Some(5)
        );
        let outcome = check(&with(6), &server.url("/"));
        assert_eq!(failure(&outcome), "mismatch: size: expected 6 bytes, got 5");
    }
    let outcome = check(&with(6), &untold.url("/"));
    assert_eq!((outcome.result.unwrap().size, outcome.sha256), (None, None));
}
