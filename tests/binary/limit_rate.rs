//! `--limit-rate`: bytes of bodies come no faster than that, whatever carries them, and what waits for the rate can be
//! cut. The times that are checked are those that a run takes at least.

use crate::jsonl::{Row, rows};
use crate::support::{
    Authority, Fetchpool, RawServer, Talk, anything, containing, fetchpool, killed_by, read_head,
};
use rustix::process::Signal;
use rustls::{ServerConnection, StreamOwned};
use std::io::Write;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Bytes of each page, and how many there are.
const PAGE: usize = 8 << 10;
const PAGES: usize = 8;

/// All pages at this rate take a second.
const RATE: &str = "64K";

/// What may come at once.
const AT_ONCE: Duration = Duration::from_millis(250);

fn page(mut talk: Talk) {
    talk.reply("200 OK", &[], &[b'x'; PAGE]);
}

fn chunks(mut talk: Talk) {
    let chunk = format!("400\r\n{}\r\n", "x".repeat(0x400));
    let body = chunk.repeat(PAGE / 0x400);
    talk.send(
        format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{body}0\r\n\r\n").as_bytes(),
    );
}

fn to_the_end(mut talk: Talk) {
    talk.send(&[&b"HTTP/1.1 200 OK\r\n\r\n"[..], &[b'x'; PAGE]].concat());
}

/// Serves the page over TLS, with certificates of `authority`.
fn over_tls(authority: &Authority) -> RawServer {
    let config = Arc::new(authority.config(false, rustls::DEFAULT_VERSIONS));
    RawServer::on_connection(move |stream| {
        let session =
            ServerConnection::new(Arc::clone(&config)).expect("the configuration is good");
        let mut tls = StreamOwned::new(session, stream);
        if read_head(&mut tls).is_some() {
            let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {PAGE}\r\n\r\n");
            // It is no error if the client hangs up.
            let _ = tls.write_all(&[head.as_bytes(), &[b'x'; PAGE]].concat());
            tls.conn.send_close_notify();
            let _ = tls.flush();
        }
    })
}

/// The rows of a run with all pages of `server`, which takes a second, less what may come at once.
fn run(run: Fetchpool, urls: &[String]) -> Vec<Row> {
    let start = Instant::now();
    let ended = run
        .args(urls)
        .args(["--limit-rate", RATE, "-f", "jsonl"])
        .stdout(anything())
        .run();
    let least = Duration::from_secs(1) - AT_ONCE;
    assert!(start.elapsed() >= least, "{:?}", start.elapsed());
    rows(ended.stdout())
}

fn urls(server: &RawServer) -> Vec<String> {
    (0..PAGES).map(|n| server.url(&format!("/{n}"))).collect()
}

#[test]
fn all_bodies_together_come_no_faster_than_the_rate() {
    let servers = [page, chunks, to_the_end].map(RawServer::start);
    std::thread::scope(|scope| {
        for server in &servers {
            for arguments in [
                &["-j", "1"][..],
                &["-j", "8"],
                &["-j", "3", "--sha256"],
                &["-j", "3", "-o", "pages"],
            ] {
                scope.spawn(move || {
                    let rows = run(fetchpool().args(arguments), &urls(server));
                    assert!(rows.iter().all(|row| row["bytes"] == PAGE), "{rows:?}");
                });
            }
        }
    });
}

#[test]
fn so_do_those_over_tls() {
    let authority = Authority::new();
    let server = over_tls(&authority);
    let url = server.url("/").replace("http:", "https:");
    let secure = fetchpool()
        .file("ca.pem", authority.pem())
        .args(["--cacert", "ca.pem", "-j", "4"]);
    let rows = run(secure, &vec![url; PAGES]);
    assert!(rows.iter().all(|row| row["bytes"] == PAGE), "{rows:?}");
}

#[test]
fn a_wait_for_the_rate_is_no_silence_of_the_server() {
    let server = RawServer::saying("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc");
    let start = Instant::now();
    let url = server.url("/");
    fetchpool()
        .args(["--limit-rate", "1", "--stall-timeout", "900ms", &url])
        .stdout(format!("'{url}' page is 3 bytes\n"))
        .run();
    assert!(start.elapsed() >= Duration::from_millis(1750));
}

#[test]
fn a_timeout_and_the_deadline_cut_a_body_that_waits_for_the_rate() {
    let server = RawServer::start(page);
    for (arguments, why) in [
        (["-t", "1s"], "timeout: no end of the body within 1s"),
        (["--deadline", "1s"], "cancelled: "),
    ] {
        fetchpool()
            .args(["--limit-rate", "1K", &server.url("/")])
            .args(arguments)
            .status(1)
            .stdout(containing([why]))
            .stderr(anything())
            .run();
    }
}

#[test]
fn signals_cut_a_body_that_waits_for_the_rate() {
    let server = RawServer::start(page);
    let mut run = fetchpool()
        .args(["--limit-rate", "100", "-o", "pages", "-vv"])
        .arg(server.url("/"))
        .status(killed_by(Signal::TERM))
        .stdout(containing(["cancelled: "]))
        .stderr(anything())
        .start();
    run.wait_for_stderr("answered 200");
    run.signal(Signal::TERM);
    run.wait_for_stderr("what is in flight gets 2 s to finish");
    let line = run.read_line();
    assert!(line.contains("cancelled: "), "{line}");
    run.finish();
}

#[test]
fn a_rate_of_0_is_none_and_one_that_is_none_is_a_usage_error() {
    let server = RawServer::start(page);
    let url = server.url("/");
    for rate in ["0", "1T"] {
        fetchpool()
            .args(["--limit-rate", rate, &url])
            .stdout(format!("'{url}' page is {PAGE} bytes\n"))
            .run();
    }
    for rate in ["", "-1", "fast", "1M/s"] {
        fetchpool()
            .args([&format!("--limit-rate={rate}"), &url])
            .status(2)
            .stderr(containing(["--limit-rate"]))
            .run();
    }
}
