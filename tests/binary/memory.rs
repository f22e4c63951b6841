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
    assert_flat("list.txt", "", |_, url| url.to_owned());
}

#[test]
fn a_million_rows_cost_no_more_memory_than_a_thousand() {
    let row = |n, url: &str| format!("{n},{url},x{n},\"a \"\"note\"\" of {n}\"");
    assert_flat("list.csv", "id,url,header.X-Id,note\n", row);
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
