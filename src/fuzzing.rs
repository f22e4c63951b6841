//! Checks of everything that strangers write, for fuzzers: each takes any bytes and panics if a promise is broken.
//!
//! The checks stand in the rooms that they check. `cargo test` runs each in a short random form, over the corpus that
//! is kept in `fuzz/corpus`; docs/RELIABILITY.md tells how the long form is run. Nothing in the program uses this.

#[cfg(test)]
mod tests;

use crate::cli::fuzzing as cli;
use crate::fetch::fuzzing as fetch;
use crate::input::fuzzing as input;
use crate::output::fuzzing as output;

/// One check.
#[derive(Clone, Copy)]
pub struct Target {
    /// What it is called, also in `fuzz/corpus`.
    pub name: &'static str,
    /// Panics if the bytes break a promise.
    pub check: fn(&[u8]),
    /// Where mutation begins when there is no corpus.
    pub seed: &'static [u8],
}

/// All of them.
pub const TARGETS: [Target; 13] = [
    target(
        "list",
        input::list,
        b"\x07http://a.test/\r\n# b\n\n c:80/d \xff\n",
    ),
    target(
        "url",
        input::url,
        b"http://ann:pw@ex\xc3\xa4mple.test:81/a b?c#d",
    ),
    target(
        "resume",
        input::resumed,
        b"{\"url\":\"http://a.test/\",\"ok\":true}\n{\"url\":",
    ),
    target("shard", input::shard, b"2/3\nhttp://a.test/"),
    target(
        "head",
        fetch::head,
        b"\x03HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nA: b\r\n c\r\n\r\n",
    ),
    target(
        "chunked",
        fetch::chunked,
        b"\x025;x=y\r\nhello\r\n0\r\nA: b\r\n\r\n",
    ),
    target(
        "transport",
        fetch::transport,
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
    ),
    target("location", fetch::location, b"\x01//u:p@b.test/a/../c?d#e"),
    target(
        "proxy",
        fetch::proxy,
        b"socks5h://ann:hunter2@p.test:1080\0*.a.test, 10.0.0.0/8",
    ),
    target("rule", fetch::rule, b"[::1]:443:127.0.0.1,[::2]"),
    target(
        "retry_after",
        fetch::retry_after,
        b"Fri, 31 Dec 1999 23:59:59 GMT",
    ),
    target(
        "saved_names",
        output::saved_names,
        b"http://a.test/b?c\nhttp://a.test/b%3Fc",
    ),
    target("options", options, b"1h30m"),
];

const fn target(name: &'static str, check: fn(&[u8]), seed: &'static [u8]) -> Target {
    Target { name, check, seed }
}

fn options(data: &[u8]) {
    cli::units(data);
    fetch::header(data);
}
