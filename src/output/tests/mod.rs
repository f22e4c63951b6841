//! Checks docs/OUTPUT.md and docs/record.schema.json against the output.

mod schema;

use std::time::{Duration, UNIX_EPOCH};

use serde_json::Value;
use url::Url;

use self::schema::{fault, one_or_more};
use super::record::{DryRun, Record};
use super::{Fields, Format, csv, jsonl, save, text};
use crate::fetch::{Failure, FailureKind, Method, Outcome, Phase, Redirect};

const DOC: &str = include_str!("../../../docs/OUTPUT.md");
const SCHEMA: &str = include_str!("../../../docs/record.schema.json");
const KINDS: [FailureKind; 23] = [
    FailureKind::InvalidUrl,
    FailureKind::InvalidRow,
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
    FailureKind::Mismatch,
    FailureKind::Write,
    FailureKind::Cancelled,
    FailureKind::Internal,
];

fn schema() -> Value {
    serde_json::from_str(SCHEMA).unwrap()
}

fn row(record: &Record) -> String {
    row_with(record, false, false)
}

fn row_with(record: &Record, with_body: bool, dry_run: bool) -> String {
    let fields = Fields::new(None, Format::Jsonl, with_body, dry_run).unwrap();
    let mut out = Vec::new();
    jsonl::push(&mut out, record, &fields);
    String::from_utf8(out).unwrap()
}

fn planned(dry_run: DryRun) -> Record {
    Record {
        dry_run: Some(dry_run),
        ..Record::new("x".into(), "-".into(), 1)
    }
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
            ..Record::page("\u{7f}", u64::MAX).with(|outcome| outcome.content_type = None)
        },
        Record::whole("https://example.com/"),
        Record {
            body: Some(vec![0xff].into()),
            ..Record::whole("https://example.com/")
        },
        Record::page("", 1).with(|outcome| outcome.elapsed = Duration::MAX),
    ];
    for kind in KINDS {
        records.push(Record {
            ok: false,
            error: Some(Failure::new(kind, "\u{1b}")),
            ..Record::page("x", 3).with(|outcome| outcome.status = Some(404))
        });
        records.push(Record {
            worker: None,
            attempts: 0,
            outcome: None,
            ..Record::failure("x", kind, "")
        });
    }
    records
}

#[test]
fn every_row_is_one_of_the_schema() {
    for record in records() {
        for (with_body, dry_run) in [(false, false), (true, false), (false, true), (true, true)] {
            let row = row_with(&record, with_body, dry_run);
            let row: Value = serde_json::from_str(&row).unwrap();
            assert_eq!(fault(&schema(), &row, ""), None);
        }
    }
    for plan in [
        DryRun::Fetch,
        DryRun::SkipFetchedBefore,
        DryRun::SkipRepeated,
    ] {
        let row: Value = serde_json::from_str(&row_with(&planned(plan), false, true)).unwrap();
        assert_eq!(fault(&schema(), &row, ""), None);
    }
}

fn failed_as(kind: &str) -> Value {
    serde_json::json!({"kind": kind, "message": "", "phase": null})
}

#[test]
fn the_schema_refuses_what_is_no_row() {
    let good: Value = serde_json::from_str(&row(&Record::whole("https://example.com/"))).unwrap();
    for (field, value) in [
        ("surplus", Value::Null),
        ("url", Value::Null),
        ("line", 0.into()),
        ("ok", false.into()),
        ("ok", Value::Null),
        ("dry_run", "later".into()),
        ("body", 1.into()),
        ("sha256", "abc".into()),
        ("hops", serde_json::json!([{"url": "x"}])),
        ("hops", serde_json::json!([{"url": "x", "status": 200}])),
        ("headers", serde_json::json!({"etag": "x"})),
        ("headers", serde_json::json!({"etag": [1]})),
        ("input", serde_json::json!([])),
        ("status", 99.into()),
        ("bytes", (-1).into()),
        ("bytes", 1.5.into()),
        ("redirects", "0".into()),
        ("elapsed_ms", (-0.001).into()),
        ("started_at", "2026-01-31 10:00".into()),
        ("error", failed_as("dns")),
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
    let plan: Value =
        serde_json::from_str(&row_with(&planned(DryRun::Fetch), false, true)).unwrap();
    for (field, value) in [
        ("ok", true.into()),
        ("ok", false.into()),
        ("dry_run", Value::Null),
        ("error", failed_as("dns")),
    ] {
        let mut row = plan.clone();
        row[field] = value;
        assert!(fault(&schema(), &row, "").is_some(), "{row}");
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
fn the_text_of_a_record_is_all_that_grows_with_it() {
    let hop = Redirect {
        url: Url::parse("http://a/").unwrap(),
        status: 301,
    };
    let raw = serde_json::value::RawValue::from_string("{}".into()).unwrap();
    let empty = Record::new("x".into(), "-".into(), 1);
    assert_eq!(empty.held_bytes(), 1);
    let begun = Outcome::begun(&hop.url, &Method::GET, UNIX_EPOCH);
    let with = |change: &dyn Fn(&mut Outcome)| {
        let outcome = Some(begun.clone().into());
        Record {
            outcome,
            ..empty.clone()
        }
        .with(change)
    };
    for (grown, bytes) in [
        (
            Record {
                body: Some(vec![0; 1000].into()),
                ..empty.clone()
            },
            1000,
        ),
        (
            Record {
                input: Some(raw),
                ..empty.clone()
            },
            2,
        ),
        (
            with(&|outcome| outcome.hops = vec![hop.clone(); 3]),
            9 + 3 * (size_of::<Redirect>() + 9),
        ),
        (
            with(&|outcome| {
                outcome.headers = Some(vec![("via".into(), vec!["a".into(), "bc".into()])]);
            }),
            9 + size_of::<(String, Vec<String>)>() + 2 * size_of::<String>() + 6,
        ),
        (
            Record {
                file: Some("6".into()),
                ..with(&|outcome| {
                    outcome.etag = Some("12".into());
                    outcome.last_modified = Some("345".into());
                })
            },
            9 + 6,
        ),
    ] {
        assert_eq!(grown.held_bytes(), 1 + bytes, "{grown:?}");
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
    csv::push_header(&mut header, &Fields::all(Format::Csv), b',');
    assert!(DOC.contains(&format!(
        "```text\n{}```",
        String::from_utf8(header).unwrap()
    )));
    assert!(DOC.contains(&format!("```text\n{}```", super::summary::tests::FIVE_URLS)));
    assert!(DOC.contains(&format!(
        "```json\n{}```",
        super::summary::tests::FIVE_URLS_JSON
    )));
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
    let (always, with_options) = names.split_at(names.len() - 3);
    assert_eq!(schema["required"], serde_json::json!(always));
    assert_eq!(with_options, ["body", "body_base64", "dry_run"]);
    assert_eq!(schema["properties"].as_object().unwrap().len(), names.len());
    let row = row_with(&Record::page("https://example.com/", 1256), true, true);
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
