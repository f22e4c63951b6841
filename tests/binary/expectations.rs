//! What must be true of a page and of a run: `--accept`, `mismatch` of size and digest, and `--max-fail`.

use crate::rows::{by_line, fetch, kinds, row, tables};
use crate::saved::{entries, files};
use crate::support::{RawServer, Server, anything, containing, fetchpool, page};
use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Value, json};
use std::io::Write;

/// The SHA-256 of "hello", and of nothing.
const HELLO: &str = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824";
const NOTHING: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

#[test]
fn a_page_is_a_final_status_that_is_accepted() {
    let server = Server::start();
    let body = "a page that says why".len();
    for (set, status, is_page) in [
        ("2xx", 200, true),
        ("2xx", 404, false),
        ("404", 404, true),
        ("404", 200, false),
        ("200-299,404,3xx", 404, true),
        ("200-299,404,3xx", 204, true),
        ("200-299,404,3xx", 500, false),
        ("5XX", 503, true),
        (" 400 - 499 , 200 ", 410, true),
        ("100-599", 404, true),
    ] {
        let url = server.url(&format!("/status/{status}"));
        let run = || fetchpool().args(["--accept", set, &url]);
        if is_page {
            let bytes = if status == 204 { 0 } else { body };
            run().stdout(page(&url, bytes) + "\n").run();
        } else {
            run()
                .status(1)
                .stdout(containing([format!("exception: http_status: {status}")]))
                .run();
        }
    }
}

#[test]
fn redirects_are_followed_before_a_status_is_judged() {
    let server = Server::start();
    let url = server.url("/redirect/1");
    let records = fetch("urls.txt", &url, &["--accept", "2xx,3xx"], 0);
    assert_eq!(
        (&records[0]["status"], &records[0]["redirects"]),
        (&json!(200), &json!(1))
    );
    let options = ["--accept", "3xx", "--max-redirects", "0"];
    let records = fetch("urls.txt", &url, &options, 0);
    assert_eq!(
        (&records[0]["status"], &records[0]["bytes"]),
        (&json!(302), &json!(9))
    );
    let records = fetch("urls.txt", &url, &["--accept", "3xx"], 1);
    assert_eq!(
        (&kinds(&records)[0], &records[0]["status"]),
        (&json!("http_status"), &json!(200))
    );
}

#[test]
fn an_accepted_status_is_saved_and_not_tried_again() {
    let server = Server::start();
    let directory = tempfile::tempdir().expect("a temporary directory");
    let url = server.url("/status/503");
    let ended = fetchpool()
        .inside(directory.path())
        .args(["--accept", "503", "--retries", "2", "--retry-delay", "1ms"])
        .args(["-o", "pages", "-f", "jsonl", &url])
        .stdout(anything())
        .run();
    let record = &by_line(ended.stdout())[0];
    assert_eq!(record["ok"], true);
    let file = record["file"].as_str().expect("it was saved");
    let saved = std::fs::read_to_string(directory.path().join(file)).expect("it was saved");
    assert_eq!(saved, "a page that says why");
    assert_eq!(server.paths().len(), 1);
}

#[test]
fn a_set_of_statuses_that_is_none_is_a_usage_error() {
    let server = Server::start();
    let url = server.url("/size/1");
    for set in [
        "", ",", "ok", "6xx", "20", "299-200", "200-", "99", "200;404",
    ] {
        fetchpool()
            .args([&format!("--accept={set}"), &url])
            .status(2)
            .stderr(containing([
                "fetchpool: ",
                "--accept",
                set,
                "200-299,404,3xx",
            ]))
            .run();
    }
    assert_eq!(server.paths(), [""; 0]);
}

/// Serves "hello", which `/coded` compresses if the request accepts that.
fn hello() -> RawServer {
    RawServer::start(|mut talk| {
        let accepts = talk.header("accept-encoding").is_some();
        if talk.path() == "/coded" && accepts {
            let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
            encoder.write_all(b"hello").expect("memory takes it");
            let body = encoder.finish().expect("memory takes it");
            talk.reply("200 OK", &["Content-Encoding: gzip"], &body);
        } else {
            talk.reply("200 OK", &[], b"hello");
        }
    })
}

#[test]
fn a_body_of_another_size_or_digest_is_a_mismatch_and_no_file_is_left() {
    let server = hello();
    let upper = HELLO.to_uppercase();
    let cases: [(&str, &str, Option<String>); 8] = [
        ("5", "", None),
        ("", HELLO, None),
        ("", &upper, None),
        ("5", HELLO, None),
        ("7", "", Some("size: expected 7 bytes, got 5".to_owned())),
        ("3", "", Some("size: expected 3 bytes, got 5".to_owned())),
        ("0", "", Some("size: expected 0 bytes, got 5".to_owned())),
        (
            "",
            NOTHING,
            Some(format!("sha256: expected {NOTHING}, got {HELLO}")),
        ),
    ];
    for path in ["/plain", "/coded"] {
        let rows: Vec<Vec<String>> = cases
            .iter()
            .enumerate()
            .map(|(n, (size, sha256, _))| row([&server.url(path), size, sha256, &format!("{n}")]))
            .collect();
        for list in tables(&["url", "size", "sha256", "name"], &rows) {
            for saves in [false, true] {
                let directory = tempfile::tempdir().expect("a temporary directory");
                let ended = fetchpool()
                    .inside(directory.path())
                    .list(list.file, &list.text)
                    .args(["--compressed", "-f", "jsonl"])
                    .args(if saves { &["-o", "pages"][..] } else { &[] })
                    .status(1)
                    .stdout(anything())
                    .run();
                let records = by_line(ended.stdout());
                for ((_, _, wanted), record) in cases.iter().zip(&records) {
                    let Some(message) = wanted else {
                        assert_eq!(record["error"], Value::Null, "{record}");
                        assert_eq!(record["file"].is_string(), saves, "{record}");
                        continue;
                    };
                    assert_eq!(record["error"]["kind"], "mismatch", "{record}");
                    assert_eq!(record["error"]["message"], *message, "{record}");
                    assert_eq!(
                        (&record["status"], &record["file"]),
                        (&json!(200), &Value::Null)
                    );
                }
                if saves {
                    let pages = directory.path().join("pages");
                    let names: Vec<String> = files(&pages).into_keys().collect();
                    assert_eq!(names, ["0", "1", "2", "3"], "{path} {}", list.file);
                    assert_eq!(entries(&pages), 4);
                }
            }
        }
    }
}

#[test]
fn a_mismatch_is_not_tried_again_and_leaves_an_earlier_file() {
    let server = Server::start();
    let directory = tempfile::tempdir().expect("a temporary directory");
    std::fs::create_dir(directory.path().join("pages")).expect("it can be made");
    std::fs::write(directory.path().join("pages/a"), "of old").expect("it can be written");
    let list = format!("url,size,name\n{},4,a\n", server.url("/size/5"));
    fetchpool()
        .inside(directory.path())
        .list("list.csv", list)
        .args(["-o", "pages", "--retries", "2", "--retry-delay", "1ms"])
        .status(1)
        .stdout(containing(["mismatch: size: expected 4 bytes, got 5"]))
        .run();
    assert_eq!(server.paths().len(), 1);
    let kept = std::fs::read_to_string(directory.path().join("pages/a")).expect("it is there");
    assert_eq!(kept, "of old");
}

#[test]
fn of_a_head_the_size_is_compared_with_the_one_told_and_no_digest() {
    let server = Server::start();
    let url = server.url("/size/5");
    let rows = [row([&url, "5", NOTHING]), row([&url, "6", ""])];
    for list in tables(&["url", "size", "sha256"], &rows) {
        for option in ["-I", "--check"] {
            let records = fetch(list.file, &list.text, &[option], 1);
            assert_eq!(
                kinds(&records),
                [Value::Null, json!("mismatch")],
                "{}",
                list.file
            );
        }
    }
    // With no length told there is nothing to compare.
    let untold = RawServer::saying("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n");
    let list = format!("url,size\n{},6\n", untold.url("/"));
    fetch("list.csv", list, &["-I"], 0);
}

#[test]
fn so_many_may_fail_and_the_status_is_still_0() {
    let server = Server::start();
    let good = server.url("/size/1");
    let bad = server.url("/status/404");
    let list = |good_ones: usize, bad_ones: usize| {
        format!("{good}\n").repeat(good_ones) + &format!("{bad}\n").repeat(bad_ones)
    };
    for (limit, good_ones, bad_ones, status) in [
        ("0", 1, 0, 0),
        ("0", 1, 1, 1),
        ("1", 0, 1, 0),
        ("1", 3, 2, 1),
        ("2", 3, 2, 0),
        ("1000000", 0, 3, 0),
        ("50%", 2, 2, 0),
        ("49.9%", 2, 2, 1),
        ("25%", 3, 1, 0),
        ("24%", 3, 1, 1),
        ("0.5%", 199, 1, 0),
        ("0.49%", 199, 1, 1),
        ("0%", 1, 1, 1),
        ("0%", 1, 0, 0),
        ("100%", 0, 3, 0),
        ("50%", 0, 0, 0),
    ] {
        let ended = fetchpool()
            .list("urls.txt", list(good_ones, bad_ones))
            .args(["--max-fail", limit])
            .status(status)
            .stdout(anything())
            .run();
        assert_eq!(
            ended.stdout().lines().count(),
            good_ones + bad_ones,
            "{limit}"
        );
    }
    // A line or a row that is none has failed too.
    for (name, text) in [
        ("urls.txt", format!("{good}\nno url\n")),
        ("list.csv", format!("url,timeout\n{good},\n{good},soon\n")),
    ] {
        fetch(name, &text, &["--max-fail", "1"], 0);
        fetch(name, &text, &["--max-fail", "50%"], 0);
        fetch(name, &text, &["--max-fail", "49%"], 1);
    }
}

#[test]
fn a_list_that_cannot_be_read_and_a_deadline_keep_their_status() {
    let server = Server::start();
    let good = server.url("/size/1");
    fetchpool()
        .args(["--max-fail", "100%", &good, "missing.txt"])
        .status(2)
        .stderr(containing(["missing.txt"]))
        .run();
    let cut = crate::rows::gzip(format!("url\n{good}\n").as_bytes());
    fetchpool()
        .list("list.csv.gz", &cut[..cut.len() - 1])
        .args(["--max-fail", "100%"])
        .status(2)
        .stdout(anything())
        .stderr(containing(["cut short"]))
        .run();
    let silent = RawServer::silent();
    fetchpool()
        .args([
            "--max-fail",
            "100%",
            "--deadline",
            "500ms",
            &silent.url("/"),
        ])
        .status(1)
        .stdout(containing(["cancelled"]))
        .stderr(anything())
        .run();
}

#[test]
fn a_number_of_failures_that_is_none_is_a_usage_error() {
    let server = Server::start();
    let url = server.url("/size/1");
    for limit in ["", "-1", "many", "%", "-1%", "1.5", "5%%", "NaN%", "inf%"] {
        fetchpool()
            .args([&format!("--max-fail={limit}"), &url])
            .status(2)
            .stderr(containing(["fetchpool: ", "--max-fail", limit]))
            .run();
    }
    assert_eq!(server.paths(), [""; 0]);
}
