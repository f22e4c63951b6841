//! For a test that cannot be done where it runs: it says so, and passes only where that is allowed.
//!
//! What is said goes to standard error past the capture of libtest, which shows nothing of tests that pass, and to the
//! end of the file that `FETCHPOOL_LEFT_OUT` names, if that is set: `.ci/run` prints it at its end. Where `CI` is set
//! nothing may be left out, so that the test fails: but for what the kernel or the rights refuse if
//! `FETCHPOOL_MAY_LEAVE_OUT` is 1, since a program can be installed and they cannot. `.ci/left-out` is the same for
//! scripts.

#![allow(dead_code, reason = "each test program uses its own part of this")]

use std::io::Write as _;

/// Says that the kernel, the rights or the network of this machine do not allow what the test is about.
///
/// # Panics
///
/// Where `CI` is set, and `FETCHPOOL_MAY_LEAVE_OUT` is not 1.
pub(crate) fn refused(what: &str) {
    say(what);
    let allowed = std::env::var_os("FETCHPOOL_MAY_LEAVE_OUT").is_some_and(|value| value == "1");
    assert!(
        allowed || !in_ci(),
        "{what}, and nothing may be left out here (FETCHPOOL_MAY_LEAVE_OUT=1 allows it)"
    );
}

/// Says that a program is not installed that the test needs.
///
/// # Panics
///
/// Where `CI` is set.
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
    // Not `eprintln!`, which libtest takes in. One write each, so that lines of several tests stay apart.
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
