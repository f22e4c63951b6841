//! Events from the operating system: signals, and a closed standard output. Also the limit of open files.
//!
//! The engine decides what an event means. There are two exceptions, for an engine that does not react: the process ends
//! one second after a second signal, and one second after the first if the run has not begun by then.

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

/// How long the engine may take to end by itself after a second signal, for example to remove temporary files. The next
/// run removes those that remain.
const PATIENCE: Duration = Duration::from_secs(1);

/// A signal that repeats the first one within this time is ignored. A person is slower.
const ECHO: Duration = Duration::from_millis(100);

/// The argument of the callback of [`watch`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Event {
    /// A signal asks the run to end.
    Signal(Signal),
    /// The reader of standard output has closed it. Windows does not report it.
    OutputClosed,
}

/// A signal that asks the run to end. Its number is the same on every system.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Signal {
    /// SIGHUP: the terminal was closed.
    HangUp = 1,
    /// SIGINT: Ctrl-C.
    Interrupt = 2,
    Terminate = 15,
}

impl Signal {
    pub(crate) const ALL: [Self; 3] = [Self::HangUp, Self::Interrupt, Self::Terminate];

    /// What the signal has done to the run, in words.
    pub(crate) fn past_tense(self) -> &'static str {
        match self {
            Self::HangUp => "hung up",
            Self::Interrupt => "interrupted",
            Self::Terminate => "terminated",
        }
    }

    /// Why a request was cut, for its record.
    pub(crate) fn cut_message(self) -> &'static str {
        match self {
            Self::HangUp => "cut by SIGHUP",
            Self::Interrupt => "cut by SIGINT",
            Self::Terminate => "cut by SIGTERM",
        }
    }

    /// The value of `$?` after a process that the signal ended.
    pub(crate) fn status(self) -> u8 {
        128 + self as u8
    }

    /// Ends the process by this signal's default action, so that a shell stops its loop and a service manager sees the
    /// cause; if that is not possible, with [`status`](Self::status).
    pub(crate) fn end_process(self) -> ! {
        system::take_default_action(self as i32);
        process::exit(self.status().into())
    }
}

/// Calls `tell` at each [`Event`], from threads that run until the process ends.
///
/// `has_begun` says whether the engine reacts to events. A signal that the process was started to ignore stays ignored
/// (SIGINT in a shell's background job, SIGHUP under nohup). SIGXFSZ is handled, so that a write over the limit on file
/// sizes fails instead of the process. On Windows there is only Ctrl-C.
///
/// # Errors
///
/// If the handlers could not be installed or a thread could not be started.
pub(crate) fn watch(
    has_begun: Arc<AtomicBool>,
    tell: impl Fn(Event) + Clone + Send + 'static,
) -> io::Result<()> {
    let mut relay = Relay {
        tell: tell.clone(),
        has_begun,
        first: None,
    };
    let numbers = Signal::ALL.map(|signal| signal as i32);
    system::watch_signals(&numbers, move |number| {
        let mut all = Signal::ALL.into_iter();
        if let Some(signal) = all.find(|signal| *signal as i32 == number) {
            relay.pass_on(signal);
        }
    })?;
    system::watch_output(move || tell(Event::OutputClosed))
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

/// Whether `second` repeats `first`. `timeout` and some supervisors send a signal to the process and then to its group.
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
