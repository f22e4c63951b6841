//! What servers must not do and some do: one table of replies, byte for byte, each with what it has
//! to come to.
//!
//! No case may hang: where the server keeps the connection open and no timeout is expected, an
//! attempt that waits for more would end as one and fail the test.

use std::thread;
use std::time::Duration;

use fetchpool::fetch::{Options, Outcome};

use crate::library::{HANG, Server, client, fetch, options};

/// What the server does when it has sent its bytes.
#[derive(Clone, Copy, PartialEq)]
enum Then {
    Closes,
    Resets,
    Holds,
}

use Then::{Closes, Holds, Resets};

/// Name, reply, what the server does then, and the number of bytes or the beginning of the failure.
type Case = (&'static str, Vec<u8>, Then, &'static str);

const OK: &str = "HTTP/1.1 200 OK\r\n";
const CHUNKED: &str = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";

fn case(name: &'static str, reply: impl AsRef<[u8]>, then: Then, expected: &'static str) -> Case {
    (name, reply.as_ref().to_vec(), then, expected)
}

fn no_reply_at_all() -> Vec<Case> {
    vec![
        case(
            "nothing, closed",
            "",
            Closes,
            "connect: the server closed the connection without a reply",
        ),
        case(
            "nothing, reset",
            "",
            Resets,
            "connect: connection reset by peer",
        ),
        case("nothing, held", "", Holds, "timeout: no reply within"),
        case(
            "part of a status line, closed",
            "HTTP/1.1 20",
            Closes,
            "connect: the server closed the connection in the",
        ),
        case(
            "part of a status line, reset",
            "HTTP/1.1 20",
            Resets,
            "connect: connection reset by peer",
        ),
        case(
            "part of a status line, held",
            "HTTP/1.1 20",
            Holds,
            "timeout: no reply within",
        ),
        case(
            "part of a header",
            format!("{OK}Content-Le"),
            Closes,
            "connect: the server closed the connection in the",
        ),
        case(
            "a head without its empty line, held",
            format!("{OK}A: b\r\n"),
            Holds,
            "timeout: no reply within",
        ),
        case(
            "only interim replies, closed",
            "HTTP/1.1 100 Continue\r\n\r\n",
            Closes,
            "connect: ",
        ),
        case(
            "only interim replies, held",
            "HTTP/1.1 103 Hints\r\nLink: <a>\r\n\r\n",
            Holds,
            "timeout: no reply",
        ),
        case(
            "endless interim replies",
            "HTTP/1.1 100 Continue\r\n\r\n".repeat(20_000),
            Holds,
            "protocol: the head of",
        ),
    ]
}

fn not_http() -> Vec<Case> {
    vec![
        case(
            "SSH",
            "SSH-2.0-OpenSSH_9.6\r\n",
            Holds,
            "protocol: the reply is not HTTP: it begins with \"SSH-2.0-",
        ),
        case(
            "SMTP",
            "220 mail.test ESMTP\r\n",
            Holds,
            "protocol: the reply is not HTTP",
        ),
        case(
            "HTML without a head",
            "<html>hello</html>",
            Closes,
            "protocol: the reply is not HTTP",
        ),
        case(
            "one wrong byte",
            "x",
            Holds,
            "protocol: the reply is not HTTP",
        ),
        case(
            "a TLS alert",
            b"\x15\x03\x01\x00\x02\x02\x50",
            Closes,
            "protocol: the reply is not HTTP",
        ),
        case(
            "terminal escapes",
            "\x1b[2J\x1b[31m",
            Holds,
            "protocol: the reply is not HTTP: it begins with \"\\x1b[2J",
        ),
        case(
            "Shoutcast",
            "ICY 200 OK\r\n\r\n",
            Holds,
            "protocol: the reply is not HTTP",
        ),
        case(
            "lower case",
            "http/1.1 200 OK\r\n\r\n",
            Holds,
            "protocol: the reply is not HTTP",
        ),
        case(
            "HTTP/2",
            "HTTP/2 200\r\n\r\n",
            Holds,
            "protocol: the reply is in another version",
        ),
        case(
            "a status of two digits",
            "HTTP/1.1 20 OK\r\n\r\n",
            Holds,
            "protocol: the reply has no status",
        ),
        case(
            "a status of four digits",
            "HTTP/1.1 2000 OK\r\n\r\n",
            Holds,
            "protocol: the reply has no status",
        ),
        case(
            "status 099",
            "HTTP/1.1 099 OK\r\n\r\n",
            Holds,
            "protocol: the reply has no status",
        ),
        case(
            "a negative status",
            "HTTP/1.1 -20 OK\r\n\r\n",
            Holds,
            "protocol: the reply has no status",
        ),
        case(
            "no status",
            "HTTP/1.1 OK\r\n\r\n",
            Holds,
            "protocol: the reply has no status",
        ),
        case(
            "an endless status line",
            format!("HTTP/1.1 200 {}", "x".repeat(300_000)),
            Holds,
            "protocol: the head of the reply is larger",
        ),
        case(
            "an endless header",
            format!("{OK}A: {}", "b".repeat(300_000)),
            Holds,
            "protocol: the head of",
        ),
        case(
            "a flood of headers",
            format!("{OK}{}", "A: b\r\n".repeat(60_000)),
            Holds,
            "protocol: the head of",
        ),
        case(
            "a NUL byte in a header",
            format!("{OK}A: b\0c\r\n\r\n"),
            Holds,
            "protocol: there is a NUL byte",
        ),
        case(
            "a NUL byte in an interim reply",
            "HTTP/1.1 103 Hints\r\nA: b\0c\r\n\r\n",
            Holds,
            "protocol: there is a NUL byte",
        ),
        case(
            "CR alone, and no end",
            "HTTP/1.1 200 OK\rContent-Length: 2\r\rok",
            Holds,
            "protocol: there is a CR without its LF",
        ),
        case(
            "CR CR LF, as what is translated twice has",
            "HTTP/1.1 200 OK\r\r\nContent-Length: 2\r\r\n\r\r\nok",
            Holds,
            "protocol: there is a CR without its LF",
        ),
        case(
            "a CR in front",
            "\r\rHTTP/1.1 200 OK\r\n\r\n",
            Holds,
            "protocol: the reply is not HTTP",
        ),
    ]
}

fn lengths() -> Vec<Case> {
    let with = |headers: &str| format!("{OK}{headers}\r\n\r\n12345");
    vec![
        case(
            "cut, closed",
            with("Content-Length: 10"),
            Closes,
            "body: the connection was closed after 5 of 10 bytes",
        ),
        case(
            "cut, reset",
            with("Content-Length: 10"),
            Resets,
            "body: connection reset by peer after 5 of 10 bytes",
        ),
        case(
            "cut, held",
            with("Content-Length: 10"),
            Holds,
            "timeout: no end of the body within",
        ),
        case(
            "all cut",
            format!("{OK}Content-Length: 10\r\n\r\n"),
            Closes,
            "body: the connection was closed after 0 of",
        ),
        case(
            "no length, reset",
            with("A: b"),
            Resets,
            "body: connection reset by peer after 5 bytes, before the end",
        ),
        case("no length, closed", with("A: b"), Closes, "5"),
        case(
            "no length, held",
            with("A: b"),
            Holds,
            "timeout: no end of the body within",
        ),
        case(
            "shorter than what comes",
            with("Content-Length: 3"),
            Holds,
            "3",
        ),
        case("zero, and a body", with("Content-Length: 0"), Holds, "0"),
        case(
            "twice the same",
            with("Content-Length: 5\r\nContent-Length: 5"),
            Holds,
            "5",
        ),
        case(
            "a list of the same",
            with("Content-Length: 5, 5"),
            Holds,
            "5",
        ),
        case(
            "two that differ",
            with("Content-Length: 5\r\nContent-Length: 4"),
            Holds,
            "protocol: conflicting",
        ),
        case(
            "a list that differs",
            with("Content-Length: 5, 4"),
            Holds,
            "protocol: conflicting",
        ),
        case(
            "negative",
            with("Content-Length: -5"),
            Holds,
            "protocol: content-length header not a number",
        ),
        case(
            "with a sign",
            with("Content-Length: +5"),
            Holds,
            "protocol: content-length header not a number",
        ),
        case(
            "hexadecimal",
            with("Content-Length: 0x5"),
            Holds,
            "protocol: content-length header not a number",
        ),
        case(
            "beyond 64 bits",
            with("Content-Length: 99999999999999999999"),
            Holds,
            "protocol: content-length",
        ),
        case(
            "64 bits",
            with("Content-Length: 18446744073709551615"),
            Closes,
            "body: the connection was closed after 5 of",
        ),
        case(
            "beside chunks",
            format!(
                "{OK}Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"
            ),
            Holds,
            "5",
        ),
    ]
}

fn chunks() -> Vec<Case> {
    let with = |body: &str| format!("{CHUNKED}{body}");
    vec![
        case(
            "cut in a size",
            with("5"),
            Closes,
            "body: the connection was closed after 0 bytes",
        ),
        case(
            "cut in data",
            with("5\r\nhel"),
            Closes,
            "body: the connection was closed after 3 bytes",
        ),
        case(
            "cut behind data",
            with("5\r\nhello"),
            Closes,
            "body: the connection was closed after 5 bytes",
        ),
        case(
            "cut before the last chunk",
            with("5\r\nhello\r\n"),
            Closes,
            "body: the connection was closed after 5",
        ),
        case(
            "reset in data",
            with("5\r\nhel"),
            Resets,
            "body: connection reset by peer after 3 bytes",
        ),
        case(
            "held in data",
            with("5\r\nhel"),
            Holds,
            "timeout: no end of the body within",
        ),
        case(
            "closed right behind the last size",
            with("5\r\nhello\r\n0\r\n"),
            Closes,
            "5",
        ),
        case("ends in LF", with("5\nhello\n0\n\n"), Holds, "5"),
        case(
            "LF only, cut",
            with("5\nhel"),
            Closes,
            "body: the connection was closed after 3 bytes",
        ),
        case(
            "no size",
            with("\r\nhello\r\n"),
            Holds,
            "protocol: a chunk does not begin with its size",
        ),
        case(
            "a size that is none",
            with("five\r\nhello\r\n0\r\n\r\n"),
            Holds,
            "protocol: the size of a chunk is not",
        ),
        case(
            "a word for a size",
            with("zz\r\nhello\r\n0\r\n\r\n"),
            Holds,
            "protocol: a chunk does not begin with",
        ),
        case(
            "a negative size",
            with("-5\r\nhello\r\n0\r\n\r\n"),
            Holds,
            "protocol: a chunk does not begin with",
        ),
        case(
            "a size beyond 64 bits",
            with("fffffffffffffffff\r\nhello"),
            Holds,
            "protocol: the size of a chunk is beyond",
        ),
        case(
            "more data than the size",
            with("5\r\nhello!\r\n0\r\n\r\n"),
            Holds,
            "protocol: a chunk is longer than its size",
        ),
        case(
            "an endless size line",
            with(&format!("5;{}", "x".repeat(100_000))),
            Holds,
            "protocol: the size line of",
        ),
        case(
            "endless zeros",
            with(&"0".repeat(100_000)),
            Holds,
            "protocol: the size line of a chunk does not end",
        ),
        case(
            "an endless trailer",
            with(&format!("0\r\n{}", "a: b\r\n".repeat(20_000))),
            Holds,
            "protocol: the trailer",
        ),
        case(
            "a long extension",
            with(&format!("5;{}\r\nhello\r\n0\r\n\r\n", "x".repeat(1000))),
            Holds,
            "5",
        ),
        case(
            "in HTTP/1.0",
            "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
            Holds,
            "5",
        ),
        case(
            "twice chunked",
            format!(
                "{OK}Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n"
            ),
            Holds,
            "2",
        ),
        case(
            "gzip within chunks",
            format!("{OK}Transfer-Encoding: gzip, chunked\r\n\r\n"),
            Holds,
            "protocol: the body has the transfer coding \"gzip\"",
        ),
    ]
}

fn repaired_heads() -> Vec<Case> {
    let page = |headers: &str| format!("{OK}{headers}Content-Length: 2\r\n\r\nok");
    vec![
        case(
            "LF alone",
            "HTTP/1.1 200 OK\nContent-Length: 2\n\nok",
            Holds,
            "2",
        ),
        case(
            "HTTP/1.2",
            "HTTP/1.2 200 OK\r\nContent-Length: 2\r\n\r\nok",
            Holds,
            "2",
        ),
        case(
            "empty lines in front",
            format!("\r\n\r\n{}", page("")),
            Holds,
            "2",
        ),
        case(
            "no reason",
            "HTTP/1.1 200\r\nContent-Length: 2\r\n\r\nok",
            Holds,
            "2",
        ),
        case(
            "a reason with escapes",
            "HTTP/1.1 200 \x1b[2J\r\nContent-Length: 2\r\n\r\nok",
            Holds,
            "2",
        ),
        case(
            "two spaces",
            "HTTP/1.1  200 OK\r\nContent-Length: 2\r\n\r\nok",
            Holds,
            "2",
        ),
        case("a folded header", page("A: b\r\n c\r\n"), Holds, "2"),
        case("a space before the colon", page("A : b\r\n"), Holds, "2"),
        case("a line without a colon", page("hello\r\n"), Holds, "2"),
        case("a header without a name", page(": b\r\n"), Holds, "2"),
        case(
            "control characters",
            page("A: \x01\x02\x7f\r\n"),
            Holds,
            "2",
        ),
        case(
            "Latin-1",
            [
                page("A: ")
                    .trim_end_matches("Content-Length: 2\r\n\r\nok")
                    .as_bytes(),
                b"\xe9\r\nContent-Length: 2\r\n\r\nok",
            ]
            .concat(),
            Holds,
            "2",
        ),
        case(
            "a thousand headers",
            page(&"A: b\r\n".repeat(1000)),
            Holds,
            "2",
        ),
        case(
            "a header of 60 KiB",
            page(&format!("A: {}\r\n", "b".repeat(60_000))),
            Holds,
            "2",
        ),
        case(
            "interim replies with headers",
            format!(
                "HTTP/1.1 100 Continue\r\nA: b\r\n\r\nHTTP/1.1 103 Hints\r\n\r\n{}",
                page("")
            ),
            Holds,
            "2",
        ),
    ]
}

fn statuses() -> Vec<Case> {
    vec![
        case(
            "204 with a body",
            "HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\nhello",
            Holds,
            "0",
        ),
        case(
            "204 in chunks",
            "HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n",
            Holds,
            "0",
        ),
        case(
            "205 without a length",
            "HTTP/1.1 205 Reset Content\r\nContent-Length: 0\r\n\r\n",
            Holds,
            "0",
        ),
        case(
            "304 with a body",
            "HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\nhello",
            Holds,
            "http_status: 304",
        ),
        case(
            "101",
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\n\r\n\0\0\0",
            Holds,
            "http_status: 101",
        ),
        case(
            "999",
            "HTTP/1.1 999 What\r\nContent-Length: 0\r\n\r\n",
            Holds,
            "http_status: 999",
        ),
        case(
            "404 that never ends",
            "HTTP/1.1 404 Not Found\r\n\r\nhel",
            Holds,
            "http_status: 404 Not Found",
        ),
        case(
            "404 that is cut",
            "HTTP/1.1 404 Not Found\r\nContent-Length: 9\r\n\r\nhel",
            Closes,
            "http_status: 404 Not Found",
        ),
        case(
            "404 that stalls",
            "HTTP/1.1 404 Not Found\r\nContent-Length: 9\r\n\r\nhel",
            Holds,
            "http_status: 404 Not Found",
        ),
        case(
            "404 in bad chunks",
            "HTTP/1.1 404 Not Found\r\nTransfer-Encoding: chunked\r\n\r\nzz",
            Holds,
            "http_status: 404 Not Found",
        ),
        case(
            "a redirect to itself",
            "HTTP/1.1 302 Found\r\nLocation: /\r\nContent-Length: 0\r\n\r\n",
            Closes,
            "too_many_redirects: ",
        ),
        case(
            "a redirect that stalls",
            "HTTP/1.1 302 Found\r\nLocation: /\r\nContent-Length: 9\r\n\r\nx",
            Holds,
            "too_many_redirects: ",
        ),
        case(
            "a redirect without an end",
            "HTTP/1.1 302 Found\r\nLocation: /\r\n\r\n",
            Holds,
            "too_many_redirects: ",
        ),
        case(
            "a redirect without a target",
            "HTTP/1.1 302 Found\r\nContent-Length: 0\r\n\r\n",
            Holds,
            "http_status: 302 Found",
        ),
        case(
            "a redirect to an empty target",
            "HTTP/1.1 302 Found\r\nLocation:\r\nContent-Length: 0\r\n\r\n",
            Holds,
            "http_status: 302",
        ),
        case(
            "a redirect to no URL",
            "HTTP/1.1 302 Found\r\nLocation: http://[::1\r\n\r\n",
            Holds,
            "invalid_url: redirected to",
        ),
        case(
            "a redirect to a file",
            "HTTP/1.1 302 Found\r\nLocation: file:///etc/passwd\r\n\r\n",
            Holds,
            "unsupported_scheme: file is",
        ),
        case(
            "a redirect to a script",
            "HTTP/1.1 302 Found\r\nLocation: javascript:alert(1)\r\n\r\n",
            Holds,
            "unsupported_scheme: javascript",
        ),
        case(
            "a redirect to a dead port",
            "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\n\r\n",
            Holds,
            "connect: 127.0.0.1:1: connection refused",
        ),
        case(
            "a redirect to nowhere",
            "HTTP/1.1 302 Found\r\nLocation: http://nowhere.invalid/\r\n\r\n",
            Holds,
            "dns: no address for nowhere.invalid",
        ),
    ]
}

fn run(reply: Vec<u8>, then: Then, timeout: Duration) -> String {
    let server = Server::start(move |mut conn| {
        if conn.request().is_none() {
            return;
        }
        conn.send(&reply);
        match then {
            Closes => {
                let _ = conn.stream.shutdown(std::net::Shutdown::Write);
                conn.wait_for_hangup();
            }
            Resets => conn.reset(),
            Holds => conn.wait_for_hangup(),
        }
    });
    let options = Options {
        timeout: Some(timeout),
        ..options()
    };
    let told = |outcome: Outcome| match outcome.result {
        Ok(page) => page.bytes.to_string(),
        Err(failure) => failure.to_string(),
    };
    let (outcome, _) = fetch(options.clone(), &server.url("/"));
    let fetched = told(outcome);
    // Bytes that are only counted take another way.
    let mut came = 0;
    let counted = told(client(options).load_size(&server.url("/"), &mut |amount| came += amount));
    assert_eq!(counted, fetched);
    if let Ok(bytes) = fetched.parse::<usize>() {
        assert_eq!(came, bytes);
    }
    fetched
}

/// What is wrong with what came of a case, if anything is.
fn complaint((name, reply, then, expected): Case, timeout: Duration) -> Option<String> {
    let got = run(reply, then, timeout);
    // A number has to be all of it, a failure may go on.
    let is_right = if expected.parse::<u64>().is_ok() {
        got == expected
    } else {
        got.starts_with(expected)
    };
    (!is_right).then(|| format!("{name}: expected {expected:?}, got {got:?}"))
}

/// The limit where the server is waited for in vain: long enough to get there on a busy machine. Nothing is measured.
const LIMIT: Duration = Duration::from_secs(2);

#[test]
fn every_reply_comes_to_what_it_has_to() {
    let tables = [
        no_reply_at_all(),
        not_http(),
        lengths(),
        chunks(),
        repaired_heads(),
        statuses(),
    ];
    let cases: Vec<Case> = tables.into_iter().flatten().collect();
    assert!(cases.len() >= 60, "{} cases", cases.len());
    let (waits, ends): (Vec<Case>, Vec<Case>) = cases
        .into_iter()
        .partition(|(_, _, _, expected)| expected.starts_with("timeout"));
    let mut wrong: Vec<String> = ends
        .into_iter()
        .filter_map(|case| complaint(case, HANG))
        .collect();
    // Side by side, since each of them takes its time.
    thread::scope(|scope| {
        let waits: Vec<_> = waits
            .into_iter()
            .map(|case| scope.spawn(|| complaint(case, LIMIT)))
            .collect();
        wrong.extend(waits.into_iter().filter_map(|wait| wait.join().unwrap()));
    });
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_head_that_drips_is_taken_and_one_that_drips_for_ever_is_cut() {
    let drip = |mut conn: crate::library::Conn, bytes: &mut dyn Iterator<Item = u8>| {
        conn.request();
        for byte in bytes {
            if std::io::Write::write_all(&mut conn.stream, &[byte]).is_err() {
                return;
            }
        }
        conn.wait_for_hangup();
    };
    let whole = format!("{OK}X: {}\r\nContent-Length: 2\r\n\r\nok", "y".repeat(5000));
    let server = Server::start(move |conn| drip(conn, &mut whole.bytes()));
    assert_eq!(
        fetch(options(), &server.url("/")).0.result.map(|p| p.bytes),
        Ok(2)
    );
    let server =
        Server::start(move |conn| drip(conn, &mut OK.bytes().chain(std::iter::repeat(b'a'))));
    let failure = fetch(options(), &server.url("/")).0.result.unwrap_err();
    assert!(
        failure.message().contains("larger than 256 KiB"),
        "{failure}"
    );
}

/// Replies with bytes changed, dropped, doubled and cut at random, but the same in every run.
fn mutated(reply: &[u8], seed: u64) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut next = |below: usize| {
        // xorshift64 (Marsaglia, 2003).
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state % below.max(1) as u64) as usize
    };
    let mut bytes = reply.to_vec();
    for _ in 0..=next(4) {
        if bytes.is_empty() {
            break;
        }
        let at = next(bytes.len());
        match next(5) {
            0 => bytes[at] = next(256) as u8,
            1 => bytes[at] = b"\r\n :;,0f\0\xff"[next(10)],
            2 => drop(bytes.remove(at)),
            3 => bytes.insert(at, bytes[at]),
            _ => bytes.truncate(at.max(1)),
        }
    }
    bytes
}

#[test]
fn no_reply_makes_an_attempt_panic_or_hang() {
    let tables = [lengths(), chunks(), repaired_heads(), statuses()];
    let replies: Vec<Vec<u8>> = tables
        .into_iter()
        .flatten()
        .map(|(_, reply, ..)| reply)
        .collect();
    let replies: Vec<Vec<u8>> = replies.into_iter().filter(|r| r.len() < 2000).collect();
    let count = 3000;
    let server = Server::start(move |mut conn| {
        if conn.request().is_some() {
            conn.send(mutated(
                &replies[conn.number % replies.len()],
                conn.number as u64,
            ));
        }
    });
    let options = Options {
        compressed: true,
        max_redirects: 2,
        ..options()
    };
    let client = client(options);
    for _ in 0..count {
        let outcome = client.load_url(&server.url("/"), &mut std::io::sink());
        if let Err(failure) = outcome.result {
            assert_ne!(failure.kind().name(), "internal", "{failure}");
            assert_ne!(failure.kind().name(), "timeout", "{failure}");
        }
    }
}
