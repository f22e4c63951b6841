//! Servers that answer a request for the rest of a body with something else x validators x the next attempt or the next
//! run: the file is always that of one version, and the server's.
//!
//! Each cell has a server of its own. It cuts the first reply, answers the second request by its lie, and is honest from
//! then on. All cells of a run are one list.

mod lie;

use crate::records::{files, kind, one_each, rows};
use crate::support::origin::{Origin, SIZE, file};
use crate::support::{anything, fetchpool};
use lie::Then::{Anew, Continued, Fails, FailsAnew, FailsSomewhere};
use lie::{CUT, Cell, Lie, cells};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::path::Path;

/// All cells, each with its server and its URL.
fn start() -> (Vec<(Cell, Origin)>, Vec<String>) {
    let servers: Vec<_> = cells()
        .into_iter()
        .map(|cell| (cell, cell.start()))
        .collect();
    let urls = servers.iter().map(|(_, origin)| origin.url("/file.bin"));
    let urls = urls.collect();
    (servers, urls)
}

fn fetch(directory: &Path, urls: &[String], options: &[&str], status: i32) -> Vec<Value> {
    let ended = fetchpool()
        .inside(directory)
        .list("urls.txt", urls.join("\n"))
        .args(["-j", "60", "-o", "pages", "-f", "jsonl"])
        .args(options)
        .status(status)
        .stdout(anything())
        .run();
    rows(ended.stdout())
}

/// What is wrong with the file of `row`, if it is saved.
fn wrong_file(directory: &Path, cell: &Cell, row: &Value) -> Option<String> {
    let path = directory.join(row["file"].as_str()?);
    let saved = std::fs::read(path).expect("it was saved");
    let is_right = saved == file(cell.version()) && row["bytes"] == SIZE;
    (!is_right).then(|| format!("{cell:?}: not the file of the server: {row}"))
}

/// Each request for a rest names the version, and no coding.
fn wrong_requests(cell: &Cell, origin: &Origin) -> Option<String> {
    let ranges = origin.asked("Range");
    let (tags, codings) = (origin.asked("If-Range"), origin.asked("Accept-Encoding"));
    let is_right = (0..ranges.len()).all(|n| {
        let is_rest = ranges[n].is_some();
        tags[n].is_some() == is_rest && (!is_rest || codings[n].as_deref() == Some("identity"))
    });
    (!is_right).then(|| format!("{cell:?}: {ranges:?} {tags:?} {codings:?}"))
}

/// Compares kind, `resumed_from` and attempts with what they must be.
fn compare(cell: &Cell, row: &Value, kind_: &str, from: &Value, attempts: u64) -> Option<String> {
    let got = (kind(row), &row["resumed_from"], &row["attempts"]);
    let wanted = (kind_.to_owned(), from, &json!(attempts));
    let is_right = got == wanted && row["file"].is_null() != (kind_ == "ok");
    (!is_right).then(|| format!("{cell:?}: wanted {wanted:?}, got {got:?}: {row}"))
}

/// What the lie must lead to: the kind and `resumed_from`.
fn second(cell: &Cell, row: &Value) -> (&'static str, Value) {
    match cell.then {
        Continued => ("ok", json!(CUT)),
        Anew => ("ok", Value::Null),
        // Whether a rest had begun is told for a failure, too.
        Fails(kind, _) | FailsSomewhere(kind) | FailsAnew(kind) => {
            (kind, row["resumed_from"].clone())
        }
    }
}

#[test]
fn the_next_run_has_the_file_of_the_server_whatever_it_answers() {
    let (servers, urls) = start();
    let directory = tempfile::tempdir().expect("a temporary directory");
    let runs = [1, 1, 0].map(|status| fetch(directory.path(), &urls, &["-c"], status));
    let found: Vec<HashMap<&str, &Value>> = runs.iter().map(|rows| one_each(rows, &urls)).collect();
    let mut wrong = Vec::new();
    for ((cell, origin), url) in servers.iter().zip(&urls) {
        let row = |run: usize| found[run][url.as_str()];
        wrong.extend(compare(cell, row(0), "body", &Value::Null, 1));
        let (kind, from) = second(cell, row(1));
        wrong.extend(compare(cell, row(1), kind, &from, 1));
        wrong.extend(compare(cell, row(2), "ok", &cell.left(row(2)), 1));
        wrong.extend(wrong_file(directory.path(), cell, row(2)));
        wrong.extend(wrong_requests(cell, origin));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let saved = files(&directory.path().join("pages"));
    assert_eq!(
        saved.len(),
        urls.len(),
        "only whole files are left: {saved:?}"
    );
}

#[test]
fn so_has_the_next_attempt() {
    let (servers, urls) = start();
    let directory = tempfile::tempdir().expect("a temporary directory");
    let retries = ["--retries", "2", "--retry-delay", "1ms"];
    let rows = fetch(directory.path(), &urls, &retries, 1);
    let found = one_each(&rows, &urls);
    let mut wrong = Vec::new();
    let mut failed = 0;
    for ((cell, origin), url) in servers.iter().zip(&urls) {
        let row = found[url.as_str()];
        let lasts = matches!(cell.lie, Lie::NotModified | Lie::NotFound);
        let (kind, from) = second(cell, row);
        wrong.extend(match cell.then {
            Continued | Anew => compare(cell, row, kind, &from, 2),
            _ if lasts => compare(cell, row, kind, &from, 2),
            _ => compare(cell, row, "ok", &cell.left(row), 3),
        });
        failed += usize::from(lasts);
        wrong.extend(wrong_file(directory.path(), cell, row));
        wrong.extend(wrong_requests(cell, origin));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let saved = files(&directory.path().join("pages"));
    assert_eq!(
        saved.len(),
        urls.len() - failed,
        "parts are left: {saved:?}"
    );
}

#[test]
fn there_are_as_many_lies_as_the_document_says() {
    let document = crate::support::repository_file("docs/RELIABILITY.md");
    let sentence = format!("{} cells for the next run, and as many", cells().len());
    assert!(document.contains(&sentence), "wanted: {sentence}");
}
