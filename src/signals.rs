//! Signals, the limit of open files, and whether the reader of standard output has gone.
//!
//! The engine decides what an event sets off, with two exceptions, because it may be stuck in a system call: a second signal
//! ends the process after a second, and so does the first one before the run has begun.

#[cfg(unix)]
#[path = "signals/unix.rs"]
mod system;
#[cfg(windows)]
#[path = "signals/windows.rs"]
mod system;

use std::io;
use std::process;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

pub(crate) use system::raise_descriptor_limit;

/// How long the engine may take to end after a second signal: it removes unfinished files, perhaps on a slow disk. If the
/// process ends before that, the next run removes them.
const PATIENCE: Duration = Duration::from_secs(1);

/// The same signal within this time of the first is the first: shorter than a person needs for two.
const ECHO: Duration = Duration::from_millis(100);

/// What the callback of [`watch`] gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Event {
    /// A signal asks the run to end.
    Signal(Signal),
    /// The reader of standard output has gone.
    #[cfg_attr(windows, allow(dead_code, reason = "Windows does not tell it"))]
    OutputClosed,
}

/// A signal that asks the run to end.
///
/// The numbers are the same on every Unix.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(windows, allow(dead_code, reason = "Windows sends but one"))]
pub(crate) enum Signal {
    /// SIGHUP, which the end of a terminal sends.
    HangUp = 1,
    /// SIGINT, which Ctrl-C sends.
    Interrupt = 2,
    /// SIGTERM.
    Terminate = 15,
}

impl Signal {
    /// The `$?` of a shell whose command it ended.
    pub(crate) fn status(self) -> u8 {
        128 + self as u8
    }

    /// Ends the process by this signal's default action, so that a shell stops its loop and a service manager knows why;
    /// where that is not possible, with [`status`](Self::status).
    pub(crate) fn end_process(self) -> ! {
        system::take_default_action(self);
        process::exit(self.status().into())
    }
}

/// Calls `tell` from threads of its own at each event, until the process ends.
///
/// `has_begun` says whether the engine handles events. A signal that the process was started to ignore (by nohup, or as a
/// background job) stays ignored. Outside Unix there is only Ctrl-C. Handles SIGXFSZ, so that the write fails instead of the
/// process.
///
/// # Errors
///
/// If the handlers could not be installed or a thread could not be started.
pub(crate) fn watch(
    has_begun: Arc<AtomicBool>,
    tell: impl Fn(Event) + Clone + Send + 'static,
) -> io::Result<()> {
    system::watch_signals(Relay {
        tell: tell.clone(),
        has_begun,
        first: None,
    })?;
    system::watch_output(tell)
}

/// Passes signals on, and ends the process at the second.
struct Relay<T> {
    tell: T,
    has_begun: Arc<AtomicBool>,
    first: Option<(Signal, Instant)>,
}

impl<T: Fn(Event)> Relay<T> {
    fn pass_on(&mut self, signal: Signal) {
        let now = Instant::now();
        if self
            .first
            .is_some_and(|first| is_echo(first, (signal, now)))
        {
            return;
        }
        (self.tell)(Event::Signal(signal));
        let is_second = self.first.is_some();
        let (first, _) = *self.first.get_or_insert((signal, now));
        let must_end = || is_second || !self.has_begun.load(Ordering::Acquire);
        if must_end() {
            thread::sleep(PATIENCE);
            if must_end() {
                first.end_process();
            }
        }
    }
}

/// True if `second` is the signal `first` once more: `timeout` and some supervisors send one to the process and then to its
/// group.
fn is_echo(first: (Signal, Instant), second: (Signal, Instant)) -> bool {
    first.0 == second.0 && second.1.saturating_duration_since(first.1) < ECHO
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_same_signal_at_once_is_an_echo() {
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        assert!(is_echo(
            (Signal::Terminate, start),
            (Signal::Terminate, at(0))
        ));
        assert!(is_echo(
            (Signal::Terminate, start),
            (Signal::Terminate, at(99))
        ));
        assert!(!is_echo(
            (Signal::Terminate, start),
            (Signal::Terminate, at(100))
        ));
        assert!(!is_echo(
            (Signal::Interrupt, start),
            (Signal::Terminate, at(0))
        ));
    }
}
