//! How one URL can fail: the kind, the phase and the status of each failure, and the text of the most frequent
//! messages.

use crate::jsonl::{Row, rows};
use crate::support::{
    RawServer, Server, anything, checked, dead_host, failed, fetchpool, for_each_limit, lines, page,
};

/// Runs one URL and returns its row, which must be a failure.
fn failure(url: &str, arguments: &[&str]) -> Row {
    let ended = fetchpool()
        .arg(url)
        .args(arguments)
        .args(["-f", "jsonl"])
        .status(1)
        .stdout(anything())
        .run();
    let mut rows = rows(ended.stdout());
    assert_eq!(rows.len(), 1, "{url}");
    let row = rows.remove(0);
    assert_eq!(row["ok"], false, "{row}");
    row
}

fn kind_of(url: &str, arguments: &[&str]) -> String {
    failure(url, arguments)["error"]["kind"]
        .as_str()
        .expect("a kind is a string")
        .to_owned()
}

#[test]
fn a_name_that_does_not_exist_is_dns() {
    let row = failure("http://nowhere.invalid/", &[]);
    assert_eq!(row["error"]["kind"], "dns");
    assert_eq!(row["error"]["message"], "no address for nowhere.invalid");
}

#[test]
fn a_port_that_refuses_is_connect_and_names_address_and_reason() {
    let dead = dead_host();
    let row = failure(&dead.url("/"), &[]);
    assert_eq!(row["error"]["kind"], "connect");
    let message = row["error"]["message"]
        .as_str()
        .expect("a message is a string")
        .to_lowercase();
    assert!(message.contains(&dead.address.to_string()), "{message}");
    assert!(message.contains("refused"), "{message}");
}

#[test]
fn a_server_that_never_answers_is_a_timeout_waiting_for_the_first_byte() {
    let silent = RawServer::silent();
    for_each_limit(&["-t", "--stall-timeout"], |arguments| {
        let row = failure(&silent.url("/"), arguments);
        assert_eq!(row["error"]["kind"], "timeout", "{arguments:?}");
        assert_eq!(row["error"]["phase"], "first_byte", "{arguments:?}");
        assert!(row["status"].is_null(), "{arguments:?}");
    });
}

#[test]
fn a_body_that_stops_is_a_timeout_in_the_body() {
    let stops = RawServer::start(|mut talk| {
        talk.send(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nten bytes.");
        talk.hold();
    });
    for_each_limit(&["-t", "--stall-timeout"], |arguments| {
        let row = failure(&stops.url("/"), arguments);
        assert_eq!(row["error"]["kind"], "timeout", "{arguments:?}");
        assert_eq!(row["error"]["phase"], "body", "{arguments:?}");
        assert_eq!(row["status"], 200, "{arguments:?}");
    });
}

#[test]
fn a_handshake_that_never_comes_is_a_timeout_in_tls() {
    let silent = RawServer::silent();
    let url = silent.url("/").replace("http:", "https:");
    for_each_limit(&["--connect-timeout"], |arguments| {
        let row = failure(&url, arguments);
        assert_eq!(row["error"]["kind"], "timeout");
        assert_eq!(row["error"]["phase"], "tls");
    });
}

#[test]
fn a_final_status_other_than_2xx_is_http_status() {
    let server = Server::start();
    for (status, message) in [
        (400, "400 Bad Request"),
        (403, "403 Forbidden"),
        (404, "404 Not Found"),
        (500, "500 Internal Server Error"),
        (503, "503 Service Unavailable"),
        // A redirect without a target is final.
        (302, "302 Found"),
    ] {
        let row = failure(&server.url(&format!("/status/{status}")), &[]);
        assert_eq!(row["error"]["kind"], "http_status");
        assert_eq!(row["error"]["message"], message);
        assert_eq!(row["status"], status);
    }
}

#[test]
fn every_2xx_is_a_page() {
    let server = Server::start();
    let [created, empty] = [server.url("/status/201"), server.url("/status/204")];
    fetchpool()
        .args([&created, &empty])
        .stdout(lines([page(&created, 20), page(&empty, 0)]))
        .run();
}

#[test]
fn redirects_are_followed_as_far_as_the_limit() {
    let server = Server::start();
    for (path, arguments, outcome) in [
        ("/redirect/10", &[][..], Ok(7)),
        ("/redirect/11", &[], Err("too_many_redirects")),
        ("/redirect/2", &["--max-redirects", "2"], Ok(7)),
        (
            "/redirect/3",
            &["--max-redirects", "2"],
            Err("too_many_redirects"),
        ),
        ("/redirect/1", &["--max-redirects", "0"], Err("http_status")),
        ("/redirect/0", &["--max-redirects", "0"], Ok(7)),
    ] {
        let url = server.url(path);
        match outcome {
            Ok(bytes) => {
                fetchpool()
                    .arg(&url)
                    .args(arguments)
                    .stdout(page(&url, bytes) + "\n")
                    .run();
            }
            Err(kind) => assert_eq!(kind_of(&url, arguments), kind, "{path} {arguments:?}"),
        }
    }
}

#[test]
fn a_body_over_the_limit_is_too_large_and_one_at_the_limit_is_not() {
    let server = Server::start();
    let [at, over] = [server.url("/size/1024"), server.url("/size/1025")];
    fetchpool()
        .arg(&at)
        .args(["--max-size", "1K"])
        .stdout(page(&at, 1024) + "\n")
        .run();
    assert_eq!(kind_of(&over, &["--max-size", "1K"]), "too_large");
    // Without a Content-Length, the stream is cut at the limit.
    let endless = RawServer::start(|mut talk| {
        talk.send(b"HTTP/1.1 200 OK\r\n\r\n");
        talk.send(&[b'x'; 2000]);
        talk.hold();
    });
    assert_eq!(
        kind_of(&endless.url("/"), &["--max-size", "1K"]),
        "too_large"
    );
}

#[test]
fn broken_replies_have_the_kind_that_tells_what_broke() {
    let rows: [(&str, &[u8], &str); 7] = [
        ("another protocol", b"SSH-2.0-OpenSSH_9.6\r\n", "protocol"),
        ("noise", b"\x00\x01\x02\x03\r\n\r\n", "protocol"),
        ("closed without a word", b"", "connect"),
        (
            "closed in the head",
            b"HTTP/1.1 200 OK\r\nContent-Le",
            "connect",
        ),
        (
            "cut short of its length",
            b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nten bytes.",
            "body",
        ),
        (
            "cut in a chunk",
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n64\r\nten bytes.",
            "body",
        ),
        (
            "cut between chunks",
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nfour\r\n",
            "body",
        ),
    ];
    for (what, reply, kind) in rows {
        let server = RawServer::saying(reply);
        assert_eq!(kind_of(&server.url("/"), &[]), kind, "{what}");
    }
}

#[test]
fn a_body_that_ends_with_the_connection_is_whole_only_if_it_was_closed_in_order() {
    let head = b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nten bytes.";
    let closes = RawServer::saying(head);
    let url = closes.url("/");
    fetchpool().arg(&url).stdout(page(&url, 10) + "\n").run();
    let resets = RawServer::start(|mut talk| {
        talk.send(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nten bytes.");
        talk.reset();
    });
    // The reset may arrive before the head; either way there is no page.
    let kind = kind_of(&resets.url("/"), &[]);
    assert!(["body", "connect"].contains(&kind.as_str()), "{kind}");
}

#[test]
fn https_to_a_server_that_speaks_plain_http_is_tls() {
    let server = Server::start();
    assert_eq!(
        kind_of(&server.url("/").replace("http:", "https:"), &[]),
        "tls"
    );
}

#[test]
fn lines_that_are_no_url_fail_with_a_hint_and_the_run_goes_on() {
    let server = Server::start();
    let good = server.url("/size/1");
    let ended = fetchpool()
        .list(
            "urls.txt",
            format!("example.com/x\nftp://example.com/\nhttp://\n{good}\n"),
        )
        .args(["-j", "1"])
        .status(1)
        .stdout(anything())
        .run();
    let [bare, ftp, empty, last] = ended.stdout().lines().collect::<Vec<_>>()[..] else {
        panic!("four lines were wanted of {}", ended.stdout());
    };
    assert!(
        bare.starts_with(&failed("example.com/x", "invalid_url: ")),
        "{bare}"
    );
    assert!(bare.contains("https://example.com/x"), "no hint in {bare}");
    assert!(
        ftp.starts_with(&failed("ftp://example.com/", "unsupported_scheme: ")),
        "{ftp}"
    );
    assert!(
        empty.starts_with(&failed("http://", "invalid_url: ")),
        "{empty}"
    );
    assert_eq!(last, page(&good, 1));
}

#[test]
fn a_message_is_one_line_and_holds_no_password() {
    let dead = dead_host();
    let url = dead.url("/").replace("http://", "http://ann:secret@");
    let message = failure(&url, &[])["error"]["message"].clone();
    let message = message.as_str().expect("a message is a string");
    assert!(
        !message.contains("secret") && !message.contains('\n'),
        "{message}"
    );
    let server = Server::start();
    let url = server
        .url("/status/401")
        .replace("http://", "http://ann:secret@");
    fetchpool()
        .arg(&url)
        .status(1)
        .stdout(checked(|text| {
            match text.split_once(" generated an exception: ") {
                Some((_, message)) if !message.contains("secret") => Ok(()),
                _ => Err("the message shows the password".to_owned()),
            }
        }))
        .run();
}
