//! The checks of `fuzz/` that need only public interfaces, in their short form. Those that need more are in
//! `src/fuzzing.rs`.

mod oracle;
mod short;
mod transport;

/// Each round takes two connections.
const ROUNDS: u64 = 400;

#[test]
fn transport() {
    short::run("transport", transport::transport, ROUNDS);
}
