//! Checks docs/OUTPUT.md and docs/record.schema.json against the output.

mod schema;

use std::time::Duration;

use serde_json::Value;
use url::Url;

use self::schema::{fault, one_or_more};
use super::record::Record;
use super::{csv, jsonl, save, text};
use crate::fetch::{Failure, FailureKind, Phase};

const DOC: &str = include_str!("../../../docs/OUTPUT.md");
const SCHEMA: &str = include_str!("../../../docs/record.schema.json");
const KINDS: [FailureKind; 21] = [
    FailureKind::InvalidUrl,
    FailureKind::UnsupportedScheme,
    FailureKind::BlockedAddress,
    FailureKind::HostDown,
    FailureKind::Dns,
    FailureKind::Connect,
    FailureKind::Tls,
    FailureKind::Proxy,
    FailureKind::Timeout(Phase::Dns),
    FailureKind::Timeout(Phase::Connect),
    FailureKind::Timeout(Phase::Tls),
    FailureKind::Timeout(Phase::FirstByte),
    FailureKind::Timeout(Phase::Body),
    FailureKind::Protocol,
    FailureKind::TooManyRedirects,
    FailureKind::HttpStatus,
    FailureKind::Body,
    FailureKind::TooLarge,
    FailureKind::Write,
    FailureKind::Cancelled,
    FailureKind::Internal,
];

fn schema() -> Value {
    serde_json::from_str(SCHEMA).unwrap()
}

fn row(record: &Record) -> String {
    let mut out = Vec::new();
    jsonl::push(&mut out, record);
    String::from_utf8(out).unwrap()
}

fn kinds() -> Vec<String> {
    let kinds = schema()["properties"]["error"]["properties"]["kind"]["enum"].clone();
    serde_json::from_value(kinds).unwrap()
}

/// Records of each kind and phase, with all fields and with as few as possible.
fn records() -> Vec<Record> {
    let mut records = vec![
        Record::page("https://example.com/", 0),
        Record {
            file: Some("out/h/x.html".into()),
            content_type: None,
            ..Record::page("\u{7f}", u64::MAX)
        },
        Record {
            elapsed: Some(Duration::MAX),
            ..Record::page("", 1)
        },
    ];
    for kind in KINDS {
        records.push(Record {
            ok: false,
            error: Some(Failure::new(kind, "\u{1b}")),
            status: Some(404),
            ..Record::page("x", 3)
        });
        records.push(Record {
            elapsed: None,
            worker: None,
            started_at: None,
            attempts: 0,
            ..Record::failure("x", kind, "")
        });
    }
    records
}

#[test]
fn every_row_is_one_of_the_schema() {
    for record in records() {
        let row: Value = serde_json::from_str(&row(&record)).unwrap();
        assert_eq!(fault(&schema(), &row, ""), None);
    }
}

#[test]
fn the_schema_refuses_what_is_no_row() {
    let good: Value = serde_json::from_str(&row(&Record::page("https://example.com/", 1))).unwrap();
    for (field, value) in [
        ("surplus", Value::Null),
        ("url", Value::Null),
        ("line", 0.into()),
        ("ok", false.into()),
        ("status", 99.into()),
        ("bytes", (-1).into()),
        ("bytes", 1.5.into()),
        ("redirects", "0".into()),
        ("elapsed_ms", (-0.001).into()),
        ("started_at", "2026-01-31 10:00".into()),
        (
            "error",
            serde_json::json!({"kind": "dns", "message": "", "phase": null}),
        ),
    ] {
        let mut row = good.clone();
        row[field] = value;
        assert!(fault(&schema(), &row, "").is_some(), "{row}");
    }
    for field in good.as_object().unwrap().keys() {
        let mut row = good.clone();
        row.as_object_mut().unwrap().remove(field);
        assert!(fault(&schema(), &row, "").is_some(), "without {field}");
    }
    let failed: Value =
        serde_json::from_str(&row(&Record::failure("x", FailureKind::Dns, ""))).unwrap();
    for (field, value) in [
        ("kind", "odd".into()),
        ("phase", "odd".into()),
        ("message", Value::Null),
        ("more", 1.into()),
    ] {
        let mut row = failed.clone();
        row["error"][field] = value;
        assert!(fault(&schema(), &row, "").is_some(), "{row}");
    }
}

#[test]
fn the_examples_are_what_is_written() {
    let page = Record::page("https://example.com/", 1256);
    let failure = Record::failure(
        "https://nowhere.invalid/",
        FailureKind::Dns,
        "no address for nowhere.invalid",
    );
    let mut lines = Vec::new();
    text::push(&mut lines, &page, false);
    text::push(&mut lines, &failure, false);
    assert!(DOC.contains(&format!(
        "```text\n{}```",
        String::from_utf8(lines).unwrap()
    )));
    assert!(DOC.contains(&format!("```json\n{}```", row(&page))));
    let mut header = Vec::new();
    csv::push_header(&mut header, b',');
    assert!(DOC.contains(&format!(
        "```text\n{}```",
        String::from_utf8(header).unwrap()
    )));
    assert!(DOC.contains(&format!("```text\n{}```", super::summary::tests::FIVE_URLS)));
}

/// The first two columns of the table whose heading begins with `| first | `.
fn table(first: &str) -> Vec<(&'static str, &'static str)> {
    let start = DOC.find(&format!("| {first} | ")).unwrap();
    let rows = DOC[start..]
        .lines()
        .skip(2)
        .take_while(|line| line.starts_with('|'));
    rows.map(|line| line.trim_matches(['|', ' ']).split(" | "))
        .map(|mut cells| {
            (
                cells.next().unwrap().trim_matches('`'),
                cells.next().unwrap().trim_matches('`'),
            )
        })
        .collect()
}

#[test]
fn the_tables_name_every_field_and_kind_in_order() {
    let schema = schema();
    let fields = table("field");
    let names: Vec<_> = fields.iter().map(|(name, _)| *name).collect();
    assert_eq!(schema["required"], serde_json::json!(names));
    let row = row(&Record::page("https://example.com/", 1256));
    let places: Vec<_> = names
        .iter()
        .map(|name| row.find(&format!("\"{name}\":")).unwrap())
        .collect();
    assert!(places.is_sorted(), "{names:?}");
    for (name, types) in fields {
        let types = Value::from(types.split(" or ").collect::<Vec<_>>());
        let documented: Vec<_> = one_or_more(&types).collect();
        assert_eq!(
            documented,
            one_or_more(&schema["properties"][name]["type"]).collect::<Vec<_>>(),
            "{name}"
        );
    }
    assert_eq!(
        table("kind")
            .into_iter()
            .map(|(kind, _)| kind)
            .collect::<Vec<_>>(),
        kinds()
    );
    let mut names = KINDS.map(FailureKind::name).to_vec();
    names.dedup();
    assert_eq!(names, kinds());
    for phase in KINDS.into_iter().filter_map(FailureKind::phase) {
        assert!(DOC.contains(&format!("`{}`", phase.name())));
    }
}

#[test]
fn the_files_are_where_the_table_says() {
    let files = table("URL");
    assert_eq!(files.len(), 13);
    for (url, file) in files {
        let path = save::path_for(&Url::parse(url).unwrap(), save::Case::Kept);
        let path = path.to_str().unwrap().replace('\\', "/");
        let hash = file.find("HASH").map(|at| path[at..at + 32].to_owned());
        assert_eq!(path, file.replace("HASH", &hash.unwrap_or_default()));
    }
}
