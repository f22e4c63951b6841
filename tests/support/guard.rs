//! The hang guard: kills one child after `LIMIT`, by its own process id, and by nothing else. The
//! owner disarms it before it reaps the child, so that the id cannot have passed to another process.

use rustix::process::{Pid, Signal, kill_process};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread::JoinHandle;
use std::time::Duration;

/// How long any run may take. Longer than a test waits for one event, so that the test gives up first and
/// can say what it missed.
pub(super) const LIMIT: Duration = Duration::from_secs(60);

/// Armed from `new` until `disarm` or drop.
pub(super) struct HangGuard {
    armed: Option<Sender<()>>,
    thread: Option<JoinHandle<bool>>,
}

impl HangGuard {
    /// Arms a guard for a child that the caller has not reaped and will not reap while it is armed.
    pub(super) fn new(child: Pid) -> HangGuard {
        let (armed, disarmed) = mpsc::channel();
        let thread = std::thread::spawn(move || {
            let hung = disarmed.recv_timeout(LIMIT) == Err(RecvTimeoutError::Timeout);
            if hung {
                // The one error there is: it has ended this very moment, which is as good.
                let _ = kill_process(child, Signal::KILL);
            }
            hung
        });
        HangGuard {
            armed: Some(armed),
            thread: Some(thread),
        }
    }

    /// Disarms it, and tells whether it had to kill.
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
