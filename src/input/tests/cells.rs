//! Cells with a meaning, and the headers of tables.

use super::rows::{entries, read_as};
use super::*;
use crate::fetch::{CustomHeader, Method, RequestOptions};
use std::time::Duration;

fn request(format: ListFormat, content: &str) -> Option<RequestOptions> {
    let list = list(content.as_bytes());
    let mut options = options(&[file(list.path())], None);
    options.format = format;
    match entries(options).pop().expect("an entry") {
        Entry::Target(target) => target.request().map(|request| (**request).clone()),
        Entry::Failed(record) | Entry::Skipped(record) => panic!("{record:?}"),
    }
}

#[test]
fn cells_with_a_meaning_are_those_of_the_options() {
    let digest = "00ff".repeat(16);
    let header: CustomHeader = "X-A: b: c".parse().unwrap();
    let expected = RequestOptions {
        method: Some(Method::HEAD),
        accept: Some("404,3xx".parse().unwrap()),
        timeout: Some(Duration::from_millis(1500)),
        max_size: Some(10 << 20),
        headers: vec![header],
        size: Some(7),
        sha256: Some([0, 0xff].repeat(16).try_into().unwrap()),
    };
    let csv = format!(
        "url,method,accept,timeout,max_size,header.X-A,size,sha256\nhttp://a/, HEAD ,\"404,3xx\",1.5,10M,b: c,7,{}\n",
        digest.to_uppercase()
    );
    let jsonl = format!(
        "{{\"url\":\"http://a/\",\"method\":\"HEAD\",\"accept\":\"404,3xx\",\"timeout\":1.5,\"max_size\":\"10M\",\
        \"headers\":{{\"X-A\":\"b: c\",\"X-B\":\"\"}},\"size\":7,\"sha256\":\"{digest}\"}}\n"
    );
    assert_eq!(request(ListFormat::Csv, &csv).as_ref(), Some(&expected));
    assert_eq!(request(ListFormat::Jsonl, &jsonl), Some(expected));
    let empty =
        "url,method,accept,timeout,max_size,header.X-A,size,sha256,name\nhttp://a/,, ,,,,,,\n";
    assert_eq!(request(ListFormat::Csv, empty), None);
}

#[test]
fn wrong_cells_say_what_would_be_right() {
    let long = "v".repeat(50);
    for (column, cell, expected) in [
        (
            "method",
            "get",
            "'get': methods are written in capitals: GET",
        ),
        ("accept", "ok", "'ok' is not a set of statuses"),
        ("timeout", "\x1b5", r"'\x1b5' is not a duration"),
        ("timeout", "5x", "'5x': 'x' is no unit of time"),
        (
            "max_size",
            &long,
            "'vvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvv...' is not a size",
        ),
        ("size", "-1", "'-1': a size cannot be negative"),
        (
            "sha256",
            "0f",
            "'0f' is not a SHA-256: write its 64 hexadecimal digits",
        ),
        (
            "header.X-A",
            "a\x01secret",
            r"the control character '\u{1}' is not allowed",
        ),
    ] {
        let seen = read_as(
            ListFormat::Csv,
            &format!("url,{column}\nhttp://a/,{cell}\n"),
        );
        let expected = format!("invalid_row: line 2, column '{column}': {expected}");
        assert!(
            seen[0].1.starts_with(&expected),
            "{}, not {expected}",
            seen[0].1
        );
        assert!(!seen[0].1.contains("secret"));
    }
}

fn refused(format: ListFormat, content: &str, name: Option<&str>) -> String {
    let list = list(content.as_bytes());
    let mut options = options(&[file(list.path())], None);
    options.format = format;
    options.name = name.map(|name| name.parse().unwrap());
    let error = Targets::open(options)
        .err()
        .expect("it is refused")
        .to_string();
    let (_, what) = error.split_once("', ").unwrap_or(("", &error));
    what.to_owned()
}

#[test]
fn wrong_headers_are_refused_before_anything_is_fetched() {
    for (content, expected) in [
        (
            "id\n",
            "line 1: no column is called 'url': the column is 'id'",
        ),
        (
            "\n\nid,x\n",
            "line 3: no column is called 'url': the columns are 'id', 'x'",
        ),
        (
            "id,URL\n",
            "line 1: no column is called 'url': the columns are 'id', 'URL'; the column 'URL' must be called 'url'",
        ),
        (
            "id,Link\n",
            "line 1: no column is called 'url': the columns are 'id', 'Link'; the column 'Link' must be called 'url'",
        ),
        (
            "http://a/,1\n",
            "line 1: no column is called 'url': the columns are 'http://a/', '1'; the first line must name the columns",
        ),
        (
            "id\turl\n",
            "line 1: no column is called 'url': the column is 'id\\turl'; read it with -i tsv",
        ),
        (
            "id;url\n",
            "line 1: no column is called 'url': the column is 'id;url'; separate the cells by commas",
        ),
        (
            "url,id,id\n",
            "line 1: two columns are called 'id'; give each column its own name",
        ),
        (
            "url,,\n",
            "line 1: two columns have no name; give each column its own name",
        ),
        (
            "url,header.A,header.a\n",
            "line 1: two columns are called 'header.a'; give each column its own name",
        ),
        (
            "url,header.Te\n",
            "line 1: the column 'header.Te': Te cannot be set: it belongs to the connection, not to the request",
        ),
        (
            "url,header.A:b\n",
            "line 1: the column 'header.A:b': not a header name: it has letters, digits and hyphens",
        ),
        (
            "url,\"id\n",
            "line 1: a quote in the header line is not closed, or a cell goes on behind it",
        ),
    ] {
        assert_eq!(
            refused(ListFormat::Csv, content, None),
            expected,
            "{content:?}"
        );
    }
    let missing = refused(ListFormat::Csv, "url,id\n", Some("{host}-{idd}"));
    assert_eq!(
        missing,
        "line 1: --name has '{idd}', but no column is called so: the columns are 'url', 'id'"
    );
    let lines = refused(ListFormat::Lines, "http://a/\n", Some("{id}"));
    assert!(
        lines.starts_with("but a list of lines has no columns; write {line}"),
        "{lines}"
    );
}

#[test]
fn a_row_that_is_blank_up_to_the_limit_is_too_long() {
    let long = format!("{}{{\"url\":\"http://a/\"}}\n", " ".repeat(1 << 20));
    let seen = read_as(ListFormat::Jsonl, &long);
    let [(1, what, _)] = &seen[..] else {
        panic!("{seen:?}");
    };
    assert_eq!(what, "invalid_row: line 1: the row is over 1 MiB");
}

#[test]
fn the_headers_of_a_row_are_a_part_of_its_text() {
    let length = |value: &str| {
        let list = list(format!("url,header.a\nhttp://a/,{value}\n").as_bytes());
        let options = options(&[file(list.path())], None);
        let format = ListFormat::Csv;
        let [entry] = &entries(Options { format, ..options })[..] else {
            panic!("it is one row");
        };
        entry.text()
    };
    assert_eq!(length(&"x".repeat(1000)), length("x") + 999);
}
