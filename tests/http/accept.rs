//! Which statuses make a page.

use std::io;

use fetchpool::fetch::{Method, Options};

use crate::library::{Server, client, failure, fetch, options, page, redirect};

fn accepting(set: &str) -> Options {
    Options {
        accept: set.parse().unwrap(),
        ..options()
    }
}

#[test]
fn a_status_in_the_set_makes_a_page_with_its_body() {
    for status in [
        200, 206, 300, 304, 400, 404, 407, 409, 418, 429, 500, 503, 599,
    ] {
        let has_body = status != 304;
        let reply = format!(
            "HTTP/1.1 {status} Whatever\r\nContent-Type: a/b\r\nContent-Range: bytes 0-4/5\r\n\
             Content-Length: 5\r\n\r\n{}",
            if has_body { "hello" } else { "" }
        );
        let server = Server::start(move |mut conn| {
            assert_eq!(conn.number, 0, "{status} cost a connection");
            conn.answer_all(&reply);
        });
        let client = client(accepting("2xx,300-599"));
        for _ in 0..2 {
            let mut body = Vec::new();
            let outcome = client.load_url(&server.url("/"), &mut body);
            let expected = if has_body { 5 } else { 0 };
            let page = outcome.result.unwrap_or_else(|f| panic!("{status}: {f}"));
            assert_eq!(
                (page.bytes, page.size),
                (expected, Some(expected)),
                "{status}"
            );
            assert_eq!(body.len() as u64, expected, "{status}");
            assert_eq!(outcome.status, Some(status));
            assert_eq!(outcome.content_type.as_deref(), Some("a/b"));
        }
    }
}

#[test]
fn a_status_outside_of_the_set_is_a_failure() {
    for (set, status, message) in [
        (
            "404",
            "200 OK",
            "http_status: 200 OK: not an accepted status",
        ),
        (
            "200",
            "204 No Content",
            "http_status: 204 No Content: not an accepted status",
        ),
        (
            "200",
            "206 Partial Content",
            "http_status: 206 Partial Content: not an accepted status",
        ),
        (
            "201-299,404",
            "500 Oops",
            "http_status: 500 Internal Server Error",
        ),
        ("4xx", "799 What", "http_status: 799"),
    ] {
        let server = Server::always(format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n"));
        let (outcome, _) = fetch(accepting(set), &server.url("/"));
        assert_eq!(failure(&outcome), message, "{set}");
    }
}

#[test]
fn an_accepted_body_must_be_whole_and_no_larger_than_allowed() {
    for (framing, message) in [
        (
            "Content-Length: 9",
            "body: the connection was closed after 5 of 9 bytes",
        ),
        ("X: y", "too_large: the body is larger than 4 bytes"),
        (
            "Content-Length: 6",
            "too_large: the body is larger than 4 bytes",
        ),
    ] {
        let server = Server::once(format!("HTTP/1.1 404 No\r\n{framing}\r\n\r\nhello"));
        let max_size = message.starts_with("too_large").then_some(4);
        let options = Options {
            max_size,
            ..accepting("404")
        };
        let (outcome, _) = fetch(options, &server.url("/"));
        assert_eq!(failure(&outcome), message);
        assert_eq!(outcome.status, Some(404));
    }
}

#[test]
fn redirects_are_followed_before_their_status_is_judged() {
    let server = Server::start(|mut conn| {
        while let Some(request) = conn.request() {
            let reply = match request.split(' ').nth(1).unwrap() {
                "/away" => redirect(302, "/"),
                "/nowhere" => "HTTP/1.1 302 Found\r\nContent-Length: 2\r\n\r\nno".to_owned(),
                _ => page("hello"),
            };
            conn.send(reply);
        }
    });
    for (path, max_redirects, status, bytes) in [
        ("/away", 10, 200, 5),
        ("/away", 0, 302, 0),
        ("/nowhere", 10, 302, 2),
    ] {
        let options = Options {
            max_redirects,
            ..accepting("2xx,3xx")
        };
        let (outcome, _) = fetch(options, &server.url(path));
        assert_eq!(outcome.result.unwrap().bytes, bytes, "{path}");
        assert_eq!(outcome.status, Some(status), "{path}");
    }
    let (outcome, _) = fetch(accepting("3xx"), &server.url("/away"));
    assert_eq!(
        failure(&outcome),
        "http_status: 200 OK: not an accepted status"
    );
}

#[test]
fn an_accepted_101_ends_the_use_of_its_connection() {
    let server = Server::start(|mut conn| {
        conn.request();
        conn.send("HTTP/1.1 101 Switching Protocols\r\n\r\n");
        conn.wait_for_hangup();
    });
    let client = client(accepting("1xx"));
    for _ in 0..2 {
        let outcome = client.load_url(&server.url("/"), &mut io::sink());
        assert_eq!(outcome.result.unwrap().bytes, 0);
        assert_eq!(
            (outcome.status, outcome.connection.is_reused),
            (Some(101), false)
        );
    }
}

#[test]
fn with_head_an_accepted_status_tells_its_length() {
    let server = Server::always("HTTP/1.1 404 No\r\nContent-Length: 7\r\n\r\n");
    let options = Options {
        method: Method::HEAD,
        ..accepting("404")
    };
    let (outcome, _) = fetch(options, &server.url("/"));
    assert_eq!(outcome.result.unwrap().size, Some(7));
}
