//! `--warc FILE`: replies that are cut, that are missing, and that belong to no exchange.

use crate::archives::{archived, saying};
use crate::support::{RawServer, Talk, anything, fetchpool, read_head};

use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

#[test]
fn a_cut_reply_is_archived_as_far_as_it_came_with_the_reason() {
    let head = b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n";
    let stops = RawServer::start(move |mut talk: Talk| {
        talk.send(&[head, &b"12345"[..]].concat());
        if talk.path() == "/hold" {
            talk.hold();
        }
    });
    let long = saying("HTTP/1.0 200 OK", &[b'x'; 1 << 20]);
    let chunks = saying(
        "HTTP/1.1 200 OK\nTransfer-Encoding: chunked",
        b"3\r\nabc\r\n5\r\nab",
    );
    let no_chunk = saying(
        "HTTP/1.1 200 OK\nTransfer-Encoding: chunked",
        b"3\r\nabcd\r\n",
    );
    let no_gzip = saying("HTTP/1.0 200 OK\nContent-Encoding: gzip", b"no gzip at all");
    for (url, arguments, reason, body) in [
        (
            stops.url("/"),
            &["-t", "60"][..],
            "disconnect",
            &b"12345"[..],
        ),
        (
            stops.url("/hold"),
            &["--stall-timeout", "100ms"],
            "time",
            b"12345",
        ),
        (long.url("/"), &["--max-size", "8"], "length", b"xxxxxxxxx"),
        (
            chunks.url("/"),
            &["-t", "60"],
            "disconnect",
            b"3\r\nabc\r\n5\r\nab",
        ),
        (
            chunks.url("/"),
            &["--max-size", "2"],
            "length",
            b"3\r\nabc\r\n5\r\nab",
        ),
        (
            no_chunk.url("/"),
            &["-t", "60"],
            "unspecified",
            b"3\r\nabcd\r\n",
        ),
        (
            no_gzip.url("/"),
            &["--compressed"],
            "unspecified",
            b"no gzip at all",
        ),
    ] {
        let (rows, records) = archived(fetchpool().arg(&url), arguments, 1);
        assert_eq!(rows[0]["ok"], false);
        let response = &records[1];
        assert_eq!(
            response.get("WARC-Truncated"),
            Some(reason),
            "{arguments:?} {response:?}"
        );
        let is_as_far = response.payload().starts_with(body) && response.payload().len() < 1 << 20;
        assert!(is_as_far, "{url} {arguments:?}");
    }
}

#[test]
fn what_has_no_reply_is_not_archived() {
    let silent = RawServer::silent();
    let noise = RawServer::saying("SSH-2.0-OpenSSH_9.6\r\n");
    let half = RawServer::saying("HTTP/1.1 200 OK\r\nContent-");
    let urls = [
        silent.url("/"),
        noise.url("/"),
        half.url("/"),
        "ftp://a.test/".to_owned(),
    ];
    let (rows, records) = archived(fetchpool().args(urls), &["-t", "300ms"], 1);
    assert!(rows.iter().all(|row| row["warc"].is_null()) && records.is_empty());
}

#[test]
fn interim_replies_are_not_archived_and_a_dead_connection_counts_once() {
    let reply = b"HTTP/1.1 103 Hints\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
    let (server, connections) = answering_again(reply, b"");
    let urls = ["/1", "/2"].map(|path| server.url(path));
    let (_, records) = archived(fetchpool().args(urls), &["-j", "1"], 0);
    assert_eq!(connections.load(Ordering::Relaxed), 2);
    assert_eq!(records.len(), 4, "{records:?}");
    assert!(records[1].text().starts_with("HTTP/1.1 200"), "{records:?}");
}

#[test]
fn a_408_over_a_kept_connection_is_no_exchange() {
    let reply = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
    let late = b"HTTP/1.1 408 Idle\r\nContent-Length: 0\r\n\r\n";
    let (server, connections) = answering_again(reply, late);
    let urls = ["/1", "/2"].map(|path| server.url(path));
    let (rows, records) = archived(fetchpool().args(urls), &["-j", "1"], 0);
    assert_eq!(connections.load(Ordering::Relaxed), 2);
    assert_eq!((rows.len(), records.len()), (2, 4), "{records:?}");
    assert!(records.iter().all(|record| !record.text().contains("408")));
}

/// A server that answers the first request of each connection with `reply`, and a second one over the first connection
/// with `again`; then it closes. Returns the number of its connections, too.
fn answering_again(reply: &'static [u8], again: &'static [u8]) -> (RawServer, Arc<AtomicUsize>) {
    let connections = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&connections);
    let server = RawServer::on_connection(move |stream| {
        let is_first = count.fetch_add(1, Ordering::Relaxed) == 0;
        let requests = stream.try_clone().expect("a socket has two handles");
        let mut talk = Talk::over(stream);
        let _ = read_head(&requests);
        talk.send(reply);
        if is_first && read_head(&requests).is_some() {
            talk.send(again);
        }
    });
    (server, connections)
}

/// A body that takes minutes to decode.
fn bomb() -> RawServer {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder
        .write_all(&vec![0; 16 << 20])
        .expect("a vector takes everything");
    let gzip = encoder
        .finish()
        .expect("a vector takes everything")
        .repeat(4000);
    let mut bomb = zstd::encode_all(&gzip[..], 1).expect("it has memory");
    // The client does not get as far.
    bomb.resize(1 << 20, 0);
    RawServer::start(move |mut talk: Talk| {
        talk.reply("200 OK", &["Content-Encoding: gzip, zstd"], &bomb);
    })
}

#[test]
fn only_a_limit_cuts_an_archived_reply_for_its_length() {
    let bomb = bomb();
    for (limit, reason) in [("--timeout", "time"), ("--deadline", "unspecified")] {
        let run = fetchpool().args(["--compressed", &bomb.url("/")]);
        let (rows, records) = archived(run.stderr(anything()), &[limit, "1"], 1);
        assert_eq!(rows[0]["ok"], false);
        assert_eq!(records[1].get("WARC-Truncated"), Some(reason), "{limit}");
    }
    let redirect = RawServer::start(|mut talk: Talk| {
        match talk.path() {
        "/" => talk.send(
            b"HTTP/1.1 302 Found\r\nLocation: /to\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabcd\r\n",
        ),
        "/to" => talk.reply("200 OK", &[], b"page"),
        _ => talk.reply("404 Gone", &[], &vec![b'x'; 1 << 20]),
    }
    });
    for (path, reason, status) in [("/", "unspecified", 0), ("/gone", "length", 1)] {
        let run = fetchpool().arg(redirect.url(path));
        let (_, records) = archived(run, &["--max-size", "8"], status);
        assert_eq!(records[1].get("WARC-Truncated"), Some(reason), "{path}");
    }
}
