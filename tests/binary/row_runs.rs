//! Runs over tables: the options that take parts of a list work for rows as they do for lines.

use crate::rows::{by_line, fetch, gzip, kinds, row, tables};
use crate::support::{Server, Stdio, anything, fetchpool, lines, page};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::fs::OpenOptions;

#[test]
fn of_a_table_that_is_cut_short_what_was_whole_is_fetched() {
    let server = Server::start();
    let urls: Vec<String> = (0..20).map(|n| server.url(&format!("/size/{n}"))).collect();
    let rows: Vec<Vec<String>> = urls.iter().map(|url| row([url, "7"])).collect();
    let other = server.url("/size/99");
    for table in tables(&["url", "id"], &rows) {
        let whole = gzip(table.text.as_bytes());
        let file = format!("{}.gz", table.file);
        let mut wanted: Vec<String> = (0..20).map(|n| page(&urls[n], n)).collect();
        wanted.push(page(&other, 99));
        let message = format!("fetchpool: cannot read '{file}', line ");
        fetchpool()
            .list(&file, &whole[..whole.len() - 1])
            .arg(&other)
            .status(2)
            .stdout(lines(wanted))
            .stderr(crate::support::containing([
                message.as_str(),
                ": its compressed data is cut short\n",
            ]))
            .run();
    }
}

#[test]
fn rows_and_lines_fall_to_the_same_shards() {
    let server = Server::start();
    let port = server.address().port();
    let urls: Vec<String> = (0..60)
        .map(|n| format!("http://host{}.example:{port}/size/1?{n}", n % 20))
        .collect();
    let rows: Vec<Vec<String>> = urls.iter().map(|url| row([url, "7"])).collect();
    let resolve = format!("*:{port}:127.0.0.1");
    let part = |file: &str, text: &str, shard: &str| -> BTreeSet<String> {
        let records = fetch(file, text, &["--resolve", &resolve, "--shard", shard], 0);
        let url = |record: &Value| record["url"].as_str().expect("a string").to_owned();
        records.iter().map(url).collect()
    };
    for shard in ["1/3", "2/3", "3/3"] {
        let wanted = part("urls.txt", &urls.join("\n"), shard);
        assert!(!wanted.is_empty() && wanted.len() < urls.len());
        for table in tables(&["url", "id"], &rows) {
            assert_eq!(
                part(table.file, &table.text, shard),
                wanted,
                "{} {shard}",
                table.file
            );
        }
    }
}

#[test]
fn unique_skips_rows_whose_url_an_earlier_one_had() {
    let server = Server::start();
    let [one, two] = [server.url("/size/1"), server.url("/size/2")];
    let rows = [row([&one, "a"]), row([&two, "b"]), row([&one, "c"])];
    for table in tables(&["url", "id"], &rows) {
        let records = fetch(table.file, &table.text, &["--unique", "--ordered"], 0);
        let ids: Vec<&Value> = records
            .iter()
            .map(|record| &record["input"]["id"])
            .collect();
        assert_eq!(ids, ["a", "b"], "{}", table.file);
    }
    // Also among lists of several formats.
    let before = server.paths().len();
    let [csv, _, jsonl] = tables(&["url", "id"], &rows);
    fetchpool()
        .list(csv.file, &csv.text)
        .list(jsonl.file, &jsonl.text)
        .arg(&two)
        .arg("--unique")
        .stdout(lines([page(&one, 1), page(&two, 2)]))
        .run();
    assert_eq!(server.paths().len(), before + 2);
}

#[test]
fn resume_with_the_original_table_tries_failures_again_with_their_columns() {
    let server = Server::start();
    let urls = ["/size/1", "/status/404", "/size/3"].map(|path| server.url(path));
    for format in 0..3 {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let run = |accept: &str, status: i32| {
            let rows = [
                row([&urls[0], "", "1", "one.txt"]),
                row([&urls[1], accept, "2", "two.txt"]),
                row([&urls[2], "", "3", "three.txt"]),
            ];
            let columns = ["url", "accept", "id", "name"];
            let table = tables(&columns, &rows)
                .into_iter()
                .nth(format)
                .expect("three");
            let journal = OpenOptions::new()
                .append(true)
                .create(true)
                .open(directory.path().join("r.jsonl"));
            fetchpool()
                .inside(directory.path())
                .list(table.file, &table.text)
                .args(["-f", "jsonl", "--resume", "r.jsonl", "-o", "pages"])
                .stdout_to(Stdio::File(journal.expect("it can be written")))
                .status(status)
                .run();
            let path = directory.path().join("r.jsonl");
            std::fs::read_to_string(path).expect("it is there")
        };
        let before = server.paths().len();
        assert_eq!(run("", 1).lines().count(), 3);
        let text = run("404", 0);
        assert_eq!(text.lines().count(), 4, "{text}");
        assert_eq!(server.paths().len(), before + 4);
        let last: Value = serde_json::from_str(text.lines().last().expect("four")).expect("JSON");
        assert_eq!((&last["url"], &last["ok"]), (&json!(urls[1]), &json!(true)));
        assert_eq!(last["input"], json!({"id": "2"}));
        assert_eq!(last["file"], "pages/two.txt");
        assert_eq!(run("404", 0).lines().count(), 4, "nothing is left to do");
    }
}

#[test]
fn ordered_prints_rows_in_the_order_of_the_table() {
    let server = Server::start();
    for table in 0..3 {
        let gate = server.gate(&format!("first{table}"));
        let first = server.url(&format!("/gate/first{table}"));
        let mut rows = vec![row([&first, "0", ""])];
        for n in 1..40 {
            let wrong = if n == 20 { "soon" } else { "" };
            rows.push(row([&server.url("/size/1"), &n.to_string(), wrong]));
        }
        let table = tables(&["url", "id", "timeout"], &rows)
            .into_iter()
            .nth(table)
            .expect("three");
        let before = server.paths().len();
        let run = fetchpool()
            .list(table.file, &table.text)
            .args(["--ordered", "-j", "3", "-f", "jsonl"])
            .status(1)
            .stdout(anything())
            .start();
        // All others are fetched while the first waits.
        server.wait_for_requests(before + 39);
        gate.open();
        let ended = run.finish();
        let ids: Vec<String> = ended
            .stdout()
            .lines()
            .map(|line| {
                let record: Value = serde_json::from_str(line).expect("JSON");
                record["input"]["id"].as_str().expect("a string").to_owned()
            })
            .collect();
        let wanted: Vec<String> = (0..40).map(|n| n.to_string()).collect();
        assert_eq!(ids, wanted, "{}", table.file);
    }
}

#[test]
fn several_lists_of_several_formats_are_read_in_turn() {
    let server = Server::start();
    let url = |n: usize| server.url(&format!("/size/{n}"));
    let ended = fetchpool()
        .list("first.csv", format!("id,url\na,{}\n", url(1)))
        .list("second.txt", url(2))
        .list("third.jsonl", json!({"url": url(3)}).to_string())
        .arg(url(4))
        .list("last.tsv", format!("url\tid\n{}\tb\n", url(5)))
        .args(["--ordered", "-f", "jsonl"])
        .stdout(anything())
        .run();
    let sources: Vec<String> = ended
        .stdout()
        .lines()
        .map(|line| {
            let record: Value = serde_json::from_str(line).expect("JSON");
            format!("{} {}", record["source"], record["line"]).replace('"', "")
        })
        .collect();
    let wanted = [
        "first.csv 2",
        "second.txt 1",
        "third.jsonl 1",
        "argument 1",
        "last.tsv 2",
    ];
    assert_eq!(sources, wanted);
    assert_eq!(kinds(&by_line(ended.stdout())), [const { Value::Null }; 5]);
}
