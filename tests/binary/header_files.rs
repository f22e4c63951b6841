//! `-H @FILE`: headers from a file, so that a secret is in no argument.

use crate::support::{RawServer, Server, checked, containing, fetchpool, page};

#[test]
fn headers_come_from_a_file_in_the_order_of_the_call() {
    let (head, heads) = std::sync::mpsc::channel();
    let server = RawServer::start(move |mut talk| {
        let _ = head.send(talk.head().to_owned());
        talk.reply("200 OK", &[], b"x");
    });
    let url = server.url("/");
    let file =
        "# a comment\r\nX-A: from file\r\n\r\n  \n#X-Not: sent\nUser-Agent: mine\nX-Empty;\nX-B: b";
    fetchpool()
        .file("headers", file)
        .file("more", "Accept:\n")
        .args(["-H", "X-First: 1", "-H", "@headers", "-H@more"])
        .args(["--header=X-Last: 2", &url])
        .stdout(page(&url, 1) + "\n")
        .run();
    let head = heads.recv().expect("a request came");
    let own: Vec<&str> = head
        .lines()
        .filter(|line| line.starts_with("X-"))
        .map(str::trim_end)
        .collect();
    let wanted = [
        "X-First: 1",
        "X-A: from file",
        "X-Empty:",
        "X-B: b",
        "X-Last: 2",
    ];
    assert_eq!(own, wanted);
    assert!(head.contains("\r\nUser-Agent: mine\r\n"), "{head}");
    let accept = head.lines().any(|line| line.starts_with("Accept:"));
    assert!(!accept, "the file leaves this default out: {head}");
}

#[test]
fn an_empty_file_of_headers_changes_nothing() {
    let server = Server::start();
    let url = server.url("/size/1");
    for file in ["", "\n", "# nothing\n"] {
        fetchpool()
            .file("headers", file)
            .args(["-H", "@headers", &url])
            .stdout(page(&url, 1) + "\n")
            .run();
    }
}

#[test]
fn a_wrong_file_of_headers_is_status_2_that_names_file_and_line_and_no_value() {
    let server = Server::start();
    let url = server.url("/size/1");
    for (content, line) in [
        ("X-A: 1\nhunter2\n", "2"),
        ("\n# x\nAuthorization Bearer hunter2\n", "3"),
        ("Bad Name: hunter2\n", "1"),
        ("X-A: 1\nX-B: hunter2\u{1}\n", "2"),
        ("Host:\n", "1"),
        ("Content-Length: 5\n", "1"),
        (": hunter2\n", "1"),
        ("X-A: 1\n  folded hunter2\n", "2"),
    ] {
        fetchpool()
            .file("headers", content)
            .args(["-H", "@headers", &url])
            .status(2)
            .stderr(checked(move |text| {
                let names = text.starts_with("fetchpool: ")
                    && text.contains("@headers")
                    && text.contains(&format!("line {line}"));
                match names && !text.contains("hunter2") {
                    true => Ok(()),
                    false => Err(format!("wanted file and line {line}, and no value")),
                }
            }))
            .run();
    }
    assert_eq!(server.paths(), [""; 0]);
}

#[test]
fn a_file_of_headers_that_cannot_be_read_is_status_2() {
    let server = Server::start();
    let url = server.url("/size/1");
    let long = format!("X-A: {}\n", "x".repeat(64 * 1024));
    for (argument, named) in [
        ("@missing", "missing"),
        ("@/", "@/"),
        ("@long", "64 KiB"),
        ("@-", "@-"),
        ("@", "@"),
    ] {
        fetchpool()
            .file("long", &long)
            .args(["-H", argument, &url])
            .status(2)
            .stderr(containing(["fetchpool: ", named]))
            .run();
    }
    assert_eq!(server.paths(), [""; 0]);
}

#[test]
fn a_secret_of_a_file_stays_with_its_origin_and_in_no_output() {
    let [first, second] = [Server::start(), Server::start()];
    let url = first.url(&format!("/to/302/{}", second.url("/size/1")));
    for verbosity in ["-q", "-v", "-vv"] {
        fetchpool()
            .file("headers", "Authorization: Bearer hunter2\n")
            .args(["-H", "@headers", verbosity, &url])
            .stdout(page(&url, 1) + "\n")
            .stderr(checked(|text| match text.contains("hunter2") {
                true => Err("the secret is shown".to_owned()),
                false => Ok(()),
            }))
            .run();
    }
    let shown = |seen: &crate::support::Seen| seen.headers.contains_key("authorization");
    assert!(first.seen().iter().all(shown));
    assert!(!second.seen().iter().any(shown));
}
