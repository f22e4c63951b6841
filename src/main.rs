//! The `fetchpool` program: the library's [`fetchpool::run`], given this process's arguments.

use std::process::ExitCode;

fn main() -> ExitCode {
    fetchpool::run(std::env::args_os())
}
