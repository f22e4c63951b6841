//! Rows that cannot be used: each is a failed record that names its line and column, and the run goes on.

use crate::rows::{by_line, fetch, gzip, kinds, row, tables};
use crate::support::{Server, anything, containing, fetchpool};
use serde_json::{Value, json};

/// Fetches `list` and expects that its second row fails as `invalid_row`, with these fragments in the message, while
/// the first and the third are pages.
fn second_is_wrong(name: &str, list: &[u8], line: u64, named: &[&str]) -> Value {
    let records = fetch(name, list, &[], 1);
    let wanted = [Value::Null, json!("invalid_row"), Value::Null];
    assert_eq!(kinds(&records), wanted, "{name}: {records:?}");
    let record = &records[1];
    assert_eq!(record["line"], line, "{name}: {record}");
    assert_eq!(
        (&record["ok"], &record["attempts"]),
        (&json!(false), &json!(0))
    );
    let message = message(record);
    for fragment in named {
        assert!(
            message.contains(fragment),
            "{name}: {fragment} in {message}"
        );
    }
    record.clone()
}

fn message(record: &Value) -> &str {
    record["error"]["message"].as_str().expect("it failed")
}

#[test]
fn a_row_with_too_few_or_too_many_cells_is_invalid_row_and_the_run_goes_on() {
    let server = Server::start();
    let url = server.url("/size/1");
    for (wrong, count) in [(format!("{url},2"), "2"), (format!("{url},2,3,4"), "4")] {
        let list = format!("url,a,b\n{url},1,2\n{wrong}\n{url},1,2\n");
        second_is_wrong("list.csv", list.as_bytes(), 3, &["line 3", "3", count]);
        let list = list.replace(',', "\t");
        second_is_wrong("list.tsv", list.as_bytes(), 3, &["line 3", "3", count]);
        second_is_wrong("list.tsv.gz", &gzip(list.as_bytes()), 3, &["line 3", count]);
    }
    assert_eq!(server.paths().len(), 12);
}

#[test]
fn a_row_over_a_mebibyte_is_invalid_row_and_the_run_goes_on() {
    let server = Server::start();
    let url = server.url("/size/1");
    for (filler, is_wrong) in [(1 << 20, true), ((1 << 20) - 200, false)] {
        let filler = "x".repeat(filler);
        for table in tables(
            &["url", "a"],
            &[row([&url, "1"]), row([&url, &filler]), row([&url, "2"])],
        ) {
            if is_wrong {
                let line = table.first + 1;
                let record = second_is_wrong(table.file, table.text.as_bytes(), line, &["1 MiB"]);
                assert!(
                    record.to_string().len() < 100_000,
                    "it is cut in its record"
                );
            } else {
                let records = fetch(table.file, &table.text, &[], 0);
                assert_eq!(records[1]["input"]["a"], filler, "{}", table.file);
            }
        }
    }
    // Whether a quote was forgotten or not, reading goes on with the next line.
    let tall = format!("{}\n", "x".repeat(20_000)).repeat(60);
    let list = format!("url,a\n{url},1\n{url},\"{tall}\"\n{url},2\n");
    let records = fetch("list.csv", list, &[], 1);
    assert_eq!(records[1]["error"]["kind"], "invalid_row");
    let last = records.last().expect("there are records");
    assert_eq!((&last["line"], &last["ok"]), (&json!(64), &json!(true)));
    assert_eq!(server.paths().len(), 2 * 3 + 3 * 3 + 2);
}

#[test]
fn a_row_that_is_not_utf_8_is_invalid_row_that_names_the_column() {
    let server = Server::start();
    let url = server.url("/size/1");
    let text = format!("url,a,b\n{url},1,2\n{url},1,_\n{url},1,2\n");
    let broken = |text: &str| -> Vec<u8> {
        let byte = |byte| if byte == b'_' { 0xff } else { byte };
        text.bytes().map(byte).collect()
    };
    second_is_wrong(
        "list.csv",
        &broken(&text),
        3,
        &["line 3", "column 'b'", "UTF-8"],
    );
    let text = text.replace(',', "\t");
    second_is_wrong(
        "list.tsv",
        &broken(&text),
        3,
        &["line 3", "column 'b'", "UTF-8"],
    );
    let good = json!({ "url": url });
    let text = format!("{good}\n{{\"url\":\"{url}\",\"b\":\"_\"}}\n{good}\n");
    second_is_wrong("list.jsonl", &broken(&text), 2, &["line 2", "UTF-8"]);
}

#[test]
fn a_line_that_is_no_object_is_invalid_row_and_the_run_goes_on() {
    let server = Server::start();
    let url = server.url("/size/1");
    let good = json!({ "url": url });
    for wrong in [
        format!("{{\"url\":\"{url}\""),
        format!("{{\"url\":\"{url}\"}} x"),
        format!("{{\"url\":\"{url}\",}}"),
        format!("[\"{url}\"]"),
        format!("\"{url}\""),
        url.clone(),
        "null".to_owned(),
        "7".to_owned(),
        "[".repeat(100_000),
        format!("{{\"url\":\"{url}\",\"a\":{}", "[".repeat(100_000)),
    ] {
        let list = format!("{good}\n{wrong}\n{good}\n");
        second_is_wrong("list.jsonl", list.as_bytes(), 2, &["line 2"]);
    }
    for (wrong, key) in [
        (json!({ "id": 1 }), "'url'"),
        (json!({ "url": 1 }), "'url'"),
        (json!({ "url": null, "id": 1 }), "'url'"),
        (json!({ "url": url, "headers": "x" }), "'headers'"),
        (json!({ "url": url, "headers": { "A": 1 } }), "'headers"),
        (json!({ "url": url, "name": 1 }), "'name'"),
        (json!({ "url": url, "timeout": [1] }), "'timeout'"),
        (json!({ "url": url, "size": -1 }), "'size'"),
    ] {
        let list = format!("{good}\n{wrong}\n{good}\n");
        let options = ["-o", "pages"];
        let records = fetch("list.jsonl", list, &options, 1);
        assert_eq!(
            kinds(&records),
            [Value::Null, json!("invalid_row"), Value::Null],
            "{wrong}"
        );
        assert!(
            message(&records[1]).contains(key),
            "{wrong}: {}",
            records[1]
        );
    }
    let list = format!("{good}\n{{\"url\":\"{url}\",\"url\":\"{url}\"}}\n{good}\n");
    second_is_wrong("list.jsonl", list.as_bytes(), 2, &["line 2", "'url'"]);
}

#[test]
fn a_quote_that_is_never_closed_is_invalid_row() {
    let server = Server::start();
    let url = server.url("/size/1");
    for name in ["list.csv", "list.tsv"] {
        let delimiter = if name == "list.csv" { "," } else { "\t" };
        let list = format!("url,a\n{url},1\n{url},\"2\n{url},3\n").replace(',', delimiter);
        let records = fetch(name, list, &[], 1);
        assert_eq!(
            kinds(&records),
            [Value::Null, json!("invalid_row"), Value::Null],
            "{name}"
        );
        assert_eq!(records[1]["line"], 3, "{name}");
        assert!(message(&records[1]).contains("quote"), "{}", records[1]);
    }
    assert_eq!(server.paths().len(), 4);
}

/// Wrong cells, and what the message says beside line, column and value.
const WRONG: [(&str, &str, &str); 16] = [
    ("timeout", "soon", "500ms"),
    ("timeout", "-5", ""),
    ("timeout", "5 parsecs", ""),
    ("max_size", "big", "10M"),
    ("max_size", "-1", ""),
    ("accept", "6xx", "200-299,404,3xx"),
    ("accept", "ok", "200-299,404,3xx"),
    ("accept", "299-200", ""),
    ("method", "GE T", ""),
    ("method", "TRACE\u{e4}", ""),
    ("size", "-1", ""),
    ("size", "1.5", ""),
    ("size", "many", ""),
    ("sha256", "abc", "64"),
    (
        "sha256",
        "zz9ba87e6a2d3d0e0a4f1c6c3c0a1b2c3d4e5f60718293a4b5c6d7e8f9012345",
        "64",
    ),
    ("header.X-Id", "a\rb", ""),
];

#[test]
fn each_wrong_cell_is_invalid_row_with_its_column_and_value_and_what_would_be_right() {
    let server = Server::start();
    let url = server.url("/size/1");
    for (column, cell, right) in WRONG {
        let rows = [row([&url, ""]), row([&url, cell]), row([&url, ""])];
        for table in tables(&["url", column], &rows) {
            let line = table.first + 1;
            let place = format!("line {line}, column '");
            let record = second_is_wrong(table.file, table.text.as_bytes(), line, &[&place, right]);
            let message = message(&record);
            let is_header = column.starts_with("header.");
            // A header's value may be a secret.
            let shown = cell.split_at(cell.len().min(8)).0;
            if !is_header {
                assert!(message.contains(&format!("'{column}'")), "{message}");
                assert!(message.contains(shown), "{column}: {message}");
            }
            assert_eq!(record["url"], url, "{}", table.file);
        }
    }
    assert!(server.seen().iter().all(|seen| seen.method == "GET"));
}

#[test]
fn a_wrong_cell_is_shortened_and_escaped_in_the_message() {
    let server = Server::start();
    let url = server.url("/size/1");
    let long = format!("a\u{1b}[2J\u{202e}{}", "x".repeat(5000));
    let rows = [row([&url, ""]), row([&url, &long]), row([&url, ""])];
    for table in tables(&["url", "timeout"], &rows) {
        let line = table.first + 1;
        let named = ["column 'timeout'", "\\x1b[2J"];
        let record = second_is_wrong(table.file, table.text.as_bytes(), line, &named);
        let message = message(&record);
        assert!(message.len() < 400, "{message}");
        assert!(!message.contains(char::is_control), "{message:?}");
        assert!(!message.contains('\u{202e}'), "{message:?}");
    }
}

#[test]
fn an_empty_cell_of_a_column_with_a_meaning_is_no_cell() {
    let server = Server::start();
    let url = server.url("/size/1");
    let columns = [
        "url", "name", "method", "accept", "timeout", "max_size", "header.X", "sha256", "size",
    ];
    let delimited = format!("{}\n{url}{}\n", columns.join(","), ",".repeat(8));
    let object = json!({
        "url": url, "name": "", "method": "", "accept": "", "timeout": "", "max_size": "",
        "headers": {}, "sha256": "", "size": ""
    });
    let null = json!({
        "url": url, "name": null, "method": null, "accept": null, "timeout": null,
        "max_size": null, "headers": null, "sha256": null, "size": null
    });
    for (name, list) in [
        ("list.csv", delimited.clone()),
        ("list.tsv", delimited.replace(',', "\t")),
        ("list.jsonl", object.to_string()),
        ("list.jsonl", null.to_string()),
    ] {
        let records = fetch(name, list, &["-o", "pages"], 0);
        assert_eq!(records[0]["method"], "GET", "{name}");
        let port = server.address().port();
        assert_eq!(
            records[0]["file"],
            format!("pages/127.0.0.1_{port}/size/1.body")
        );
    }
    assert!(
        server
            .seen()
            .iter()
            .all(|seen| !seen.headers.contains_key("x"))
    );
}

#[test]
fn a_url_cell_is_taken_like_a_line() {
    let server = Server::start();
    let url = server.url("/size/1");
    let long = format!("http://h/{}", "x".repeat(64 * 1024));
    let cells = [
        url.as_str(),
        "#",
        "# comment",
        "no url",
        "mailto:a@b.example",
        long.as_str(),
        "",
        url.as_str(),
    ];
    let rows = cells.map(|cell| row([cell, "7"]));
    for table in tables(&["url", "id"], &rows) {
        let records = fetch(table.file, &table.text, &[], 1);
        let wanted = [
            Value::Null,
            json!("invalid_url"),
            json!("unsupported_scheme"),
            json!("invalid_url"),
            json!("invalid_row"),
            Value::Null,
        ];
        assert_eq!(kinds(&records), wanted, "{}", table.file);
        let lines: Vec<&Value> = records.iter().map(|record| &record["line"]).collect();
        let first = table.first;
        assert_eq!(
            lines,
            [first, first + 3, first + 4, first + 5, first + 6, first + 7]
        );
        for record in &records {
            assert_eq!(record["input"], json!({"id": "7"}), "{record}");
        }
    }
    let bare = format!("{}/size/6", server.address());
    for table in tables(&["url", "id"], &[row([&format!(" {bare} "), "7"])]) {
        let records = fetch(table.file, &table.text, &["--default-scheme", "http"], 0);
        assert_eq!(
            (&records[0]["bytes"], &records[0]["url"]),
            (&json!(6), &json!(bare))
        );
    }
}

#[test]
fn no_message_of_a_row_holds_a_credential() {
    let server = Server::start();
    let good = server.url("/size/1");
    let secret = good.replace("http://", "http://ann:hunter2@");
    let broken = "http://ann:hunter2@h:99999/";
    let long = "x".repeat(2 << 20);
    let columns = ["url", "header.Authorization", "timeout", "note"];
    let rows = [
        row([&secret, "Basic hunter2\u{7f}\u{1}", "", ""]),
        row([&secret, "", "soon", ""]),
        row([broken, "", "", ""]),
        row(["https//ann:hunter2@h/", "", "", ""]),
        row([&secret, "Basic hunter2", "", &long]),
        row([&good, "", "https://ann:hunter2@h/", ""]),
        row([&good, "", "", ""]),
    ];
    for table in tables(&columns, &rows) {
        for verbosity in ["-q", "-vv"] {
            let ended = fetchpool()
                .list(table.file, &table.text)
                .args([verbosity, "-f", "jsonl"])
                .status(1)
                .stdout(anything())
                .stderr(crate::support::checked(|text| {
                    match text.contains("hunter2") {
                        true => Err("the password is shown".to_owned()),
                        false => Ok(()),
                    }
                }))
                .run();
            let records = by_line(ended.stdout());
            assert_eq!(records.len(), rows.len(), "{}", table.file);
            for record in &records[..6] {
                assert!(!message(record).contains("hunter2"), "{record}");
            }
            assert!(records[6]["error"].is_null(), "{}", records[6]);
        }
    }
}

#[test]
fn a_wrong_row_is_a_line_of_text_and_makes_the_status_1() {
    let server = Server::start();
    let url = server.url("/size/1");
    fetchpool()
        .list("list.csv", format!("url,timeout\n{url},soon\n"))
        .status(1)
        .stdout(containing([format!(
            "'{url}' generated an exception: invalid_row: line 2, column 'timeout': 'soon' "
        )]))
        .run();
    assert_eq!(server.paths(), [""; 0]);
}
