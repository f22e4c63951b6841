//! The FILE of `--update`: which of its records count, which files are refused, and what the summary tells.

use crate::jsonl::rows;
use crate::support::{Stdio, ValidatingServer, anything, containing, fetchpool};
use crate::update::{directory, states, update};
use std::fs::{self, File, OpenOptions};
use std::path::Path;

#[test]
fn the_last_ok_record_of_a_url_counts() {
    let site = ValidatingServer::start();
    let here = directory();
    let url = site.put("/a", "ETag: \"2\"\r\n", "hello");
    let record = |ok: bool, etag: &str| {
        serde_json::json!({"url": url, "ok": ok, "final_url": url, "etag": etag}).to_string()
    };
    let journal = [
        record(true, "\"1\""),
        record(true, "\"2\""),
        record(false, "\"3\""),
    ];
    fs::write(here.path().join("r.jsonl"), journal.join("\n")).expect("it can be written");
    // However its URL is written.
    let other = url
        .replace("http://", "HTTP://")
        .replace("/a", "/x/../a#part");
    assert_eq!(states(&update(here.path(), &[&other])), [(304, Some(true))]);
    assert_eq!(site.asked(), ["/a | If-None-Match: \"2\""]);
}

fn append(path: &Path) -> File {
    let file = OpenOptions::new().append(true).create(true).open(path);
    file.expect("the directory is the test's own")
}

#[test]
fn the_journal_may_be_appended_to_by_the_same_run() {
    let site = ValidatingServer::start();
    let here = directory();
    let journal = here.path().join("r.jsonl");
    let urls = ["/a", "/b", "/c"].map(|path| site.put(path, "ETag: \"1\"\r\n", "hello"));
    let run = || {
        fetchpool()
            .inside(here.path())
            .args(&urls)
            .args(["-f", "jsonl", "--update", "r.jsonl"])
            .stdout_to(Stdio::File(append(&journal)))
            .run();
        rows(&fs::read_to_string(&journal).expect("it is there"))
    };
    assert_eq!(states(&run()), [(200, Some(false)); 3]);
    assert_eq!(states(&run()[3..]), [(304, Some(true)); 3]);
    site.put("/a", "ETag: \"2\"\r\n", "hello");
    assert_eq!(run().len(), 9);
    assert_eq!(states(&run()[9..]), [(304, Some(true)); 3]);
}

#[test]
fn a_torn_line_is_ended_and_its_url_is_new() {
    let site = ValidatingServer::start();
    let here = directory();
    let journal = here.path().join("r.jsonl");
    let urls = ["/a", "/b"].map(|path| site.put(path, "ETag: \"1\"\r\n", "hello"));
    update(here.path(), &[&urls[0], &urls[1]]);
    let whole = fs::read_to_string(&journal).expect("it is there");
    fs::write(&journal, &whole[..whole.len() - 30]).expect("it can be written");
    fetchpool()
        .inside(here.path())
        .args(&urls)
        .args(["-f", "jsonl", "--update", "r.jsonl", "--summary=always"])
        .stdout_to(Stdio::File(append(&journal)))
        .stderr(containing(["1 new, 0 changed, 1 unchanged, 0 gone"]))
        .run();
    let text = fs::read_to_string(&journal).expect("it is there");
    assert_eq!(text.lines().count(), 4);
    let of_update = text.lines().skip(2).collect::<Vec<_>>().join("\n");
    assert_eq!(rows(&of_update).len(), 2, "{text}");
}

#[test]
fn a_file_that_cannot_be_updated_from_is_status_2_and_nothing_is_fetched() {
    let site = ValidatingServer::start();
    let here = directory();
    let url = site.put("/a", "ETag: \"1\"\r\n", "hello");
    let at = |name: &str| here.path().join(name);
    update(here.path(), &[&url]);
    site.asked();
    fs::write(at("l"), &url).expect("it can be written");
    let made = std::process::Command::new("mkfifo")
        .arg(at("pipe"))
        .status();
    assert!(made.expect("mkfifo can be run").success());
    let hint = "; give the file that an earlier run with -f jsonl has written\n";
    let no_row = format!(", line 1: not a row of jsonl with its fields{hint}");
    let irregular = format!(": it is no regular file, and its rows are read more than once{hint}");
    for (name, told) in [
        ("l", &no_row),
        (".", &format!(": it is a directory{hint}")),
        ("pipe", &irregular),
        ("/dev/null", &irregular),
        ("/dev/stdin", &irregular),
    ] {
        for dry_run in [None, Some("--dry-run")] {
            fetchpool()
                .inside(here.path())
                .args([url.as_str(), "--update", name])
                .args(dry_run)
                .status(2)
                .stderr(format!("fetchpool: cannot update from '{name}'{told}"))
                .run();
        }
    }
    // The shell has emptied the journal before the program starts; it must not be written over in any other way either.
    let whole = fs::read(at("r.jsonl")).expect("it is there");
    for (format, told) in [
        (
            "jsonl",
            "standard output is written over it; append to it with >> instead of >\n",
        ),
        (
            "text",
            "standard output goes to it, but not as jsonl; add -f jsonl\n",
        ),
    ] {
        let out = OpenOptions::new().write(true).open(at("r.jsonl"));
        fetchpool()
            .inside(here.path())
            .args([url.as_str(), "-f", format, "--update", "r.jsonl"])
            .stdout_to(Stdio::File(out.expect("it is there")))
            .status(2)
            .stderr(format!("fetchpool: cannot update from 'r.jsonl': {told}"))
            .run();
    }
    assert_eq!(fs::read(at("r.jsonl")).expect("it is there"), whole);
    assert_eq!(site.asked(), [""; 0]);
}

#[test]
fn a_file_that_is_not_there_is_noted_and_every_url_is_new() {
    let site = ValidatingServer::start();
    let url = site.put("/a", "", "hello");
    fetchpool()
        .args([&url, "--update", "no.jsonl", "--summary=always"])
        .stdout(format!("'{url}' page is 5 bytes\n"))
        .stderr(containing([
            "fetchpool: note: --update 'no.jsonl': no such file, so every URL is new\n",
            "\npages        1 new, 0 changed, 0 unchanged, 0 gone\n",
        ]))
        .run();
}

#[test]
fn the_summary_counts_new_changed_unchanged_and_gone() {
    let site = ValidatingServer::start();
    let here = directory();
    let etag = "ETag: \"1\"\r\n";
    let urls = ["/same", "/gone", "/changed", "/new"].map(|path| site.put(path, etag, "hello"));
    let urls = urls.each_ref().map(String::as_str);
    update(here.path(), &urls[..3]);
    site.remove("/gone");
    site.put("/changed", "ETag: \"2\"\r\n", "hello, world");
    let never = site.url("/never");
    let run = || {
        fetchpool()
            .inside(here.path())
            .args(urls)
            .args([&never, "--ordered", "--update", "r.jsonl"])
            .status(1)
    };
    let pages = "\npages        1 new, 1 changed, 1 unchanged, 1 gone\n";
    let gone = |url: &str| format!("'{url}' generated an exception: http_status: 404 Not Found\n");
    run()
        .arg("--summary=always")
        .stdout(format!(
            "'{}' page is 5 bytes, unchanged\n{}'{}' page is 12 bytes\n'{}' page is 5 bytes\n{}",
            urls[0],
            gone(urls[1]),
            urls[2],
            urls[3],
            gone(&never)
        ))
        .stderr(containing(["URLs         3 fetched, 2 failed\n", pages]))
        .run();
    let counts = r#""skipped":0,"unchanged":1,"new":1,"changed":1,"gone":1,"bytes":17,"#;
    run()
        .arg("--summary=json")
        .stdout(anything())
        .stderr(containing([r#"{"fetched":3,"failed":2,"#, counts]))
        .run();
}

#[test]
fn resume_and_update_go_together_and_a_dry_run_says_fetch() {
    let site = ValidatingServer::start();
    let here = directory();
    let etag = "ETag: \"1\"\r\n";
    let urls = ["/a", "/b"].map(|path| site.put(path, etag, "hello"));
    update(here.path(), &[&urls[0], &urls[1]]);
    let done = serde_json::json!({"url": urls[0], "ok": true});
    fs::write(here.path().join("done.jsonl"), format!("{done}\n")).expect("it can be written");
    site.asked();
    let run = || {
        fetchpool().inside(here.path()).args(&urls).args([
            "--resume",
            "done.jsonl",
            "--update",
            "r.jsonl",
        ])
    };
    let skipped = format!("'{}' would be skipped: fetched before\n", urls[0]);
    run()
        .arg("--dry-run")
        .stdout(format!("{skipped}'{}' would be fetched\n", urls[1]))
        .run();
    assert_eq!(site.asked(), [""; 0]);
    run()
        .stdout(format!("'{}' page is 5 bytes, unchanged\n", urls[1]))
        .run();
    assert_eq!(site.asked(), ["/b | If-None-Match: \"1\""]);
}
