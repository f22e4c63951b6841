//! `--check`: HEAD, and GET only where HEAD is refused, of whose body at most 64 KiB are read.

use crate::rows::{fetch, kinds, row, tables};
use crate::support::{RawServer, Server, Talk, containing, fetchpool, page};
use serde_json::{Value, json};
use std::sync::{Arc, Mutex};

/// The part of a body that is read.
const READ: usize = 64 * 1024;

/// A server that answers HEAD and GET each with a function, and the requests that it got, as `METHOD PATH`.
fn server(
    head: impl Fn(Talk) + Send + Sync + 'static,
    get: impl Fn(Talk) + Send + Sync + 'static,
) -> (RawServer, Arc<Mutex<Vec<String>>>) {
    let seen = Arc::<Mutex<Vec<String>>>::default();
    let theirs = Arc::clone(&seen);
    let server = RawServer::start(move |talk| {
        let words: Vec<&str> = talk.head().split(' ').take(2).collect();
        let request = words.join(" ");
        let is_head = request.starts_with("HEAD ");
        theirs.lock().unwrap().push(request);
        if is_head { head(talk) } else { get(talk) }
    });
    (server, seen)
}

/// Ends each connection with a head alone.
fn saying(head: &str) -> impl Fn(Talk) + Send + Sync + 'static {
    let head = format!("HTTP/1.1 {head}\r\nConnection: close\r\n\r\n");
    move |mut talk| talk.send(head.as_bytes())
}

fn pages(talk: Talk) {
    let mut talk = talk;
    talk.reply("200 OK", &["Content-Type: text/plain"], &[b'x'; 7]);
}

fn requests(seen: &Mutex<Vec<String>>) -> Vec<String> {
    std::mem::take(&mut *seen.lock().unwrap())
}

#[test]
fn a_head_that_is_answered_is_all() {
    let server = Server::start();
    let url = server.url("/size/1234");
    let records = fetch("urls.txt", &url, &["--check"], 0);
    assert_eq!(records[0]["method"], "HEAD");
    assert_eq!(
        (&records[0]["bytes"], &records[0]["status"]),
        (&json!(1234), &json!(200))
    );
    let seen = server.seen();
    assert!(seen.len() == 1 && seen[0].method == "HEAD", "{seen:?}");
    fetchpool()
        .args(["--check", &url])
        .stdout(page(&url, 1234) + "\n")
        .run();
}

#[test]
fn a_head_that_is_refused_is_asked_again_by_get() {
    for status in [
        "400 Bad Request",
        "403 Forbidden",
        "404 Not Found",
        "405 Method Not Allowed",
        "429 Too Many Requests",
        "500 Internal Server Error",
        "501 Not Implemented",
        "503 Service Unavailable",
    ] {
        let (server, seen) = server(saying(status), pages);
        let records = fetch("urls.txt", server.url("/p"), &["--check"], 0);
        let record = &records[0];
        assert_eq!(record["method"], "GET", "{status}: {record}");
        assert_eq!(
            (&record["status"], &record["bytes"]),
            (&json!(200), &json!(7)),
            "{status}"
        );
        assert_eq!(record["content_type"], "text/plain", "{status}");
        assert_eq!(record["attempts"], 1, "within the same attempt: {status}");
        assert_eq!(requests(&seen), ["HEAD /p", "GET /p"], "{status}");
    }
}

#[test]
fn a_head_that_loses_the_connection_or_is_no_http_is_asked_again_by_get() {
    type Refusal = fn(Talk);
    let refusals: [(&str, Refusal); 4] = [
        ("closed", drop),
        ("reset", Talk::reset),
        ("cut", |mut talk| talk.send(b"HTTP/1.1 200 O")),
        ("no HTTP", |mut talk| {
            talk.send(b"220 smtp.example ESMTP\r\n\r\n");
        }),
    ];
    for (what, refuse) in refusals {
        let (server, seen) = server(refuse, pages);
        let records = fetch("urls.txt", server.url("/p"), &["--check"], 0);
        assert_eq!(records[0]["method"], "GET", "{what}");
        assert_eq!(
            requests(&seen).last().expect("a request"),
            "GET /p",
            "{what}"
        );
    }
}

#[test]
fn what_get_answers_is_the_result() {
    let (server, seen) = server(saying("405 Method Not Allowed"), saying("404 Not Found"));
    let records = fetch("urls.txt", server.url("/p"), &["--check"], 1);
    assert_eq!(kinds(&records), ["http_status"]);
    assert_eq!(
        (&records[0]["method"], &records[0]["status"]),
        (&json!("GET"), &json!(404))
    );
    assert_eq!(requests(&seen), ["HEAD /p", "GET /p"]);
    // An accepted status is no refusal.
    let options = ["--check", "--accept", "2xx,405"];
    let records = fetch("urls.txt", server.url("/p"), &options, 0);
    assert_eq!(
        (&records[0]["method"], &records[0]["status"]),
        (&json!("HEAD"), &json!(405))
    );
    assert_eq!(requests(&seen), ["HEAD /p"]);
}

#[test]
fn a_head_that_is_not_answered_in_time_is_a_timeout_without_a_get() {
    let (server, seen) = server(Talk::hold, pages);
    for options in [["-t", "1s"], ["--stall-timeout", "1s"]] {
        let options = ["--check", options[0], options[1]];
        let records = fetch("urls.txt", server.url("/p"), &options, 1);
        assert_eq!(kinds(&records), ["timeout"], "{options:?}");
        assert_eq!(records[0]["method"], "HEAD");
        assert_eq!(requests(&seen), ["HEAD /p"], "{options:?}");
    }
}

#[test]
fn of_a_body_no_more_is_read_than_64_kib() {
    // The server sends as much, and the rest never comes.
    let part = |head: &'static str| {
        move |mut talk: Talk| {
            talk.send(format!("HTTP/1.1 200 OK\r\n{head}\r\n\r\n").as_bytes());
            talk.send(&vec![b'x'; READ]);
            talk.hold();
        }
    };
    let refuses = || saying("405 Method Not Allowed");
    let (told, _) = server(refuses(), part("Content-Length: 1000000"));
    let (untold, _) = server(refuses(), part("Connection: close"));
    let list = format!("{}\n{}\n", told.url("/"), untold.url("/"));
    let records = fetch("urls.txt", list, &["--check", "-t", "20"], 0);
    assert_eq!(records[0]["bytes"], 1_000_000, "the length told");
    assert_eq!(records[1]["bytes"], Value::Null, "no length told");
    // A body without end is left, too.
    let (endless, _) = server(refuses(), |mut talk| {
        talk.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
        for _ in 0..4096 {
            talk.send(&[b"4000\r\n", &[b'x'; 0x4000][..], b"\r\n"].concat());
        }
        talk.hold();
    });
    fetchpool()
        .args(["--check", "-t", "20", &endless.url("/")])
        .stdout(format!("'{}' page is of unknown size\n", endless.url("/")))
        .run();
}

#[test]
fn the_length_told_is_judged_by_the_largest_size() {
    let (server, seen) = server(
        saying("405 Method Not Allowed"),
        saying("200 OK\r\nContent-Length: 1000000"),
    );
    let options = ["--check", "--max-size", "999999"];
    let records = fetch("urls.txt", server.url("/p"), &options, 1);
    assert_eq!(kinds(&records), ["too_large"]);
    assert_eq!(requests(&seen), ["HEAD /p", "GET /p"]);
}

#[test]
fn redirects_are_followed_anew_by_get() {
    let (server, seen) = server(
        |talk| match talk.path() {
            "/from" => saying("302 Found\r\nLocation: /refused")(talk),
            _ => saying("405 Method Not Allowed")(talk),
        },
        |talk| match talk.path() {
            "/from" => saying("301 Moved Permanently\r\nLocation: /to")(talk),
            _ => pages(talk),
        },
    );
    let records = fetch("urls.txt", server.url("/from"), &["--check"], 0);
    let record = &records[0];
    assert_eq!(record["final_url"], server.url("/to"), "{record}");
    assert_eq!(
        record["hops"],
        json!([{"url": server.url("/from"), "status": 301}])
    );
    assert_eq!(record["redirects"], 1);
    assert_eq!(
        requests(&seen),
        ["HEAD /from", "HEAD /refused", "GET /from", "GET /to"]
    );
}

#[test]
fn a_row_with_a_method_is_not_checked() {
    let server = Server::start();
    let urls = [server.url("/size/5?a"), server.url("/size/5?b")];
    let rows = [row([&urls[0], "GET"]), row([&urls[1], ""])];
    for list in tables(&["url", "method"], &rows) {
        let records = fetch(list.file, &list.text, &["--check"], 0);
        assert_eq!(records[0]["method"], "GET", "{}", list.file);
        assert_eq!(records[1]["method"], "HEAD", "{}", list.file);
    }
}

#[test]
fn check_goes_with_no_option_that_wants_a_body_or_another_method() {
    let server = Server::start();
    let url = server.url("/size/1");
    for (options, named) in [
        (&["-o", "pages"][..], "--output-dir"),
        (&["--body", "-f", "jsonl"], "--body"),
        (&["-I"], "--head"),
        (&["-X", "GET"], "--method"),
    ] {
        fetchpool()
            .args(["--check", &url])
            .args(options)
            .status(2)
            .stderr(containing(["fetchpool: ", "--check", named]))
            .run();
    }
    assert_eq!(server.paths(), [""; 0]);
}
