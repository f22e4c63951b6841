//! The first record of a file that is no list names its format and a command that converts it; no other record does.

use super::*;
use flate2::Compression;
use flate2::write::GzEncoder;

pub(super) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// The message of the first record; none if it is a URL.
fn message(list: &[u8]) -> String {
    let targets = from_list(list);
    let first = targets.first().expect("a record");
    first
        .url
        .as_ref()
        .map_or_else(|failure| failure.message().to_owned(), |_| String::new())
}

#[test]
fn what_is_no_list_is_named_with_its_cure() {
    let tar = [
        b"urls.txt".as_slice(),
        &[0; 249],
        b"ustar\x0000",
        &[0; 247],
        b"http://a/\n",
    ]
    .concat();
    let long = format!("{}\n", "http://a/\0".repeat(10_000));
    let object = format!("{{\"url\":\"http://a/\",\"x\":\"{}\"}}", "x".repeat(70_000));
    let table: &[(&[u8], &str)] = &[
        (
            b"PK\x03\x04\x14\0\0\0urls.txt",
            "a zip archive: unzip -p FILE",
        ),
        (
            b"PK\x03\x04\x14\0\0\0[Content_Types].xml",
            "a spreadsheet or another document: save it as text",
        ),
        (b"\x28\xb5\x2f\xfd\x04", "compressed by zstd: zstd -dc FILE"),
        (b"\xfd7zXZ\0\0", "compressed by xz: xz -dc FILE"),
        (b"BZh91AY&SY\x01", "compressed by bzip2: bzip2 -dc FILE"),
        (&tar, "a tar archive: tar -xOf FILE"),
        (&gzip(&tar), "a tar archive: tar -xOf FILE"),
        (
            b"h\0t\0t\0p\0:\0/\0/\0a\0\n\0",
            "UTF-16 without a byte order mark: iconv -f UTF-16LE -t UTF-8 FILE",
        ),
        (
            b"\0h\0t\0t\0p\0:\0/\0/\0a\0\n",
            "UTF-16 without a byte order mark: iconv -f UTF-16BE -t UTF-8 FILE",
        ),
        // A comment goes before the first record.
        (
            b"#\0a\0\n\0h\0t\0t\0p\0",
            "UTF-16 without a byte order mark: iconv -f UTF-16LE",
        ),
        (
            b"\0#\0a\0\n\0h\0t\0t\0p",
            "UTF-16 without a byte order mark: iconv -f UTF-16BE",
        ),
        (
            b"\n\0h\0t\0t\0p\0",
            "UTF-16 without a byte order mark: iconv -f UTF-16LE",
        ),
        (
            b"http://a/\0http://b/\0",
            r"NUL-separated: tr '\0' '\n' < FILE",
        ),
        (long.as_bytes(), r"NUL-separated: tr '\0' '\n' < FILE"),
        (b"<!DOCTYPE html>\n<html>", "HTML or XML: grep -oE"),
        (
            b"\n <html lang=en><a href=http://a/>",
            "HTML or XML: grep -oE",
        ),
        (b"<?xml version='1.0'?>", "HTML or XML: grep -oE"),
        (
            b"{\"url\":\"http://a/\",\"ok\":true}",
            "JSON: read it with -i jsonl",
        ),
        (
            b"{\"id\":1,\"link\":\"x\",\"z\":\"http://a/\"}",
            "JSON: jq -r .link FILE",
        ),
        (
            b"{\"id\":1,\"page_at\":\"http://a/\"}",
            "JSON: jq -r .page_at FILE",
        ),
        (object.as_bytes(), "JSON: jq -r .url FILE"),
        (b"{\n  \"url\": \"http://a/\"\n}", "JSON: jq -r .url FILE"),
        (b"[\n\"http://a/\"]", "JSON: jq -r '.[]' FILE"),
        (b"[\"http://a/\",\"http://b/\"]", "JSON: jq -r '.[]' FILE"),
        (
            b"[{\"href\":\"http://a/\"},{\"href\"",
            "JSON: jq -r '.[].href' FILE",
        ),
        (b"url\nhttp://a/", "a table: read it with -i csv"),
        (
            b"\xef\xbb\xbf\"URL\"\nhttp://a/",
            "a table: tail -n +2 FILE",
        ),
        (
            b"id,url,name\n1,http://a/,x",
            "a table: read it with -i csv",
        ),
        (
            b"id,URL,name\n1,http://a/,x",
            "a table: cut -d',' -f2 FILE | tail -n +2 | fetchpool",
        ),
        (
            b"id;Link\n",
            "a table: cut -d';' -f2 FILE | tail -n +2 | fetchpool",
        ),
        (
            b"1,http://a/,x\n",
            "a table: cut -d',' -f2 FILE | fetchpool",
        ),
        (
            b"1|http://a/?x,y\n",
            "a table: cut -d'|' -f2 FILE | fetchpool",
        ),
        (b"http://a/\tx\n", "a table: cut -f1 FILE | fetchpool"),
        (b"name\turl\n", "a table: read it with -i tsv"),
        (b"\"id\",\"url\"\n", "a table: read it with -i csv"),
        (
            b"\"id\",\"Link\"\n",
            r"a table: mlr --icsv --ifs ',' --onidx cut -f Link FILE | fetchpool",
        ),
        (
            b"\"x\ty\"\t\"http://a/\"\n",
            r"a table: mlr --icsv --ifs '\t' --implicit-csv-header --onidx cut -f",
        ),
    ];
    for (list, expected) in table {
        let message = message(list);
        let expected = format!("the list is {expected}");
        assert!(
            message.starts_with(&expected),
            "{message:?}, not {expected:?}"
        );
    }
}

#[test]
fn what_is_only_a_wrong_line_is_not_taken_for_something_else() {
    for list in [
        "example.com",
        "<http://a/>",
        "[http://a/]",
        "[title](http://a/)",
        "{http://a/}",
        "\"http://a/\"",
        "'http://a/'",
        "* http://a/",
        "http://a b/,x",
        "http://a:b/;url",
        "user@example.com",
        "hello, world",
        "1|2|3",
        "link text",
        "{}",
        "[]",
        "[1]",
        "PK",
        "BZ",
        "a\0b",
        "\0",
        "<",
        "<-",
        "ftp://a/,http://b/",
    ] {
        let message = message(list.as_bytes());
        assert!(
            !message.is_empty() && !message.starts_with("the list is"),
            "{list:?}: {message}"
        );
    }
    // Records after the first are lines like any other.
    for first in ["http://a/", "example.com"] {
        let targets = from_list(format!("{first}\nurl,name\nid\turl\n").as_bytes());
        let second = targets[1].url.as_ref().unwrap_err();
        assert!(!second.message().starts_with("the list is"));
    }
    // Each list has a first record.
    let lists = [list(b"http://a/\n"), list(b"id,url\n")];
    let targets = all(options(
        &lists.each_ref().map(|list| file(list.path())),
        None,
    ));
    let last = targets[1].url.as_ref().unwrap_err();
    assert!(last.message().starts_with("the list is a table"));
}
