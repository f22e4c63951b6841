//! The options of tables, and of what records tell.

use super::*;
use crate::fetch::{RecordHeaders, StatusSet};
use crate::input::ListFormat;

#[test]
fn lists_have_one_of_four_forms() {
    for (line, format) in [
        ("-", ListFormat::Auto),
        ("-i auto", ListFormat::Auto),
        ("-i lines", ListFormat::Lines),
        ("--input csv", ListFormat::Csv),
        ("-itsv", ListFormat::Tsv),
        ("-i csv --input=jsonl", ListFormat::Jsonl),
    ] {
        assert_eq!(settings(line).input.format, format, "{line}");
    }
    let told = usage_error(stop("-i xlsx"));
    let expected = "fetchpool: invalid value 'xlsx' for '--input <F>'\n  [possible values: auto, lines, csv, tsv, jsonl]";
    assert!(told.starts_with(expected), "{told}");
    let told = usage_error(stop("-i urls.txt"));
    let tip = "\n  tip: a list is given without an option: fetchpool urls.txt\n";
    assert!(told.contains(tip), "{told}");
}

#[test]
fn names_are_for_saved_bodies() {
    for (line, saves, has_name) in [
        ("-o d", true, false),
        ("-o d --name {line}", true, true),
        ("--name {line} -o d --dry-run", true, true),
        ("-o d -I", true, false),
        ("-o d -X HEAD --name {line}", true, true),
        ("-o d -X OPTIONS", true, false),
        ("--dry-run", false, false),
    ] {
        let input = settings(line).input;
        assert_eq!(
            (input.saves, input.name.is_some()),
            (saves, has_name),
            "{line}"
        );
    }
    assert!(settings("--dry-run").input.dry_run);
    for line in ["--name {line}", "--name {line} --dry-run"] {
        let told = usage_error(stop(line));
        let expected = "fetchpool: --name is given without -o: it names the files";
        assert!(told.starts_with(expected), "{told}");
    }
}

#[test]
fn what_makes_a_page_arrives() {
    let fetch = settings("--accept 200,3xx --check").fetch;
    let accept: StatusSet = "200,300-399".parse().unwrap();
    assert_eq!((fetch.accept, fetch.check), (accept, true));
    let told = usage_error(stop("--accept ok"));
    let expected = "fetchpool: invalid value 'ok' for '--accept <SET>': not a set of statuses";
    assert!(told.starts_with(expected), "{told}");
    for (line, option) in [
        ("--check -o d", "--output-dir <DIR>"),
        ("--check --body -f jsonl", "--body"),
        ("--check -I", "--head"),
        ("--check -X GET", "--method <M>"),
    ] {
        let told = usage_error(stop(line));
        let expected = format!("fetchpool: the argument '--check' cannot be used with '{option}'");
        assert!(told.starts_with(&expected), "{line}: {told}");
    }
}

#[test]
fn as_many_may_fail_as_are_allowed() {
    for (line, most) in [
        ("--max-fail 0", MaxFail::Count(0)),
        ("--max-fail 12", MaxFail::Count(12)),
        ("--max-fail=0.5%", MaxFail::Share(500_000)),
        ("--max-fail 1% --max-fail 100%", MaxFail::Share(100_000_000)),
    ] {
        assert_eq!(settings(line).max_fail, most, "{line}");
    }
    for (value, expected) in [("-1", "not a whole number"), ("101%", "over 100%")] {
        let told = usage_error(stop(&format!("--max-fail {value}")));
        let expected = format!(
            "fetchpool: invalid value '{value}' for '--max-fail <N|P%>': {expected}: write a number like 10"
        );
        assert!(told.starts_with(&expected), "{told}");
    }
}

#[test]
fn bodies_are_for_jsonl_and_have_a_limit() {
    for (line, most) in [
        ("-f jsonl --body", Some(10 << 20)),
        ("-f jsonl --body --max-size 11M", Some(11 << 20)),
        ("-f jsonl --body --max-size 0", None),
        ("-f jsonl", None),
    ] {
        let read = settings(line);
        let has_body = line.contains("--body");
        assert_eq!(
            (read.keeps_bodies, read.fetch.max_size),
            (has_body, most),
            "{line}"
        );
    }
    for line in ["--body", "--body -f csv", "-f tsv --body", "--body -f text"] {
        let told = usage_error(stop(line));
        let expected = "fetchpool: --body: only records in JSON hold bodies: add -f jsonl";
        assert!(told.starts_with(expected), "{line}: {told}");
    }
}

#[test]
fn what_records_tell_arrives() {
    assert!(settings("--sha256").fetch.sha256);
    let named = |names: &[&str]| {
        let names = names.iter().map(|name| name.parse().unwrap());
        RecordHeaders::Named(names.collect())
    };
    for (line, expected) in [
        ("-", named(&[])),
        ("--record-header ETag", named(&["etag"])),
        (
            "--record-header server --record-header X-A",
            named(&["server", "x-a"]),
        ),
        (
            "--record-header server --record-header *",
            RecordHeaders::All,
        ),
        ("--record-header=*", RecordHeaders::All),
    ] {
        assert_eq!(settings(line).fetch.record_headers, expected, "{line}");
    }
    for name in ["''", "ETag:", "a,b", "\u{e9}"] {
        let told = usage_error(stop(&format!("--record-header {name}")));
        assert!(
            told.contains("for '--record-header <NAME>'")
                && told.contains("not the name of a header")
                || name == "''" && told.contains("--record-header <NAME>"),
            "{told}"
        );
    }
}

#[test]
fn fields_are_checked_with_the_format() {
    for line in [
        "-f jsonl --fields url",
        "-f csv --fields status,url",
        "-f jsonl --body --fields url,body",
        "-f tsv --dry-run --fields url,dry_run",
    ] {
        settings(line);
    }
    for (line, value) in [
        ("--fields url", "url"),
        ("-f jsonl --fields nothing", "nothing"),
        ("-f jsonl --fields body", "body"),
        ("-f csv --fields dry_run", "dry_run"),
        ("-f csv --fields ''", ""),
        ("-f csv --fields \x1b[31m", "\\x1b[31m"),
    ] {
        let told = usage_error(stop(line));
        let expected = format!("fetchpool: invalid value '{value}' for '--fields <LIST>': ");
        assert!(told.starts_with(&expected), "{line}: {told}");
    }
}

#[test]
fn headers_may_come_from_files() {
    let file = |path: &str| HeaderSource::File(path.into());
    assert_eq!(
        settings("-H A:b -H @secret.txt -H C:d -H@./-").headers,
        [
            header("A:b"),
            file("secret.txt"),
            header("C:d"),
            file("./-")
        ]
    );
    for (value, expected) in [
        ("@", "no file after the @: write @FILE"),
        ("@-", "@-: standard input is for lists; give a file"),
    ] {
        let told = usage_error(stop(&format!("-H {value}")));
        let expected = format!("fetchpool: invalid value for '--header <N: V>': {expected}");
        assert!(told.starts_with(&expected), "{told}");
    }
}
