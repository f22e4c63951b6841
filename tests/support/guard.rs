//! The hang guard: kills one child after `LIMIT`, by its process id. The owner disarms the guard before it reaps the
//! child, so that the id still belongs to the child.

use rustix::process::{Pid, Signal, kill_process};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread::JoinHandle;
use std::time::Duration;

/// The longest time of any run. Longer than `PATIENCE`, so that the test fails first, with its own message.
pub(super) const LIMIT: Duration = Duration::from_secs(60);

/// Armed from `new` until `disarm` or drop.
pub(super) struct HangGuard {
    armed: Option<Sender<()>>,
    thread: Option<JoinHandle<bool>>,
}

impl HangGuard {
    /// Arms a guard for a child. The caller must not reap the child while the guard is armed.
    pub(super) fn new(child: Pid) -> HangGuard {
        let (armed, disarmed) = mpsc::channel();
        let thread = std::thread::spawn(move || {
            let hung = disarmed.recv_timeout(LIMIT) == Err(RecvTimeoutError::Timeout);
            if hung {
                // The only possible error is that the child has just ended.
                let _ = kill_process(child, Signal::KILL);
            }
            hung
        });
        HangGuard {
            armed: Some(armed),
            thread: Some(thread),
        }
    }

    /// Disarms the guard. Returns whether it has killed the child.
    pub(super) fn disarm(mut self) -> bool {
        self.stop()
    }

    fn stop(&mut self) -> bool {
        drop(self.armed.take());
        self.thread
            .take()
            .is_some_and(|thread| thread.join().unwrap_or(false))
    }
}

impl Drop for HangGuard {
    fn drop(&mut self) {
        self.stop();
    }
}
