//! Checks of everything that servers, lists and command lines can contain, for fuzzers: a check takes any bytes, and
//! panics if a promise is broken.
//!
//! These need private interfaces. Others are in `tests/fuzz`. `cargo test` runs
//! all of them in a short form over `fuzz/corpus`; docs/RELIABILITY.md describes the long form.

#[cfg(test)]
mod tests;

use crate::cli::fuzzing as cli;
use crate::fetch::fuzzing as fetch;
use crate::input::fuzzing as input;
use crate::output::fuzzing as output;

/// One check.
#[derive(Clone, Copy)]
pub struct Check {
    /// Also the name of its file in `fuzz/corpus`.
    pub name: &'static str,
    /// Panics if the bytes break a promise.
    pub run: fn(&[u8]),
    /// Where mutation begins without a corpus.
    pub seed: &'static [u8],
}

/// All checks that need private interfaces.
pub const CHECKS: [Check; 12] = [
    check(
        "list",
        input::list,
        b"\x07http://a.test/\r\n# b\n\n c:80/d \xff\n",
    ),
    check(
        "url",
        input::url,
        b"http://ann:pw@ex\xc3\xa4mple.test:81/a b?c#d",
    ),
    check(
        "resume",
        input::resumed,
        b"{\"url\":\"http://a.test/\",\"ok\":true}\n{\"url\":",
    ),
    check("shard", input::shard, b"2/3\nhttp://a.test/"),
    check(
        "head",
        fetch::head,
        b"\x03HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nA: b\r\n c\r\n\r\n",
    ),
    check(
        "chunked",
        fetch::chunked,
        b"\x025;x=y\r\nhello\r\n0\r\nA: b\r\n\r\n",
    ),
    check("location", fetch::location, b"\x01//u:p@b.test/a/../c?d#e"),
    check(
        "proxy",
        fetch::proxy,
        b"socks5h://ann:hunter2@p.test:1080\0*.a.test, 10.0.0.0/8",
    ),
    check("rule", fetch::rule, b"[::1]:443:127.0.0.1,[::2]"),
    check(
        "retry_after",
        fetch::retry_after,
        b"Fri, 31 Dec 1999 23:59:59 GMT",
    ),
    check(
        "saved_names",
        output::saved_names,
        b"http://a.test/b?c\nhttp://a.test/b%3Fc",
    ),
    check("options", options, b"1h30m"),
];

const fn check(name: &'static str, run: fn(&[u8]), seed: &'static [u8]) -> Check {
    Check { name, run, seed }
}

fn options(data: &[u8]) {
    cli::units(data);
    fetch::header(data);
}
