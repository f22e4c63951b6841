//! Runs the real binary under faults. Under each, no URL is lost, no line is torn, no file is partial, no temporary file
//! remains, and the exit status is right.
//!
//! `support::left_out` reports a fault that the system or the user's rights do not allow. The tests need Linux: its
//! namespaces, `/proc` and `prlimit` make the faults. No test sleeps.
#![cfg(target_os = "linux")]

mod clock;
mod disk;
mod matrix;
mod names;
mod ranges;
mod records;
mod shortage;
mod stops;
mod streams;

#[path = "../support/mod.rs"]
#[allow(dead_code, unused_imports, reason = "shared by all test programs")]
mod support;
