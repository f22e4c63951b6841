//! Statuses, lengths and chunks.

use super::Then::{Closes, Holds, Resets};
use super::{CHUNKED, Case, OK, case};

pub(super) fn lengths() -> Vec<Case> {
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
            "protocol: Content-Length is told twice",
        ),
        case(
            "a list that differs",
            with("Content-Length: 5, 4"),
            Holds,
            "protocol: Content-Length is told twice",
        ),
        case(
            "negative",
            with("Content-Length: -5"),
            Holds,
            "protocol: Content-Length is no number",
        ),
        case(
            "with a sign",
            with("Content-Length: +5"),
            Holds,
            "protocol: Content-Length is no number",
        ),
        case(
            "hexadecimal",
            with("Content-Length: 0x5"),
            Holds,
            "protocol: Content-Length is no number",
        ),
        case(
            "beyond 64 bits",
            with("Content-Length: 99999999999999999999"),
            Holds,
            "protocol: Content-Length is no number",
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

pub(super) fn chunks() -> Vec<Case> {
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

pub(super) fn statuses() -> Vec<Case> {
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
