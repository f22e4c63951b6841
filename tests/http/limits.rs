//! What ends an attempt early: timeouts, large bodies and sinks that fail.

use std::io::{self, Write};
use std::thread;
use std::time::Duration;

use fetchpool::fetch::{FailureKind, Options, Url};

use crate::library::{Server, bytes, client, failure, fetch, options, page};

/// Long enough for every step before the one that times out, on a busy machine too. Nothing is measured.
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
