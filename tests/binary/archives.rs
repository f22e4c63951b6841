//! `--warc FILE`: what is in the archive of whole replies. `archive_cuts.rs` tests other replies, `archive_files.rs` the
//! file itself.

use crate::jsonl::{Row, rows};
use crate::support::{
    Authority, Fetchpool, RawServer, Server, Talk, WarcRecord, anything, fetchpool, read_archive,
};

use std::path::Path;

/// Runs with `arguments` and an archive. Returns the rows, and the records without the warcinfo.
pub(crate) fn archived(
    run: Fetchpool,
    arguments: &[&str],
    status: i32,
) -> (Vec<Row>, Vec<WarcRecord>) {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let file = directory.path().join("a.warc.gz");
    let ended = run
        .arg("--warc")
        .arg(&file)
        .args(["-f", "jsonl", "--ordered"])
        .args(arguments)
        .status(status)
        .stdout(anything())
        .run();
    let rows = rows(ended.stdout());
    let records = read_archive(&file);
    for row in &rows {
        check_place(row, &records, &file);
    }
    (rows, records.into_iter().skip(1).collect())
}

/// The record's `warc` is the place of a reply that began with the record.
fn check_place(row: &Row, records: &[WarcRecord], file: &Path) {
    let place = &row["warc"];
    assert_eq!(place.is_null(), row["status"].is_null(), "{row}");
    if place.is_null() {
        return;
    }
    assert_eq!(place["file"], file.to_str().expect("it is ASCII"));
    let is_there = |record: &&WarcRecord| place["offset"] == record.offset;
    let record = records.iter().find(is_there).expect("a record is there");
    assert_eq!(place["length"], record.length);
    assert_eq!(row["started_at"], record.get("WARC-Date").unwrap_or(""));
    let url = row["final_url"]
        .as_str()
        .and_then(|url| url.split('#').next());
    assert_eq!(url, record.get("WARC-Target-URI"));
    assert!(["response", "revisit"].contains(&record.kind()));
}

fn kinds(records: &[WarcRecord]) -> Vec<&str> {
    records.iter().map(WarcRecord::kind).collect()
}

/// A server that answers everything with `reply`, as it is.
pub(crate) fn saying(head: &str, body: &[u8]) -> RawServer {
    RawServer::saying([head.replace('\n', "\r\n").as_bytes(), b"\r\n\r\n", body].concat())
}

#[test]
fn an_exchange_is_archived_as_it_was_on_the_wire() {
    let chunks = b"3;x=y\r\nabc\r\n0\r\nX-Sum: 1\r\n\r\n";
    let gzip = b"\x1f\x8b\x08\0\0\0\0\0\0\x03\xcbH\xcd\xc9\xc9\x07\0\x86\xa6\x106\x05\0\0\0";
    let chunked_head = "HTTP/1.1  200 Fine\ntransfer-ENCODING: chunked\nX: \u{e4}\nX:a";
    let coded_head = "HTTP/1.1 200 OK\nContent-Encoding: gzip\nContent-Length: 25";
    for (head, body, behind, size) in [
        (chunked_head, &chunks[..], &b"HTTP/1.1 999 more"[..], 3),
        (coded_head, gzip, b"more", 5),
        ("HTTP/1.0 200 OK", b"to the end", b"", 10),
        ("HTTP/1.1 200 OK\nContent-Length: 0", b"", b"more", 0),
        ("HTTP/1.1 204 None\nContent-Length: 5", b"", b"more", 0),
    ] {
        let server = saying(head, &[body, behind].concat());
        let run = fetchpool().arg(server.url("/a?b#c"));
        let (rows, records) = archived(run, &["--compressed"], 0);
        assert_eq!(rows[0]["bytes"], size, "{head}");
        let [request, response] = &records[..] else {
            panic!("two records of one exchange: {records:?}");
        };
        let sent = format!("GET /a?b HTTP/1.1\r\nHost: {}\r\n", server.address());
        assert!(request.text().starts_with(&sent), "{request:?}");
        let head = head.replace('\n', "\r\n") + "\r\n\r\n";
        assert_eq!(response.block, [head.as_bytes(), body].concat());
        for record in &records {
            assert_eq!(record.get("WARC-Target-URI"), Some(&*server.url("/a?b")));
            assert_eq!(record.get("WARC-IP-Address"), Some("127.0.0.1"));
            assert_eq!(record.get("WARC-Truncated"), None);
            let kind = format!("application/http;msgtype={}", record.kind());
            assert_eq!(record.get("Content-Type"), Some(&*kind));
        }
        let id = |record: &WarcRecord| record.get("WARC-Record-ID").map(str::to_owned);
        assert_eq!(request.get("WARC-Concurrent-To"), id(response).as_deref());
        assert_eq!(response.get("WARC-Concurrent-To"), id(request).as_deref());
        assert_ne!(id(request), id(response));
    }
}

#[test]
fn an_archive_holds_no_secret_of_a_request() {
    let server = Server::start();
    let url = server
        .url("/size/3")
        .replace("http://", "http://ann:hunter2@");
    let headers = [
        "-H",
        "cookie: hunter2",
        "-H",
        "PROXY-AUTHORIZATION: hunter2",
    ];
    let (_, records) = archived(fetchpool().arg(url), &headers, 0);
    let request = records[0].text();
    assert!(request.contains("\r\nHost: ") && request.contains("\r\nAccept: "));
    let seen = format!("{:?}", server.seen());
    assert!(
        seen.contains("authorization") && seen.contains("hunter2"),
        "{seen}"
    );
    for record in &records {
        let text = format!("{record:?}") + &record.text();
        let lower = text.to_lowercase();
        assert!(
            !lower.contains("hunter2") && !lower.contains("authorization"),
            "{text}"
        );
    }
}

#[test]
fn each_redirect_and_each_attempt_is_archived() {
    let failures = std::sync::atomic::AtomicUsize::new(0);
    let server = RawServer::start(move |mut talk: Talk| {
        let long = [b'x'; 200_000];
        if talk.path() == "/from" {
            talk.reply("302 Found", &["Location: /to"], &long);
        } else if failures.fetch_add(1, std::sync::atomic::Ordering::Relaxed) == 0 {
            talk.reply("503 Busy", &[], &long[1..]);
        } else {
            talk.reply("404 Gone", &[], &long[2..]);
        }
    });
    let retries = ["--retries", "1", "--retry-delay", "1ms"];
    let run = fetchpool().arg(server.url("/from"));
    let (rows, records) = archived(run, &retries, 1);
    assert_eq!(rows[0]["attempts"], 2);
    assert_eq!(
        kinds(&records)[..6].concat(),
        "requestresponse".repeat(2) + "requestrevisit"
    );
    let bodies: Vec<_> = records
        .iter()
        .skip(1)
        .step_by(2)
        .map(|r| r.payload().len())
        .collect();
    // The second redirect repeats the first.
    assert_eq!(bodies, [200_000, 199_999, 0, 199_998]);
    assert_eq!(rows[0]["warc"]["offset"], records[7].offset);
}

#[test]
fn a_payload_that_was_archived_before_is_a_revisit() {
    let server = RawServer::start(|mut talk: Talk| {
        let header = format!("X-Path: {}", talk.path());
        let is_empty = talk.path().starts_with("/empty");
        talk.reply(
            "200 OK",
            &[&header],
            if is_empty { b"" } else { b"the same" },
        );
    });
    let urls = ["/a", "/b", "/c", "/empty", "/empty?2"].map(|path| server.url(path));
    let run = fetchpool().args(&urls);
    let (_, records) = archived(run, &["-j", "1"], 0);
    let replies: Vec<_> = records.iter().skip(1).step_by(2).collect();
    let kinds: Vec<_> = replies.iter().map(|reply| reply.kind()).collect();
    assert_eq!(
        kinds,
        ["response", "revisit", "revisit", "response", "response"]
    );
    let first = replies[0];
    for (revisit, url) in replies[1..3].iter().zip(&urls[1..3]) {
        assert_eq!(revisit.get("WARC-Target-URI"), Some(&**url));
        assert_eq!(revisit.get("WARC-Refers-To-Target-URI"), Some(&*urls[0]));
        assert_eq!(revisit.get("WARC-Refers-To-Date"), first.get("WARC-Date"));
        assert_eq!(
            revisit.get("WARC-Payload-Digest"),
            first.get("WARC-Payload-Digest")
        );
        let profile = revisit.get("WARC-Profile").unwrap_or("");
        assert!(
            profile.ends_with("/revisit/identical-payload-digest"),
            "{profile}"
        );
        let path = &url[url.rfind('/').unwrap()..];
        let text = revisit.text();
        assert!(text.contains(&format!("X-Path: {path}\r\n")) && revisit.payload().is_empty());
    }
}

#[test]
fn heads_and_checks_are_archived() {
    let server = RawServer::start(|mut talk: Talk| {
        if talk.head().starts_with("HEAD /get") {
            talk.reply("405 No", &[], b"");
        } else if talk.head().starts_with("HEAD ") {
            talk.send(b"HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n");
        } else {
            talk.reply("200 OK", &[], &[b'x'; 200_000]);
        }
    });
    let urls = [server.url("/"), server.url("/get")];
    let (rows, records) = archived(fetchpool().args(urls), &["--check", "-j", "1"], 0);
    assert_eq!((&rows[1]["method"], records.len()), (&"GET".into(), 6));
    assert_eq!(records[1].get("WARC-Truncated"), None);
    assert!(records[1].payload().is_empty() && records[3].text().contains(" 405 "));
    assert_eq!(records[5].get("WARC-Truncated"), Some("length"));
    assert!(records[5].payload().len() >= 64 * 1024);
}

#[test]
fn exchanges_with_an_origin_over_tls_and_proxies_are_archived() {
    let authority = Authority::new();
    let origin = authority.serve(false);
    let plain = Server::start();
    let (proxy, _) = crate::routes::proxy(origin.address().to_string());
    let proxy = proxy.url("").replace("http://", "http://ann:hunter2@");
    let https = format!("https://localhost:{}/", origin.address().port());
    let http = plain.url("/size/6");
    for (url, arguments) in [
        (&https, &["-4"][..]),
        (&https, &["--proxy", &proxy]),
        (&http, &["--proxy", &proxy]),
    ] {
        let run = fetchpool().file("ca.pem", authority.pem());
        let run = run.args(["--cacert", "ca.pem"]).arg(url);
        let (_, records) = archived(run, arguments, 0);
        assert_eq!(kinds(&records), ["request", "response"], "{arguments:?}");
        assert_eq!(records[1].get("WARC-Target-URI"), Some(&**url));
        assert!(records[0].text().starts_with("GET "), "{records:?}");
        assert!(records[1].text().starts_with("HTTP/1.1 200 OK\r\n"));
        assert!(!records[0].text().contains("uthorization"), "{records:?}");
    }
}
