//! Runs as a user who runs nothing else. A limit on processes counts all that its user runs, so that two
//! runs of one user, in one test program or in two, would take threads from each other.

use super::{Fetchpool, anything, fetchpool, left_out};
use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};

impl Fetchpool {
    /// Runs it as a user of its own who may have `threads` threads.
    pub(crate) fn with_threads_at_most(self, threads: u32) -> Fetchpool {
        self.env("USER_ID", another_user().to_string())
            .env("THREADS", threads.to_string())
            .after(r#"set -- prlimit --nproc="$THREADS" setpriv --reuid "$USER_ID" --regid "$USER_ID" --clear-groups "$@""#)
    }
}

/// An id that no run of a test before this one has, here or in a test program beside this one.
fn another_user() -> u32 {
    static RUNS: AtomicU32 = AtomicU32::new(0);
    let run = RUNS.fetch_add(1, Ordering::Relaxed);
    20_000 + std::process::id() % 400 * 100 + run % 100
}

/// Whether such a run is possible: only root can become another user, and that user must find the binary.
pub(crate) fn can_become_a_user() -> bool {
    let is_open = Path::new(env!("CARGO_BIN_EXE_fetchpool"))
        .ancestors()
        .all(is_open_to_all);
    let allowed = is_open
        && fetchpool()
            .with_threads_at_most(100)
            .arg("--version")
            .status_among(&[1, 2, 126, 127])
            .stdout(anything())
            .stderr(anything())
            .run()
            .status
            == 0;
    if !allowed {
        left_out::refused("no other user can run the binary here; threads were not short");
    }
    allowed
}

fn is_open_to_all(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    let metadata = std::fs::metadata(path);
    metadata.is_ok_and(|metadata| metadata.permissions().mode() & 0o001 != 0)
}
