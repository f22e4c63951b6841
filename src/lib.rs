//! Fetch a list of URLs with a fixed pool of threads, and print each page's size or error as it completes.
//!
//! Three things are public:
//!
//! - [`pool`]: the thread pool, Python's `concurrent.futures` in idiomatic Rust. It knows nothing of URLs.
//! - [`fetch`]: one attempt at one URL, over connections that all threads share.
//! - [`run`]: the whole program, as the `fetchpool` command calls it.
//!
//! `ARCHITECTURE.md` in the repository shows how the modules behind them work together.

pub mod fetch;
#[cfg(any(test, feature = "fuzzing"))]
#[doc(hidden)]
pub mod fuzzing;
pub mod pool;

mod app;
mod cli;
mod engine;
mod escape;
mod host;
mod input;
mod output;
mod report;
mod schedule;
mod secret_files;
mod signals;
mod span;
mod system;
mod text_table;
mod units;

pub use app::run;
