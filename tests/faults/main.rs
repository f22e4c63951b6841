//! Faults around a run. In each case no URL is lost, no line is torn, no file is partial, no temporary file remains,
//! and the exit status is right. The real binary runs under each fault.
//!
//! `support::left_out` reports the faults that this system or these rights do not allow. No test sleeps. The tests need
//! namespaces, `/proc` and `prlimit`, so they run only on Linux.
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
