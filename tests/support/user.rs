//! Runs the binary as another user. A limit on processes counts all processes of a user, so two runs of one user would
//! take threads from each other.

use super::{Fetchpool, anything, fetchpool, left_out};
use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};

impl Fetchpool {
    /// Runs it as a new user who may have `threads` threads.
    pub(crate) fn with_threads_at_most(self, threads: u32) -> Fetchpool {
        self.env("USER_ID", another_user().to_string())
            .env("THREADS", threads.to_string())
            .after(r#"set -- prlimit --nproc="$THREADS" setpriv --reuid "$USER_ID" --regid "$USER_ID" --clear-groups "$@""#)
    }
}

/// A user id that no earlier run has, in this test program or another.
fn another_user() -> u32 {
    static RUNS: AtomicU32 = AtomicU32::new(0);
    let run = RUNS.fetch_add(1, Ordering::Relaxed);
    20_000 + std::process::id() % 400 * 100 + run % 100
}

/// Whether this is possible: only root can become another user, and that user must be able to read the binary.
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
