//! `-f jsonl`: every field in every row, in the promised order, null where it has no value.

use crate::support::{Server, anything, dead_host, fetchpool};
use serde_json::Value;

/// One parsed row.
pub(crate) type Row = Value;

/// The fields of a row, in order.
pub(crate) const FIELDS: [&str; 31] = [
    "url",
    "source",
    "line",
    "ok",
    "status",
    "bytes",
    "content_type",
    "final_url",
    "redirects",
    "attempts",
    "elapsed_ms",
    "ttfb_ms",
    "worker",
    "started_at",
    "file",
    "error",
    "method",
    "remote_ip",
    "reused",
    "dns_ms",
    "connect_ms",
    "tls_ms",
    "etag",
    "last_modified",
    "unchanged",
    "resumed_from",
    "sha256",
    "hops",
    "headers",
    "input",
    "warc",
];

/// Parses every line, which must be an object with exactly the promised fields in their order.
pub(crate) fn rows(text: &str) -> Vec<Row> {
    let row = |line: &str| -> Row {
        let row = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        assert_eq!(keys(line), FIELDS, "{line}");
        row
    };
    text.lines().map(row).collect()
}

/// The keys of the outer object, in order.
fn keys(object: &str) -> Vec<String> {
    struct Keys;
    impl<'de> serde::de::Visitor<'de> for Keys {
        type Value = Vec<String>;

        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("an object")
        }

        fn visit_map<A: serde::de::MapAccess<'de>>(
            self,
            mut map: A,
        ) -> Result<Vec<String>, A::Error> {
            let mut keys = Vec::new();
            while let Some((key, serde::de::IgnoredAny)) = map.next_entry::<String, _>()? {
                keys.push(key);
            }
            Ok(keys)
        }
    }
    let mut reader = serde_json::Deserializer::from_str(object);
    serde::Deserializer::deserialize_map(&mut reader, Keys).expect("the line was parsed before")
}

#[test]
fn a_page_has_all_its_fields() {
    let server = Server::start();
    let ended = fetchpool()
        .list(
            "urls.txt",
            format!("# a comment\n\n{}\n", server.url("/size/1256")),
        )
        .args(["--format", "jsonl"])
        .stdout(anything())
        .run();
    let row = &rows(ended.stdout())[0];
    let wanted = [
        ("url", server.url("/size/1256").into()),
        ("source", "urls.txt".into()),
        ("line", 3.into()),
        ("ok", true.into()),
        ("status", 200.into()),
        ("bytes", 1256.into()),
        ("content_type", "text/plain".into()),
        ("final_url", server.url("/size/1256").into()),
        ("redirects", 0.into()),
        ("attempts", 1.into()),
        ("worker", 0.into()),
        ("file", Value::Null),
        ("error", Value::Null),
        ("method", "GET".into()),
        ("unchanged", Value::Null),
        ("resumed_from", Value::Null),
        ("sha256", Value::Null),
        ("hops", Value::Array(Vec::new())),
        ("headers", Value::Null),
        ("input", Value::Null),
        ("warc", Value::Null),
    ];
    for (field, value) in wanted {
        // Any of the five workers may take the only job.
        match field {
            "worker" => assert!(
                row[field].as_u64().is_some_and(|worker| worker < 5),
                "{row}"
            ),
            _ => assert_eq!(row[field], value, "{field} of {row}"),
        }
    }
    times_make_sense(row);
}

/// 0 <= ttfb <= elapsed, at most three decimals, and a start in UTC with milliseconds.
fn times_make_sense(row: &Row) {
    let [elapsed, ttfb] = ["elapsed_ms", "ttfb_ms"].map(|field| {
        let value = row[field]
            .as_f64()
            .unwrap_or_else(|| panic!("no {field} in {row}"));
        let decimals = row[field]
            .to_string()
            .split_once('.')
            .map_or(0, |(_, rest)| rest.len());
        assert!(decimals <= 3, "{field} of {row}");
        value
    });
    assert!(0.0 <= ttfb && ttfb <= elapsed, "{row}");
    let started = row["started_at"].as_str().expect("a start is a string");
    let pattern = "dddd-dd-ddTdd:dd:dd.dddZ";
    let fits = |(byte, pattern): (u8, u8)| match pattern {
        b'd' => byte.is_ascii_digit(),
        other => byte == other,
    };
    assert_eq!(started.len(), pattern.len(), "{started}");
    assert!(started.bytes().zip(pattern.bytes()).all(fits), "{started}");
}

#[test]
fn a_redirect_is_told_by_its_end() {
    let server = Server::start();
    let url = server.url("/redirect/2");
    let ended = fetchpool()
        .arg(&url)
        .args(["-f", "jsonl"])
        .stdout(anything())
        .run();
    let row = &rows(ended.stdout())[0];
    assert_eq!(row["url"], url);
    assert_eq!(row["source"], "argument");
    assert_eq!(row["line"], 1);
    assert_eq!(row["final_url"], server.url("/redirect/0"));
    assert_eq!(row["redirects"], 2);
    assert_eq!(row["bytes"], 7);
}

#[test]
fn a_failure_says_what_it_knows() {
    let server = Server::start();
    let dead = dead_host();
    let ended = fetchpool()
        .list(
            "urls.txt",
            format!("{}\n{}\nno url\n", server.url("/status/404"), dead.url("/")),
        )
        .args(["-f", "jsonl", "-j", "1"])
        .status(1)
        .stdout(anything())
        .run();
    let mut rows = rows(ended.stdout());
    // A line that is no URL has its record at once, while requests are in flight.
    rows.sort_by_key(|row| row["line"].as_u64());
    assert_eq!(rows.len(), 3);
    let row = &rows[0];
    assert_eq!(
        (&row["ok"], &row["status"]),
        (&Value::Bool(false), &Value::from(404))
    );
    let error =
        serde_json::json!({"kind": "http_status", "message": "404 Not Found", "phase": null});
    assert_eq!(row["error"], error);
    times_make_sense(row);
    let row = &rows[1];
    assert_eq!(row["error"]["kind"], "connect");
    assert!(
        row["status"].is_null() && row["bytes"].is_null() && row["ttfb_ms"].is_null(),
        "{row}"
    );
    let row = &rows[2];
    assert_eq!((&row["url"], &row["line"]), (&"no url".into(), &3.into()));
    assert_eq!(row["error"]["kind"], "invalid_url");
}

#[test]
fn text_and_jsonl_carry_no_colour_unless_text_is_asked_to() {
    let server = Server::start();
    let url = server.url("/status/404");
    for (format, color, coloured) in [
        ("jsonl", "always", false),
        ("text", "never", false),
        ("text", "auto", false),
        ("text", "always", true),
    ] {
        let ended = fetchpool()
            .arg(&url)
            .args(["-f", format, "--color", color])
            .status(1)
            .stdout(anything())
            .run();
        assert_eq!(
            ended.stdout().contains('\u{1b}'),
            coloured,
            "{format} {color}"
        );
    }
}
