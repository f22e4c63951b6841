//! Attempts at the edge of what is taken: each is either made whole or refused in words, once.

mod http_support;

use std::io;
use std::thread;
use std::time::Duration;

use fetchpool::fetch::Options;

use http_support::{Server, bytes, client, failure, options, page};

#[test]
fn a_silent_server_is_asked_once_on_a_used_connection_too() {
    // Long enough for the first request on a busy machine; nothing is measured.
    let limit = Some(Duration::from_secs(2));
    let ask = |limited: Options, expected: &str| {
        let server = Server::start(|mut conn| {
            conn.request();
            conn.send(page("ok"));
            conn.request();
            conn.wait_for_hangup();
        });
        let client = client(limited);
        let warm = client.load_url(&server.url("/"), &mut io::sink());
        assert_eq!(bytes(&warm), 2);
        let outcome = client.load_url(&server.url("/"), &mut io::sink());
        assert_eq!(failure(&outcome), expected);
        assert_eq!(server.requests().len(), 2);
    };
    let (timeout, stall_timeout) = (limit, limit);
    thread::scope(|s| {
        s.spawn(|| {
            let limited = Options {
                timeout,
                ..options()
            };
            ask(limited, "timeout: no reply within 2s [first_byte]");
        });
        s.spawn(|| {
            let limited = Options {
                stall_timeout,
                ..options()
            };
            ask(limited, "timeout: nothing was heard for 2s [first_byte]");
        });
    });
}
