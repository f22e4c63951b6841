//! Bytes that are no reply, and heads that are repaired.

use super::Then::{Closes, Holds, Resets};
use super::{Case, OK, case};

pub(super) fn no_reply_at_all() -> Vec<Case> {
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

pub(super) fn not_http() -> Vec<Case> {
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

pub(super) fn repaired_heads() -> Vec<Case> {
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
