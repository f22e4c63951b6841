//! Runs the check that `FUZZ_TARGET` names under libFuzzer. All checks are in one program, so that it is built once.
//! fuzz/run calls it.

#![no_main]

#[path = "../tests/fuzz/oracle.rs"]
mod oracle;
#[path = "../tests/fuzz/transport.rs"]
mod transport;

use fetchpool::fuzzing::{CHECKS, Check};
use std::sync::LazyLock;

const TRANSPORT: Check = Check {
    name: "transport",
    run: transport::transport,
    seed: transport::SEED,
};

static CHECK: LazyLock<Check> = LazyLock::new(|| {
    let given = std::env::var("FUZZ_TARGET").unwrap_or_default();
    let all = || CHECKS.into_iter().chain([TRANSPORT]);
    all().find(|check| check.name == given).unwrap_or_else(|| {
        let names: Vec<_> = all().map(|check| check.name).collect();
        panic!(
            "FUZZ_TARGET is {given:?}; it should be one of {}",
            names.join(", ")
        )
    })
});

libfuzzer_sys::fuzz_target!(|data: &[u8]| (CHECK.run)(data));
