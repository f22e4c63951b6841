//! Redirects: which are followed, where to, and what is not sent to another origin.

use std::net::TcpListener;

use fetchpool::fetch::{Options, Url};

use crate::library::{Server, bytes, failure, fetch, options, page, redirect};

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
        (bytes(&outcome), outcome.hops.len(), outcome.status),
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
            (failure(&outcome).as_str(), outcome.hops.len()),
            (expected, max as usize)
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
