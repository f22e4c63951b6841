//! Names of saved files from a column or a template: where bodies go, which names are unsafe, and clashes, for which
//! nothing is fetched.

use crate::rows::{Table, by_line, kinds, row, tables};
use crate::saved::{entries, files};
use crate::support::{RawServer, Server, anything, containing, fetchpool};
use serde_json::{Value, json};
use std::path::Path;

/// A server whose page for each path is the path.
fn echo() -> RawServer {
    RawServer::start(|mut talk| {
        let path = talk.path().to_owned();
        talk.reply("200 OK", &[], path.as_bytes());
    })
}

/// The records of a run in `directory` that saves below `pages`, one URL at a time.
pub(crate) fn save(directory: &Path, table: &Table, options: &[&str], status: i32) -> Vec<Value> {
    let ended = fetchpool()
        .inside(directory)
        .list(table.file, &table.text)
        .args(["-o", "pages", "-f", "jsonl", "-j", "1"])
        .args(options)
        .status(status)
        .stdout(anything())
        .run();
    by_line(ended.stdout())
}

fn names(directory: &Path) -> Vec<String> {
    files(&directory.join("pages")).into_keys().collect()
}

#[test]
fn a_name_column_says_where_a_body_goes() {
    let server = echo();
    let long = "x".repeat(255);
    let deep = format!("{}end", "dir/".repeat(200));
    let table = [
        ("/a", "a.txt"),
        ("/b", "sub/dir/b.bin"),
        ("/c", ".hidden"),
        ("/d", "\u{e4}/x y (1)~"),
        ("/e", "no-dot"),
        ("/f", "a,\"b\"'c"),
        ("/g", "..."),
        ("/h", "-rf"),
        ("/i", long.as_str()),
        ("/j", deep.as_str()),
        ("/k", "fetchpool/x"),
    ];
    let rows = table.map(|(path, name)| row([&server.url(path), name]));
    for list in tables(&["url", "name"], &rows) {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let records = save(directory.path(), &list, &[], 0);
        for ((path, name), record) in table.iter().zip(&records) {
            assert_eq!(record["file"], format!("pages/{name}"), "{}", list.file);
            let body = std::fs::read(directory.path().join("pages").join(name));
            assert_eq!(body.expect("it was saved"), path.as_bytes(), "{name}");
            assert!(record["input"].get("name").is_none(), "{record}");
        }
        assert_eq!(names(directory.path()).len(), table.len());
    }
}

#[test]
fn a_template_names_the_files_of_rows() {
    let server = echo();
    let url = server.url("/dir/photo.jpg?x=1");
    let columns = ["url", "id", "Title"];
    let rows = [row(["#", "", ""]), row([&url, "a7", "An \u{e4} & b"])];
    for (template, wanted) in [
        ("{line}", "LINE"),
        ("{line:08}.bin", "0000000LINE.bin"),
        ("{host}/x", "127.0.0.1/x"),
        ("{stem}{ext}", "photo.jpg"),
        ("{stem}-{line}{ext}", "photo-LINE.jpg"),
        ("{id}/{Title}.jpg", "a7/An \u{e4} & b.jpg"),
        ("{id}{id}", "a7a7"),
        ("{{{id}}}", "{a7}"),
        ("{{id}}", "{id}"),
        ("fixed", "fixed"),
    ] {
        for list in tables(&columns, &rows) {
            let directory = tempfile::tempdir().expect("a temporary directory");
            let records = save(directory.path(), &list, &["--name", template], 0);
            let wanted = wanted.replace("LINE", &(list.first + 1).to_string());
            assert_eq!(records[0]["file"], format!("pages/{wanted}"), "{template}");
            assert_eq!(
                names(directory.path()),
                std::slice::from_ref(&wanted),
                "{template} {}",
                list.file
            );
        }
    }
}

#[test]
fn a_template_names_the_files_of_lines_and_arguments() {
    let server = echo();
    let port = server.address().port();
    let urls = ["/a/photo.jpg", "/a/", "/", "/plain"].map(|path| server.url(path));
    let directory = tempfile::tempdir().expect("a temporary directory");
    let ended = fetchpool()
        .inside(directory.path())
        .list("urls.txt", urls.join("\n"))
        .args(["-o", "pages", "--name", "{host}/{line:03}-{stem}{ext}"])
        .args(["-f", "jsonl", "--ordered"])
        .arg(format!("http://localhost:{port}/x.png"))
        .arg("-4")
        .stdout(anything())
        .run();
    let wanted = [
        "127.0.0.1/001-photo.jpg",
        "127.0.0.1/002-index.html",
        "127.0.0.1/003-index.html",
        "127.0.0.1/004-plain",
        "localhost/001-x.png",
    ];
    assert_eq!(names(directory.path()), wanted);
    assert_eq!(ended.stdout().lines().count(), 5);
}

#[test]
fn a_name_column_goes_before_the_template_and_both_before_the_url() {
    let server = echo();
    let port = server.address().port();
    let rows = [
        row([&server.url("/a"), "own.txt", "1"]),
        row([&server.url("/b"), "", "2"]),
    ];
    for list in tables(&["url", "name", "id"], &rows) {
        for (options, second) in [
            (&["--name", "{id}.bin"][..], "2.bin".to_owned()),
            (&[], format!("127.0.0.1_{port}/b.body")),
        ] {
            let directory = tempfile::tempdir().expect("a temporary directory");
            let records = save(directory.path(), &list, options, 0);
            assert_eq!(records[0]["file"], "pages/own.txt", "{}", list.file);
            assert_eq!(
                records[1]["file"],
                format!("pages/{second}"),
                "{}",
                list.file
            );
        }
    }
}

/// Names that could leave the directory, or that no file can have.
fn unsafe_names() -> Vec<String> {
    let mut names: Vec<String> = [
        "../x",
        "/x",
        "//x",
        "a//b",
        ".",
        "..",
        "a/..",
        "a/../b",
        "./a",
        "a/.",
        "a/",
        "/",
        ".fetchpool/x",
        ".fetchpool",
        "a/.fetchpool/b",
        "a\\b",
        "..\\x",
        "a\u{1}b",
        "a\nb",
        "a\u{7f}",
        "\u{1b}[2J",
        "a\u{85}b",
    ]
    .map(str::to_owned)
    .to_vec();
    names.push("x".repeat(256));
    names.push(format!("a/{}/b", "\u{e4}".repeat(128)));
    names.push("dir/".repeat(256) + "x");
    names
}

#[test]
fn an_unsafe_name_is_invalid_row_and_nothing_is_fetched_for_it() {
    let unsafe_names = unsafe_names();
    let columns = ["url", "name", "id"];
    for column in ["name", "id"] {
        let server = Server::start();
        let url = server.url("/size/1");
        let good = "good.txt";
        let mut rows = vec![row([&url, good, good])];
        for name in &unsafe_names {
            let (own, id) = if column == "name" {
                (&name[..], "")
            } else {
                ("", &name[..])
            };
            rows.push(row([&url, own, id]));
        }
        let template = ["--name", "{id}"];
        for list in tables(&columns, &rows) {
            let directory = tempfile::tempdir().expect("a temporary directory");
            let before = server.paths().len();
            let records = save(directory.path(), &list, &template, 1);
            assert_eq!(records.len(), rows.len(), "{}", list.file);
            assert_eq!(records[0]["file"], "pages/good.txt", "{}", list.file);
            for (record, name) in records[1..].iter().zip(&unsafe_names) {
                assert_eq!(record["error"]["kind"], "invalid_row", "{name:?}: {record}");
                let message = record["error"]["message"].as_str().expect("it failed");
                assert!(
                    message.starts_with("line ") && message.contains("name"),
                    "{message}"
                );
                assert!(!message.contains(char::is_control), "{message:?}");
                assert!(message.len() < 600, "{message}");
                assert!(record["file"].is_null(), "{record}");
            }
            assert_eq!(server.paths().len(), before + 1, "{}", list.file);
            // The list itself and the one file; a run leaves no folders for what failed.
            assert_eq!(names(directory.path()), ["good.txt"]);
            assert_eq!(entries(&directory.path().join("pages")), 1);
            assert_eq!(
                std::fs::read_dir(directory.path())
                    .expect("it is there")
                    .count(),
                2
            );
        }
    }
}

#[test]
fn a_name_that_an_earlier_row_had_is_invalid_row_and_nothing_is_fetched_for_it() {
    let server = Server::start();
    let port = server.address().port();
    let by_url = format!("127.0.0.1_{port}/size/9.body");
    let url = |n: usize| server.url(&format!("/size/{n}"));
    for (what, first, second) in [
        ("the same name", (url(1), "a.txt"), (url(2), "a.txt")),
        (
            "the same URL and name",
            (url(1), "a.txt"),
            (url(1), "a.txt"),
        ),
        ("a file in a file", (url(1), "a"), (url(2), "a/b")),
        (
            "a file that is a directory",
            (url(1), "a/b/c"),
            (url(2), "a/b"),
        ),
        ("the file of a URL", (url(9), ""), (url(2), by_url.as_str())),
        ("the file of a row", (url(2), by_url.as_str()), (url(9), "")),
    ] {
        let other = server.url("/size/3");
        let rows = [
            row([&first.0, first.1]),
            row([&second.0, second.1]),
            row([&other, "other"]),
        ];
        for list in tables(&["url", "name"], &rows) {
            let directory = tempfile::tempdir().expect("a temporary directory");
            let before = server.paths().len();
            let records = save(directory.path(), &list, &[], 1);
            let wanted = [Value::Null, json!("invalid_row"), Value::Null];
            assert_eq!(kinds(&records), wanted, "{what}, {}", list.file);
            assert_eq!(records[1]["attempts"], 0, "{what}");
            assert_eq!(server.paths().len(), before + 2, "{what}, {}", list.file);
            let saved = files(&directory.path().join("pages"));
            assert_eq!(saved.len(), 2, "{what}: {saved:?}");
            let kept = records[0]["bytes"].as_u64().expect("a page");
            assert!(
                saved.values().any(|length| *length == kept),
                "{what}: {saved:?}"
            );
        }
    }
}

#[test]
fn two_values_of_a_template_that_are_one_name_are_a_clash() {
    let server = Server::start();
    let urls = [server.url("/size/1"), server.url("/size/2")];
    let directory = tempfile::tempdir().expect("a temporary directory");
    let ended = fetchpool()
        .inside(directory.path())
        .list("urls.txt", urls.join("\n"))
        .args(["-o", "pages", "--name", "{host}.bin", "-f", "jsonl"])
        .status(1)
        .stdout(anything())
        .run();
    assert_eq!(
        kinds(&by_line(ended.stdout())),
        [Value::Null, json!("invalid_row")]
    );
    assert_eq!(server.paths(), ["/size/1"]);
    assert_eq!(names(directory.path()), ["127.0.0.1.bin"]);
}

#[test]
fn a_row_that_an_earlier_run_has_saved_keeps_its_name() {
    let server = Server::start();
    let urls = [server.url("/size/1"), server.url("/size/2")];
    let rows = [row([&urls[0], "a"]), row([&urls[1], "a"])];
    for list in tables(&["url", "name"], &rows) {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let journal = json!({"url": urls[0], "ok": true, "attempts": 1}).to_string() + "\n";
        std::fs::write(directory.path().join("r.jsonl"), journal).expect("it can be written");
        let records = save(directory.path(), &list, &["--resume", "r.jsonl"], 1);
        assert_eq!(records.len(), 1, "{}", list.file);
        assert_eq!(records[0]["error"]["kind"], "invalid_row", "{}", list.file);
        assert_eq!(records[0]["file"], Value::Null, "{}", list.file);
    }
}

#[test]
fn a_url_that_comes_again_without_a_name_shares_its_file() {
    let server = Server::start();
    let url = server.url("/size/1");
    let rows = [row([&url, ""]), row([&url, ""]), row([&url, "own"])];
    for list in tables(&["url", "name"], &rows) {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let records = save(directory.path(), &list, &[], 0);
        assert_eq!(records[0]["file"], records[1]["file"], "{}", list.file);
        assert_eq!(names(directory.path()).len(), 2, "{}", list.file);
    }
}

#[test]
fn names_mean_nothing_while_nothing_is_saved() {
    let server = Server::start();
    let url = server.url("/size/1");
    let rows = [row([&url, "../x"]), row([&url, "a"]), row([&url, "a"])];
    for list in tables(&["url", "name"], &rows) {
        let records = crate::rows::fetch(list.file, &list.text, &[], 0);
        assert_eq!(records.len(), 3, "{}", list.file);
    }
}

#[test]
fn a_template_with_a_column_that_is_not_there_is_status_2_before_anything_is_fetched() {
    let server = Server::start();
    let url = server.url("/size/1");
    let named = || containing(["fetchpool: ", "--name", "nosuch"]);
    let [csv, tsv, jsonl] = tables(&["url", "id"], &[row([&url, "7"])]);
    let run = || fetchpool().args(["-o", "pages", "--name", "{nosuch}"]);
    for list in [csv, tsv] {
        run()
            .arg(&url)
            .list(list.file, &list.text)
            .status(2)
            .stderr(named())
            .run();
        let format = list.file.strip_prefix("list.").expect("it is one");
        run()
            .args(["-i", format])
            .stdin(list.text)
            .status(2)
            .stderr(named())
            .run();
    }
    // Lines and arguments have no columns.
    run().list("urls.txt", &url).status(2).stderr(named()).run();
    run().arg(&url).status(2).stderr(named()).run();
    // In jsonl each row has its own keys.
    let directory = tempfile::tempdir().expect("a temporary directory");
    let text = jsonl.text + &json!({"url": url, "nosuch": "x"}).to_string();
    let list = Table { text, ..jsonl };
    let records = save(directory.path(), &list, &["--name", "{nosuch}"], 1);
    assert_eq!(kinds(&records), [json!("invalid_row"), Value::Null]);
    let message = records[0]["error"]["message"].as_str().expect("it failed");
    assert!(message.contains("nosuch"), "{message}");
    assert_eq!(names(directory.path()), ["x"]);
    assert_eq!(server.paths().len(), 1);
}

#[test]
fn a_template_that_is_none_is_a_usage_error() {
    let server = Server::start();
    let url = server.url("/size/1");
    for template in [
        "", "{", "}", "{id", "id}", "{}", "{line:x}", "{line:}", "a{{b}", "{a{b}}",
    ] {
        fetchpool()
            .args(["-o", "pages", "--name", template, &url])
            .status(2)
            .stderr(containing(["fetchpool: ", "--name"]))
            .run();
    }
    fetchpool()
        .args(["--name", "{line}", &url])
        .status(2)
        .stderr(containing(["--name", "-o DIR"]))
        .run();
    assert_eq!(server.paths(), [""; 0]);
}
