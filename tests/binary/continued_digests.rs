//! What was fetched is checked as a whole, in one reply or in several: against the row's `size` and `sha256`, and the
//! server's `Repr-Digest` and `Content-Digest` (RFC 9530). A mismatch leaves no file and no part.

use crate::continued::{CUT, TAG, assert_failed, assert_file, cut_once, directory, fetch};
use crate::rows::{fetch as fetch_list, gzip};
use crate::saved::entries;
use crate::support::RawServer;
use crate::support::origin::{Origin, SIZE, cut, file, first_asked, rest};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::digest::{Algorithm, SHA256, SHA512, digest};
use serde_json::Value;

fn base64(algorithm: &'static Algorithm, bytes: &[u8]) -> String {
    STANDARD.encode(digest(algorithm, bytes))
}

/// `sha-256` and `sha-512` of these bytes, as in a header.
fn digests(bytes: &[u8]) -> [String; 2] {
    let (short, long) = (base64(&SHA256, bytes), base64(&SHA512, bytes));
    [format!("sha-256=:{short}:"), format!("sha-512=:{long}:")]
}

fn hex(bytes: &[u8]) -> String {
    let digest = digest(&SHA256, bytes);
    digest.as_ref().iter().map(|b| format!("{b:02x}")).collect()
}

/// Header lines of a page, and whether the page is the one that they tell of.
fn cases(right: &[u8]) -> Vec<(Vec<String>, bool)> {
    let [short, long] = digests(right);
    let [wrong_short, wrong_long] = digests(b"another page");
    let mut cases = Vec::new();
    for name in ["Repr-Digest", "Content-Digest", "repr-digest"] {
        for (value, is_right) in [
            (short.clone(), true),
            (long.clone(), true),
            (format!("{short}, {long}"), true),
            (format!("{short};x=1"), true),
            (wrong_short.clone(), false),
            (wrong_long.clone(), false),
            (format!("{short}, {wrong_long}"), false),
            (format!("md5=:AAAA:,{wrong_short}"), false),
            // Not known, or no digest.
            ("md5=:AAAAAAAAAAAAAAAAAAAAAA==:".to_owned(), true),
            (wrong_short.replace("sha-256", "sha-224"), true),
            (wrong_short.replace("sha-256", "SHA-256"), true),
            (wrong_short.replace(':', ""), true),
            ("sha-256=:no base64!:".to_owned(), true),
            ("sha-256".to_owned(), true),
            (",,=".to_owned(), true),
            (String::new(), true),
        ] {
            cases.push((vec![format!("{name}: {value}")], is_right));
        }
    }
    let two = |first: &str, second: &str| {
        let line = |value: &str| format!("Repr-Digest: {value}");
        vec![line(first), line(second)]
    };
    cases.push((two(&short, &long), true));
    cases.push((two(&short, &wrong_long), false));
    cases
}

#[test]
fn a_page_that_is_not_what_its_server_says_is_a_mismatch_and_no_file_is_left() {
    let page = b"page";
    let cases = cases(page);
    let headers: Vec<Vec<String>> = cases.iter().map(|(lines, _)| lines.clone()).collect();
    let server = RawServer::start(move |mut talk| {
        let number: usize = talk.path()[1..].parse().expect("it is a number");
        let lines: Vec<&str> = headers[number].iter().map(String::as_str).collect();
        talk.reply("200 OK", &lines, page);
    });
    let urls: Vec<String> = (0..cases.len())
        .map(|number| server.url(&format!("/{number}")))
        .collect();
    let retries = ["--retries", "1", "--retry-delay", "1ms"];
    for options in [&[][..], &["-o", "pages"], &["--compressed"], &["--body"]] {
        let options = [&retries, options].concat();
        let records = fetch_list("urls.txt", urls.join("\n"), &options, 1);
        for (record, (lines, is_right)) in records.iter().zip(&cases) {
            let kind = &record["error"]["kind"];
            let wanted = if *is_right { "null" } else { "\"mismatch\"" };
            assert_eq!(kind.to_string(), wanted, "{lines:?}: {record}");
            assert_eq!(record["attempts"], 1, "a mismatch is final: {record}");
        }
    }
}

#[test]
fn digests_are_of_what_a_head_and_a_coded_page_stand_for() {
    let page = b"page ".repeat(100);
    let coded = gzip(&page);
    let [right, _] = digests(&coded);
    let header = format!("Repr-Digest: {right}");
    let server = RawServer::start(move |mut talk| {
        if talk.head().starts_with("HEAD ") {
            let length = coded.len();
            let head = format!("HTTP/1.1 200 OK\r\n{header}\r\nContent-Length: {length}\r\n\r\n");
            return talk.send(head.as_bytes());
        }
        talk.reply("200 OK", &["Content-Encoding: gzip", &header], &coded);
    });
    for (options, bytes) in [(&["--compressed"][..], 500), (&["-I"], 0), (&[], 0)] {
        let records = fetch_list("urls.txt", server.url("/"), options, 0);
        assert_eq!(records[0]["error"], Value::Null);
        assert!(bytes == 0 || records[0]["bytes"] == bytes, "{}", records[0]);
    }
}

#[test]
fn a_file_in_two_pieces_is_checked_as_a_whole() {
    let [whole, _] = digests(&file(1));
    let [piece, _] = digests(&file(1)[CUT..]);
    let [other, _] = digests(&file(2));
    for (header, is_right) in [
        (format!("Repr-Digest: {whole}"), true),
        (format!("Repr-Digest: {other}"), false),
        // Of what is in this reply.
        (format!("Content-Digest: {piece}"), true),
        (format!("Content-Digest: {whole}"), false),
    ] {
        let directory = directory();
        let shown = header.clone();
        let origin = cut_once(&[TAG], move |talk| rest(talk, &[TAG, &header], &file(1)));
        let url = origin.url("/file.bin");
        assert_failed(&fetch(directory.path(), &url, &["-c"], 1), "body");
        let status = i32::from(!is_right);
        let row = fetch(directory.path(), &url, &["-c"], status);
        assert_eq!(origin.last_asked("Range").as_deref(), Some("bytes=40000-"));
        if is_right {
            assert_file(directory.path(), &row, &file(1));
        } else {
            assert_failed(&row, "mismatch");
            assert_eq!(entries(&directory.path().join("pages")), 0, "{shown}");
        }
    }
}

/// Fetches a list of one row with these cells, and returns its record.
fn fetch_row(directory: &std::path::Path, url: &str, cells: (&str, &str), status: i32) -> Value {
    let (column, cell) = cells;
    std::fs::write(
        directory.join("list.csv"),
        format!("url,{column}\n{url},{cell}\n"),
    )
    .expect("it can be written");
    fetch(directory, "list.csv", &["-c"], status)
}

#[test]
fn a_row_s_size_and_digest_are_those_of_the_whole() {
    let (right, wrong) = (hex(&file(1)), hex(&file(2)));
    let (size, other_size) = (SIZE.to_string(), (SIZE + 1).to_string());
    for (column, cell, is_right) in [
        ("sha256", &right, true),
        ("sha256", &wrong, false),
        ("size", &size, true),
        ("size", &other_size, false),
    ] {
        let directory = directory();
        // The length is told only by the end.
        let origin = Origin::start(|number, mut talk| match number {
            0 => {
                let head =
                    format!("HTTP/1.1 200 OK\r\n{TAG}\r\nTransfer-Encoding: chunked\r\n\r\n");
                let chunk = format!("{CUT:x}\r\n");
                talk.send(&[head.as_bytes(), chunk.as_bytes(), &file(1)[..CUT]].concat());
            }
            _ => rest(talk, &[TAG], &file(1)),
        });
        let url = origin.url("/file.bin");
        let row = fetch_row(directory.path(), &url, (column, cell), 1);
        assert_failed(&row, "body");
        let status = i32::from(!is_right);
        let row = fetch_row(directory.path(), &url, (column, cell), status);
        assert_eq!(origin.last_asked("Range").as_deref(), Some("bytes=40000-"));
        if is_right {
            assert_file(directory.path(), &row, &file(1));
        } else {
            assert_failed(&row, "mismatch");
            assert_eq!(entries(&directory.path().join("pages")), 0);
        }
    }
}

#[test]
fn a_part_that_a_416_says_is_all_is_checked_too() {
    for (digest, is_right) in [(hex(&file(1)), true), (hex(&file(2)), false)] {
        let directory = directory();
        let origin = Origin::start(|_, mut talk| match first_asked(&talk) {
            None => {
                let chunked = "Transfer-Encoding: chunked";
                let head = format!("HTTP/1.1 200 OK\r\n{TAG}\r\n{chunked}\r\n\r\n{SIZE:x}\r\n");
                talk.send(&[head.as_bytes(), &file(1), b"\r\n"].concat());
            }
            Some(_) => {
                let range = format!("Content-Range: bytes */{SIZE}");
                talk.reply("416 Range Not Satisfiable", &[&range], b"");
            }
        });
        let url = origin.url("/file.bin");
        let row = fetch_row(directory.path(), &url, ("sha256", &digest), 1);
        assert_failed(&row, "body");
        let status = i32::from(!is_right);
        let row = fetch_row(directory.path(), &url, ("sha256", &digest), status);
        if is_right {
            assert_file(directory.path(), &row, &file(1));
            assert_eq!(row["sha256"].as_str(), Some(digest.as_str()));
        } else {
            assert_failed(&row, "mismatch");
            assert_eq!(entries(&directory.path().join("pages")), 0);
        }
    }
}

#[test]
fn a_length_that_the_row_or_the_limit_does_not_allow_ends_a_rest_at_once() {
    let directory = directory();
    let origin = Origin::start(|number, talk| match number {
        0 => cut(talk, "200 OK", &[TAG], SIZE, &file(1)[..CUT]),
        _ => rest(talk, &[TAG], &file(1)),
    });
    let url = origin.url("/file.bin");
    assert_failed(&fetch(directory.path(), &url, &["-c"], 1), "body");
    // The limit is of the whole.
    let limit = ["-c", "--max-size", "90000"];
    let row = fetch(directory.path(), &url, &limit, 1);
    assert_failed(&row, "too_large");
}
