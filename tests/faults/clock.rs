//! A wall clock that is set forward and back by a day during a run. It changes `started_at`, but no limit, delay or rate.
//! `clock.c`, loaded before the C library, shows the program another clock than the system's.

use crate::records::{kind, one_each, rows};
use crate::support::left_out;
use crate::support::{Fetchpool, Server, anything, fetchpool};
use serde_json::Value;
use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::process::Command;
use std::time::SystemTime;
use tempfile::TempDir;

const DAY: i64 = 24 * 60 * 60;

/// In milliseconds: longer than any attempt here, and shorter than the clock's step.
const HOUR_MS: f64 = 3_600_000.0;

/// A clock that runs as the system's until it is set.
struct Clock {
    directory: TempDir,
    file: File,
}

impl Clock {
    /// `None`, and a message, without a C compiler.
    fn new() -> Option<Clock> {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/faults/clock.c");
        let mut compiler = Command::new("cc");
        compiler.args(["-shared", "-fPIC", "-O1", "-Wall", "-Werror", "-o"]);
        compiler.arg(directory.path().join("clock.so")).arg(source);
        let output = compiler.output();
        let made = output.as_ref().is_ok_and(|output| output.status.success());
        if !made {
            left_out::missing(&format!(
                "no clock could be compiled ({output:?}); none was set"
            ));
            return None;
        }
        let mut options = File::options();
        let file = options.read(true).write(true).create(true).truncate(true);
        let file = file.open(directory.path().join("offset"));
        let clock = Clock {
            directory,
            file: file.expect("it can be written"),
        };
        clock.set(0);
        Some(clock)
    }

    /// Sets it ahead of the system's clock, in seconds.
    fn set(&self, ahead: i64) {
        let written = self.file.write_all_at(&ahead.to_ne_bytes(), 0);
        written.expect("the file is open");
    }

    /// A run with this clock.
    fn fetchpool(&self) -> Fetchpool {
        fetchpool()
            .env("LD_PRELOAD", self.directory.path().join("clock.so"))
            .env("CLOCK_FILE", self.directory.path().join("offset"))
    }
}

/// How many days the clock of the run was ahead when this row's attempt began, rounded.
fn days_ahead(row: &Value) -> i64 {
    let text = row["started_at"].as_str().expect("it was started");
    let seconds = |time: SystemTime| {
        let since = time.duration_since(SystemTime::UNIX_EPOCH);
        since.expect("after 1970").as_secs_f64()
    };
    let started = humantime::parse_rfc3339(text).expect("as documented");
    ((seconds(started) - seconds(SystemTime::now())) / DAY as f64).round() as i64
}

#[test]
fn a_clock_that_is_set_cuts_nothing_and_delays_nothing() {
    for step in [DAY, -DAY] {
        let Some(clock) = Clock::new() else { return };
        let server = Server::start();
        let mut urls: Vec<String> = (0..3)
            .map(|n| server.url(&format!("/gate/held?{n}")))
            .collect();
        urls.extend((0..9).map(|n| server.url(&format!("/size/{n}"))));
        let run = clock
            .fetchpool()
            .list("urls.txt", urls.join("\n"))
            .args([
                "-j",
                "3",
                "-f",
                "jsonl",
                "-t",
                "50",
                "--stall-timeout",
                "50",
            ])
            .args([
                "--connect-timeout",
                "50",
                "--deadline",
                "10m",
                "--rate",
                "20",
            ])
            .args(["--host-delay", "20ms", "--retries", "1", "--summary"])
            .stdout(anything())
            .stderr(anything())
            .start();
        let gate = server.gate("held");
        gate.wait_for_arrivals(3);
        clock.set(step);
        gate.open();
        let ended = run.finish();
        let rows = rows(ended.stdout());
        let found = one_each(&rows, &urls);
        for (number, url) in urls.iter().enumerate() {
            let row = found[url.as_str()];
            assert_eq!(kind(row), "ok", "{row}");
            let took = row["elapsed_ms"].as_f64().expect("it took some time");
            assert!((0.0..HOUR_MS).contains(&took), "{row}");
            // The clock was set after the requests at the gate had begun, and before the others.
            let days = if number < 3 { 0 } else { step / DAY };
            assert_eq!(days_ahead(row), days, "{row}");
        }
    }
}

#[test]
fn a_limit_still_cuts_when_the_clock_is_set_back_behind_its_start() {
    let Some(clock) = Clock::new() else { return };
    let server = Server::start();
    let urls: Vec<String> = (0..3)
        .map(|n| server.url(&format!("/gate/never?{n}")))
        .collect();
    for (option, limit) in [
        ("-t", "timeout first_byte"),
        ("--stall-timeout", "timeout first_byte"),
        ("--deadline", "cancelled"),
    ] {
        clock.set(0);
        let before = server.gate("never").arrivals();
        let run = clock
            .fetchpool()
            .list("urls.txt", urls.join("\n"))
            .args(["-f", "jsonl", option, "5s"])
            .status(1)
            .stdout(anything())
            .stderr(anything())
            .start();
        server.gate("never").wait_for_arrivals(before + 3);
        clock.set(-DAY);
        let ended = run.finish();
        let rows = rows(ended.stdout());
        for row in one_each(&rows, &urls).values() {
            assert_eq!(kind(row), limit, "{option}: {row}");
            let took = row["elapsed_ms"].as_f64();
            assert!(took.is_none_or(|took| took < HOUR_MS), "{row}");
        }
    }
}

#[test]
fn a_wait_between_attempts_is_no_longer_for_a_clock_that_is_set_back() {
    let Some(clock) = Clock::new() else { return };
    let server = Server::start();
    let url = server.url("/status/503");
    let run = clock
        .fetchpool()
        .arg(&url)
        .args(["-f", "jsonl", "--retries", "2", "--retry-delay", "300ms"])
        .status(1)
        .stdout(anything())
        .start();
    server.wait_for_requests(1);
    clock.set(-DAY);
    server.wait_for_requests(2);
    clock.set(DAY);
    // A day would exceed the time limit of the test.
    let ended = run.finish();
    let row = &rows(ended.stdout())[0];
    assert_eq!((&row["attempts"], days_ahead(row)), (&3.into(), 1), "{row}");
}
