//! What a record says beyond its page: `--fields`, `--record-header`, `--body`, `--sha256`, `hops` and validators.

use crate::jsonl::FIELDS;
use crate::rows::{by_line, fetch, kinds};
use crate::support::{RawServer, Server, anything, containing, dead_host, fetchpool};
use serde_json::{Value, json};

/// The SHA-256 of "hello".
const HELLO: &str = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824";

/// The first line of the output of a run over `url` in `format`.
fn first_line(url: &str, format: &str, options: &[&str]) -> String {
    let ended = fetchpool()
        .args(["-f", format, url])
        .args(options)
        .stdout(anything())
        .run();
    ended.stdout().lines().next().expect("a line").to_owned()
}

#[test]
fn fields_are_those_that_were_asked_for_in_that_order() {
    let server = Server::start();
    let url = server.url("/size/7");
    let fields = ["--fields", "status,bytes,url,error"];
    assert_eq!(
        first_line(&url, "jsonl", &fields),
        format!(r#"{{"status":200,"bytes":7,"url":"{url}","error":null}}"#)
    );
    for (format, between) in [("csv", ","), ("tsv", "\t")] {
        let ended = fetchpool()
            .args(["-f", format, &url])
            .args(fields)
            .stdout(anything())
            .run();
        let header = "status,bytes,url,error_kind,error_message,error_phase";
        let wanted = format!("{header}\n200,7,{url},,,\n").replace(',', between);
        assert_eq!(ended.stdout(), wanted);
        let one = ["--fields=error_kind"];
        assert_eq!(first_line(&url, format, &one), "error_kind");
    }
    assert_eq!(
        first_line(&url, "jsonl", &["--fields", "ok"]),
        r#"{"ok":true}"#
    );
}

#[test]
fn every_field_can_be_asked_for_alone() {
    let server = Server::start();
    let url = server.url("/redirect/1");
    for field in FIELDS {
        let line = first_line(&url, "jsonl", &["--fields", field]);
        assert!(line.starts_with(&format!("{{\"{field}\":")), "{line}");
        if field != "error" {
            for format in ["csv", "tsv"] {
                assert_eq!(first_line(&url, format, &["--fields", field]), field);
            }
        }
    }
}

#[test]
fn wrong_fields_are_a_usage_error_that_names_the_right_ones() {
    let server = Server::start();
    let url = server.url("/size/1");
    for (fields, format, named) in [
        ("url,size", "jsonl", &["'size'", "bytes"][..]),
        ("URL", "csv", &["'URL'", "url"]),
        ("", "jsonl", &["url"]),
        ("url,", "jsonl", &["url"]),
        ("url,ok,url", "tsv", &["'url'", "twice"]),
        ("body", "jsonl", &["body", "--body"]),
        ("dry_run", "jsonl", &["dry_run", "--dry-run"]),
        ("error_kind", "jsonl", &["'error_kind'", "error"]),
        ("url", "text", &["text", "jsonl"]),
    ] {
        fetchpool()
            .args(["-f", format, &format!("--fields={fields}"), &url])
            .status(2)
            .stderr(containing(
                named.iter().copied().chain(["fetchpool: ", "--fields"]),
            ))
            .run();
    }
    assert_eq!(server.paths(), [""; 0]);
}

/// A page with headers of several kinds.
fn with_headers() -> RawServer {
    RawServer::saying(
        &b"HTTP/1.1 200 OK\r\nETag: \"a\xff\"\r\nLast-Modified: Wed, 21 Oct 2015 07:28:00 GMT\r\n\
           X-Twice: 1\r\nx-twice: \xc3\xa4\r\nServer: \xe4\r\nContent-Length: 5\r\n\
           Connection: close\r\n\r\nhello"[..],
    )
}

#[test]
fn headers_of_the_reply_are_recorded_by_name() {
    let server = with_headers();
    let record = |options: &[&str]| fetch("urls.txt", server.url("/"), options, 0).remove(0);
    assert_eq!(record(&[]).get("headers"), Some(&Value::Null));
    let named = record(&["--record-header", "X-TWICE", "--record-header=server"]);
    let wanted = json!({"x-twice": ["1", "\u{e4}"], "server": ["\u{e4}"]});
    assert_eq!(named["headers"], wanted);
    let missing = record(&["--record-header", "x-none"]);
    assert_eq!(missing["headers"], json!({}));
    let all = &record(&["--record-header", "*"])["headers"];
    assert_eq!(all["x-twice"], json!(["1", "\u{e4}"]));
    assert_eq!(all["content-length"], json!(["5"]));
    let names: Vec<&String> = all.as_object().expect("an object").keys().collect();
    let wanted = [
        "connection",
        "content-length",
        "etag",
        "last-modified",
        "server",
        "x-twice",
    ];
    assert_eq!(names, wanted);
    // In tables it is JSON in one cell.
    for (format, cell) in [
        ("csv", r#""{""server"":[""ä""]}""#),
        ("tsv", r#"{"server":["ä"]}"#),
    ] {
        let ended = fetchpool()
            .args([
                "-f",
                format,
                "--record-header",
                "server",
                "--fields=headers",
            ])
            .arg(server.url("/"))
            .stdout(anything())
            .run();
        assert_eq!(ended.stdout(), format!("headers\n{cell}\n"));
    }
}

#[test]
fn headers_are_those_of_the_last_reply_also_of_a_failure() {
    let server = RawServer::start(|mut talk| match talk.path() {
        "/from" => talk.reply("302 Found", &["Location: /to", "X-Hop: 1"], b""),
        _ => talk.reply("404 Not Found", &["X-Hop: 2", "ETag: \"e\""], b""),
    });
    let options = ["--record-header", "x-hop"];
    let record = &fetch("urls.txt", server.url("/from"), &options, 1)[0];
    assert_eq!(record["headers"], json!({"x-hop": ["2"]}));
    assert_eq!(record["etag"], "\"e\"");
    let dead = dead_host();
    let record = &fetch("urls.txt", dead.url("/"), &options, 1)[0];
    assert_eq!(record["headers"], Value::Null);
}

#[test]
fn a_header_name_that_is_none_is_a_usage_error() {
    let server = Server::start();
    let url = server.url("/size/1");
    for name in ["", "a b", "a:", "ä"] {
        fetchpool()
            .args(["-f", "jsonl", &format!("--record-header={name}"), &url])
            .status(2)
            .stderr(containing(["fetchpool: ", "--record-header", name]))
            .run();
    }
    assert_eq!(server.paths(), [""; 0]);
}

#[test]
fn validators_are_recorded_byte_for_byte() {
    let server = with_headers();
    let record = &fetch("urls.txt", server.url("/"), &[], 0)[0];
    assert_eq!(record["etag"], "\"a\u{ff}\"");
    assert_eq!(record["last_modified"], "Wed, 21 Oct 2015 07:28:00 GMT");
    let other = Server::start();
    let record = &fetch("urls.txt", other.url("/size/1"), &[], 0)[0];
    for field in [
        "etag",
        "last_modified",
        "unchanged",
        "resumed_from",
        "sha256",
        "warc",
    ] {
        assert_eq!(record.get(field), Some(&Value::Null), "{field}");
    }
}

#[test]
fn hops_are_the_redirects_without_credentials() {
    let server = Server::start();
    let url = server.url("/redirect/2");
    let secret = url.replace("http://", "http://ann:hunter2@");
    let list = format!("{secret}\n{}\nno url\n", server.url("/size/1"));
    let records = fetch("urls.txt", list, &[], 1);
    let hops = json!([
        {"url": url, "status": 302},
        {"url": server.url("/redirect/1"), "status": 302}
    ]);
    assert_eq!(records[0]["hops"], hops);
    assert_eq!(records[1]["hops"], json!([]));
    assert_eq!(records[2]["hops"], Value::Null, "without an attempt");
    // Of redirects that are too many, those that were followed.
    let records = fetch("urls.txt", &url, &["--max-redirects", "1"], 1);
    assert_eq!(kinds(&records), ["too_many_redirects"]);
    assert_eq!(records[0]["hops"], json!([{"url": url, "status": 302}]));
    let moved = server.url(&format!("/to/308/{}", server.url("/size/1")));
    let hop = format!(r#"[{{"url":"{moved}","status":308}}]"#);
    let quoted = format!("\"{}\"", hop.replace('"', "\"\""));
    for (format, cell) in [("csv", quoted), ("tsv", hop)] {
        let ended = fetchpool()
            .args(["-f", format, "--fields=hops", &moved])
            .stdout(format!("hops\n{cell}\n"))
            .run();
        assert_eq!(ended.stdout().lines().count(), 2);
    }
}

#[test]
fn a_record_has_the_method_that_was_sent() {
    let server = Server::start();
    let url = server.url("/size/1");
    for (options, method) in [
        (&[][..], "GET"),
        (&["-I"], "HEAD"),
        (&["-X", "OPTIONS"], "OPTIONS"),
    ] {
        assert_eq!(fetch("urls.txt", &url, options, 0)[0]["method"], method);
    }
}

/// Serves the body of each path.
fn bodies() -> RawServer {
    RawServer::start(|mut talk| match talk.path() {
        "/text" => talk.reply("200 OK", &[], "ä \"q\" \\ \n\u{1}\u{2028}".as_bytes()),
        "/binary" => talk.reply("200 OK", &[], b"\xff\x00\xfe"),
        "/empty" => talk.reply("200 OK", &[], b""),
        "/10M" => talk.reply("200 OK", &[], &vec![b'x'; 10 << 20]),
        "/more" => talk.reply("200 OK", &[], &vec![b'x'; (10 << 20) + 1]),
        "/hello" => talk.reply("200 OK", &[], b"hello"),
        _ => talk.reply("404 Not Found", &[], b"why"),
    })
}

#[test]
fn a_body_is_text_if_it_is_utf_8_else_base64() {
    let server = bodies();
    let paths = ["/text", "/binary", "/empty", "/none"].map(|path| server.url(path));
    let records = fetch("urls.txt", paths.join("\n"), &["--body"], 1);
    let bodies: Vec<(&Value, &Value)> = records
        .iter()
        .map(|record| (&record["body"], &record["body_base64"]))
        .collect();
    let null = Value::Null;
    let [text, binary, empty] = [
        json!("ä \"q\" \\ \n\u{1}\u{2028}"),
        json!("/wD+"),
        json!(""),
    ];
    assert_eq!(
        bodies[..3],
        [(&text, &null), (&null, &binary), (&empty, &null)]
    );
    // Without the option there are no such fields.
    let records = fetch("urls.txt", &paths[0], &[], 0);
    assert_eq!(records[0].get("body"), None);
    assert_eq!(records[0].get("body_base64"), None);
    let options = ["--body", "--fields", "body,status"];
    assert_eq!(
        first_line(&server.url("/hello"), "jsonl", &options),
        r#"{"body":"hello","status":200}"#
    );
}

#[test]
fn a_body_over_10_mib_is_too_large_unless_another_limit_is_given() {
    let server = bodies();
    let list = [server.url("/10M"), server.url("/more")].join("\n");
    let records = fetch("urls.txt", &list, &["--body"], 1);
    assert_eq!(kinds(&records), [Value::Null, json!("too_large")]);
    assert_eq!(records[0]["body"].as_str().map(str::len), Some(10 << 20));
    let records = fetch("urls.txt", &list, &["--body", "--max-size", "11M"], 0);
    assert_eq!(
        records[1]["body"].as_str().map(str::len),
        Some((10 << 20) + 1)
    );
    let records = fetch(
        "urls.txt",
        server.url("/hello"),
        &["--body", "--max-size=4"],
        1,
    );
    assert_eq!(kinds(&records), ["too_large"]);
}

#[test]
fn a_body_is_recorded_and_saved() {
    let server = bodies();
    let directory = tempfile::tempdir().expect("a temporary directory");
    let ended = fetchpool()
        .inside(directory.path())
        .args([
            "--body",
            "-f",
            "jsonl",
            "-o",
            "pages",
            &server.url("/hello"),
        ])
        .stdout(anything())
        .run();
    let record = &by_line(ended.stdout())[0];
    assert_eq!(record["body"], "hello");
    let file = record["file"].as_str().expect("it was saved");
    let saved = std::fs::read(directory.path().join(file)).expect("it was saved");
    assert_eq!(saved, b"hello");
}

#[test]
fn bodies_go_into_jsonl_alone() {
    let server = Server::start();
    let url = server.url("/size/1");
    for options in [&["-f", "csv"][..], &["-f", "tsv"], &["-f", "text"], &[]] {
        fetchpool()
            .args(["--body", &url])
            .args(options)
            .status(2)
            .stderr(containing(["fetchpool: ", "--body", "jsonl"]))
            .run();
    }
    assert_eq!(server.paths(), [""; 0]);
}

#[test]
fn a_digest_is_that_of_the_decoded_body() {
    let server = bodies();
    let url = server.url("/hello");
    let empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    let directory = tempfile::tempdir().expect("a temporary directory");
    let saving = directory.path().join("pages");
    let saving = saving.to_str().expect("it is text");
    for options in [
        &["--sha256"][..],
        &["--sha256", "--body"],
        &["--sha256", "-o", saving],
    ] {
        let list = format!("{url}\n{}\n", server.url("/empty"));
        let records = fetch("urls.txt", list, options, 0);
        assert_eq!(records[0]["sha256"], HELLO, "{options:?}");
        assert_eq!(records[1]["sha256"], empty, "{options:?}");
    }
    let coded = RawServer::start(|mut talk| {
        let body = crate::rows::gzip(b"hello");
        talk.reply("200 OK", &["Content-Encoding: gzip"], &body);
    });
    let records = fetch("urls.txt", coded.url("/"), &["--sha256", "--compressed"], 0);
    assert_eq!(records[0]["sha256"], HELLO);
    let records = fetch("urls.txt", &url, &["--sha256", "-I"], 0);
    assert_eq!(records[0]["sha256"], Value::Null);
    for format in ["csv", "tsv"] {
        fetchpool()
            .args(["-f", format, "--sha256", "--fields=sha256", &url])
            .stdout(format!("sha256\n{HELLO}\n"))
            .run();
    }
}
