//! The check that `FUZZ_TARGET` names, under libFuzzer. One program for all checks is built only once. fuzz/run calls it.

#![no_main]

#[path = "../tests/fuzz/oracle.rs"]
mod oracle;
#[path = "../tests/fuzz/transport.rs"]
mod transport;

use fetchpool::fuzzing::{CHECKS, Check};
use std::sync::LazyLock;

static CHECK: LazyLock<fn(&[u8])> = LazyLock::new(|| {
    let given = std::env::var("FUZZ_TARGET").unwrap_or_default();
    let transport: Check = ("transport", transport::transport);
    let all = || CHECKS.into_iter().chain([transport]);
    let Some((_, check)) = all().find(|(name, _)| *name == given) else {
        let names: Vec<_> = all().map(|(name, _)| name).collect();
        let names = names.join(", ");
        panic!("FUZZ_TARGET is {given:?}; it should be one of {names}")
    };
    check
});

libfuzzer_sys::fuzz_target!(|data: &[u8]| CHECK(data));
