//! Parts are of one resource and of one version: nothing else is put behind them, and no body replaces a file of the run.

use crate::continued::{CUT, TAG, assert_file, directory, fetch, parts, two_runs};
use crate::support::origin::{Origin, SIZE, content_range, cut, file, rest};
use crate::support::{RawServer, Server, containing, fetchpool};
use std::fs;
use std::io::{Read as _, Write as _};

#[test]
fn a_validator_of_another_resource_is_not_sent() {
    for options in [&["-c"][..], &["--retries", "1", "--retry-delay", "1ms"]] {
        let directory = directory();
        // Each version has the same tag, and is at a path of its own.
        let origin = Origin::start(|number, mut talk| match (number, talk.path()) {
            (0, _) => talk.reply("302 Found", &["Location: /v1"], b""),
            (1, _) => cut(talk, "200 OK", &[TAG], SIZE, &file(1)[..CUT]),
            (2, _) => talk.reply("302 Found", &["Location: /v2"], b""),
            _ => rest(talk, &[TAG], &file(2)),
        });
        let url = origin.url("/latest");
        let row = if options[0] == "-c" {
            two_runs(directory.path(), &origin, &[], 0)
        } else {
            fetch(directory.path(), &url, options, 0)
        };
        assert_file(directory.path(), &row, &file(2));
        assert_eq!(origin.last_asked("Range"), None);
        assert_eq!(row["resumed_from"], serde_json::Value::Null);
    }
}

#[test]
fn a_link_that_is_signed_anew_goes_on() {
    let directory = directory();
    let origin = Origin::start(|number, mut talk| match number {
        0 => talk.reply("302 Found", &["Location: /x?signature=1"], b""),
        1 => cut(talk, "200 OK", &[TAG], SIZE, &file(1)[..CUT]),
        2 => talk.reply("302 Found", &["Location: /x?signature=2"], b""),
        _ => rest(talk, &[TAG], &file(1)),
    });
    let row = two_runs(directory.path(), &origin, &[], 0);
    assert_file(directory.path(), &row, &file(1));
    assert_eq!(row["resumed_from"], CUT);
}

#[test]
fn the_body_of_another_method_is_no_part() {
    let directory = directory();
    let origin = Origin::start(|number, talk| match number {
        0 => cut(talk, "200 OK", &[TAG], SIZE, &file(1)[..CUT]),
        _ => rest(talk, &[TAG], &file(2)),
    });
    let url = origin.url("/file.bin");
    fetch(directory.path(), &url, &["-c", "-X", "POST"], 1);
    assert!(parts(directory.path()).is_empty());
    let row = fetch(directory.path(), &url, &["-c"], 0);
    assert_file(directory.path(), &row, &file(2));
}

#[test]
fn a_206_without_the_tag_of_the_part_is_not_trusted() {
    let directory = directory();
    // It does not look at If-Range.
    let origin = Origin::start(|number, mut talk| match number {
        0 => cut(talk, "200 OK", &[TAG], SIZE, &file(1)[..CUT]),
        1 => {
            let range = content_range(CUT, SIZE);
            talk.reply("206 Partial Content", &[&range], &file(2)[CUT..]);
        }
        _ => rest(talk, &["ETag: \"v2\""], &file(2)),
    });
    let row = two_runs(directory.path(), &origin, &[], 0);
    assert_file(directory.path(), &row, &file(2));
}

#[test]
fn no_body_replaces_a_file_of_the_run() {
    let server = Server::start();
    for (name, options) in [
        ("a.gz", &["--warc", "a.gz"][..]),
        ("r.jsonl", &["--resume", "r.jsonl"]),
        ("r.jsonl", &["--update", "r.jsonl"]),
        ("list.csv", &[]),
    ] {
        let directory = directory();
        let url = server.url("/size/3");
        let list = format!("url,name\n{url},{name}\n");
        fs::write(directory.path().join("list.csv"), &list).expect("it can be written");
        fs::write(directory.path().join("r.jsonl"), "").expect("it can be written");
        fetchpool()
            .inside(directory.path())
            .args(["list.csv", "-o", "."])
            .args(options)
            .status(1)
            .stdout(containing([
                "write: ./",
                name,
                "a file that this run reads or appends to",
            ]))
            .run();
        let found = fs::read(directory.path().join("list.csv")).expect("it is there");
        assert_eq!(found, list.as_bytes());
        let journal = fs::read(directory.path().join("r.jsonl")).expect("it is there");
        assert_eq!(journal, b"");
    }
}

#[test]
fn a_body_that_is_far_larger_than_its_row_says_is_not_read_on() {
    // It never ends.
    let server = RawServer::on_connection(|mut stream| {
        let _request = stream.read(&mut [0; 4096]);
        let mut sent = stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n");
        while sent.is_ok() {
            sent = stream.write_all(&[b'x'; 4096]);
        }
    });
    let directory = directory();
    let list = format!("url,size\n{},10\n", server.url("/"));
    fs::write(directory.path().join("list.csv"), list).expect("it can be written");
    fetchpool()
        .inside(directory.path())
        .args(["list.csv", "-o", "pages"])
        .status(1)
        .stdout(containing([
            "mismatch: size: expected 10 bytes, got at least 1",
        ]))
        .run();
}
