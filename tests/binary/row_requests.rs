//! Columns that change the request of their row: `method`, `accept`, `timeout`, `max_size` and headers.

use crate::names::save;
use crate::rows::{by_line, fetch, kinds, row, tables};
use crate::support::{RawServer, Server, anything, fetchpool};
use serde_json::{Value, json};

#[test]
fn a_row_has_its_own_method_and_headers() {
    let server = Server::start();
    let urls: Vec<String> = (0..4)
        .map(|n| server.url(&format!("/size/1?{n}")))
        .collect();
    let columns = ["url", "method", "header.X-Id", "header.User-Agent"];
    let rows = [
        row([&urls[0], "HEAD", "seven", "mine"]),
        row([&urls[1], "DELETE", "", ""]),
        row([&urls[2], "", "a \u{e4}", ""]),
        row([&urls[3], "", "", ""]),
    ];
    for table in tables(&columns, &rows) {
        let before = server.seen().len();
        let options = ["-j", "1", "-H", "X-Id: option", "-H", "X-Other: option"];
        let records = fetch(table.file, &table.text, &options, 0);
        let methods: Vec<&Value> = records.iter().map(|record| &record["method"]).collect();
        assert_eq!(methods, ["HEAD", "DELETE", "GET", "GET"], "{}", table.file);
        let mut seen = server.seen().split_off(before);
        seen.sort_by_key(|seen| seen.path.clone());
        assert_eq!(seen.len(), 4);
        let methods = seen.iter().map(|seen| seen.method.as_str());
        assert!(
            methods.eq(["HEAD", "DELETE", "GET", "GET"]),
            "{}",
            table.file
        );
        let ids = [&seen[0], &seen[1], &seen[3]].map(|seen| seen.header("x-id"));
        assert_eq!(
            ids,
            [Some("seven"), Some("option"), Some("option")],
            "{}",
            table.file
        );
        assert_eq!(seen[2].headers["x-id"].as_bytes(), "a \u{e4}".as_bytes());
        assert!(
            seen.iter()
                .all(|seen| seen.header("x-other") == Some("option"))
        );
        assert_eq!(seen[0].header("user-agent"), Some("mine"));
        assert!(
            seen[1]
                .header("user-agent")
                .is_some_and(|name| name.starts_with("fetchpool/"))
        );
        for record in &records {
            assert!(record["input"].get("method").is_none(), "{record}");
            assert!(record["input"].get("header.X-Id").is_none(), "{record}");
        }
    }
}

#[test]
fn a_row_with_a_method_of_its_own_goes_before_the_option() {
    let server = Server::start();
    let urls = [server.url("/size/5?a"), server.url("/size/5?b")];
    let rows = [row([&urls[0], "GET"]), row([&urls[1], ""])];
    for table in tables(&["url", "method"], &rows) {
        let records = fetch(table.file, &table.text, &["-I"], 0);
        assert_eq!(records[0]["method"], "GET");
        assert_eq!(records[1]["method"], "HEAD");
        assert_eq!(
            (&records[0]["bytes"], &records[1]["bytes"]),
            (&json!(5), &json!(5))
        );
    }
}

#[test]
fn the_headers_of_a_row_stay_with_its_origin() {
    let [first, second] = [Server::start(), Server::start()];
    let there = second.url("/size/1");
    let url = first.url(&format!("/to/302/{there}"));
    let rows = [row([&url, "Bearer hunter2"])];
    for table in tables(&["url", "header.Authorization"], &rows) {
        fetch(table.file, &table.text, &[], 0);
    }
    let shown = |server: &Server| -> Vec<bool> {
        let has = |seen: &crate::support::Seen| seen.headers.contains_key("authorization");
        server.seen().iter().map(has).collect()
    };
    assert_eq!(shown(&first), [true; 3]);
    assert_eq!(shown(&second), [false; 3]);
}

#[test]
fn a_row_says_which_statuses_are_pages() {
    let server = Server::start();
    let url = |status: &str| server.url(&format!("/status/{status}"));
    let rows = [
        row([&url("404"), "404"]),
        row([&url("500"), "200-299,5xx"]),
        row([&url("404"), "2xx"]),
        row([&url("200"), "404"]),
        row([&url("410"), ""]),
        row([&url("503"), ""]),
    ];
    for table in tables(&["url", "accept"], &rows) {
        let records = fetch(table.file, &table.text, &["--accept", "410"], 1);
        let failed = json!("http_status");
        let wanted = [
            Value::Null,
            Value::Null,
            failed.clone(),
            failed.clone(),
            Value::Null,
            failed,
        ];
        assert_eq!(kinds(&records), wanted, "{}", table.file);
        let statuses: Vec<&Value> = records.iter().map(|record| &record["status"]).collect();
        assert_eq!(statuses, [404, 500, 404, 200, 410, 503], "{}", table.file);
        assert_eq!(records[0]["bytes"], "a page that says why".len());
    }
}

#[test]
fn a_row_has_its_own_timeout() {
    let silent = RawServer::silent();
    let server = Server::start();
    let [short, fast] = [silent.url("/"), server.url("/size/1")];
    let rows = [row([&short, "500ms"]), row([&fast, "0"]), row([&fast, ""])];
    for table in tables(&["url", "timeout"], &rows) {
        let records = fetch(table.file, &table.text, &["-t", "0"], 1);
        assert_eq!(
            kinds(&records),
            [json!("timeout"), Value::Null, Value::Null]
        );
        assert_eq!(records[0]["error"]["phase"], "first_byte", "{}", table.file);
    }
}

#[test]
fn the_timeout_of_a_row_holds_while_its_host_is_reached() {
    let silent = crate::support::SilentHost::start();
    // Each is of the same host, and keeps its own.
    let rows = ["500ms", "", "250ms"].map(|timeout| row([&silent.url("/"), timeout]));
    for table in tables(&["url", "timeout"], &rows) {
        let records = fetch(table.file, &table.text, &["-t", "750ms"], 1);
        assert_eq!(kinds(&records), [const { "timeout" }; 3].map(Value::from));
        for (record, timeout) in records.iter().zip(["500ms", "750ms", "250ms"]) {
            assert_eq!(record["error"]["phase"], "connect", "{}", table.file);
            let message = record["error"]["message"].as_str();
            assert!(
                message.is_some_and(|text| text.contains(timeout)),
                "{record}"
            );
        }
    }
}

#[test]
fn a_row_has_its_own_largest_size() {
    let server = Server::start();
    let url = server.url("/size/2000");
    let sizes = ["1999", "2000", "2K", "1K", "", "0"];
    let rows = sizes.map(|size| row([&url, size]));
    for table in tables(&["url", "max_size"], &rows) {
        let records = fetch(table.file, &table.text, &["--max-size", "1999"], 1);
        let large = json!("too_large");
        let wanted = [
            large.clone(),
            Value::Null,
            Value::Null,
            large.clone(),
            large,
            // No limit, as with the option.
            Value::Null,
        ];
        assert_eq!(kinds(&records), wanted, "{}", table.file);
    }
}

#[test]
fn jsonl_may_give_numbers_and_an_object_of_headers() {
    let server = Server::start();
    let silent = RawServer::silent();
    let list = [
        json!({"url": server.url("/status/404"), "accept": 404}),
        json!({"url": server.url("/size/3000"), "max_size": 3000, "size": 3000}),
        json!({"url": server.url("/size/3000"), "max_size": 2999}),
        json!({"url": server.url("/size/3000"), "size": 3001}),
        json!({"url": silent.url("/"), "timeout": 0.5}),
        json!({"url": silent.url("/"), "timeout": 1}),
        json!({"url": server.url("/size/1?h"), "headers": {"X-A": "1", "x-b": "2"}}),
    ];
    let text = list.map(|object| object.to_string() + "\n").concat();
    let ended = fetchpool()
        .list("list.jsonl", text)
        .args(["-f", "jsonl", "-t", "0"])
        .status(1)
        .stdout(anything())
        .run();
    let wanted = [
        Value::Null,
        Value::Null,
        json!("too_large"),
        json!("mismatch"),
        json!("timeout"),
        json!("timeout"),
        Value::Null,
    ];
    assert_eq!(kinds(&by_line(ended.stdout())), wanted);
    let seen = server.seen();
    let seen = seen
        .iter()
        .find(|seen| seen.path == "/size/1?h")
        .expect("it came");
    assert_eq!(
        (seen.header("x-a"), seen.header("x-b")),
        (Some("1"), Some("2"))
    );
}

#[test]
fn a_row_that_asks_for_a_body_is_saved_whatever_the_others_ask_for() {
    let server = Server::start();
    let url = server.url("/size/3");
    let rows = [row([&url, "GET", "a"]), row([&url, "", "b"])];
    for list in tables(&["url", "method", "name"], &rows) {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let records = save(directory.path(), &list, &["-I"], 0);
        assert_eq!(records[0]["file"], "pages/a", "{}", list.file);
        assert_eq!(records[1]["file"], Value::Null, "{}", list.file);
    }
}
