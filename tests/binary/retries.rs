//! `--retries`: which failures are tried again, how often, and when. A wait holds up its URL, but no worker and no other URL.

use crate::jsonl::{Row, rows};
use crate::support::{
    RawServer, Server, Talk, anything, containing, dead_host, failed, fetchpool, killed_by, lines,
    page, with_growing_limits,
};

use rustix::process::Signal;
use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// When requests came, by path.
pub(crate) type Times = Arc<Mutex<HashMap<String, Vec<Instant>>>>;

/// A server that answers the first `bad` requests of each path by `fail`, and later ones with a page of 4 bytes. Returns the
/// times of the requests, by path.
pub(crate) fn failing(
    bad: usize,
    fail: impl Fn(&mut Talk) + Send + Sync + 'static,
) -> (RawServer, Times) {
    let times = Times::default();
    let shared = Arc::clone(&times);
    let server = RawServer::start(move |mut talk| {
        let number = {
            let mut times = shared.lock().unwrap();
            let times = times.entry(talk.path().to_owned()).or_default();
            times.push(Instant::now());
            times.len()
        };
        if number <= bad {
            fail(&mut talk);
        } else {
            talk.reply("200 OK", &[], b"good");
        }
    });
    (server, times)
}

/// Runs one URL with three retries, and returns its row.
fn row_of(url: &str, arguments: &[&str], status: i32) -> Row {
    let ended = fetchpool()
        .arg(url)
        .args(["-f", "jsonl", "--retries", "3", "--retry-delay", "1ms"])
        .args(arguments)
        .status(status)
        .stdout(anything())
        .stderr(anything())
        .run();
    let mut rows = rows(ended.stdout());
    assert_eq!(rows.len(), 1, "one record a URL, however often it is tried");
    rows.remove(0)
}

#[test]
fn statuses_that_pass_are_tried_again_and_others_are_not() {
    let passing = [408, 425, 429, 500, 502, 503, 504];
    let lasting = [302, 400, 401, 403, 404, 410, 501, 505, 507];
    for status in passing.into_iter().chain(lasting) {
        let (server, times) = failing(2, move |talk| {
            talk.reply(&format!("{status} Word"), &[], b"no");
        });
        let passes = passing.contains(&status);
        let row = row_of(&server.url("/"), &[], i32::from(!passes));
        assert_eq!(row["ok"], passes, "{row}");
        let attempts = if passes { 3 } else { 1 };
        assert_eq!(row["attempts"], attempts, "{row}");
        assert_eq!(times.lock().unwrap()["/"].len(), attempts, "{status}");
    }
}

#[test]
fn kinds_that_pass_are_tried_again() {
    let silent = RawServer::silent();
    let dead = dead_host();
    let short = RawServer::saying("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nten bytes.");
    for (url, arguments, kind) in [
        ("http://nowhere.invalid/".to_owned(), &[][..], "dns"),
        (dead.url("/"), &[], "connect"),
        (silent.url("/"), &["-t", "100ms"], "timeout"),
        (short.url("/"), &[], "body"),
    ] {
        let row = row_of(&url, arguments, 1);
        assert_eq!(
            (&row["error"]["kind"], &row["attempts"]),
            (&kind.into(), &4.into()),
            "{row}"
        );
    }
}

#[test]
fn kinds_that_last_are_not_tried_again() {
    let server = Server::start();
    let noise = RawServer::saying("SSH-2.0-OpenSSH_9.6\r\n");
    for (url, arguments, kind, attempts) in [
        (
            "no url".to_owned(),
            &["--default-scheme", "http"][..],
            "invalid_url",
            0,
        ),
        ("ftp://127.0.0.1/".to_owned(), &[], "unsupported_scheme", 0),
        (
            server.url("/size/9"),
            &["--deny-private"],
            "blocked_address",
            1,
        ),
        (server.url("/size/9"), &["--max-size", "8"], "too_large", 1),
        (
            server.url("/redirect/2"),
            &["--max-redirects", "1"],
            "too_many_redirects",
            1,
        ),
        (server.url("/").replace("http:", "https:"), &[], "tls", 1),
        (noise.url("/"), &[], "protocol", 1),
    ] {
        let ended = fetchpool()
            .list("urls.txt", url)
            .args(["-f", "jsonl", "--retries", "3", "--retry-delay", "1ms"])
            .args(arguments)
            .status(1)
            .stdout(anything())
            .run();
        let row = &rows(ended.stdout())[0];
        assert_eq!(row["error"]["kind"], kind, "{row}");
        assert_eq!(row["attempts"], attempts, "{row}");
    }
}

#[test]
fn each_retry_is_told_with_its_cause_its_wait_and_its_number() {
    let (server, _) = failing(2, |talk| {
        talk.reply("503 Word", &["Retry-After: 0.2"], b"no");
    });
    let url = server.url("/");
    let told =
        |n| format!("{url}: http_status: 503 Service Unavailable; retry {n} of 3 in 200ms\n");
    fetchpool()
        .args(["-v", "--retries", "3", &url])
        .stdout(page(&url, 4) + "\n")
        .stderr(containing([told(1), told(2)]))
        .run();
}

#[test]
fn without_the_option_nothing_is_tried_again() {
    let (server, times) = failing(1, |talk| talk.reply("503 Word", &["Retry-After: 1"], b"no"));
    let url = server.url("/");
    fetchpool()
        .arg(&url)
        .status(1)
        .stdout(failed(&url, "http_status: 503 Service Unavailable\n"))
        .run();
    assert_eq!(times.lock().unwrap()["/"].len(), 1);
}

#[test]
fn the_waits_double_and_are_at_least_half_of_what_was_asked_for() {
    let (server, times) = failing(3, |talk| talk.reply("500 Word", &[], b"no"));
    let row = row_of(&server.url("/"), &["--retry-delay", "100ms"], 0);
    assert_eq!(row["attempts"], 4);
    let times = &times.lock().unwrap()["/"];
    let waits: Vec<Duration> = times.windows(2).map(|pair| pair[1] - pair[0]).collect();
    for (wait, least) in waits.iter().zip([50, 100, 200]) {
        assert!(*wait >= Duration::from_millis(least), "{waits:?}");
    }
}

#[test]
fn a_waiting_retry_holds_no_worker() {
    let (server, times) = failing(1, |talk| talk.reply("500 Word", &[], b"no"));
    let good = Server::start();
    let first = server.url("/first");
    let others: Vec<String> = (0..20).map(|n| good.url(&format!("/size/{n}"))).collect();
    let why = failed(&first, "http_status: 500 Internal Server Error");
    let pages = others.iter().enumerate().map(|(n, url)| page(url, n));
    let mut run = fetchpool()
        .list("urls.txt", format!("{first}\n{}\n", others.join("\n")))
        .args(["-j", "1", "--retries", "1", "--retry-delay", "60s"])
        .status(killed_by(Signal::TERM))
        .stdout(lines(pages.chain([why])))
        .stderr(anything())
        .start();
    for (n, url) in others.iter().enumerate() {
        assert_eq!(run.read_line(), page(url, n), "while the first waits");
    }
    run.signal(Signal::TERM);
    run.finish();
    assert_eq!(times.lock().unwrap()["/first"].len(), 1);
}

#[test]
fn a_retry_keeps_a_run_alive_whose_pipe_has_ended() {
    let (server, times) = failing(1, |talk| talk.reply("500 Word", &[], b"no"));
    let url = server.url("/");
    fetchpool()
        .stdin(format!("{url}\n"))
        .args(["--retries", "1", "--retry-delay", "200ms"])
        .stdout(page(&url, 4) + "\n")
        .run();
    assert_eq!(times.lock().unwrap()["/"].len(), 2);
}

#[test]
fn a_deadline_or_a_signal_does_not_wait_for_a_retry() {
    let (server, _) = failing(9, |talk| talk.reply("500 Word", &[], b"no"));
    with_growing_limits(|limit| {
        let arguments = ["--retry-delay", "60s", "--deadline", limit];
        let row = row_of(&server.url("/a"), &arguments, 1);
        let is_cut = row["error"]["kind"] == "cancelled";
        assert!(
            is_cut || (&row["status"], &row["attempts"]) == (&500.into(), &1.into()),
            "neither cut nor the last failure: {row}"
        );
        !is_cut
    });
    let (server, times) = failing(9, |talk| talk.reply("500 Word", &[], b"no"));
    let good = Server::start();
    let run = fetchpool()
        .args([
            "-f",
            "jsonl",
            "-j",
            "1",
            "--retries",
            "1",
            "--retry-delay",
            "60s",
        ])
        .args([server.url("/b"), good.url("/gate/now")])
        .status(killed_by(Signal::TERM))
        .stdout(anything())
        .stderr(anything())
        .start();
    good.gate("now").wait_for_arrivals(1);
    run.signal(Signal::TERM);
    good.gate("now").open();
    let ended = run.finish();
    let rows = rows(ended.stdout());
    assert_eq!(
        rows.len(),
        2,
        "what was tried has its record: {}",
        ended.stdout()
    );
    assert_eq!(times.lock().unwrap()["/b"].len(), 1);
}
