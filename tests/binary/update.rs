//! `--update`: what has not changed since an earlier run is asked for with its validators, and not sent again.

use crate::jsonl::{Row, rows};
use crate::support::{RawServer, Talk, ValidatingServer, anything, fetchpool};
use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

/// A run in `directory` that updates from `r.jsonl`, which its records then replace.
pub(crate) fn update(directory: &Path, args: &[&str]) -> Vec<Row> {
    update_with(directory, args, 0)
}

pub(crate) fn update_with(directory: &Path, args: &[&str], status: i32) -> Vec<Row> {
    let journal = directory.join("r.jsonl");
    if !journal.exists() {
        fs::write(&journal, "").expect("it can be written");
    }
    let ended = fetchpool()
        .inside(directory)
        .args(["-f", "jsonl", "--ordered", "--update", "r.jsonl"])
        .args(args)
        .stdout(anything())
        .status(status)
        .run();
    fs::write(&journal, ended.stdout()).expect("it can be written");
    rows(ended.stdout())
}

/// The status of each row, and whether it is unchanged.
pub(crate) fn states(rows: &[Row]) -> Vec<(u64, Option<bool>)> {
    let state = |row: &Row| (row["status"].as_u64().unwrap(), row["unchanged"].as_bool());
    rows.iter().map(state).collect()
}

pub(crate) fn directory() -> tempfile::TempDir {
    tempfile::tempdir().expect("a temporary directory")
}

#[test]
fn validators_are_sent_back_byte_for_byte_and_304_is_unchanged() {
    let site = ValidatingServer::start();
    let here = directory();
    let date = "Last-Modified: Mon, 13 Jan 2025 20:11:20 GMT\r\n";
    let if_date = "If-Modified-Since: Mon, 13 Jan 2025 20:11:20 GMT";
    let latin = b"ETag: W/\"\xe4\xff\x80\xc3\xa4\"\r\n";
    let urls = [
        site.put("/strong", "ETag: \"a\\\"\r\n", "strong"),
        site.put("/weak", "ETag: W/\"a,b\"\r\n", "weak"),
        site.put("/latin", latin, "latin"),
        site.put("/date", date, "date"),
        site.put(
            "/both",
            format!("ETag: \"b\"\r\n{date}Content-Type: a/b\r\n"),
            "both",
        ),
        site.put("/none", "", "none"),
    ];
    let urls = urls.each_ref().map(String::as_str);
    let first = update(here.path(), &urls);
    assert_eq!(states(&first), [(200, Some(false)); 6]);
    site.asked();
    // The newest journal is enough, again and again.
    for _ in 0..3 {
        let connections = site.connections();
        let again = update(here.path(), &[&urls[..], &["-j", "1"]].concat());
        let mut expected = [(304, Some(true)); 6];
        expected[5] = (200, Some(false));
        assert_eq!(states(&again), expected);
        assert_eq!(site.connections(), connections + 1, "all are reused");
        for (row, before) in again.iter().zip(&first) {
            for field in [
                "bytes",
                "content_type",
                "etag",
                "last_modified",
                "ok",
                "error",
            ] {
                assert_eq!(row[field], before[field], "{field} of {row}");
            }
        }
        assert_eq!(
            site.asked(),
            [
                "/strong | If-None-Match: \"a\\\"",
                "/weak | If-None-Match: W/\"a,b\"",
                "/latin | If-None-Match: W/\"\u{e4}\u{ff}\u{80}\u{c3}\u{a4}\"",
                &format!("/date | {if_date}"),
                &format!("/both | If-None-Match: \"b\" | {if_date}"),
                "/none",
            ]
        );
    }
    site.put("/strong", "ETag: \"c\"\r\n", "stronger");
    let changed = update(here.path(), &urls[..1]);
    assert_eq!(states(&changed), [(200, Some(false))]);
    assert_eq!(
        (&changed[0]["bytes"], &changed[0]["etag"]),
        (&8.into(), &"\"c\"".into())
    );
}

#[test]
fn only_the_resource_of_the_record_is_asked_with_its_validators() {
    let site = ValidatingServer::start();
    let here = directory();
    site.put("/new", "ETag: \"n\"\r\n", "new");
    let url = site.put_as(
        "302 Found",
        "/from",
        "ETag: \"f\"\r\nLocation: /new#f\r\n",
        "",
    );
    update(here.path(), &[&url]);
    site.asked();
    assert_eq!(states(&update(here.path(), &[&url])), [(304, Some(true))]);
    assert_eq!(site.asked(), ["/from", "/new | If-None-Match: \"n\""]);
    // The same validator of another page says nothing.
    site.put("/other", "ETag: \"n\"\r\n", "other");
    site.put_as("302 Found", "/from", "Location: /other\r\n", "");
    let rows = update(here.path(), &[&url]);
    assert_eq!(states(&rows), [(200, Some(false))]);
    assert_eq!(rows[0]["bytes"], 5);
    assert_eq!(site.asked(), ["/from", "/other"]);
}

#[test]
fn a_head_is_conditional_and_other_methods_are_not() {
    let site = ValidatingServer::start();
    let here = directory();
    let url = site.put("/a", "ETag: \"a\"\r\n", "hello");
    update(here.path(), &[&url]);
    site.asked();
    for (options, status) in [(&["-I"][..], 304), (&["--check"], 304), (&["-XPOST"], 200)] {
        let row = &update(here.path(), &[&[url.as_str()], options].concat())[0];
        assert_eq!(row["status"], status, "{options:?}");
        assert_eq!(row["bytes"], 5);
    }
    assert_eq!(
        site.asked(),
        [
            "/a | If-None-Match: \"a\"",
            "/a | If-None-Match: \"a\"",
            "/a"
        ]
    );
    // The record of a POST is none of the page.
    assert_eq!(states(&update(here.path(), &[&url])), [(200, Some(false))]);
    assert_eq!(site.asked(), ["/a"]);
}

#[test]
fn headers_of_the_user_go_first_and_304_is_then_a_failure() {
    let site = ValidatingServer::start();
    let here = directory();
    let url = site.put("/a", "ETag: \"a\"\r\n", "hello");
    update(here.path(), &[&url]);
    site.asked();
    let kept = fs::read(here.path().join("r.jsonl")).expect("it is there");
    for (header, status) in [
        ("If-None-Match: \"a\"", 304),
        ("if-modified-since: yesterday", 200),
        ("If-Match: \"a\"", 200),
        ("If-Unmodified-Since: x", 200),
        ("If-Range: \"a\"", 200),
        ("If-None-Match:", 200),
    ] {
        let exit = i32::from(status == 304);
        let rows = update_with(here.path(), &["-H", header, &url], exit);
        let unchanged = (status == 200).then_some(false);
        assert_eq!(states(&rows), [(status, unchanged)], "{header}");
        fs::write(here.path().join("r.jsonl"), &kept).expect("it can be written");
    }
    // A row's own header is one, too.
    let table = format!("url,header.Range\n{url},bytes=0-\n");
    fs::write(here.path().join("l.csv"), table).expect("it can be written");
    assert_eq!(
        states(&update(here.path(), &["l.csv"])),
        [(200, Some(false))]
    );
    let is_plain = |line: &String| !line.contains("If-None-Match") || line.ends_with("\"a\"");
    let asked = site.asked();
    assert!(asked.iter().all(is_plain), "{asked:?}");
    assert_eq!(
        asked
            .iter()
            .filter(|line| line.contains("If-None-Match"))
            .count(),
        1
    );
    assert_eq!(states(&update(here.path(), &[&url])), [(304, Some(true))]);
    // Without --update nothing is conditional.
    fetchpool()
        .args([&url])
        .stdout(format!("'{url}' page is 5 bytes\n"))
        .run();
    assert_eq!(site.asked(), ["/a | If-None-Match: \"a\"", "/a"]);
}

#[test]
fn what_an_unchanged_page_could_not_tell_is_fetched() {
    let site = ValidatingServer::start();
    let here = directory();
    let url = site.put("/a", "ETag: \"a\"\r\n", "hello");
    let is_sent = |options: &[&str]| {
        let status = update(here.path(), &[&[url.as_str()], options].concat())[0]["status"].clone();
        status == 200
    };
    assert!(is_sent(&[]));
    // The first record has no digest; the second has one, which the third takes over.
    assert!(is_sent(&["--sha256"]) && !is_sent(&["--sha256"]) && !is_sent(&["--sha256"]));
    assert!(!is_sent(&["--max-size=5"]));
    assert!(!is_sent(&["--accept=200"]));
    let kept = fs::read(here.path().join("r.jsonl")).expect("it is there");
    for options in [&["--max-size=4"][..], &["--accept=404"]] {
        update_with(here.path(), &[&[url.as_str()], options].concat(), 1);
        fs::write(here.path().join("r.jsonl"), &kept).expect("it can be written");
    }
    assert!(site.asked()[6..].iter().all(|line| line == "/a"));
    fetchpool()
        .inside(here.path())
        .args(["-f", "jsonl", "--fields", "status,body", "--body"])
        .args(["--update", "r.jsonl", &url])
        .stdout("{\"status\":200,\"body\":\"hello\"}\n")
        .run();
}

#[test]
fn the_expectations_of_a_row_hold_for_its_record() {
    const HELLO: &str = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824";
    let site = ValidatingServer::start();
    let here = directory();
    let url = site.put("/a", "ETag: \"a\"\r\n", "hello");
    let run = |cells: &str, exit| {
        let table = format!("url,size,sha256\n{url},{cells}\n");
        fs::write(here.path().join("l.csv"), table).expect("it can be written");
        let row = update_with(here.path(), &["l.csv"], exit).remove(0);
        (row["status"].as_u64(), row["unchanged"].as_bool())
    };
    assert_eq!(run(&format!("5,{HELLO}"), 0), (Some(200), Some(false)));
    assert_eq!(run(&format!("5,{HELLO}"), 0), (Some(304), Some(true)));
    let kept = fs::read(here.path().join("r.jsonl")).expect("it is there");
    for cells in ["6,", &format!(",{}", HELLO.replace('2', "3"))] {
        assert_eq!(run(cells, 1), (Some(200), None), "{cells}");
        fs::write(here.path().join("r.jsonl"), &kept).expect("it can be written");
    }
    // A record without a size says nothing of it.
    let record = String::from_utf8(kept).expect("it is UTF-8");
    let record = record.replace("\"bytes\":5", "\"bytes\":null");
    fs::write(here.path().join("r.jsonl"), record).expect("it can be written");
    assert_eq!(run("5,", 0), (Some(200), Some(false)));
}

#[test]
fn a_retry_has_the_condition_of_the_first_attempt() {
    let here = directory();
    let attempts = AtomicUsize::new(0);
    let server = RawServer::start(move |mut talk: Talk| {
        let is_busy = attempts.fetch_add(1, Ordering::Relaxed) == 1;
        let condition = talk.header("If-None-Match").map(str::to_owned);
        match condition.as_deref() {
            None => talk.reply("200 OK", &["ETag: \"a\""], b"hello"),
            Some("\"a\"") if is_busy => talk.reply("503 Busy", &[], b"later"),
            Some("\"a\"") => talk.send(b"HTTP/1.1 304 Not Modified\r\nConnection: close\r\n\r\n"),
            Some(_) => talk.reply("400 Bad Request", &[], b""),
        }
    });
    let arguments = ["--retries=1", "--retry-delay=1ms", &server.url("/a")];
    assert_eq!(update(here.path(), &arguments)[0]["status"], 200);
    let row = update(here.path(), &arguments).remove(0);
    assert_eq!((&row["status"], &row["attempts"]), (&304.into(), &2.into()));
    assert_eq!(
        (&row["unchanged"], &row["bytes"]),
        (&true.into(), &5.into())
    );
}
