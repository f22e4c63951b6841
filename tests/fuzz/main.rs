//! The short form of the checks of `fuzz/` that need only public interfaces. `src/fuzzing.rs` has the others.

mod oracle;
mod short;
mod transport;

/// Each round takes two connections.
const ROUNDS: u64 = 400;

#[test]
fn transport() {
    short::run("transport", transport::transport, ROUNDS);
}
