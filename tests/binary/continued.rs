//! `-c`: the next run asks for the rest of a body that was cut, and only if it is of the same whole. What no rest can be
//! asked for begins anew, and no file is a mixture.

use crate::jsonl::Row;
use crate::rows::by_line;
use crate::saved::{entries, files};
use crate::support::origin::{Origin, SIZE, content_range, cut, file, first_asked, rest};
use crate::support::{Talk, anything, fetchpool};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// What comes before the first cut.
pub(crate) const CUT: usize = 40_000;

/// The validator of most files.
pub(crate) const TAG: &str = "ETag: \"v1\"";

pub(crate) fn directory() -> TempDir {
    tempfile::tempdir().expect("a temporary directory")
}

/// Fetches `url` into `pages` below `directory`, and returns its row.
pub(crate) fn fetch(directory: &Path, url: &str, options: &[&str], status: i32) -> Row {
    let ended = fetchpool()
        .inside(directory)
        .args(["-o", "pages", "-f", "jsonl"])
        .args(options)
        .arg(url)
        .status(status)
        .stdout(anything())
        .stderr(anything())
        .run();
    let rows = by_line(ended.stdout());
    assert_eq!(rows.len(), 1, "one record a URL");
    rows.into_iter().next().expect("there is one")
}

/// The files of parts, `KEY.part` and `KEY.json`. Also while a run makes and removes them.
pub(crate) fn parts(directory: &Path) -> Vec<PathBuf> {
    let list = |folder: &Path| -> Vec<PathBuf> {
        let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
        entries.map(|entry| entry.path()).collect()
    };
    let folders = list(&directory.join("pages/.fetchpool/parts"));
    let mut parts: Vec<PathBuf> = folders.iter().flat_map(|folder| list(folder)).collect();
    parts.sort();
    parts
}

/// Nothing but the file of `row` is below the directory, and it is `whole`.
pub(crate) fn assert_file(directory: &Path, row: &Row, whole: &[u8]) {
    assert!(
        row["ok"] == true && row["bytes"] == whole.len(),
        "{:?}",
        row["error"]
    );
    let path = directory.join(row["file"].as_str().expect("it was saved"));
    let saved = std::fs::read(&path).expect("it was saved");
    assert!(saved == whole, "{} bytes, not the file", saved.len());
    let names = files(&directory.join("pages"));
    assert_eq!(names.len(), 1, "{names:?}");
}

pub(crate) fn assert_failed(row: &Row, kind: &str) {
    assert_eq!(row["error"]["kind"], kind, "{row}");
    assert_eq!(row["file"], Value::Null, "{row}");
}

/// Answers the first request with a file that is cut, and later ones by `then`.
pub(crate) fn cut_once(
    headers: &'static [&'static str],
    then: impl Fn(Talk) + Send + Sync + 'static,
) -> Origin {
    Origin::start(move |number, talk| match number {
        0 => cut(talk, "200 OK", headers, SIZE, &file(1)[..CUT]),
        _ => then(talk),
    })
}

/// A run that is cut, and the row of the next one.
pub(crate) fn two_runs(directory: &Path, origin: &Origin, options: &[&str], status: i32) -> Row {
    let options = [&["-c"], options].concat();
    let row = fetch(directory, &origin.url("/file.bin"), &options, 1);
    assert_failed(&row, "body");
    fetch(directory, &origin.url("/file.bin"), &options, status)
}

#[test]
fn the_next_run_asks_for_the_rest_only() {
    let directory = directory();
    let origin = cut_once(&[TAG], |talk| rest(talk, &[TAG], &file(1)));
    let row = two_runs(directory.path(), &origin, &[], 0);
    assert_file(directory.path(), &row, &file(1));
    assert_eq!(
        (&row["resumed_from"], &row["status"], &row["attempts"]),
        (&json!(CUT), &json!(206), &json!(1))
    );
    for (name, value) in [
        ("Range", "bytes=40000-"),
        ("If-Range", "\"v1\""),
        ("Accept-Encoding", "identity"),
    ] {
        assert_eq!(origin.last_asked(name).as_deref(), Some(value), "{name}");
    }
    assert_eq!(origin.asked("Range")[0], None);
    // What is there is whole: it is fetched anew, and nothing is left to continue.
    let again = fetch(directory.path(), &origin.url("/file.bin"), &["-c"], 0);
    assert_file(directory.path(), &again, &file(1));
    assert_eq!(origin.last_asked("Range"), None);
    assert_eq!(again["resumed_from"], Value::Null);
}

#[test]
fn a_validator_that_may_be_sent_is_sent_byte_for_byte_and_without_one_the_body_begins_anew() {
    const DATE: &str = "Date: Sun, 06 Nov 1994 08:49:37 GMT";
    let cases: &[(&'static [&'static str], Option<&str>)] = &[
        (&[TAG], Some("\"v1\"")),
        (&["ETag: \"\""], Some("\"\"")),
        (&["ETag: W/\"v1\""], None),
        (&["ETag: v1"], None),
        (
            &[TAG, "Last-Modified: Sun, 06 Nov 1994 08:00:00 GMT", DATE],
            Some("\"v1\""),
        ),
        (
            &["Last-Modified: Sun, 06 Nov 1994 08:49:36 GMT", DATE],
            Some("Sun, 06 Nov 1994 08:49:36 GMT"),
        ),
        (
            &["Last-Modified: Sunday, 06-Nov-94 08:49:00 GMT", DATE],
            Some("Sunday, 06-Nov-94 08:49:00 GMT"),
        ),
        (
            &["Last-Modified: Sun, 06 Nov 1994 08:49:37 GMT", DATE],
            None,
        ),
        (
            &["Last-Modified: Sun, 06 Nov 1994 08:49:38 GMT", DATE],
            None,
        ),
        (&["Last-Modified: Sun, 06 Nov 1994 08:00:00 GMT"], None),
        (&["Last-Modified: yesterday", DATE], None),
        // RFC 9110, 13.1.5: a date is for what has no entity tag.
        (
            &[
                "ETag: W/\"v1\"",
                "Last-Modified: Sun, 06 Nov 1994 08:00:00 GMT",
                DATE,
            ],
            None,
        ),
        (&[], None),
    ];
    for &(headers, validator) in cases {
        let directory = directory();
        let origin = cut_once(headers, |talk| rest(talk, headers, &file(1)));
        let row = two_runs(directory.path(), &origin, &[], 0);
        assert_file(directory.path(), &row, &file(1));
        let sent = origin.last_asked("If-Range");
        assert_eq!(sent.as_deref(), validator, "{headers:?}");
        let range = validator.map(|_| format!("bytes={CUT}-"));
        assert_eq!(origin.last_asked("Range"), range, "{headers:?}");
        let from = validator.map_or(Value::Null, |_| json!(CUT));
        assert_eq!(row["resumed_from"], from, "{headers:?}");
    }
}

#[test]
fn a_file_that_has_changed_begins_anew() {
    let directory = directory();
    // The server keeps to If-Range.
    let origin = cut_once(&[TAG], |mut talk| {
        assert_eq!(talk.header("If-Range"), Some("\"v1\""));
        talk.reply("200 OK", &["ETag: \"v2\""], &file(2));
    });
    let row = two_runs(directory.path(), &origin, &[], 0);
    assert_file(directory.path(), &row, &file(2));
    assert_eq!(row["resumed_from"], Value::Null);
    assert_eq!(
        (&row["status"], &row["etag"]),
        (&json!(200), &json!("\"v2\""))
    );
}

#[test]
fn a_rest_that_begins_earlier_is_skipped_into_and_one_that_begins_later_is_a_failure() {
    for (from, is_taken) in [(CUT - 1000, true), (0, true), (CUT + 1, false)] {
        let directory = directory();
        let origin = cut_once(&[TAG], move |mut talk| {
            let headers = [TAG, &content_range(from, SIZE)];
            talk.reply("206 Partial Content", &headers, &file(1)[from..]);
        });
        let row = two_runs(directory.path(), &origin, &[], i32::from(!is_taken));
        if is_taken {
            assert_file(directory.path(), &row, &file(1));
            assert_eq!(row["resumed_from"], CUT);
        } else {
            assert_failed(&row, "body");
        }
    }
}

#[test]
fn a_part_grows_with_each_cut() {
    let directory = directory();
    let origin = Origin::start(|number, talk| {
        let from = first_asked(&talk).unwrap_or(0);
        let (status, range) = match from {
            0 => ("200 OK", "Accept-Ranges: bytes".to_owned()),
            _ => ("206 Partial Content", content_range(from, SIZE)),
        };
        let until = if number < 3 { from + 25_000 } else { SIZE };
        let bytes = &file(1)[from..until];
        cut(talk, status, &[TAG, &range], SIZE - from, bytes);
    });
    let url = origin.url("/file.bin");
    for from in [Value::Null, json!(25_000), json!(50_000)] {
        let row = fetch(directory.path(), &url, &["-c"], 1);
        assert_failed(&row, "body");
        assert_eq!(row["resumed_from"], from, "{row}");
        assert!(!parts(directory.path()).is_empty());
    }
    let row = fetch(directory.path(), &url, &["-c"], 0);
    assert_file(directory.path(), &row, &file(1));
    assert_eq!(row["resumed_from"], 75_000);
    let asked: Vec<_> = origin.asked("Range").into_iter().flatten().collect();
    assert_eq!(asked, ["bytes=25000-", "bytes=50000-", "bytes=75000-"]);
}

/// Sends all of the file in a chunk, without the last one: it may not be all.
fn all_but_the_end(mut talk: Talk) {
    let head =
        format!("HTTP/1.1 200 OK\r\n{TAG}\r\nTransfer-Encoding: chunked\r\n\r\n{SIZE:x}\r\n");
    talk.send(&[head.as_bytes(), &file(1), b"\r\n"].concat());
}

#[test]
fn a_416_with_the_right_length_is_done_and_with_another_the_body_begins_anew() {
    for (length, is_done) in [(SIZE, true), (SIZE - 1, false), (SIZE + 1, false)] {
        let directory = directory();
        let origin = Origin::start(move |number, mut talk| match number {
            0 => all_but_the_end(talk),
            _ if first_asked(&talk).is_some() => {
                let range = format!("Content-Range: bytes */{length}");
                talk.reply("416 Range Not Satisfiable", &[&range], b"no such range");
            }
            _ => talk.reply("200 OK", &["ETag: \"v2\""], &file(2)),
        });
        let options = ["--retries", "1", "--retry-delay", "1ms"];
        let row = fetch(directory.path(), &origin.url("/file.bin"), &["-c"], 1);
        assert_failed(&row, "body");
        let row = fetch(
            directory.path(),
            &origin.url("/file.bin"),
            &[&["-c"], &options[..]].concat(),
            0,
        );
        assert_eq!(origin.asked("Range")[1].as_deref(), Some("bytes=100000-"));
        if is_done {
            assert_file(directory.path(), &row, &file(1));
            assert_eq!(row["resumed_from"], SIZE);
            assert_eq!(origin.asked("Range").len(), 2);
        } else {
            assert_file(directory.path(), &row, &file(2));
            assert_eq!(row["resumed_from"], Value::Null);
            assert_eq!(origin.last_asked("Range"), None);
        }
    }
}

#[test]
fn a_part_is_of_the_file_behind_a_redirect() {
    let directory = directory();
    let origin = Origin::start(|number, mut talk| match (number, talk.path()) {
        (_, "/file.bin") => talk.reply("302 Found", &["Location: /mirror/1"], b""),
        (1, _) => cut(talk, "200 OK", &[TAG], SIZE, &file(1)[..CUT]),
        _ => rest(talk, &[TAG], &file(1)),
    });
    let row = two_runs(directory.path(), &origin, &[], 0);
    assert_file(directory.path(), &row, &file(1));
    assert_eq!(origin.last_asked("Range").as_deref(), Some("bytes=40000-"));
    assert_eq!(
        (&row["resumed_from"], &row["redirects"]),
        (&json!(CUT), &json!(1))
    );
}

#[test]
fn a_retry_asks_for_the_rest_with_and_without_the_option() {
    for options in [&[][..], &["-c"], &["--body"], &["--sha256"]] {
        let directory = directory();
        let origin = cut_once(&[TAG], |talk| rest(talk, &[TAG], &file(1)));
        let retries = ["--retries", "1", "--retry-delay", "1ms"];
        let options = [&retries, options].concat();
        let row = fetch(directory.path(), &origin.url("/file.bin"), &options, 0);
        assert_eq!(row["attempts"], 2);
        assert_file(directory.path(), &row, &file(1));
        if options.contains(&"--body") {
            let body = String::from_utf8(file(1)).expect("it is ASCII");
            assert!(row["body"].as_str() == Some(body.as_str()));
        } else {
            let range = origin.last_asked("Range");
            assert_eq!(range.as_deref(), Some("bytes=40000-"), "{options:?}");
            assert_eq!(row["resumed_from"], CUT);
        }
    }
}

#[test]
fn without_the_option_nothing_is_left_and_without_saved_files_no_rest_is_asked_for() {
    let directory = directory();
    let retries = ["--retries", "2", "--retry-delay", "1ms"];
    let origin = Origin::start(|_, talk| {
        let from = first_asked(&talk).unwrap_or(0);
        let bytes = &file(1)[from..from + 10];
        match from {
            0 => cut(talk, "200 OK", &[TAG], SIZE, bytes),
            _ => {
                let range = content_range(from, SIZE);
                cut(
                    talk,
                    "206 Partial Content",
                    &[TAG, &range],
                    SIZE - from,
                    bytes,
                );
            }
        }
    });
    let row = fetch(directory.path(), &origin.url("/a/b.bin"), &retries, 1);
    assert_failed(&row, "body");
    assert_eq!(entries(&directory.path().join("pages")), 0);
    let asked: Vec<_> = origin.asked("Range").into_iter().flatten().collect();
    assert_eq!(asked, ["bytes=10-", "bytes=20-"]);
    let origin = cut_once(&[TAG], |talk| rest(talk, &[TAG], &file(1)));
    let url = origin.url("/");
    fetchpool()
        .args(retries)
        .arg(&url)
        .stdout(format!("'{url}' page is {SIZE} bytes\n"))
        .stderr(anything())
        .run();
    assert_eq!(origin.asked("Range"), [None, None]);
}

#[test]
fn only_bodies_below_a_directory_can_be_continued_and_no_archive_of_them() {
    for options in [&["-c"][..], &["-c", "-o", "pages", "--warc", "a.warc.gz"]] {
        fetchpool()
            .args(options)
            .arg("http://127.0.0.1:1/")
            .status(2)
            .stderr(crate::support::containing(["--continue"]))
            .run();
    }
}
