//! The `fetchpool` program: the library's [`fetchpool::run`], given this process's arguments.

use std::process::ExitCode;

#[cfg(target_env = "musl")]
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    fetchpool::run(std::env::args_os())
}
