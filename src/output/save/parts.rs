//! The temporary files that are open, for a process that ends without its workers.
//!
//! It may be ended while a worker is about to make one, or the directories for one: the end waits a moment for that.

use std::collections::HashSet;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How long the end waits for files that are being made. It takes a worker far less, unless the disk or the lack of
/// descriptors holds it up.
const PATIENCE: Duration = Duration::from_secs(1);

#[derive(Debug, Default)]
pub(super) struct Parts {
    state: Mutex<State>,
    made: Condvar,
}

#[derive(Debug, Default)]
struct State {
    open: HashSet<PathBuf>,
    /// How many are being made.
    making: usize,
    has_ended: bool,
}

impl Parts {
    /// Says that a temporary file will be made, until what is returned is dropped.
    ///
    /// # Errors
    ///
    /// The saving has ended.
    pub(super) fn begin(&self) -> io::Result<Making<'_>> {
        let mut state = self.lock();
        if state.has_ended {
            return Err(io::Error::other("the run has ended"));
        }
        state.making += 1;
        Ok(Making { of: self })
    }

    /// Takes note of one that is there. Its maker must have begun by then.
    pub(super) fn add(&self, path: PathBuf) {
        self.lock().open.insert(path);
    }

    /// Forgets one of which nothing is left.
    pub(super) fn remove(&self, path: &Path) {
        self.lock().open.remove(path);
    }

    /// Lets no other begin, and gives those that are there. Blocks for a moment if some are being made.
    pub(super) fn end(&self) -> HashSet<PathBuf> {
        let mut state = self.lock();
        state.has_ended = true;
        let (mut state, _) = self
            .made
            .wait_timeout_while(state, PATIENCE, |state| state.making > 0)
            .unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut state.open)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Plain operations on sets and numbers: a panic leaves nothing half done.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A temporary file that is being made.
#[derive(Debug)]
pub(super) struct Making<'a> {
    of: &'a Parts,
}

impl Drop for Making<'_> {
    fn drop(&mut self) {
        let mut state = self.of.lock();
        state.making -= 1;
        // A notify is a system call, and there is one of these a body.
        if state.has_ended {
            self.of.made.notify_all();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_waits_for_what_is_being_made_and_lets_nothing_begin() {
        let parts = Parts::default();
        let making = parts.begin().unwrap();
        std::thread::scope(|scope| {
            let ended = scope.spawn(|| parts.end());
            while parts.begin().is_ok() {
                std::thread::yield_now();
            }
            parts.add("a.part".into());
            drop(making);
            assert_eq!(ended.join().unwrap(), HashSet::from(["a.part".into()]));
        });
        assert!(parts.begin().is_err());
    }
}
