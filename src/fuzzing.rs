//! Checks of all that servers, lists and command lines can contain, for fuzzers: each takes any bytes, and panics if a
//! promise is broken.
//!
//! These need private interfaces; others are in `tests/fuzz`. `cargo test` runs all of them in a short form over
//! `fuzz/corpus`; docs/RELIABILITY.md describes the long form.

#[cfg(test)]
mod tests;

use crate::cli::fuzzing as cli;
use crate::fetch::fuzzing as fetch;
use crate::input::fuzzing as input;
use crate::output::fuzzing as output;

/// The name of a check, which is that of its file in `fuzz/corpus`, and the check.
pub type Check = (&'static str, fn(&[u8]));

/// All checks that need private interfaces.
pub const CHECKS: [Check; 15] = [
    ("list", input::list),
    ("rows", input::rows),
    ("url", input::url),
    ("resume", input::resumed),
    ("shard", input::shard),
    ("head", fetch::head),
    ("chunked", fetch::chunked),
    ("location", fetch::location),
    ("proxy", fetch::proxy),
    ("rule", fetch::rule),
    ("netrc", fetch::netrc),
    ("cookies", fetch::cookies),
    ("retry_after", fetch::retry_after),
    ("saved_names", output::saved_names),
    ("options", options),
];

fn options(data: &[u8]) {
    cli::units(data);
    fetch::header(data);
}
