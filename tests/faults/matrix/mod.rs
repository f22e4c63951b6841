//! Server faults x phases of an exchange x fresh or kept-alive connections: a fault fails its own URL with the right kind,
//! and no other URL.
//!
//! Each cell has an origin of its own, and fetches three URLs from it in order: one before the fault, which may leave a
//! connection to reuse; the one with the fault; and one after it, which would fail if a spoilt connection was reused. URLs
//! of a server without faults stand between the cells.

mod cell;
mod server;

use crate::records::{assert_saved, kind, kinds, one_each, rows};
use crate::support::{Server, anything, fetchpool};
use cell::{Cell, Expected, Fault, Link, Phase, Times};
use serde_json::Value;
use server::Faulty;
use std::collections::HashMap;

/// The time limit of an attempt. An attempt that a server stalls takes this long.
const LIMIT_S: u64 = 10;

/// An attempt may take no longer, with room for a busy machine.
const SURELY_MS: f64 = 3.0 * 1000.0 * LIMIT_S as f64;

/// All cells.
fn cells(times: Times) -> Vec<Cell> {
    let mut cells = Vec::new();
    for phase in Phase::ALL {
        for fault in Fault::ALL {
            for link in [Link::Fresh, Link::Kept] {
                let cell = Cell {
                    phase,
                    fault,
                    link,
                    times,
                };
                if cell.exists() {
                    cells.push(cell);
                }
            }
        }
    }
    cells
}

/// Runs all cells at once with `arguments`, and checks each.
fn run(times: Times, arguments: &[&str]) {
    let servers: Vec<Faulty> = cells(times).into_iter().map(Faulty::start).collect();
    let good = Server::start();
    let mut urls = Vec::new();
    for (number, server) in servers.iter().enumerate() {
        urls.extend(server.urls());
        urls.push(good.url(&format!("/size/{number}")));
    }
    let directory = tempfile::tempdir().expect("a temporary directory");
    let ended = fetchpool()
        .inside(directory.path())
        .list("urls.txt", urls.join("\n"))
        .args(["-j", "200", "--per-host", "1", "--max-size", "1M"])
        .args(["-t", &LIMIT_S.to_string(), "-o", "pages", "-f", "jsonl"])
        .args(arguments)
        .status(1)
        .stdout(anything())
        .run();
    let rows = rows(ended.stdout());
    let found = one_each(&rows, &urls);
    let mut wrong: Vec<String> = servers
        .iter()
        .flat_map(|server| complaints(server, &found))
        .collect();
    for number in 0..servers.len() {
        let row = found[good.url(&format!("/size/{number}")).as_str()];
        if row["ok"] != true || row["bytes"] != number {
            wrong.push(format!("a good URL was harmed: {row}"));
        }
    }
    for row in &rows {
        if row["elapsed_ms"].as_f64().is_none_or(|ms| ms > SURELY_MS) {
            wrong.push(format!("not bounded in time: {row}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_saved(directory.path(), &rows);
    println!("{} cells, {:?}", servers.len(), kinds(&rows));
}

/// The errors in the three rows of a cell.
fn complaints(server: &Faulty, found: &HashMap<&str, &Value>) -> Vec<String> {
    let cell = &server.cell;
    let mut wrong = Vec::new();
    for (url, expected) in server.urls().iter().zip(cell.expected()) {
        let row = found[url.as_str()];
        let got = Expected {
            kind: kind(row),
            bytes: row["bytes"].as_u64().filter(|_| row["ok"] == true),
            attempts: row["attempts"].as_u64().unwrap_or(0),
        };
        if got != expected {
            wrong.push(format!("{cell:?}: wanted {expected:?}, got {got:?}: {row}"));
        }
    }
    if let Some(wanted) = cell.wants_a_used_connection()
        && server.came_over_a_used_connection() != wanted
    {
        wrong.push(format!("{cell:?}: not over the connection it is about"));
    }
    wrong
}

#[test]
fn there_are_as_many_cells_as_the_document_says() {
    let [always, once] = [Times::Always, Times::Once].map(|times| cells(times).len());
    let document = crate::support::repository_file("docs/RELIABILITY.md");
    let sentence =
        format!("{always} cells where the fault comes every time, {once} where it comes once");
    assert!(document.contains(&sentence), "wanted: {sentence}");
}

#[test]
fn every_fault_of_a_server_is_the_failure_of_one_url() {
    run(Times::Always, &[]);
}

#[test]
fn what_passes_is_fetched_by_the_second_attempt() {
    run(Times::Once, &["--retries", "1", "--retry-delay", "1ms"]);
}
