//! `--dry-run`, which sends nothing and writes nothing but records, and `--summary=json`.

use crate::rows::{by_line, fetch, kinds, row, tables};
use crate::support::{RawServer, Server, anything, containing, dead_host, fetchpool, lines};
use serde_json::{Value, json};

#[test]
fn a_dry_run_tells_what_would_be_fetched_and_sends_nothing() {
    let server = Server::start();
    let [one, two, three] = [1, 2, 3].map(|n| server.url(&format!("/size/{n}")));
    let list = format!("{one}\n# a comment\n{two}\n{one}\n{three}\n");
    let journal = json!({"url": two, "ok": true, "attempts": 1}).to_string() + "\n";
    let run = |format: &str| {
        fetchpool()
            .file("r.jsonl", &journal)
            .list("urls.txt", &list)
            .args(["--dry-run", "--unique", "--resume", "r.jsonl", "-f", format])
    };
    run("text")
        .stdout(format!(
            "'{one}' would be fetched\n'{two}' would be skipped: fetched before\n\
             '{one}' would be skipped: repeated\n'{three}' would be fetched\n"
        ))
        .run();
    let words = ["fetch", "skip: fetched before", "skip: repeated", "fetch"];
    let ended = run("jsonl").stdout(anything()).run();
    let records = by_line(ended.stdout());
    assert_eq!(records.len(), words.len());
    for (record, words) in records.iter().zip(words) {
        assert_eq!(record["dry_run"], words, "{record}");
        assert_eq!(
            (&record["ok"], &record["attempts"]),
            (&Value::Null, &json!(0))
        );
        for field in ["error", "status", "file", "started_at", "hops", "input"] {
            assert_eq!(record.get(field), Some(&Value::Null), "{field}");
        }
    }
    for (format, between) in [("csv", ","), ("tsv", "\t")] {
        let rows = [
            (&one, words[0]),
            (&two, words[1]),
            (&one, words[2]),
            (&three, words[3]),
        ];
        let rows = rows.map(|(url, words)| format!("{url},,0,{words}\n"));
        let wanted = format!("url,ok,attempts,dry_run\n{}", rows.concat());
        run(format)
            .arg("--fields=url,ok,attempts,dry_run")
            .stdout(wanted.replace(',', between))
            .run();
    }
    assert_eq!(server.paths(), [""; 0]);
    assert_eq!(server.connections(), 0);
}

#[test]
fn a_dry_run_names_files_and_makes_no_directory() {
    let server = Server::start();
    let url = server.url("/dir/");
    let port = server.address().port();
    let rows = [
        row([&url, "own/a.txt", "1"]),
        row([&url, "", "2"]),
        row([&url, "../x", "3"]),
        row([&url, "own/a.txt", "4"]),
    ];
    for list in tables(&["url", "name", "id"], &rows) {
        let directory = tempfile::tempdir().expect("a temporary directory");
        for (options, second) in [
            (&[][..], format!("pages/127.0.0.1_{port}/dir/index.html")),
            (&["--name", "{id}{ext}"], "pages/2.html".to_owned()),
        ] {
            let ended = fetchpool()
                .inside(directory.path())
                .list(list.file, &list.text)
                .args(["--dry-run", "-o", "pages", "-f", "jsonl"])
                .args(options)
                .status(1)
                .stdout(anything())
                .run();
            let records = by_line(ended.stdout());
            assert_eq!(records[0]["file"], "pages/own/a.txt", "{}", list.file);
            assert_eq!(records[1]["file"], second, "{}", list.file);
            let invalid = json!("invalid_row");
            let wanted = [Value::Null, Value::Null, invalid.clone(), invalid];
            assert_eq!(kinds(&records), wanted, "{}", list.file);
            assert_eq!(records[0]["input"], json!({"id": "1"}), "{}", list.file);
            assert!(!directory.path().join("pages").exists(), "{}", list.file);
        }
    }
    assert_eq!(server.paths(), [""; 0]);
}

#[test]
fn a_dry_run_has_the_usual_records_of_what_fails_before() {
    let dead = dead_host();
    let good = dead.url("/");
    let list = format!("{good}\nno url\nmailto:a@b.example\n");
    let records = fetch("urls.txt", &list, &["--dry-run"], 1);
    let wanted = [
        Value::Null,
        json!("invalid_url"),
        json!("unsupported_scheme"),
    ];
    assert_eq!(kinds(&records), wanted);
    assert_eq!(
        (&records[1]["ok"], &records[2]["ok"]),
        (&json!(false), &json!(false))
    );
    assert_eq!(records[1]["dry_run"], Value::Null);
    fetch("urls.txt", &list, &["--dry-run", "--max-fail", "2"], 0);
    fetch("urls.txt", &list, &["--dry-run", "--max-fail", "1"], 1);
    fetch(
        "list.csv",
        format!("url,size\n{good},x\n"),
        &["--dry-run"],
        1,
    );
    // Nothing is looked up and nothing connects: these would fail.
    fetchpool()
        .args(["--dry-run", &good, "http://nowhere.invalid/"])
        .stdout(lines([
            format!("'{good}' would be fetched"),
            "'http://nowhere.invalid/' would be fetched".to_owned(),
        ]))
        .run();
}

#[test]
fn a_dry_run_with_a_broken_list_is_status_2() {
    fetchpool()
        .args(["--dry-run", "http://h/", "missing.txt"])
        .status(2)
        .stderr(containing(["missing.txt"]))
        .run();
    fetchpool()
        .arg("--dry-run")
        .list("list.csv", "id,link\n1,http://h/\n")
        .status(2)
        .stderr(containing(["list.csv", "url"]))
        .run();
    let cut = crate::rows::gzip(b"http://h/\n");
    fetchpool()
        .arg("--dry-run")
        .list("urls.gz", &cut[..cut.len() - 1])
        .status(2)
        .stdout("'http://h/' would be fetched\n")
        .stderr(containing(["'urls.gz'", "cut short"]))
        .run();
    fetchpool()
        .args(["--dry-run", "http://h/", "-j", "0"])
        .status(2)
        .stderr(containing(["--jobs"]))
        .run();
}

#[test]
fn a_dry_run_of_a_live_pipe_tells_line_by_line() {
    let mut run = fetchpool()
        .arg("--dry-run")
        .live_stdin()
        .stdout(anything())
        .start();
    for n in 0..200 {
        run.write_line(&format!("http://h/{n}"));
        assert_eq!(run.read_line(), format!("'http://h/{n}' would be fetched"));
    }
    run.finish();
}

#[test]
fn a_reader_that_leaves_ends_a_dry_run_quietly() {
    let list: String = (0..200_000).map(|n| format!("http://h/{n}\n")).collect();
    let mut run = fetchpool()
        .arg("--dry-run")
        .list("urls.txt", list)
        .stdout(anything())
        .start();
    assert_eq!(run.read_line(), "'http://h/0' would be fetched");
    run.close_stdout();
    run.finish();
}

#[test]
fn a_dry_run_of_a_shard_tells_of_that_shard_alone() {
    let urls: Vec<String> = (0..40)
        .map(|n| format!("http://host{n}.example/"))
        .collect();
    let of = |shard: &str| {
        let options = ["--dry-run", "--shard", shard];
        fetch("urls.txt", urls.join("\n"), &options, 0).len()
    };
    let [first, second] = [of("1/2"), of("2/2")];
    assert!(first > 0 && second > 0 && first + second == urls.len());
}

/// The last line of standard error, which must be the summary.
fn summary(text: &str) -> Value {
    let line = text.lines().last().expect("a summary");
    serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"))
}

fn is_a_time(value: &Value) -> bool {
    value.as_f64().is_some_and(|time| time >= 0.0)
}

#[test]
fn a_summary_can_be_one_line_of_json() {
    let server = Server::start();
    let bad =
        RawServer::saying("HTTP/1.1 500 Oh\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    let [one, two] = [server.url("/size/100"), server.url("/size/28")];
    let list = format!(
        "{one}\n{two}\n{one}\n{}\n{}\nno url\n",
        bad.url("/a"),
        bad.url("/b")
    );
    for format in ["text", "jsonl", "csv", "tsv"] {
        let ended = fetchpool()
            .list("urls.txt", &list)
            .args(["--summary=json", "--unique", "-f", format])
            .status(1)
            .stdout(anything())
            .stderr(anything())
            .run();
        assert_eq!(ended.stderr().lines().count(), 1, "{}", ended.stderr());
        assert!(ended.stderr().ends_with('\n'));
        let summary = summary(ended.stderr());
        let mut names: Vec<&str> = summary
            .as_object()
            .expect("an object")
            .keys()
            .map(String::as_str)
            .collect();
        names.sort_unstable();
        let wanted = [
            "bytes",
            "elapsed_ms",
            "failed",
            "failures",
            "fetched",
            "not_started",
            "skipped",
            "time_ms",
            "unchanged",
            "worst_hosts",
        ];
        assert_eq!(names, wanted);
        assert_eq!(
            (&summary["fetched"], &summary["failed"]),
            (&json!(2), &json!(3))
        );
        assert_eq!(
            (&summary["skipped"], &summary["unchanged"]),
            (&json!(1), &json!(0))
        );
        assert_eq!(
            (&summary["bytes"], &summary["not_started"]),
            (&json!(128), &json!(0))
        );
        assert_eq!(
            summary["failures"],
            json!({"http_status": 2, "invalid_url": 1})
        );
        let host = bad.address().to_string();
        assert_eq!(
            summary["worst_hosts"],
            json!([{"host": host, "failures": 2}])
        );
        assert!(is_a_time(&summary["elapsed_ms"]), "{summary}");
        for name in ["p50", "p90", "p99", "max"] {
            assert!(is_a_time(&summary["time_ms"][name]), "{summary}");
        }
    }
}

#[test]
fn a_summary_of_nothing_has_no_times() {
    for option in [&[][..], &["--dry-run"]] {
        let ended = fetchpool()
            .list("urls.txt", "")
            .arg("--summary=json")
            .args(option)
            .stderr(anything())
            .run();
        let summary = summary(ended.stderr());
        assert_eq!(
            (&summary["fetched"], &summary["failed"]),
            (&json!(0), &json!(0))
        );
        assert_eq!(summary["failures"], json!({}));
        assert_eq!(summary["worst_hosts"], json!([]));
        assert_eq!(summary["time_ms"].get("p50"), Some(&Value::Null));
    }
}

#[test]
fn a_summary_in_another_form_is_a_usage_error() {
    fetchpool()
        .args(["--summary=xml", "http://h/"])
        .status(2)
        .stderr(containing([
            "--summary",
            "xml",
            "json",
            "auto",
            "always",
            "never",
        ]))
        .run();
}
