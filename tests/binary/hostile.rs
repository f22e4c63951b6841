//! Hostile servers and lists: their text reaches no terminal, no request and no other cell unescaped. docs/SECURITY.md
//! promises this, and names these tests.

use crate::jsonl::rows;
use crate::support::{RawServer, anything, checked, fetchpool};
use std::sync::{Arc, Mutex};

/// Text that a terminal would obey: an escape sequence, a C1 control in UTF-8, a title, a change of the text's
/// direction.
const CONTROLS: &str = "\u{1b}[2J\u{9b}31m\u{1b}]0;owned\u{7}\u{202e}\u{7f}\u{8}";

/// Replies with `CONTROLS` in every field that a record or a message shows.
fn talking_to_terminals() -> Vec<String> {
    let body = "Content-Length: 2\r\nConnection: close\r\n\r\nok";
    vec![
        format!("HTTP/1.1 200 OK\r\nContent-Type: text/{CONTROLS}\r\n{body}"),
        format!("HTTP/1.1 404 {CONTROLS}\r\nContent-Type: {CONTROLS}\r\n{body}"),
        format!("HTTP/1.1 302 Found\r\nLocation: ht{CONTROLS}tp://x/\r\n{body}"),
        format!("HTTP/1.1 302 Found\r\nLocation: http://{CONTROLS}/\r\n{body}"),
        format!("HTTP/1.1 302 Found\r\nLocation: http://[{CONTROLS}\r\n{body}"),
        format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: {CONTROLS}\r\n{body}"),
        format!("HTTP/1.1 200 OK\r\nContent-Encoding: {CONTROLS}\r\n{body}"),
        format!("HTTP/1.1 200 OK\r\nContent-Length: {CONTROLS}\r\n\r\nok"),
        format!("HTTP/1.1 {CONTROLS} OK\r\n{body}"),
        format!("{CONTROLS}\r\n\r\n"),
        format!("HTTP/1.1 503 No\r\nRetry-After: {CONTROLS}\r\n{body}"),
    ]
}

#[test]
fn nothing_that_a_server_says_reaches_a_terminal_as_it_is() {
    let replies = talking_to_terminals();
    let count = replies.len();
    let server = RawServer::start(move |mut talk| {
        // Any other path is a `Location` that was read as relative.
        let number = talk.path()[1..].parse::<usize>();
        let reply = number.ok().and_then(|n| replies.get(n));
        talk.send(reply.map_or(&b""[..], |reply| reply.as_bytes()));
    });
    let urls: Vec<String> = (0..count).map(|n| server.url(&format!("/{n}"))).collect();
    let harmless = |tabs: bool| {
        checked(move |text| {
            let is_bad =
                |c: char| c.is_control() && c != '\n' && !(tabs && c == '\t') || c == '\u{202e}';
            match text.find(is_bad) {
                Some(at) => Err(format!("there is {:?}", text[at..].chars().next())),
                None => Ok(()),
            }
        })
    };
    for (format, header) in [("text", 0), ("jsonl", 0), ("csv", 1), ("tsv", 1)] {
        let ended = fetchpool()
            .args(&urls)
            .args(["-f", format, "-vv", "--summary", "--compressed"])
            .args(["--retries", "1", "--retry-delay", "1ms"])
            .status(1)
            .stdout(harmless(format == "tsv"))
            .stderr(harmless(false))
            .run();
        let lines = ended.stdout().lines().count();
        assert_eq!(lines, count + header, "{format}: a line a URL");
    }
}

#[test]
fn no_reply_and_no_list_can_add_a_column_or_a_row() {
    let types = [
        "=1+1",
        "a,b",
        "a\"b",
        "\"a\",\"b\"",
        "a\tb",
        "a\";b,'c'",
        "\\\",\"",
    ];
    let server = RawServer::start(move |mut talk| {
        let number: usize = talk.path()[1..2].parse().expect("a digit");
        let header = format!("Content-Type: {}", types[number]);
        talk.reply("200 OK", &[&header], b"ok");
    });
    let mut list: Vec<String> = (0..types.len())
        .map(|n| server.url(&format!("/{n}?a,\"b\",=c")))
        .collect();
    list.extend(["=1+1,\"x\"", "@x\ty", "\"", ","].map(str::to_owned));
    for (format, delimiter) in [("csv", b','), ("tsv", b'\t')] {
        let ended = fetchpool()
            .list("a,\"b\".txt", list.join("\n"))
            .args(["--ordered", "-f", format])
            .status(1)
            .stdout(anything())
            .run();
        let mut reader = csv::ReaderBuilder::new();
        let mut reader = reader
            .delimiter(delimiter)
            .quoting(format == "csv")
            .from_reader(ended.stdout().as_bytes());
        let read: Vec<_> = reader
            .records()
            .map(|row| row.expect("as many cells as in the header"))
            .collect();
        assert_eq!(read.len(), list.len());
        let escaped = |text: &str| match format {
            "csv" => text.replace('\t', "\\t"),
            _ => text.replace('\\', "\\\\").replace('\t', "\\t"),
        };
        for (row, written) in read.iter().zip(&list) {
            assert_eq!(row[0], escaped(written));
            assert_eq!(&row[1], "a,\"b\".txt");
        }
        for (row, written) in read.iter().zip(types) {
            assert_eq!(row[6], escaped(written), "as it was sent");
        }
    }
}

/// A server that keeps the heads of all requests. It redirects `/` to `to`, with its own address in place of `@SELF`.
fn redirecting(to: Vec<u8>) -> (RawServer, Arc<Mutex<Vec<String>>>) {
    let heads = Arc::<Mutex<Vec<String>>>::default();
    let seen = Arc::clone(&heads);
    let server = RawServer::start(move |mut talk| {
        seen.lock().unwrap().push(talk.head().to_owned());
        if talk.path() == "/" {
            let own = format!("@{}", talk.header("host").unwrap_or_default());
            let at = to.windows(5).position(|w| w == b"@SELF");
            let to = at.map_or(to.clone(), |at| {
                [&to[..at], own.as_bytes(), &to[at + 5..]].concat()
            });
            let reply = [b"HTTP/1.1 302 Found\r\nLocation: ", &to[..], b"\r\n\r\n"];
            talk.send(&reply.concat());
        } else {
            talk.reply("200 OK", &[], b"ok");
        }
    });
    (server, heads)
}

/// Whether a head has a request line of three words and exactly the headers of every request.
fn is_plain(head: &str) -> bool {
    let mut lines = head.trim_end_matches("\r\n").split("\r\n");
    let words = lines
        .next()
        .map_or(0, |line| line.split(' ').filter(|w| !w.is_empty()).count());
    let mut names: Vec<&str> = lines
        .filter_map(|line| Some(line.split_once(':')?.0))
        .collect();
    names.retain(|name| !name.eq_ignore_ascii_case("authorization"));
    names.sort_unstable();
    words == 3
        && names == ["Accept", "Host", "User-Agent"]
        && !head.replace("\r\n", "").contains(['\r', '\n'])
}

#[test]
fn no_location_adds_a_header_to_a_request() {
    for location in [
        &b"/a%0d%0aX-Evil:%201"[..],
        b"/a\rX-Evil: 1",
        b"/a\r\n X-Evil: 1",
        b"/a\tX-Evil: 1",
        b"/a HTTP/1.1\x0bX-Evil: 1",
        b"/a\xc2\x85X-Evil: 1",
        b"/a\xe2\x80\xa8X-Evil: 1",
        b"/a?\rX-Evil:\r1#\r",
        b"//u%0d%0aX-Evil:%201@SELF/a",
    ] {
        let text = location.to_vec();
        let (server, heads) = redirecting(text);
        fetchpool()
            .arg(server.url("/"))
            .status_0_or_1()
            .stdout(anything())
            .run();
        let heads = heads.lock().unwrap();
        // A CR alone makes the head invalid, so there is no redirect.
        let has_bare_cr = location.windows(2).any(|w| w[0] == b'\r' && w[1] != b'\n');
        let requests = if has_bare_cr { 1 } else { 2 };
        assert_eq!(heads.len(), requests, "{:?}", location.escape_ascii());
        for head in heads.iter() {
            assert!(is_plain(head), "{:?}: {head:?}", location.escape_ascii());
        }
    }
}

#[test]
fn no_line_of_a_list_adds_a_header_to_a_request() {
    let (server, heads) = redirecting(b"/b".to_vec());
    let address = server.address();
    let list = [
        format!("http://{address}/a%0d%0aX-Evil:%201"),
        format!("http://{address}/a\rX-Evil: 1"),
        format!("http://{address}/a HTTP/1.1\tX-Evil: 1"),
        format!("http://{address}/a\u{b}X-Evil: 1\u{85}X-Evil: 2\u{2028}X-Evil: 3"),
        format!("http://u%0d%0aX-Evil:p%0d%0aX-Evil:@{address}/a"),
        format!("http://{address}/a?%0d%0aX-Evil:%201"),
        format!("http://127.0.0.1%0d%0aX-Evil:1:{}/a", address.port()),
    ];
    let ended = fetchpool()
        .list("urls.txt", list.join("\n"))
        .args(["--ordered", "-f", "jsonl"])
        .status(1)
        .stdout(anything())
        .run();
    let ok: Vec<bool> = rows(ended.stdout())
        .iter()
        .map(|row| row["ok"] == true)
        .collect();
    assert_eq!(ok, [true, false, false, true, true, true, false]);
    let heads = heads.lock().unwrap();
    assert_eq!(heads.len(), 4);
    for head in heads.iter() {
        assert!(is_plain(head), "{head:?}");
    }
}
