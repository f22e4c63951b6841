//! Connections between attempts: kept, reused, replaced, cut off.

use std::io;
use std::net::{Shutdown, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;

use fetchpool::fetch::{Client, FailureKind, Method, Options, Url};

use crate::library::{
    HANG, Server, bytes, client, failure, options, page, redirect, without_proxies,
};

fn load(client: &Client, url: &Url) -> u64 {
    bytes(&client.load_url(url, &mut io::sink()))
}

/// The number of connections for three requests with this reply.
fn connections_for(reply: &'static str) -> usize {
    let count = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&count);
    let server = Server::start(move |mut conn| {
        counter.fetch_add(1, Ordering::SeqCst);
        conn.answer_all(reply);
    });
    let client = client(options());
    for _ in 0..3 {
        let _ = client.load_url(&server.url("/"), &mut io::sink());
    }
    count.load(Ordering::SeqCst)
}

#[test]
fn a_connection_is_used_again_when_and_only_when_the_reply_allows_it() {
    for (reply, connections) in [
        ("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", 1),
        (
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
            1,
        ),
        (
            "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\nok",
            1,
        ),
        ("HTTP/1.1 404 Not Found\r\nContent-Length: 4\r\n\r\ngone", 1),
        (
            "HTTP/1.1 404 Not Found\r\nTransfer-Encoding: chunked\r\n\r\n4\r\ngone\r\n0\r\n\r\n",
            1,
        ),
        ("HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok", 3),
        (
            "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok",
            3,
        ),
        ("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok and more", 3),
        (
            "HTTP/1.1 404 Not Found\r\nContent-Length: 100000\r\n\r\ngone",
            3,
        ),
        ("HTTP/1.1 101 Switching Protocols\r\n\r\n", 3),
    ] {
        assert_eq!(connections_for(reply), connections, "{reply:?}");
    }
}

#[test]
fn redirects_on_one_origin_cost_one_connection() {
    let server = Server::start(|mut conn| {
        assert_eq!(conn.number, 0);
        while let Some(request) = conn.request() {
            let end = request.starts_with("GET /end");
            conn.send(if end {
                page("x")
            } else {
                redirect(302, "/end")
            });
        }
    });
    assert_eq!(load(&client(options()), &server.url("/")), 1);
}

#[test]
fn a_connection_that_died_idle_is_replaced_unseen() {
    // The ways in which a server hangs up, before or after the next request, have the same outcome.
    type Ending = fn(crate::library::Conn);
    let endings: [Ending; 4] = [
        drop,
        crate::library::Conn::reset,
        |mut conn| {
            conn.request();
        },
        |mut conn| {
            conn.request();
            conn.reset();
        },
    ];
    for ending in endings {
        let server = Server::start(move |mut conn| {
            if conn.request().is_some() {
                conn.send(page("ok"));
                ending(conn);
            }
        });
        let client = client(options());
        for _ in 0..20 {
            assert_eq!(load(&client, &server.url("/")), 2);
        }
    }
}

#[test]
fn what_comes_late_behind_a_reply_is_no_reply_to_the_next_request() {
    // The surplus is sent after the next request has come, so that the connection was silent when it was reused.
    for (is_head, surplus) in [(true, "hello"), (false, "\r\n<p>more"), (false, "HTML")] {
        let server = Server::start(move |mut conn| {
            let reply = if is_head {
                "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"
            } else {
                "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
            };
            conn.request();
            conn.send(reply);
            if conn.request().is_some() {
                conn.send(surplus);
                conn.send(reply);
            }
            conn.wait_for_hangup();
        });
        let method = if is_head { Method::HEAD } else { Method::GET };
        let client = client(Options {
            method,
            ..options()
        });
        for _ in 0..6 {
            load(&client, &server.url("/"));
        }
        // Five of them are sent twice.
        assert_eq!(server.requests().len(), 6 + 5, "{surplus:?}");
    }
}

#[test]
fn what_is_no_reply_over_a_new_connection_is_asked_for_once() {
    let server = Server::always("hello");
    let outcome = client(options()).load_url(&server.url("/"), &mut io::sink());
    assert!(failure(&outcome).starts_with("protocol: "), "{outcome:?}");
    assert_eq!(server.requests().len(), 1);
}

#[test]
fn a_fresh_connection_that_dies_is_a_failure_and_tried_once() {
    let server = Server::start(|mut conn| {
        conn.request();
    });
    let outcome = client(options()).load_url(&server.url("/"), &mut io::sink());
    assert_eq!(
        failure(&outcome),
        "connect: the server closed the connection without a reply"
    );
    assert_eq!(server.requests().len(), 1);
}

#[test]
fn what_must_not_be_sent_twice_is_not() {
    let server = Server::start(|mut conn| {
        if conn.request().is_some() {
            conn.send(page("ok"));
            conn.request();
        }
    });
    let client = client(Options {
        method: Method::POST,
        ..options()
    });
    for _ in 0..5 {
        assert_eq!(load(&client, &server.url("/")), 2);
    }
    assert_eq!(server.requests().len(), 5);
}

#[test]
fn workers_share_idle_connections() {
    let count = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&count);
    let server = Server::start(move |mut conn| {
        counter.fetch_add(1, Ordering::SeqCst);
        conn.answer_all(page("ok"));
    });
    let client = client(options());
    for _ in 0..10 {
        let (client, url) = (client.clone(), server.url("/"));
        thread::spawn(move || load(&client, &url)).join().unwrap();
    }
    assert_eq!(count.load(Ordering::SeqCst), 1);
}

/// Loads pages from servers that hang up after every third reply, with `workers` that make `each` requests. Returns the
/// number of failures, and of accepted connections.
fn over_connections_that_drop(servers: usize, workers: usize, each: usize) -> (usize, usize) {
    let accepted = Arc::new(AtomicUsize::new(0));
    let urls: Vec<Url> = (0..servers)
        .map(|_| {
            let accepted = Arc::clone(&accepted);
            let server = Server::start(move |mut conn| {
                accepted.fetch_add(1, Ordering::SeqCst);
                for _ in 0..3 {
                    if conn.request().is_none() {
                        return;
                    }
                    conn.send(page("ok"));
                }
            });
            server.url("/")
        })
        .collect();
    let (client, failed) = (client(options()), AtomicUsize::new(0));
    thread::scope(|s| {
        for worker in 0..workers {
            let (client, urls, failed) = (&client, &urls, &failed);
            s.spawn(move || {
                for request in 0..each {
                    let url = &urls[(worker + request) % urls.len()];
                    let outcome = client.load_url(url, &mut io::sink());
                    failed.fetch_add(usize::from(outcome.result.is_err()), Ordering::SeqCst);
                }
            });
        }
    });
    let accepted = accepted.load(Ordering::SeqCst);
    (failed.into_inner(), accepted)
}

#[test]
fn many_workers_over_connections_that_drop_every_third_reply() {
    let (failed, accepted) = over_connections_that_drop(1, 8, 250);
    assert_eq!(failed, 0);
    assert!(accepted >= 2000 / 3, "{accepted} connections");
}

#[test]
#[ignore = "20,000 requests, for .ci/lab/reuse: cargo test --test http reuse:: -- --ignored --nocapture"]
fn twenty_thousand_requests_over_connections_that_drop_every_third_reply() {
    let began = std::time::Instant::now();
    let (failed, accepted) = over_connections_that_drop(10, 50, 400);
    println!(
        "20000 requests, {accepted} connections, {failed} failed, {:.1?}",
        began.elapsed()
    );
    assert_eq!(failed, 0);
    assert!(accepted >= 20_000 / 3, "{accepted} connections");
}

#[test]
fn idle_connections_are_closed_with_the_client_and_capped() {
    let (closed, was_closed) = mpsc::channel();
    let server = Server::start(move |mut conn| {
        conn.answer_all(page("ok"));
        closed.send(conn.number).unwrap();
    });
    let none_kept = client(Options {
        idle_connections: 0,
        ..options()
    });
    load(&none_kept, &server.url("/"));
    assert_eq!(was_closed.recv_timeout(HANG).unwrap(), 0);
    let kept = client(options());
    load(&kept, &server.url("/"));
    drop(kept);
    assert_eq!(was_closed.recv_timeout(HANG).unwrap(), 1);
}

#[test]
fn cancel_cuts_what_is_in_flight_and_all_that_comes_later() {
    let (arrived, has_arrived) = mpsc::channel();
    let server = Server::start(move |mut conn| {
        let request = conn.request().unwrap();
        if request.starts_with("GET /body") {
            conn.send("HTTP/1.1 200 OK\r\n\r\npart");
        }
        arrived.send(()).unwrap();
        conn.wait_for_hangup();
    });
    let client = client(Options {
        timeout: None,
        ..options()
    });
    thread::scope(|s| {
        let waiting: Vec<_> = ["/head", "/body"]
            .map(|path| {
                let (client, url) = (&client, server.url(path));
                s.spawn(move || client.load_url(&url, &mut io::sink()))
            })
            .into();
        (0..2).for_each(|_| has_arrived.recv_timeout(HANG).unwrap());
        client.cancel();
        for attempt in waiting {
            let outcome = attempt.join().unwrap();
            assert_eq!(outcome.result.unwrap_err().kind(), FailureKind::Cancelled);
        }
    });
    let outcome = client.load_url(&server.url("/"), &mut io::sink());
    assert_eq!(
        failure(&outcome),
        "cancelled: cut off before it was complete"
    );
}

#[test]
fn an_orderly_half_close_behind_a_whole_reply_is_no_failure() {
    let server = Server::start(|mut conn| {
        conn.request();
        conn.send(page("ok"));
        let _ = TcpStream::shutdown(&conn.stream, Shutdown::Write);
        conn.wait_for_hangup();
    });
    let client = client(options());
    for _ in 0..5 {
        assert_eq!(load(&client, &server.url("/")), 2);
    }
}

#[test]
fn no_url_fails_for_want_of_descriptors() {
    let server = Server::always(page("ok"));
    let list: String = (0..400)
        .map(|i| server.url(&format!("/{i}")).to_string() + "\n")
        .collect();
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("list");
    std::fs::write(&file, list).unwrap();
    let output = without_proxies(&mut std::process::Command::new("sh"))
        .args([
            "-c",
            "ulimit -n 24 && exec \"$0\" \"$@\"",
            env!("CARGO_BIN_EXE_fetchpool"),
            "-j",
            "50",
        ])
        .arg(&file)
        .output()
        .unwrap();
    let stdout = String::from_utf8(output.stdout).unwrap();
    assert!(
        output.status.success(),
        "{stdout}{}",
        String::from_utf8_lossy(&output.stderr)
    );
    assert_eq!(stdout.matches("page is 2 bytes\n").count(), 400);
}
