//! The records, the status and the summary of a dry run.

use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use super::*;
use crate::input::{self, List};
use crate::output::{Fields, Format, Out};

/// Takes `room` bytes, then is closed.
#[derive(Clone)]
struct Reader {
    read: Arc<Mutex<Vec<u8>>>,
    room: usize,
}

impl Out for Reader {
    fn write_by(&mut self, bytes: &[u8], _until: Option<Instant>) -> io::Result<usize> {
        let mut read = self.read.lock().unwrap();
        let amount = bytes.len().min(self.room - read.len());
        read.extend_from_slice(&bytes[..amount]);
        match amount {
            0 => Err(io::ErrorKind::BrokenPipe.into()),
            amount => Ok(amount),
        }
    }
}

struct Ended {
    stdout: String,
    exit: Exit,
    summary: String,
}

/// Runs over `urls`, with bodies saved below `dir`, and a reader that takes `room` bytes.
fn run(urls: &[&str], dir: Option<&Path>, max_fail: &str, room: usize) -> Ended {
    let reader = Reader {
        read: Arc::default(),
        room,
    };
    let lists = urls.iter().map(|url| List::Url((*url).to_owned()));
    let options = input::Options {
        lists: lists.collect(),
        dry_run: true,
        ..input::Options::default()
    };
    let fields = Fields::new(None, Format::Jsonl, false, true).unwrap();
    let mut summary = Summary::new(Instant::now());
    let exit = DryRunner {
        targets: Targets::open(options).unwrap(),
        writer: Writer::new(Box::new(reader.clone()), Format::Jsonl, false, fields),
        summary: Some(&mut summary),
        output_dir: dir.map(Path::to_owned),
        method: Method::GET,
        max_fail: max_fail.parse().unwrap(),
    }
    .run();
    let stdout = String::from_utf8(reader.read.lock().unwrap().clone()).unwrap();
    Ended {
        stdout,
        exit: exit.unwrap(),
        summary: summary.text(Instant::now(), false),
    }
}

#[test]
fn each_entry_has_a_record_and_no_attempt() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path().join("new");
    let urls = ["http://a.test/x", "ftp://b.test/", "http://c.test/"];
    let ended = run(&urls, Some(&dir), "0", usize::MAX);
    assert!(!dir.exists(), "nothing is created");
    let records: Vec<serde_json::Value> = ended
        .stdout
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let found: Vec<_> = records.iter().map(|record| &record["url"]).collect();
    assert_eq!(found, urls, "in the order of the list");
    assert!(records.iter().all(|record| record["attempts"] == 0));
    let files: Vec<_> = records.iter().map(|record| &record["file"]).collect();
    assert!(
        files[0]
            .as_str()
            .unwrap()
            .starts_with(dir.to_str().unwrap())
    );
    assert!(files[1].is_null() && files[2].is_string());
    assert_eq!(records[1]["error"]["kind"], "unsupported_scheme");
    assert_eq!(ended.exit, Exit::SomeFailed);
    assert!(
        ended.summary.contains("0 fetched, 1 failed, 2 not started"),
        "{}",
        ended.summary
    );
}

#[test]
fn the_status_tells_of_what_would_fail() {
    for (urls, max_fail, exit) in [
        (&[][..], "0", Exit::Success),
        (&["http://a.test/"], "0", Exit::Success),
        (&["http://a.test/", "x://"], "0", Exit::SomeFailed),
        (&["http://a.test/", "x://"], "1", Exit::Success),
        (&["http://a.test/", "x://"], "50%", Exit::Success),
        (&["http://a.test/", "x://"], "49%", Exit::SomeFailed),
    ] {
        let ended = run(urls, None, max_fail, usize::MAX);
        assert_eq!(ended.exit, exit, "{urls:?}, {max_fail}");
    }
}

#[test]
fn a_reader_that_closes_the_pipe_ends_it_quietly() {
    for (urls, exit) in [
        (["http://a.test/", "http://b.test/"], Exit::Success),
        (["x://", "http://b.test/"], Exit::SomeFailed),
    ] {
        let ended = run(&urls, None, "0", 10);
        assert_eq!((ended.stdout.len(), ended.exit), (10, exit));
    }
}
