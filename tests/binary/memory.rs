//! A list of a million lines or rows starts at once and costs no more memory than one of a thousand. A head costs none.
#![cfg(target_os = "linux")]

use crate::support::{RawServer, Running, Server, anything, dead_host, fetchpool};
use std::fmt::Write;
use std::sync::Barrier;

/// How much higher the peak may be with the longer list, in kB: the allocator's variation.
const ALLOWED: u64 = 2 * 1024;

/// The peak of the long run is taken after this many records.
const READ: usize = 15_000;

#[test]
fn a_million_lines_cost_no_more_memory_than_a_thousand() {
    assert_flat("list.txt", "", |_, url| url.to_owned());
}

#[test]
fn a_million_rows_cost_no_more_memory_than_a_thousand() {
    let row = |n, url: &str| format!("{n},{url},x{n},\"a \"\"note\"\" of {n}\"");
    assert_flat("list.csv", "id,url,header.X-Id,note\n", row);
}

/// Each of 100 servers sends 250 KB of headers, and waits for the others before it ends the head.
#[test]
fn long_heads_that_come_at_the_same_time_cost_no_more_memory_than_short_ones() {
    const WORKERS: usize = 100;
    let peak = |headers: &str, times: usize| {
        let all = Barrier::new(WORKERS);
        let lines = headers.repeat(times);
        let servers = RawServer::start(move |mut talk| {
            talk.send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n");
            talk.send(lines.as_bytes());
            all.wait();
            talk.send(b"\r\n\r\nok");
        });
        let server = Server::start();
        let gate = server.gate("last");
        let mut urls: Vec<_> = (0..WORKERS)
            .map(|n| servers.url(&format!("/{n}")))
            .collect();
        urls.push(server.url("/gate/last"));
        let run = fetchpool()
            .list("urls.txt", urls.join("\n"))
            .args(["-j", "101"]);
        let mut run = run.stdout(anything()).start();
        read(&mut run, WORKERS);
        let peak = run.kilobytes("VmHWM");
        gate.open();
        run.finish();
        peak
    };
    let short = peak("X: y", 1);
    for (headers, times) in [("X: y\r\n", 41_000), ("x: y", 62_000)] {
        let long = peak(headers, times);
        assert!(
            long <= short + WORKERS as u64 * 64,
            "{headers:?}: {long} kB, {short} kB with short heads"
        );
    }
}

/// Compares the peaks of a short and a long list, which begin with `header` and have a `line` for each number and URL.
fn assert_flat(name: &str, header: &str, line: impl Fn(usize, &str) -> String) {
    let dead = dead_host();
    let server = Server::start();
    let gate = server.gate("last");
    // Refused connections are the cheapest attempts. The gate holds the run at its end.
    let list = |lines: usize| {
        let mut list = header.to_owned();
        for n in 0..lines {
            let _ = writeln!(list, "{}", line(n, &dead.url(&format!("/{n}"))));
        }
        list
    };
    let start = |list: String| {
        let run = fetchpool().list(name, list).args(["-f", "jsonl"]);
        run.status(1).stdout(anything()).start()
    };
    let mut run = start(list(1000) + &line(1000, &server.url("/gate/last")));
    read(&mut run, 1000);
    gate.wait_for_arrivals(1);
    let peak_of_short = run.kilobytes("VmHWM");
    gate.open();
    run.finish();

    let mut run = start(list(1_000_000));
    read(&mut run, READ);
    let peak_of_long = run.kilobytes("VmHWM");
    run.close_stdout();
    run.finish();
    assert!(
        peak_of_long <= peak_of_short + ALLOWED,
        "{name}: {peak_of_long} kB for a million, {peak_of_short} kB for a thousand"
    );
}

fn read(run: &mut Running, records: usize) {
    for _ in 0..records {
        run.read_line();
    }
}
