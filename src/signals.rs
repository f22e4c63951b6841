//! The doors to the operating system: signals, the limit of open files, and the news that the
//! reader of standard output has gone.
//!
//! What is different on other systems is behind it, in `unix` and `windows`.
//!
//! It decides nothing: it passes on what happened and the engine decides. Two exceptions, because
//! the engine may be stuck in a call that does not end: a second signal ends the process after a
//! second even if the engine does not, and so does the first before the run has begun, when there
//! is nobody yet to listen.

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

/// How long the engine may take to end by itself after a second signal: to remove what thousands of workers were saving,
/// and to wait half a second for what a slow disk holds up. A process that is ended before that loses nothing that the
/// next run does not remove.
const PATIENCE: Duration = Duration::from_secs(1);

/// The same signal within this time of the first is the first. A person is slower.
const ECHO: Duration = Duration::from_millis(100);

/// What is told to the callback of [`watch`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Event {
    /// A signal asks the run to end.
    Signal(Signal),
    /// The reader of standard output has gone.
    #[cfg_attr(windows, allow(dead_code, reason = "Windows does not tell it"))]
    OutputClosed,
}

/// A signal that asks the run to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Signal {
    /// SIGHUP, as the end of a terminal or of a connection sends it.
    #[cfg_attr(windows, allow(dead_code, reason = "Windows does not send it"))]
    HangUp,
    /// SIGINT, as Ctrl-C sends it.
    Interrupt,
    /// SIGTERM.
    #[cfg_attr(windows, allow(dead_code, reason = "Windows does not send it"))]
    Terminate,
}

impl Signal {
    /// What `$?` is after a process that it ended.
    pub(crate) fn status(self) -> u8 {
        128 + match self {
            Self::HangUp => 1,
            Self::Interrupt => 2,
            Self::Terminate => 15,
        }
    }

    /// Ends the process by this signal's default action, so that a shell stops its loop and a service manager knows
    /// why. Where that is not possible, the process exits with [`status`](Self::status).
    pub(crate) fn end_process(self) -> ! {
        system::take_default_action(self);
        process::exit(self.status().into())
    }
}

/// Calls `tell` from threads of its own, for as long as the process lives, whenever one of the
/// events happens.
///
/// `has_begun` is asked whether somebody listens. A signal that the process was started to ignore (SIGINT, as a shell
/// does for a job in the background; SIGHUP, as nohup does) stays ignored. Elsewhere than on Unix there is only Ctrl-C.
///
/// What a limit on the size of files kills a process for (SIGXFSZ) is a write that fails from here on.
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
        match self.first {
            None => {
                self.first = Some((signal, now));
                if !self.has_begun() {
                    thread::sleep(PATIENCE);
                    if !self.has_begun() {
                        signal.end_process();
                    }
                }
            }
            Some((first, _)) => {
                thread::sleep(PATIENCE);
                first.end_process();
            }
        }
    }

    fn has_begun(&self) -> bool {
        self.has_begun.load(Ordering::Acquire)
    }
}

/// True if `second` is the signal `first` once more. `timeout` and some supervisors send one to the
/// process and then to its group, of which it is a member: nobody meant two.
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
