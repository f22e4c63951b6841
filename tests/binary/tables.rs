//! `-f csv` and `-f tsv`, read by the csv crate: a header, every field in every row, and the same values as in jsonl.
//! Also checks the rows against the published schema.

use crate::jsonl::rows;

use crate::support::{Server, anything, fetchpool, repository_file};

use serde_json::Value;

const HEADER: &str = "url,source,line,ok,status,bytes,content_type,final_url,redirects,attempts,elapsed_ms,ttfb_ms,worker,started_at,file,error_kind,error_message,error_phase,method,remote_ip,reused,dns_ms,connect_ms,tls_ms,etag,last_modified,unchanged,resumed_from,sha256,hops,headers,input,warc";

/// A list with a page, redirects, failures of several kinds, and text that needs quoting.
fn list(server: &Server) -> String {
    let url = |path: &str| server.url(path);
    [
        url("/size/3"),
        url("/redirect/2"),
        url("/status/404"),
        url("/size/1?a,b;\"c\"\t='d'"),
        "=cmd|' /C calc'!A0".to_owned(),
        "http://nowhere.invalid/,\"quoted\"".to_owned(),
        url("/size/2?\u{1b}[31m\u{2028}ä"),
        "\"".to_owned(),
    ]
    .join("\n")
}

/// The rows of a table, with cells by the names of the header.
fn table(server: &Server, format: &str, delimiter: u8) -> Vec<Vec<(String, String)>> {
    let ended = fetchpool()
        .list("a,\"list\".txt", list(server))
        .args(["-f", format, "--ordered", "-j", "1"])
        .status(1)
        .stdout(anything())
        .run();
    let text = ended.stdout();
    assert_eq!(text.lines().count(), 9, "one line a row: {text}");
    assert!(
        !text.contains(|c: char| c.is_control() && c != '\n' && c != '\t'),
        "{text:?}"
    );
    let mut reader = csv::ReaderBuilder::new()
        .delimiter(delimiter)
        .quoting(format == "csv")
        .from_reader(text.as_bytes());
    let names: Vec<String> = reader
        .headers()
        .expect("a header")
        .iter()
        .map(str::to_owned)
        .collect();
    assert_eq!(names.join(","), HEADER);
    let row = |row: Result<csv::StringRecord, csv::Error>| {
        let row = row.expect("every row has as many cells as the header");
        names
            .iter()
            .cloned()
            .zip(row.iter().map(str::to_owned))
            .collect()
    };
    reader.records().map(row).collect()
}

/// The expected cell for a value of jsonl; `None` if two runs may differ.
fn cell(row: &Value, name: &str) -> Option<String> {
    let value = match name.strip_prefix("error_") {
        Some(inner) => &row["error"][inner],
        None => &row[name],
    };
    match (name, value) {
        ("elapsed_ms" | "ttfb_ms" | "worker" | "started_at" | "reused" | "connect_ms", value)
            if !value.is_null() =>
        {
            None
        }
        (_, Value::Null) => Some(String::new()),
        (_, Value::String(text)) => Some(text.clone()),
        (_, value) => Some(value.to_string()),
    }
}

#[test]
fn tables_say_what_jsonl_says() {
    let server = Server::start();
    let ended = fetchpool()
        .list("a,\"list\".txt", list(&server))
        .args(["-f", "jsonl", "--ordered", "-j", "1"])
        .status(1)
        .stdout(anything())
        .run();
    let rows = rows(ended.stdout());
    assert_eq!(rows.len(), 8);
    for (format, delimiter) in [("csv", b','), ("tsv", b'\t')] {
        let table = table(&server, format, delimiter);
        assert_eq!(table.len(), rows.len());
        for (cells, row) in table.iter().zip(&rows) {
            for (name, have) in cells {
                match cell(row, name) {
                    // The keys of objects are in another order here.
                    _ if matches!(row[name], Value::Array(_) | Value::Object(_)) => {
                        let have: Value = serde_json::from_str(have).expect("the cell is JSON");
                        assert_eq!(have, row[name], "{format} {name}");
                    }
                    // A cell escapes unprintable characters.
                    Some(wanted)
                        if wanted.contains(|c: char| c.is_control() || c == '\u{2028}') =>
                    {
                        assert!(
                            have.contains("\\t") || have.contains("\\x1b[31m\\u2028"),
                            "{format} {name}: {have}"
                        );
                    }
                    Some(wanted) => assert_eq!(*have, wanted, "{format} {name}"),
                    None => assert!(!have.is_empty(), "{format} {name} of {row}"),
                }
            }
        }
    }
}

/// The output of a shell's `command` for the input `text`.
fn piped(text: &str, command: &str) -> String {
    let mut child = std::process::Command::new("sh")
        .args(["-c", command])
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .expect("every system has a shell");
    let mut pipe = child.stdin.take().expect("it is a pipe");
    std::io::Write::write_all(&mut pipe, text.as_bytes()).expect("it reads");
    drop(pipe);
    let ended = child.wait_with_output().expect("it ends");
    String::from_utf8(ended.stdout).expect("it is text")
}

#[test]
fn tsv_is_read_by_cut_and_awk_without_a_thought() {
    let server = Server::start();
    let urls = [
        server.url("/size/1?a=\"b\",c"),
        "\"quoted\"".to_owned(),
        "back\\slash\\t".to_owned(),
        "a\tb\u{1b}".to_owned(),
    ];
    let ended = fetchpool()
        .list("a\"b.txt", urls.join("\n"))
        .args(["-f", "tsv", "--ordered"])
        .status(1)
        .stdout(anything())
        .run();
    let cells = [&urls[0], r#""quoted""#, r"back\\slash\\t", r"a\tb\x1b"];
    let rows: Vec<String> = cells
        .iter()
        .map(|url| format!("{url}|a\"b.txt\n"))
        .collect();
    let wanted = format!("url|source\n{}", rows.concat());
    for command in [
        "cut -f1,2 | tr '\\t' '|'",
        r#"awk -F '\t' '{ print $1 "|" $2 }'"#,
        "awk -F '\\t' 'NF != 33'",
    ] {
        let wanted = if command.contains("NF") { "" } else { &wanted };
        assert_eq!(piped(ended.stdout(), command), wanted, "{command}");
    }
}

#[test]
fn a_table_without_rows_still_has_its_header() {
    fetchpool()
        .list("urls.txt", "")
        .args(["-f", "csv"])
        .stdout(format!("{HEADER}\n"))
        .run();
    fetchpool()
        .list("urls.txt", "")
        .args(["-f", "tsv"])
        .stdout(format!("{}\n", HEADER.replace(',', "\t")))
        .run();
    for format in ["text", "jsonl"] {
        fetchpool().list("urls.txt", "").args(["-f", format]).run();
    }
}

#[test]
fn rows_are_as_the_schema_says() {
    let schema: Value =
        serde_json::from_str(&repository_file("docs/record.schema.json")).expect("it is JSON");
    let server = Server::start();
    let silent = crate::support::RawServer::silent();
    let ended = fetchpool()
        .list("urls.txt", list(&server) + "\n" + &silent.url("/"))
        .args(["-f", "jsonl", "-o", "pages", "-t", "1"])
        .status(1)
        .stdout(anything())
        .run();
    let rows = rows(ended.stdout());
    assert_eq!(rows.len(), 9);
    for row in &rows {
        fits(&schema, row, row);
        assert_eq!(row["ok"] == true, row["error"].is_null(), "{row}");
        assert_eq!(row["ok"] == true, row["file"].is_string(), "{row}");
    }
    let mut broken = rows[0].clone();
    broken["error"] = serde_json::json!({"kind": "new", "message": "x", "phase": null});
    assert!(
        std::panic::catch_unwind(|| fits(&schema, &broken, &broken)).is_err(),
        "this check can fail"
    );
}

/// Panics unless `value` has exactly the required properties of `schema`, of its types and listed values. `src/output`
/// checks every keyword of the schema.
fn fits(schema: &Value, value: &Value, row: &Value) {
    if let Some(one_of) = schema["enum"].as_array() {
        assert!(one_of.contains(value), "{value} of {row}");
    }
    let is = |name: &str| match name {
        "null" => value.is_null(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_u64(),
        "number" => value.is_number(),
        "string" => value.is_string(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        other => panic!("no such type: {other}"),
    };
    match &schema["type"] {
        Value::String(name) => assert!(is(name), "{value} of {row}"),
        Value::Array(names) => assert!(
            names.iter().any(|name| is(name.as_str().expect("a name"))),
            "{value} of {row}"
        ),
        _ => {}
    }
    let (Some(properties), Some(fields)) = (schema["properties"].as_object(), value.as_object())
    else {
        return;
    };
    let required = schema["required"].as_array().expect("a list of names");
    assert_eq!(fields.len(), required.len(), "{row}");
    for name in required {
        let name = name.as_str().expect("a name");
        fits(&properties[name], &fields[name], row);
    }
}
