//! Checks the rows and the saved files of a run: each URL of the list must have one row, and rows and files must agree.

use serde_json::Value;
use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

/// The rows of jsonl output; every line must be whole.
pub(crate) fn rows(text: &str) -> Vec<Value> {
    assert!(
        text.is_empty() || text.ends_with('\n'),
        "the last line is torn: {:?}",
        text.lines().last()
    );
    let row = |line| serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line:?}"));
    text.lines().map(row).collect()
}

/// The rows by URL. Each URL must be one of `urls`, and have only one row.
pub(crate) fn by_url<'a>(rows: &'a [Value], urls: &[String]) -> HashMap<&'a str, &'a Value> {
    let mut found = HashMap::new();
    for row in rows {
        let url = row["url"].as_str().expect("a URL is a string");
        assert!(found.insert(url, row).is_none(), "two rows: {row}");
    }
    let wanted: std::collections::HashSet<&str> = urls.iter().map(String::as_str).collect();
    for url in found.keys() {
        assert!(
            wanted.contains(url),
            "a row of a URL that is not in the list: {url}"
        );
    }
    found
}

/// As [`by_url`], for a run that was not stopped: there is a row for each of `urls`.
pub(crate) fn one_each<'a>(rows: &'a [Value], urls: &[String]) -> HashMap<&'a str, &'a Value> {
    let found = by_url(rows, urls);
    let lost: Vec<&String> = urls
        .iter()
        .filter(|url| !found.contains_key(url.as_str()))
        .collect();
    assert!(lost.is_empty(), "lost: {lost:#?}");
    found
}

/// The kind of a row's failure, with the phase of a timeout, or `ok`.
pub(crate) fn kind(row: &Value) -> String {
    let error = &row["error"];
    match (error["kind"].as_str(), error["phase"].as_str()) {
        (None, _) => "ok".to_owned(),
        (Some(kind), None) => kind.to_owned(),
        (Some(kind), Some(phase)) => format!("{kind} {phase}"),
    }
}

/// The number of rows of each kind.
pub(crate) fn kinds(rows: &[Value]) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for row in rows {
        *counts.entry(kind(row)).or_default() += 1;
    }
    counts
}

/// Every file below `directory`, by its relative path, with its length.
pub(crate) fn files(directory: &Path) -> BTreeMap<PathBuf, u64> {
    let mut found = BTreeMap::new();
    let mut left = vec![PathBuf::new()];
    while let Some(below) = left.pop() {
        let Ok(entries) = std::fs::read_dir(directory.join(&below)) else {
            continue;
        };
        for entry in entries.flatten() {
            let name = below.join(entry.file_name());
            let metadata = entry.metadata().expect("no other program writes here");
            if metadata.is_dir() {
                left.push(name);
            } else {
                found.insert(name, metadata.len());
            }
        }
    }
    found
}

/// The files in `place/pages` are those of the rows that are ok, whole, and there are no others.
pub(crate) fn assert_saved(place: &Path, rows: &[Value]) {
    let mut left = files(&place.join("pages"));
    for row in rows {
        let Some(file) = row["file"].as_str() else {
            assert_ne!(row["ok"], true, "fetched and not saved: {row}");
            continue;
        };
        let name = Path::new(file).strip_prefix("pages").expect("it is below");
        let length = left.remove(name);
        assert_eq!(length, row["bytes"].as_u64(), "not whole: {row}");
    }
    assert!(left.is_empty(), "files that no row names: {left:?}");
}
