//! Any of `fetchpool::fuzzing`'s targets, under libFuzzer: `FUZZ_TARGET` names it. One program for all of them, so that
//! it is built once. fuzz/run calls it.

#![no_main]

use fetchpool::fuzzing::{TARGETS, Target};
use std::sync::LazyLock;

static TARGET: LazyLock<Target> = LazyLock::new(|| {
    let names = TARGETS.map(|target| target.name).join(", ");
    let given = std::env::var("FUZZ_TARGET").unwrap_or_default();
    TARGETS
        .into_iter()
        .find(|target| target.name == given)
        .unwrap_or_else(|| panic!("FUZZ_TARGET is {given:?}; it should be one of {names}"))
});

libfuzzer_sys::fuzz_target!(|data: &[u8]| (TARGET.check)(data));
