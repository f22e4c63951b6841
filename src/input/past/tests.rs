//! Records of an earlier run are found again by their place.

use super::*;
use std::fs::OpenOptions;
use std::io::Write;
use tempfile::NamedTempFile;

const LONG: &str = "http://h/long";

fn row(url: &str, more: &str) -> String {
    format!(r#"{{"url":"{url}","ok":true,"final_url":"{url}","etag":"\"e\""{more}}}"#)
}

fn file(content: &str) -> NamedTempFile {
    let mut file = NamedTempFile::new().unwrap();
    file.write_all(content.as_bytes()).unwrap();
    file
}

fn records(file: &NamedTempFile) -> PastRecords {
    PastRecords::open(file.path(), None).unwrap()
}

fn find(records: &PastRecords, url: &str) -> Option<PastRecord> {
    records.find(&Url::parse(url).unwrap())
}

#[test]
fn the_last_ok_record_of_each_url_is_found() {
    let long = format!(
        r#","content_type":"t","body":"{}\"","file":"f""#,
        "x".repeat(100_000)
    );
    let rows = [
        format!("\u{feff} {}", row("http://h/first", r#","bytes":1"#)),
        row("http://h/a", r#","bytes":1"#),
        String::new(),
        "no row".to_owned(),
        row("http://h/a", r#","bytes":2"#),
        row("http://h/b", r#","bytes":3"#),
        row("http://h/b", "").replace("true", "false"),
        row("HTTP://H:80/x/../c#f", r#","bytes":4"#),
        row("http://h/d", "").replace("true", "false"),
        row(LONG, &long),
        row("http://h/last", r#","bytes":5"#),
    ];
    for end in ["\n", "\r\n"] {
        let file = file(&rows.join(end));
        let records = records(&file);
        let bytes = |url| find(&records, url).map(|record| record.bytes);
        for (url, expected) in [
            ("http://h/first", 1),
            ("http://h/a#f", 2),
            ("http://h/b", 3),
            ("http://h/c", 4),
            ("http://h/last", 5),
        ] {
            assert_eq!(bytes(url), Some(Some(expected)), "{url}");
        }
        assert_eq!((bytes("http://h/d"), bytes("http://h/none")), (None, None));
        let long = find(&records, LONG).unwrap();
        assert_eq!(
            (long.content_type.as_deref(), long.file.as_deref()),
            (Some("t"), Some("f"))
        );
    }
}

#[test]
fn a_record_that_is_not_where_it_was_is_none() {
    let (a, b) = (row("http://h/a", ""), row("http://h/b", ""));
    let content = format!("{a}\n{b}\n");
    for (changed, has_a, has_b) in [
        (format!("{b}\n{a}\n"), false, false),
        (format!("{a}\n"), true, false),
        (String::new(), false, false),
        (format!("{}\n{b}\n", a.replace("true", "null")), false, true),
        (format!("{}\n{b}\n", "x".repeat(a.len())), false, true),
        // What is appended does not matter.
        (
            format!("{content}{}", row("http://h/a", r#","bytes":1"#)),
            true,
            true,
        ),
    ] {
        let file = file(&content);
        let records = records(&file);
        let mut open = OpenOptions::new()
            .write(true)
            .truncate(true)
            .open(file.path())
            .unwrap();
        open.write_all(changed.as_bytes()).unwrap();
        let found = ["http://h/a", "http://h/b"].map(|url| find(&records, url).is_some());
        assert_eq!(found, [has_a, has_b], "{changed}");
    }
}

#[test]
fn only_a_whole_page_has_a_condition() {
    for (more, is_there) in [
        ("", true),
        (r#","status":200,"method":"GET""#, true),
        (r#","status":304,"method":"HEAD""#, true),
        (r#","status":206,"method":"GET""#, false),
        (r#","status":206,"resumed_from":5,"method":"GET""#, true),
        (r#","status":200,"method":"POST""#, false),
    ] {
        let file = file(&row("http://h/", more));
        let record = find(&records(&file), "http://h/").unwrap();
        assert_eq!(record.condition().is_some(), is_there, "{more}");
    }
    // Rows with few fields, or with none that can be sent.
    for row in [
        r#"{"url":"http://h/","ok":true}"#,
        r#"{"url":"http://h/","ok":true,"etag":"\"a\"","last_modified":"b"}"#,
        r#"{"url":"http://h/","ok":true,"final_url":"http://h/","etag":null}"#,
        r#"{"url":"http://h/","ok":true,"final_url":"http://h/","etag":"\u20ac"}"#,
    ] {
        let file = file(row);
        let record = find(&records(&file), "http://h/").unwrap();
        assert!(record.condition().is_none(), "{row}");
    }
}

#[test]
fn a_digest_is_read_or_is_none() {
    let hex = "00ff".repeat(16);
    for (value, expected) in [
        (format!("\"{hex}\""), Some([0, 255].repeat(16))),
        ("\"00ff\"".to_owned(), None),
        ("null".to_owned(), None),
    ] {
        let file = file(&row("http://h/", &format!(r#","sha256":{value}"#)));
        let record = find(&records(&file), "http://h/").unwrap();
        assert_eq!(record.sha256.map(Vec::from), expected, "{value}");
    }
}

#[test]
fn a_file_that_is_not_there_has_no_records() {
    let directory = tempfile::tempdir().unwrap();
    let records = PastRecords::open(&directory.path().join("r"), None).unwrap();
    assert!(find(&records, "http://h/").is_none());
    let warning = records.journal().warning().unwrap();
    assert!(
        warning.ends_with("no such file, so every URL is new"),
        "{warning}"
    );
}
