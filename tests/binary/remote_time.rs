//! `--remote-time`: a saved file has the time of the server's `Last-Modified`, if that is one.

use crate::jsonl::rows;
use crate::support::{RawServer, anything, containing, fetchpool};
use std::path::Path;
use std::time::{Duration, SystemTime};

/// Answers `/redirect` with a redirect and each other path with the page's time, if it has one.
fn server() -> RawServer {
    RawServer::start(|mut talk| {
        let date = match talk.path() {
            "/past" | "/empty" => "Last-Modified: Sun, 06 Nov 1994 08:49:37 GMT",
            "/old-form" => "Last-Modified: Sunday, 06-Nov-94 08:49:37 GMT",
            "/epoch" => "Last-Modified: Thu, 01 Jan 1970 00:00:00 GMT",
            "/future" => "Last-Modified: Fri, 31 Dec 9999 23:59:59 GMT",
            "/no-date" => "Last-Modified: the day before yesterday",
            "/redirect" => {
                let headers = [
                    "Location: /none",
                    "Last-Modified: Sun, 06 Nov 1994 08:49:37 GMT",
                ];
                return talk.reply("302 Found", &headers, b"");
            }
            _ => "X-None: 1",
        };
        let body = if talk.path() == "/empty" { "" } else { "page" };
        talk.reply("200 OK", &[date], body.as_bytes());
    })
}

/// The seconds since 1970 of the file of each path, in order, `None` if it was written `since` then.
fn times(paths: &[&str], options: &[&str]) -> Vec<Option<u64>> {
    let server = server();
    let directory = tempfile::tempdir().expect("a temporary directory");
    // File systems round times down.
    let since = SystemTime::now() - Duration::from_secs(2);
    let ended = fetchpool()
        .inside(directory.path())
        .args(paths.iter().map(|path| server.url(path)))
        .args(["-o", "pages", "-f", "jsonl", "--ordered"])
        .args(options)
        .stdout(anything())
        .run();
    let time = |file: &Path| {
        let modified = std::fs::metadata(file).and_then(|metadata| metadata.modified());
        let modified = modified.expect("it was saved");
        let seconds = modified.duration_since(SystemTime::UNIX_EPOCH);
        (modified < since).then(|| seconds.expect("it is after 1970").as_secs())
    };
    let files = rows(ended.stdout());
    let file = |row: &serde_json::Value| row["file"].as_str().expect("it was saved").to_owned();
    files
        .iter()
        .map(|row| time(&directory.path().join(file(row))))
        .collect()
}

#[test]
fn a_saved_file_has_the_time_of_last_modified() {
    let paths = ["/past", "/empty", "/old-form", "/epoch"];
    let then = Some(784_111_777);
    assert_eq!(
        times(&paths, &["--remote-time"]),
        [then, then, then, Some(0)]
    );
    assert_eq!(times(&paths, &[]), [None; 4]);
}

#[test]
fn what_is_no_time_of_the_page_leaves_the_file_as_it_is() {
    let paths = ["/none", "/no-date", "/future", "/redirect"];
    assert_eq!(times(&paths, &["--remote-time"]), [None; 4]);
}

#[test]
fn remote_time_is_for_saved_files() {
    fetchpool()
        .args(["--remote-time", "http://127.0.0.1:1/"])
        .status(2)
        .stderr(containing(["--remote-time", "-o"]))
        .run();
}
