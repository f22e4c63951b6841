//! Lists with columns: `-i`, the endings of files, what a row carries, and headers that cannot be used. Also the tables
//! that the other modules of rows share.

use crate::support::{Server, anything, containing, fetchpool, page};
use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Map, Value, json};
use std::io::Write;

/// A list with columns in one format.
pub(crate) struct Table {
    /// A name with the ending of its format.
    pub(crate) file: &'static str,
    pub(crate) text: String,
    /// The line of its first row.
    pub(crate) first: u64,
}

/// The same table as csv, tsv and jsonl. In jsonl an empty cell is no key, and `header.NAME` is in `headers`.
pub(crate) fn tables(columns: &[&str], rows: &[Vec<String>]) -> [Table; 3] {
    let delimited = |delimiter| {
        let mut writer = csv::WriterBuilder::new()
            .delimiter(delimiter)
            .from_writer(Vec::new());
        writer.write_record(columns).expect("memory takes it");
        for row in rows {
            writer.write_record(row).expect("memory takes it");
        }
        String::from_utf8(writer.into_inner().expect("memory takes it")).expect("cells are text")
    };
    let objects: Vec<String> = rows.iter().map(|row| object(columns, row)).collect();
    let table = |file, text, first| Table { file, text, first };
    [
        table("list.csv", delimited(b','), 2),
        table("list.tsv", delimited(b'\t'), 2),
        table("list.jsonl", objects.join("\n") + "\n", 1),
    ]
}

fn object(columns: &[&str], row: &[String]) -> String {
    let (mut object, mut headers) = (Map::new(), Map::new());
    for (column, cell) in columns.iter().zip(row).filter(|(_, cell)| !cell.is_empty()) {
        let (object, key) = match column.strip_prefix("header.") {
            Some(name) => (&mut headers, name),
            None => (&mut object, *column),
        };
        object.insert(key.to_owned(), json!(cell));
    }
    if !headers.is_empty() {
        object.insert("headers".to_owned(), Value::Object(headers));
    }
    Value::Object(object).to_string()
}

/// A row of [`tables`].
pub(crate) fn row<const N: usize>(cells: [&str; N]) -> Vec<String> {
    cells.map(str::to_owned).to_vec()
}

/// Parses every record, whatever its fields, and sorts them by line: a row that fails has its record at once.
pub(crate) fn by_line(text: &str) -> Vec<Value> {
    let parse = |line: &str| -> Value {
        serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"))
    };
    let mut records: Vec<Value> = text.lines().map(parse).collect();
    records.sort_by_key(|record| record["line"].as_u64());
    records
}

/// The records of the list `file`, sorted by line.
pub(crate) fn fetch(
    file: &str,
    list: impl AsRef<[u8]>,
    options: &[&str],
    status: i32,
) -> Vec<Value> {
    let ended = fetchpool()
        .list(file, list)
        .args(options)
        .args(["-f", "jsonl"])
        .status(status)
        .stdout(anything())
        .run();
    by_line(ended.stdout())
}

/// The kind of each record's failure, null for a page.
pub(crate) fn kinds(records: &[Value]) -> Vec<Value> {
    let kind = |record: &Value| record["error"]["kind"].clone();
    records.iter().map(kind).collect()
}

pub(crate) fn gzip(text: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(text).expect("memory can be written");
    encoder.finish().expect("memory can be written")
}

#[test]
fn a_list_is_read_by_its_ending() {
    let server = Server::start();
    let url = server.url("/size/7");
    let [csv, tsv, jsonl] = tables(&["id", "url"], &[row(["a", &url])]).map(|table| table.text);
    for (endings, text) in [
        (&["csv", "CSV"][..], &csv),
        (&["tsv", "Tsv"], &tsv),
        (&["jsonl", "ndjson", "JSONL"], &jsonl),
    ] {
        for ending in endings {
            for (name, list) in [
                (format!("list.{ending}"), text.clone().into_bytes()),
                (format!("list.{ending}.gz"), gzip(text.as_bytes())),
            ] {
                fetchpool()
                    .list(&name, list)
                    .stdout(page(&url, 7) + "\n")
                    .run();
            }
        }
    }
    // Another ending is a list of lines.
    for name in ["list", "list.txt", "csv", "list.csv.txt"] {
        let records = fetch(name, &csv, &[], 1);
        assert_eq!(kinds(&records), ["invalid_url", "invalid_url"], "{name}");
    }
}

#[test]
fn the_format_of_a_list_can_be_given() {
    let server = Server::start();
    let url = server.url("/size/7");
    for table in tables(&["id", "url"], &[row(["a", &url])]) {
        let format = table.file.strip_prefix("list.").expect("it is one");
        let wanted = page(&url, 7) + "\n";
        for option in [&["-i", format][..], &[&format!("--input={format}")]] {
            let run = || fetchpool().args(option).stdout(wanted.clone());
            run().list("urls.txt", &table.text).run();
            run().list("urls.gz", gzip(table.text.as_bytes())).run();
            run().stdin(table.text.clone()).run();
            run().stdin(gzip(table.text.as_bytes())).arg("-").run();
        }
        // It goes before the ending, also for lines.
        let lines = fetch("list.csv", format!("{url}\n"), &["-i", "lines"], 0);
        assert_eq!(kinds(&lines), [Value::Null]);
    }
    fetchpool()
        .args(["-i", "xml", &url])
        .status(2)
        .stderr(containing([
            "--input", "xml", "auto", "lines", "csv", "tsv", "jsonl",
        ]))
        .run();
}

#[test]
fn a_live_pipe_of_rows_works_row_by_row() {
    let server = Server::start();
    for format in ["csv", "tsv", "jsonl"] {
        let mut run = fetchpool()
            .args(["-i", format])
            .live_stdin()
            .stdout(anything())
            .start();
        if format != "jsonl" {
            run.write_line(if format == "csv" { "id,url" } else { "id\turl" });
        }
        for n in 0..200 {
            let url = server.url(&format!("/size/{n}"));
            run.write_line(&match format {
                "csv" => format!("\"{n}\",{url}"),
                "tsv" => format!("{n}\t{url}"),
                _ => json!({"id": n, "url": url}).to_string(),
            });
            assert_eq!(run.read_line(), page(&url, n), "{format}: before the next");
        }
        run.finish();
    }
}

#[test]
fn a_live_pipe_of_compressed_rows_works_row_by_row() {
    let server = Server::start();
    let mut run = fetchpool()
        .args(["-i", "csv"])
        .live_stdin()
        .stdout(anything())
        .start();
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    for n in 0..20 {
        let url = server.url(&format!("/size/{n}"));
        let header = if n == 0 { "url,id\n" } else { "" };
        writeln!(encoder, "{header}{url},{n}").expect("memory can be written");
        encoder.flush().expect("memory can be written");
        run.write(&std::mem::take(encoder.get_mut()));
        assert_eq!(run.read_line(), page(&url, n));
    }
    run.write(&encoder.finish().expect("memory can be written"));
    run.finish();
}

#[test]
fn records_of_an_earlier_run_are_rows() {
    let server = Server::start();
    let urls = ["/size/1", "/status/404", "/size/2"].map(|path| server.url(path));
    let cells: Vec<Vec<String>> = urls.iter().map(|url| row([url, "7,\"8\""])).collect();
    for table in tables(&["url", "id"], &cells) {
        let options = ["-f", "jsonl", "--ordered"];
        let first = fetchpool()
            .list(table.file, &table.text)
            .args(options)
            .status(1)
            .stdout(anything())
            .run();
        let again = fetch("r.jsonl", first.stdout(), &["--ordered"], 1);
        assert_eq!(again.len(), urls.len());
        for (n, record) in again.iter().enumerate() {
            assert_eq!(record["url"], urls[n], "{}", table.file);
            assert_eq!(record["input"], json!({"id": "7,\"8\""}), "{}", table.file);
            assert_eq!(record["line"], n + 1, "{}", table.file);
            assert_eq!(record["source"], "r.jsonl", "{}", table.file);
        }
        assert_eq!(
            kinds(&again),
            [Value::Null, json!("http_status"), Value::Null]
        );
    }
    // Of a run without columns, `input` is null.
    let lines = fetch("urls.txt", urls.join("\n"), &["--ordered"], 1);
    let text: Vec<String> = lines.iter().map(Value::to_string).collect();
    let again = fetch("r.ndjson", text.join("\n"), &[], 1);
    assert!(
        again.iter().all(|record| record["input"].is_null()),
        "{again:?}"
    );
}

#[test]
fn cells_without_a_meaning_are_carried_as_they_are() {
    let server = Server::start();
    let url = server.url("/size/1");
    let cells = [
        "007",
        "a \"quoted\", cell",
        "two\nlines",
        "ä\u{1f600}\t",
        " spaces ",
    ];
    let columns = ["id", "quotes", "lines", "Ünicode", "url", "URL"];
    let cells = row([cells[0], cells[1], cells[2], cells[3], &url, cells[4]]);
    for table in tables(&columns, std::slice::from_ref(&cells)) {
        let records = fetch(table.file, &table.text, &[], 0);
        let mut wanted = Map::new();
        for (column, cell) in columns
            .iter()
            .zip(&cells)
            .filter(|(name, _)| **name != "url")
        {
            wanted.insert((*column).to_owned(), json!(cell));
        }
        assert_eq!(records[0]["input"], Value::Object(wanted), "{}", table.file);
        assert_eq!(records[0]["url"], url);
    }
    // The order is that of the columns, and an empty cell stays one.
    let list = format!("z,url,a,empty\n1,{url},2,\n");
    for format in ["jsonl", "csv", "tsv"] {
        let ended = fetchpool()
            .list("list.csv", &list)
            .args(["-f", format])
            .stdout(anything())
            .run();
        let wanted = r#"{"z":"1","a":"2","empty":""}"#;
        let cell = match format {
            "csv" => format!("\"{}\"", wanted.replace('"', "\"\"")),
            _ => wanted.to_owned(),
        };
        assert!(ended.stdout().contains(&cell), "{}", ended.stdout());
    }
}

#[test]
fn values_of_jsonl_are_carried_as_they_are_written() {
    let server = Server::start();
    let url = server.url("/size/1");
    let values = concat!(
        r#""n":12345678901234567890123,"b":1.50,"e":1E+2,"a":{"x":[1,{"y":null}],"url":"inner"},"#,
        r#""s":"\u00e4 \"q\" \\ \n","t":true,"f":false,"o":null,"":"empty""#
    );
    let list = format!("{{\"url\":\"{url}\",{values}}}\n");
    let ended = fetchpool()
        .list("list.jsonl", list)
        .args(["-f", "jsonl"])
        .stdout(containing([format!("\"input\":{{{values}}}")]))
        .run();
    assert_eq!(ended.stdout().lines().count(), 1);
    // White space outside strings does not break the record's line.
    let list = format!("\t{{ \"url\" :\t\"{url}\" , \"a\" :\t[ 1 ,\t2 ] }}\r\n");
    let records = fetch("list.jsonl", list, &[], 0);
    assert_eq!(records[0]["input"], json!({"a": [1, 2]}));
}

#[test]
fn lines_have_no_input() {
    let server = Server::start();
    let records = fetch("urls.txt", server.url("/size/1"), &[], 0);
    assert_eq!(records[0].get("input"), Some(&Value::Null));
}

#[test]
fn the_line_of_a_row_is_the_one_on_which_it_begins() {
    let server = Server::start();
    let url = server.url("/size/1");
    let tall = format!("\u{feff}note,url\r\n\r\n\"1\r\n2\n3\",{url}\r\n,\r\n\n4,{url}\n5,{url}");
    for (name, text) in [
        ("list.csv", tall.clone()),
        ("list.tsv", tall.replace(',', "\t")),
    ] {
        for list in [text.clone().into_bytes(), gzip(text.as_bytes())] {
            let records = fetch(name, list, &[], 0);
            let lines: Vec<&Value> = records.iter().map(|record| &record["line"]).collect();
            assert_eq!(lines, [3, 8, 9], "{name}");
            assert_eq!(records[0]["input"]["note"], "1\r\n2\n3", "{name}");
        }
    }
    let list = format!("\u{feff}\n{{\"url\":\"{url}\"}}\r\n \n\n{{\"url\":\"{url}\"}}");
    let records = fetch("list.jsonl", list, &[], 0);
    assert_eq!(
        (&records[0]["line"], &records[1]["line"]),
        (&json!(2), &json!(5))
    );
}

#[test]
fn a_table_without_rows_is_an_empty_list() {
    for (name, list) in [
        ("list.csv", ""),
        ("list.csv", "url"),
        ("list.csv", "id,url\n\n\r\n"),
        ("list.csv", "id,url\n,\n"),
        ("list.tsv", "id\turl\n"),
        ("list.jsonl", ""),
        ("list.jsonl", "\n \n"),
    ] {
        fetchpool().list(name, list).run();
    }
}

#[test]
fn a_header_that_cannot_be_used_is_status_2_and_nothing_is_fetched() {
    let server = Server::start();
    let url = server.url("/size/1");
    for (header, named) in [
        ("id,link", &["url", "'link'"][..]),
        ("id,URL", &["'URL'", "'url'"]),
        ("id,other", &["url", "id", "other"]),
        ("url,id,id", &["'id'", "two columns"]),
        ("url,url", &["'url'", "two columns"]),
    ] {
        let cells = vec![url.as_str(); header.split(',').count()];
        let csv = format!("{header}\n{}\n", cells.join(","));
        for (name, list) in [
            ("list.csv", csv.clone()),
            ("list.tsv", csv.replace(',', "\t")),
        ] {
            let named = || containing(named.iter().copied().chain(["fetchpool: "]));
            // A list that is read later is looked at before the first URL is fetched.
            fetchpool()
                .arg(&url)
                .list(name, &list)
                .status(2)
                .stderr(named())
                .run();
            fetchpool()
                .args(["-i", &name[5..]])
                .stdin(list)
                .status(2)
                .stderr(named())
                .run();
        }
    }
    assert_eq!(server.paths(), [""; 0]);
}
