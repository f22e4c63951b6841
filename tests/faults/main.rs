//! What goes wrong around a run, and what must hold all the same: no URL is lost, no line is torn, no file is partial,
//! no temporary file is left, and the exit status is right. The real binary, run under each fault in turn.
//!
//! A fault that this system or these rights do not allow is left out by `support::left_out`, which never does so in silence.
//! Nothing here sleeps. Left out elsewhere than on Linux: namespaces, `/proc` and `prlimit` are what it makes faults
//! with.
#![cfg(target_os = "linux")]

mod clock;
mod disk;
mod matrix;
mod names;
mod records;
mod shortage;
mod stops;
mod streams;

#[path = "../support/mod.rs"]
#[allow(dead_code, unused_imports, reason = "shared by all test programs")]
mod support;
