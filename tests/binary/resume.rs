//! `--resume`: URLs that an earlier run fetched are not fetched again, and repeated `kill -9` loses nothing.

use crate::jsonl::rows;

use crate::support::{Server, Stdio, anything, containing, fetchpool, killed_by, page};

use rustix::process::Signal;

use std::collections::HashMap;

use std::fs::{File, OpenOptions};

use std::path::Path;

/// A handle that writes at the end of the file, like `>>`.
fn append(path: &Path) -> File {
    OpenOptions::new()
        .append(true)
        .create(true)
        .open(path)
        .expect("the directory is the test's own")
}

/// Runs the list again and appends to its record, as the contract says for the time after a crash.
fn go_on(directory: &Path, status: i32) {
    fetchpool()
        .inside(directory)
        .args(["urls.txt", "--format", "jsonl", "--resume", "r.jsonl"])
        .stdout_to(Stdio::File(append(&directory.join("r.jsonl"))))
        .status(status)
        .run();
}

#[test]
fn what_was_fetched_is_skipped_and_what_failed_is_tried_again() {
    let server = Server::start();
    let directory = tempfile::tempdir().expect("a temporary directory");
    let urls = ["/size/1", "/status/404", "/size/2", "/status/500"].map(|path| server.url(path));
    let write = |urls: &[String]| {
        std::fs::write(directory.path().join("urls.txt"), urls.join("\n"))
            .expect("it can be written");
    };
    write(&urls[..2]);
    go_on(directory.path(), 1);
    write(&urls);
    go_on(directory.path(), 1);
    let mut paths = server.paths();
    paths.sort();
    assert_eq!(
        paths,
        [
            "/size/1",
            "/size/2",
            "/status/404",
            "/status/404",
            "/status/500"
        ]
    );
    let text = std::fs::read_to_string(directory.path().join("r.jsonl")).expect("it is there");
    assert_eq!(rows(&text).len(), 5);
    write(&[urls[0].clone(), urls[2].clone()]);
    go_on(directory.path(), 0);
    assert_eq!(server.paths().len(), 5, "nothing is left to do");
}

#[test]
fn a_torn_last_line_is_passed_over_and_the_next_run_does_not_glue_to_it() {
    let server = Server::start();
    let directory = tempfile::tempdir().expect("a temporary directory");
    let urls = [server.url("/size/1"), server.url("/size/2")];
    std::fs::write(directory.path().join("urls.txt"), urls.join("\n")).expect("it can be written");
    go_on(directory.path(), 0);
    let path = directory.path().join("r.jsonl");
    let whole = std::fs::read_to_string(&path).expect("it is there");
    // Places where a kill may cut the second line; one loses only the line end.
    let second = whole.find('\n').expect("two lines") + 1;
    let cuts = [second + 1, second + 30, whole.len() - 2, whole.len() - 1];
    for cut in cuts {
        std::fs::write(&path, &whole[..cut]).expect("it can be written");
        let kept = &whole[..second];
        go_on(directory.path(), 0);
        let text = std::fs::read_to_string(&path).expect("it is there");
        assert!(text.starts_with(kept) && text.ends_with('\n'), "{text}");
        let good: Vec<&str> = text
            .lines()
            .filter(|line| serde_json::from_str::<serde_json::Value>(line).is_ok())
            .collect();
        let mut ok: Vec<String> = rows(&good.join("\n"))
            .iter()
            .map(|row| row["url"].as_str().expect("a string").to_owned())
            .collect();
        ok.sort();
        assert_eq!(ok, urls, "cut at {cut}: {text}");
    }
}

#[test]
fn a_missing_file_is_a_first_run_and_noted_an_empty_one_is_a_first_run() {
    let server = Server::start();
    let url = server.url("/size/1");
    fetchpool()
        .arg(&url)
        .args(["--resume", "missing.jsonl"])
        .stdout(page(&url, 1) + "\n")
        .stderr("fetchpool: note: --resume 'missing.jsonl': no such file, so nothing is skipped\n")
        .run();
    // `>>` creates an empty file before the first run.
    fetchpool()
        .file("empty.jsonl", "")
        .arg(&url)
        .args(["--resume", "empty.jsonl"])
        .stdout(page(&url, 1) + "\n")
        .run();
}

#[test]
fn a_file_that_is_no_record_ends_the_run_before_anything_is_fetched() {
    let server = Server::start();
    let url = server.url("/size/1");
    fetchpool()
        .file("notes.txt", format!("{url}\nsome notes\n"))
        .arg(&url)
        .args(["--resume", "notes.txt"])
        .status(2)
        .stderr(containing(["'notes.txt', line 1", "-f jsonl"]))
        .run();
    let header = "url,source,line,ok,status\n";
    fetchpool()
        .file("r.csv", header)
        .arg(&url)
        .args(["--resume", "r.csv", "-f", "csv"])
        .status(2)
        .stderr(containing(["'r.csv', line 1", "-f jsonl"]))
        .run();
    fetchpool()
        .arg(&url)
        .args(["--resume", "/"])
        .status(2)
        .stderr(containing(["cannot resume from '/'"]))
        .run();
    assert_eq!(server.paths(), [""; 0]);
}

#[test]
fn a_record_counts_however_its_url_was_written() {
    let server = Server::start();
    let address = server.address();
    let done = server.url("/size/1");
    let again = [
        format!("HTTP://{address}/./size/1"),
        format!("http://{address}/size/1#part"),
    ];
    let row = serde_json::json!({"url": done, "ok": true});
    fetchpool()
        .file("r.jsonl", format!("{row}\n"))
        .list("urls.txt", again.join("\n"))
        .args(["--resume", "r.jsonl", "--summary=always"])
        .stderr(containing(["fetched before"]))
        .run();
    assert_eq!(server.paths(), [""; 0]);
}

#[test]
fn resume_goes_with_ordered_unique_and_other_formats() {
    let server = Server::start();
    let [one, two, three] = [1, 2, 3].map(|n| server.url(&format!("/size/{n}")));
    let row = serde_json::json!({"url": two, "ok": true});
    fetchpool()
        .file("r.jsonl", format!("{row}\n"))
        .list("urls.txt", format!("{one}\n{two}\n{one}\n{three}\n"))
        .args(["--resume", "r.jsonl", "--unique", "--ordered"])
        .stdout(format!("{}\n{}\n", page(&one, 1), page(&three, 3)))
        .run();
}

/// The number of ok rows of each URL. A line that a kill has torn may be anywhere, but never joins two records.
fn fetched(text: &str) -> HashMap<String, usize> {
    let mut fetched = HashMap::new();
    for line in text.lines() {
        let Ok(row) = serde_json::from_str::<serde_json::Value>(line) else {
            continue;
        };
        assert_eq!(row["ok"], true, "{line}");
        *fetched
            .entry(row["url"].as_str().expect("a string").to_owned())
            .or_default() += 1;
    }
    fetched
}

#[test]
fn killed_at_any_moment_again_and_again_every_url_is_recorded() {
    const URLS: usize = 1500;
    const JOBS: usize = 4;
    let server = Server::start();
    let directory = tempfile::tempdir().expect("a temporary directory");
    let urls: Vec<String> = (0..URLS)
        .map(|n| server.url(&format!("/size/{}?{n}", n % 50)))
        .collect();
    std::fs::write(directory.path().join("urls.txt"), urls.join("\n")).expect("it can be written");
    let path = directory.path().join("r.jsonl");
    let mut asked_before = 0;
    let mut kills = 0;
    loop {
        // The kill comes after a number of requests, not at a time.
        let further = 1 + (kills * 37 + std::process::id() as usize) % 90;
        let run = fetchpool()
            .inside(directory.path())
            .args([
                "urls.txt",
                "-j",
                &JOBS.to_string(),
                "--format",
                "jsonl",
                "--resume",
                "r.jsonl",
            ])
            .stdout_to(Stdio::File(append(&path)))
            .stderr(anything())
            .status(if kills < 6 {
                killed_by(Signal::KILL)
            } else {
                0
            })
            .start();
        if kills == 6 {
            run.finish();
            break;
        }
        server.wait_for_requests(asked_before + further);
        run.signal(Signal::KILL);
        run.finish();
        kills += 1;
        asked_before = server.paths().len();
    }
    let text = std::fs::read_to_string(&path).expect("it is there");
    let fetched = fetched(&text);
    for url in &urls {
        let times = fetched.get(url).copied().unwrap_or(0);
        assert!(times == 1, "{url} has {times} records that are ok");
    }
    assert_eq!(fetched.len(), URLS, "a record of what nobody asked for");
    let torn = text.lines().count() - URLS;
    assert!(torn <= kills, "{torn} torn lines of {kills} kills");
    // Only pages that a kill met between fetch and record are requested again: those of the workers, and of one write.
    let again = server.paths().len() - URLS;
    println!("{again} requests were made again after {kills} kills");
    assert!(again < URLS / 2, "{again} requests were made again");
}

#[test]
fn every_record_is_in_the_file_before_the_next_thing_is_waited_for() {
    let server = Server::start();
    let directory = tempfile::tempdir().expect("a temporary directory");
    let path = directory.path().join("r.jsonl");
    let fast = server.url("/size/1");
    let run = fetchpool()
        .inside(directory.path())
        .list(
            "urls.txt",
            format!("{fast}\n{}\n", server.url("/gate/never")),
        )
        .args(["-j", "1", "-f", "jsonl", "--resume", "r.jsonl"])
        .stdout_to(Stdio::File(append(&path)))
        .status(killed_by(Signal::KILL))
        .start();
    server.gate("never").wait_for_arrivals(1);
    // The worker may be ahead of the writer.
    let begun = std::time::Instant::now();
    while !std::fs::read_to_string(&path)
        .expect("it is there")
        .ends_with('\n')
    {
        assert!(
            begun.elapsed() < crate::support::PATIENCE,
            "the record never came"
        );
        std::thread::yield_now();
    }
    run.signal(Signal::KILL);
    run.finish();
    let fetched = fetched(&std::fs::read_to_string(&path).expect("it is there"));
    assert_eq!(fetched.get(&fast), Some(&1));
}

#[test]
fn the_record_of_a_run_that_was_asked_to_stop_is_whole() {
    let server = Server::start();
    let directory = tempfile::tempdir().expect("a temporary directory");
    let urls: Vec<String> = (0..10)
        .map(|n| server.url(&format!("/gate/slow?{n}")))
        .collect();
    let run = fetchpool()
        .inside(directory.path())
        .list("urls.txt", urls.join("\n"))
        .args(["-j", "3", "-f", "jsonl", "--resume", "r.jsonl"])
        .stdout_to(Stdio::File(append(&directory.path().join("r.jsonl"))))
        .status(killed_by(Signal::INT))
        .stderr(anything())
        .start();
    let gate = server.gate("slow");
    gate.wait_for_arrivals(3);
    run.signal(Signal::INT);
    run.wait_for_stderr("interrupted");
    gate.open();
    run.finish();
    go_on(directory.path(), 0);
    let text = std::fs::read_to_string(directory.path().join("r.jsonl")).expect("it is there");
    assert_eq!(rows(&text).len(), 10);
    assert_eq!(server.paths().len(), 10, "none of them twice");
}
