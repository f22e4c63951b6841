//! For tests that this machine does not allow: reports them, and fails where they may not be left out.
//!
//! The report goes to standard error, past the capture of libtest, which hides the output of passing tests. It also
//! goes to the end of the file that `FETCHPOOL_LEFT_OUT` names; `.ci/run` prints that file at its end.
//!
//! If `CI` is set, a missing program fails the test, because it can be installed. A refusal of the kernel or the rights
//! fails it unless `FETCHPOOL_MAY_LEAVE_OUT` is 1. `.ci/left-out` does the same for scripts.
#![allow(dead_code, reason = "each test program uses its own part of this")]

use std::io::Write as _;

/// Reports that the kernel, the rights or the network of this machine do not allow the test.
///
/// # Panics
///
/// If `CI` is set, and `FETCHPOOL_MAY_LEAVE_OUT` is not 1.
pub(crate) fn refused(what: &str) {
    say(what);
    let allowed = std::env::var_os("FETCHPOOL_MAY_LEAVE_OUT").is_some_and(|value| value == "1");
    assert!(
        allowed || !in_ci(),
        "{what}, and nothing may be left out here (FETCHPOOL_MAY_LEAVE_OUT=1 allows it)"
    );
}

/// Reports that a program that the test needs is not installed.
///
/// # Panics
///
/// If `CI` is set.
pub(crate) fn missing(what: &str) {
    say(what);
    assert!(!in_ci(), "{what}, and where CI is set it has to be there");
}

fn in_ci() -> bool {
    std::env::var_os("CI").is_some_and(|ci| !ci.is_empty() && ci != "false")
}

fn say(what: &str) {
    let thread = std::thread::current();
    let line = format!("LEFT OUT: {}: {what}\n", thread.name().unwrap_or("a test"));
    // Not `eprintln!`, which libtest captures. One write each, so that lines of several tests do not mix.
    let _ = std::io::stderr().write_all(line.as_bytes());
    if let Some(list) = std::env::var_os("FETCHPOOL_LEFT_OUT") {
        let file = std::fs::File::options()
            .append(true)
            .create(true)
            .open(&list);
        let written = file.and_then(|mut file| file.write_all(line.as_bytes()));
        written.unwrap_or_else(|error| panic!("cannot add to {}: {error}", list.display()));
    }
}
