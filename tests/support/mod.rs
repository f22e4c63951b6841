//! What all test programs share: the builder that runs the binary (`run`, `running`), expected output (`expect`),
//! servers (`server`, `raw`, `origin`, `tls`, `validating`), archives (`warc`), gates that order events (`gate`), a
//! pseudo-terminal (`pty`), and tests that a
//! machine does not allow (`left_out`).

mod expect;
mod gate;
mod guard;
mod head;
pub(crate) mod left_out;
mod listener;
mod openssl;
pub(crate) mod origin;
mod pty;
mod raw;
mod run;
mod running;
mod server;
mod shown;
mod tls;
#[cfg(target_os = "linux")]
mod user;
mod validating;
mod warc;

pub(crate) use expect::{anything, checked, containing, lines};
pub(crate) use gate::{Gate, PATIENCE};
pub(crate) use head::read_head;
pub(crate) use openssl::OpenSsl;
pub(crate) use pty::{Pty, pair};
pub(crate) use raw::{DeadHost, RawServer, SilentHost, Talk, dead_host};
pub(crate) use run::{Fetchpool, Stdio, fetchpool};
pub(crate) use running::{Running, killed_by};
pub(crate) use server::{Seen, Server};
pub(crate) use tls::{Authority, Signed, serve_as};
#[cfg(target_os = "linux")]
pub(crate) use user::can_become_a_user;
pub(crate) use validating::ValidatingServer;
pub(crate) use warc::{WarcRecord, read_archive};

/// The version in Cargo.toml.
pub(crate) const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Calls `check` with each option and a limit of 2 s, all at the same time. The limit is long enough for a busy machine
/// to reach the tested phase. Nothing is measured.
pub(crate) fn for_each_limit(options: &[&str], check: impl Fn(&[&str]) + Sync) {
    std::thread::scope(|scope| {
        for option in options {
            scope.spawn(|| check(&[option, "2s"]));
        }
    });
}

/// Calls `run` with growing limits until it returns true: the limit has cut the run at the point of the test. `run`
/// checks the result each time.
pub(crate) fn with_growing_limits(mut run: impl FnMut(&str) -> bool) {
    let far_enough = ["1s", "5s", "25s"].into_iter().any(&mut run);
    assert!(far_enough, "no limit was long enough to get so far");
}

/// The line of `text` for a fetched page.
pub(crate) fn page(url: &str, bytes: usize) -> String {
    format!("'{url}' page is {bytes} bytes")
}

/// The line of `text` for a failed URL.
pub(crate) fn failed(url: &str, why: &str) -> String {
    format!("'{url}' generated an exception: {why}")
}

/// Reads a file of the repository by its path from the root.
pub(crate) fn repository_file(name: &str) -> String {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(name);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("cannot read {name}: {error}"))
}
