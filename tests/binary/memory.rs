//! A list of a million lines or rows starts at once and costs no more memory than one of a thousand.
#![cfg(target_os = "linux")]

use crate::support::{Running, Server, anything, dead_host, fetchpool};
use std::fmt::Write;

/// How much higher the peak may be with the longer list, in kB: the allocator's variation.
const ALLOWED: u64 = 2 * 1024;

/// The peak of the long run is taken after this many records.
const READ: usize = 15_000;

#[test]
fn a_million_lines_cost_no_more_memory_than_a_thousand() {
    let dead = dead_host();
    let server = Server::start();
    let gate = server.gate("last");
    // Refused connections are the cheapest attempts. The gate holds the run at its end.
    let list = |lines: usize| {
        let mut list = String::with_capacity(lines * 40);
        for n in 0..lines {
            let _ = writeln!(list, "{}", dead.url(&format!("/{n}")));
        }
        list
    };
    let short = list(1000) + &server.url("/gate/last");
    let mut run = fetchpool()
        .list("short.txt", short)
        .status(1)
        .stdout(anything())
        .start();
    read(&mut run, 1000);
    gate.wait_for_arrivals(1);
    let peak_of_short = run.kilobytes("VmHWM");
    gate.open();
    run.finish();

    let mut run = fetchpool()
        .list("long.txt", list(1_000_000))
        .status(1)
        .stdout(anything())
        .start();
    read(&mut run, READ);
    let peak_of_long = run.kilobytes("VmHWM");
    run.close_stdout();
    run.finish();
    assert!(
        peak_of_long <= peak_of_short + ALLOWED,
        "{peak_of_long} kB for a million lines, {peak_of_short} kB for a thousand"
    );
}

#[test]
fn a_million_rows_cost_no_more_memory_than_a_thousand() {
    let dead = dead_host();
    let server = Server::start();
    // Refused connections are the cheapest attempts. The gate holds the run at its end.
    let list = |rows: usize| {
        let mut list = String::with_capacity(rows * 70);
        list.push_str("id,url,header.X-Id,note\n");
        for n in 0..rows {
            let url = dead.url(&format!("/{n}"));
            let _ = writeln!(list, "{n},{url},x{n},\"a \"\"note\"\" of {n}\"");
        }
        list
    };
    let gate = server.gate("last");
    let short = list(1000) + &format!("last,{},x,y\n", server.url("/gate/last"));
    let mut run = fetchpool()
        .list("short.csv", short)
        .args(["-f", "jsonl"])
        .status(1)
        .stdout(anything())
        .start();
    read(&mut run, 1000);
    gate.wait_for_arrivals(1);
    let peak_of_short = run.kilobytes("VmHWM");
    gate.open();
    run.finish();

    let mut run = fetchpool()
        .list("long.csv", list(1_000_000))
        .args(["-f", "jsonl"])
        .status(1)
        .stdout(anything())
        .start();
    read(&mut run, READ);
    let peak_of_long = run.kilobytes("VmHWM");
    run.close_stdout();
    run.finish();
    assert!(
        peak_of_long <= peak_of_short + ALLOWED,
        "{peak_of_long} kB for a million rows, {peak_of_short} kB for a thousand"
    );
}

fn read(run: &mut Running, records: usize) {
    for _ in 0..records {
        run.read_line();
    }
}
