//! Replies byte for byte: which are a page, and which are refused.

use crate::jsonl::{Row, rows};
use crate::support::{RawServer, Talk, anything, fetchpool, read_head};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

const CHUNKED: &str = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";

/// `hello hello hello` in gzip.
const GZIP: &[u8] = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\x03\xcb\x48\xcd\xc9\xc9\x57\xc8\x40\x90\x00\x80\x88\xf9\xe5\x11\x00\x00\x00";

fn fetch(urls: &[String], arguments: &[&str]) -> Vec<Row> {
    let ended = fetchpool()
        .args(urls)
        .args(arguments)
        .args(["--ordered", "-f", "jsonl"])
        .status_0_or_1()
        .stdout(anything())
        .run();
    rows(ended.stdout())
}

/// The size of a page, or `kind: message`.
fn told(row: &Row) -> String {
    let error = &row["error"];
    let text = |name: &str| error[name].as_str().unwrap_or_default().to_owned();
    match row["bytes"].as_u64().filter(|_| row["ok"] == true) {
        Some(bytes) => bytes.to_string(),
        None => format!("{}: {}", text("kind"), text("message")),
    }
}

/// Serves each reply, closes the connection, and compares. An expected size must match exactly, an expected failure
/// only from its beginning.
fn assert_come_to<R: AsRef<[u8]>>(arguments: &[&str], cases: &[(R, &str)]) {
    let replies: Vec<Vec<u8>> = cases.iter().map(|(r, _)| r.as_ref().to_vec()).collect();
    let server = RawServer::start(move |mut talk| {
        let number: usize = talk.path()[1..].parse().expect("a number");
        talk.send(&replies[number]);
    });
    let urls: Vec<String> = (0..cases.len())
        .map(|number| server.url(&format!("/{number}")))
        .collect();
    let rows = fetch(&urls, arguments);
    assert_eq!(rows.len(), cases.len());
    let mut wrong = Vec::new();
    for (row, (reply, expected)) in rows.iter().zip(cases) {
        let told = told(row);
        let is_size = expected.bytes().all(|b| b.is_ascii_digit());
        if told != *expected && (is_size || !told.starts_with(expected)) {
            let reply = reply.as_ref().escape_ascii();
            wrong.push(format!("\"{reply}\": expected {expected:?}, got {told:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_cr_in_a_head_stands_before_lf_and_nowhere_else() {
    let refused = "protocol: there is a CR without its LF in the head of the reply";
    assert_come_to(
        &[],
        &[
            // Clients read a lone CR as a line break, as a blank, or as text.
            (
                "HTTP/1.1 200 OK\r\nX: a\rContent-Length: 100\r\n\r\nhello",
                refused,
            ),
            (
                "HTTP/1.1 200 OK\r\nX: a\rTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
                refused,
            ),
            (
                "HTTP/1.1 200 ok\rTransfer-Encoding: chunked\r\r5\r\nhello\r\n0\r\n\r\n",
                refused,
            ),
            ("HTTP/1.1 200 OK\rContent-Length: 5\r\rhello", refused),
            ("HTTP/1.1 200 OK\nX: a\r\rb\n\nhello", refused),
            ("HTTP/1.1 200 OK\r\n X: a\r b\r\n\r\nhello", refused),
            ("HTTP/1.1\r200 OK\r\n\r\nhello", refused),
            (
                "HTTP/1.1 103 Hints\r\nLink: a\rb\r\n\r\nHTTP/1.1 200 OK\r\n\r\nhello",
                refused,
            ),
            // Heads whose line ends were translated twice.
            (
                "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\r\n\r\nhello",
                refused,
            ),
            (
                "HTTP/1.1 200 OK\r\r\nContent-Length: 5\r\r\n\r\r\nhello",
                refused,
            ),
            ("HTTP/1.1 200 OK\nContent-Length: 5\n\r\r\n\nhello", refused),
            // A body may contain a CR.
            ("HTTP/1.1 200 OK\r\n\r\nh\re\r\rllo\r", "9"),
            ("HTTP/1.1 200 OK\nContent-Length: 5\n\nhello", "5"),
            ("HTTP/1.1 200 OK\nContent-Length: 5\r\n\nhello", "5"),
            ("\r\n\nHTTP/1.1 200 OK\r\nContent-Length: 5\n\r\nhello", "5"),
        ],
    );
}

#[test]
fn white_space_and_control_characters_hide_no_framing() {
    let cut = "body: the connection was closed after 5 of 100 bytes";
    let no_number = "protocol: Content-Length is no number";
    let no_coding = "protocol: the body has the transfer coding";
    let reply = |headers: &str, body: &str| format!("HTTP/1.1 200 OK\r\n{headers}\r\n\r\n{body}");
    let chunks = "5\r\nhello\r\n0\r\n\r\n";
    assert_come_to(
        &[],
        &[
            (reply("Content-Length : 100", "hello"), cut),
            (reply("Content-Length\t: 100", "hello"), cut),
            (reply("Content-Length\r\n : 100", "hello"), cut),
            (reply("X: a\r\n b\r\nContent-Length : 100", "hello"), cut),
            (reply("\x0bContent-Length\x0c: 100", "hello"), cut),
            (
                reply("Content-Length: 5\r\nContent-Length : 100", "hello"),
                "protocol: Content-Length is told twice",
            ),
            (reply("Content-Length : 3", "hello"), "3"),
            (reply("Content-Length: 5\x01", "hello"), no_number),
            (reply("Content-Length: \x0c5", "hello"), no_number),
            (reply("Content-Length: 5\x0b", "hello"), no_number),
            (reply("Content-Length: 5,\x7f5", "hello"), no_number),
            (reply("Content-Length:\r\n 5\x0c", "hello"), no_number),
            (reply("Content-Length:\t5 ", "hello"), "5"),
            (reply("Transfer-Encoding : chunked", chunks), "5"),
            (reply("Transfer-Encoding\t : chunked", chunks), "5"),
            (reply("Transfer-Encoding\r\n\t: chunked", chunks), "5"),
            (reply("Transfer-Encoding: chunked\x0c", chunks), no_coding),
            (reply("Transfer-Encoding: \x0bchunked", chunks), no_coding),
            (
                reply("Transfer-Encoding:\r\n \x0cchunked", chunks),
                no_coding,
            ),
            (reply("Transfer-Encoding: chunked\x01", chunks), no_coding),
            (reply("Transfer-Encoding:\t\tchunked\t ", chunks), "5"),
        ],
    );
    let coded = |headers: &str| [reply(headers, "").as_bytes(), GZIP].concat();
    let unfolded = [
        (coded("Content-Encoding : gzip"), "17"),
        (coded("Content-Encoding\t: gzip"), "17"),
        (coded("Content-Encoding\r\n : gzip"), "17"),
    ];
    assert_come_to(&["--compressed"], &unfolded);
}

#[test]
fn a_chunk_ends_as_its_size_line_does() {
    let short = "protocol: there is an LF without its CR behind a chunk";
    let bare = "protocol: there is a CR without its LF between chunks";
    let reply = |chunks: &str| format!("{CHUNKED}{chunks}");
    let lines = "5\r\nhello\r\n".repeat(14);
    assert_come_to(
        &[],
        &[
            (reply("6\r\nhello\r\n0\r\n\r\n"), short),
            (reply(&format!("{lines}6\r\nhello\r\n0\r\n\r\n")), short),
            (reply("6 \r\nhello\r\n0\r\n\r\n"), short),
            (reply("6;a=b\r\nhello\r\n0\r\n\r\n"), short),
            (reply("5\r\nhello\n0\r\n\r\n"), short),
            (reply("5\r\nhello\r0\r\n\r\n"), bare),
            (reply("5\rx\nhello\r\n0\r\n\r\n"), bare),
            (reply("5\r\r\nhello\r\n0\r\n\r\n"), bare),
            (reply("5;a\rb\r\nhello\r\n0\r\n\r\n"), bare),
            (reply("5\r\nhello\r\n0\r\nA: b\rC: d\r\n\r\n"), bare),
            (reply("5\r\nhello\r\n0\r\n\r\r\n"), bare),
            (reply("5\nhello\n0\n\n"), "5"),
            (reply("5\nhello\r\n0\r\n\r\n"), "5"),
            (reply("5;a\nhello\n3\r\nyou\r\n0\n\r\n"), "8"),
            (reply("6\r\na\r\rb\rc\r\n0\r\n\r\n"), "6"),
        ],
    );
}

fn part(range: &str, body: &str) -> String {
    format!("HTTP/1.1 206 Partial Content\r\n{range}\r\n\r\n{body}")
}

#[test]
fn a_part_that_was_not_asked_for_is_no_page() {
    let refused =
        "body: the server sent a part of the page that was not asked for (Content-Range: ";
    let cut = "body: the body ended after 5 of 9 bytes";
    let cases = [
        (part("Content-Range: bytes 0-4/10", "hello"), refused),
        (part("Content-Range: bytes 5-9/10", "hello"), refused),
        (part("Content-Range: bytes 0-4/*", "hello"), refused),
        (part("Content-Range : bytes 0-4/10", "hello"), refused),
        (part("Content-Range: items 0-4/5", "hello"), refused),
        (part("Content-Length: 5", "hello"), refused),
        (
            part(
                "Content-Type: multipart/byteranges; boundary=b\r\nContent-Length: 5",
                "--b--",
            ),
            refused,
        ),
        (part("Content-Range: bytes 0-8/9", "hello"), cut),
        (
            part("Content-Range: bytes 0-8/9\r\nContent-Length: 5", "hello"),
            cut,
        ),
        (part("Content-Range: bytes 0-4/5", "hello"), "5"),
        (
            part("Content-Range: Bytes 0-4/5\r\nContent-Length: 5", "hello"),
            "5",
        ),
    ];
    assert_come_to(&[], &cases);
    let coded = part("Content-Range: bytes 0-27/28\r\nContent-Encoding: gzip", "");
    let coded = [(["".as_bytes(), coded.as_bytes(), GZIP].concat(), "17")];
    assert_come_to(&["--compressed"], &coded);
    // A part that the user's own range requests must begin where the range begins, and have its declared length.
    let asked_for = cases.map(|(reply, expected)| {
        let is_elsewhere = reply.contains("bytes 5-9/");
        let refused = if is_elsewhere { refused } else { "5" };
        (reply, if expected == cut { cut } else { refused })
    });
    assert_come_to(&["-H", "range: bytes=0-4"], &asked_for);
    let head = [(part("Content-Range: bytes 0-4/10", ""), refused)];
    assert_come_to(&["-I"], &head);
}

#[test]
fn a_part_is_asked_for_only_where_the_range_is_sent() {
    let part = part("Content-Range: bytes 0-4/10", "hello");
    let away = RawServer::saying(part.clone());
    let to_away = away.url("/");
    let home = RawServer::start(move |mut talk| {
        let to = match talk.path() {
            "/away" => &to_away,
            "/home" => "/part",
            _ => return talk.send(part.as_bytes()),
        };
        talk.reply("302 Found", &[&format!("Location: {to}")], b"");
    });
    let urls = ["/home", "/away"].map(|path| home.url(path));
    let rows = fetch(&urls, &["-H", "Range: bytes=0-4"]);
    assert_eq!(told(&rows[0]), "5");
    assert!(told(&rows[1]).starts_with("body: "), "{}", rows[1]);
}

#[test]
fn a_status_line_is_taken_by_its_words_and_refused_for_what_is_wrong_with_it() {
    let reply = |line: &str| format!("{line}\r\nContent-Length: 5\r\n\r\nhello");
    let version = "protocol: the reply is in another version than HTTP/1.1: \"";
    let status = "protocol: the reply has no status of three digits: \"";
    assert_come_to(
        &[],
        &[
            (reply("HTTP/1.2 200 OK"), "5"),
            (reply("HTTP/1.9 200 OK"), "5"),
            (reply("HTTP/1.1 200\t OK"), "5"),
            (reply("HTTP/1.1 200\tOK"), "5"),
            (reply("HTTP/1.1\t200\tOK"), "5"),
            (reply("HTTP/1.1 \x0b 200\x0c"), "5"),
            (reply("HTTP/1.2\t103 Hints\r\n\r\nHTTP/1.2  200"), "5"),
            (reply("HTTP/1.2 404\tNot Found"), "http_status: 404"),
            (reply("HTTP/2 200 OK"), version),
            (reply("HTTP/2.0 200 OK"), version),
            (reply("HTTP/0.9 200 OK"), version),
            (reply("HTTP/1.10 200 OK"), version),
            (reply("HTTP/1.1x 200 OK"), version),
            (reply("HTTP/1. 200 OK"), version),
            (reply("HTTP/ 200 OK"), version),
            (reply("HTTP/1.1 20 OK"), status),
            (reply("HTTP/1.1 200OK"), status),
            (reply("HTTP/1.2"), status),
        ],
    );
}

/// A server that answers request number N of each connection, counted from 0, with `answer(N)`.
fn keeping(answer: impl Fn(usize) -> &'static str + Send + Sync + 'static) -> (RawServer, Heads) {
    let heads = Heads::default();
    let seen = Arc::clone(&heads);
    let server = RawServer::on_connection(move |stream| {
        let mut number = 0;
        while let Some(head) = read_head(&stream) {
            seen.lock().unwrap().push(head);
            let reply = answer(number);
            Talk::over(stream.try_clone().expect("a socket")).send(reply.as_bytes());
            if reply.contains("close") {
                return;
            }
            number += 1;
        }
    });
    (server, heads)
}

type Heads = Arc<Mutex<Vec<String>>>;

const PAGE: &str = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";
const LATE: &str = "HTTP/1.1 408 Request Timeout\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";

#[test]
fn a_408_over_a_kept_connection_is_no_answer_to_the_next_request() {
    // The 408 is sent only after the next request has arrived, so the connection looked idle when it was used.
    for late in [
        LATE,
        "HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.0 408 close\r\n\r\nlate",
        "HTTP/1.1 103 Hints\r\n\r\nHTTP/1.1 408\r\nConnection: close\r\n\r\n",
    ] {
        let (server, heads) = keeping(move |number| if number == 0 { PAGE } else { late });
        for method in ["GET", "DELETE"] {
            heads.lock().unwrap().clear();
            let urls = ["/a", "/b", "/c", "/d"].map(|path| server.url(path));
            let rows = fetch(&urls, &["-j", "1", "-X", method]);
            for row in rows {
                assert_eq!((&row["ok"], &row["attempts"]), (&true.into(), &1.into()));
            }
            // All requests but the first are sent twice.
            assert_eq!(heads.lock().unwrap().len(), 4 + 3, "{late:?}");
        }
    }
}

#[test]
fn a_408_that_came_before_the_request_is_not_read_at_all() {
    let server = RawServer::on_connection(|stream| {
        if read_head(&stream).is_some() {
            let mut talk = Talk::over(stream);
            talk.send(PAGE.as_bytes());
            talk.send(LATE.as_bytes());
        }
    });
    let urls = ["/a", "/b", "/c", "/d"].map(|path| server.url(path));
    for row in fetch(&urls, &["-j", "1"]) {
        assert_eq!(told(&row), "5");
    }
}

#[test]
fn a_408_over_a_new_connection_is_final() {
    // The first connection of all serves one page. Every other request is answered 408.
    let pages = AtomicUsize::new(1);
    let (server, heads) = keeping(move |_| {
        let is_page = pages.swap(0, Ordering::SeqCst) == 1;
        if is_page { PAGE } else { LATE }
    });
    let urls = ["/a", "/b", "/c"].map(|path| server.url(path));
    let rows = fetch(&urls, &["-j", "1"]);
    let outcomes: Vec<String> = rows.iter().map(told).collect();
    let final_408 = "http_status: 408 Request Timeout";
    assert_eq!(outcomes, ["5", final_408, final_408]);
    // Only the second request was sent twice: the third had no idle connection.
    assert_eq!(heads.lock().unwrap().len(), 4);

    let (server, heads) = keeping(|number| if number == 0 { PAGE } else { LATE });
    let urls = ["/a", "/b", "/c"].map(|path| server.url(path));
    let rows = fetch(&urls, &["-j", "1", "-X", "POST"]);
    assert!(rows.iter().all(|row| row["ok"] == true), "{rows:?}");
    assert_eq!(heads.lock().unwrap().len(), 3, "POST uses new connections");
}
