//! The doors to the operating system: signals, the limit of open files, and the news that the
//! reader of standard output has gone.
//!
//! It decides nothing: it passes on what happened and the engine decides. One exception, because
//! the engine may be stuck in a write that nobody reads: a second signal ends the process after a
//! short while even if the engine does not.

use std::io;
use std::process;
use std::thread;
use std::time::{Duration, Instant};

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

/// How long the engine may take to end by itself after a second signal.
const PATIENCE: Duration = Duration::from_millis(300);

/// The same signal within this time of the first is the first. A person is slower.
const ECHO: Duration = Duration::from_millis(100);

/// The status of a process that a signal ended, as shells tell it.
const SIGNAL_STATUS: i32 = 128;

/// What is told to the callback of [`watch`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Event {
    /// SIGINT, as Ctrl-C sends it.
    Interrupt,
    /// SIGTERM.
    Terminate,
    /// The reader of standard output has gone.
    OutputClosed,
}

/// Calls `tell` from threads of its own, for as long as the process lives, whenever one of the
/// events happens.
///
/// A SIGINT that the process was started to ignore (as a shell does for a job in the background)
/// stays ignored.
///
/// # Errors
///
/// If the handlers could not be installed or a thread could not be started.
pub(crate) fn watch(tell: impl Fn(Event) + Clone + Send + 'static) -> io::Result<()> {
    let wanted = [SIGINT, SIGTERM].into_iter().filter(|&s| !is_ignored(s));
    let signals = Signals::new(wanted)?;
    let tell_signal = tell.clone();
    thread::Builder::new()
        .name("signals".into())
        .spawn(move || pass_on(signals, &tell_signal))?;
    watch_output(tell)
}

fn pass_on(mut signals: Signals, tell: &impl Fn(Event)) {
    let mut first: Option<(i32, Instant)> = None;
    for signal in signals.forever() {
        let now = Instant::now();
        if first.is_some_and(|first| is_echo(first, (signal, now))) {
            continue;
        }
        tell(match signal {
            SIGINT => Event::Interrupt,
            _ => Event::Terminate,
        });
        match first {
            None => first = Some((signal, now)),
            Some((first, _)) => {
                thread::sleep(PATIENCE);
                process::exit(SIGNAL_STATUS + first);
            }
        }
    }
}

/// True if `second` is the signal `first` once more. `timeout` and some supervisors send one to the
/// process and then to its group, of which it is a member: nobody meant two.
fn is_echo(first: (i32, Instant), second: (i32, Instant)) -> bool {
    first.0 == second.0 && second.1.saturating_duration_since(first.1) < ECHO
}

/// True if the process was started with `signal` ignored. Known on Linux only.
fn is_ignored(signal: i32) -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status
        .lines()
        .find_map(|line| line.strip_prefix("SigIgn:"))
        .and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    mask.is_some_and(|mask| mask >> (signal - 1) & 1 == 1)
}

/// Raises the soft limit of open files to the hard one, and gives what may be open now.
pub(crate) fn raise_descriptor_limit() -> u64 {
    // A limit that cannot be raised is no reason to stop: fewer connections are held open.
    rlimit::increase_nofile_limit(u64::MAX).unwrap_or(256)
}

/// A pipe whose reader closes is noticed at once, not only at the next record.
#[cfg(unix)]
fn watch_output(tell: impl Fn(Event) + Send + 'static) -> io::Result<()> {
    use rustix::event::{PollFd, PollFlags, poll};
    use rustix::fs::{FileType, fstat};

    // A pipe without a reader is an error; a socket without a peer, a hang-up.
    const GONE: PollFlags = PollFlags::ERR.union(PollFlags::HUP);
    let is_pipe = fstat(io::stdout()).is_ok_and(|stat| {
        matches!(
            FileType::from_raw_mode(stat.st_mode),
            FileType::Fifo | FileType::Socket
        )
    });
    if !is_pipe {
        return Ok(());
    }
    let watcher = thread::Builder::new().name("stdout".into());
    watcher.spawn(move || {
        let stdout = io::stdout();
        // No event is asked for: an error is always told.
        let mut fds = [PollFd::new(&stdout, PollFlags::empty())];
        loop {
            match poll(&mut fds, None) {
                Ok(_) if fds[0].revents().intersects(GONE) => {
                    break tell(Event::OutputClosed);
                }
                Err(rustix::io::Errno::INTR) => {}
                Ok(_) | Err(_) => break,
            }
        }
    })?;
    Ok(())
}

#[cfg(not(unix))]
fn watch_output(_tell: impl Fn(Event) + Send + 'static) -> io::Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_same_signal_at_once_is_an_echo() {
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        assert!(is_echo((SIGTERM, start), (SIGTERM, at(0))));
        assert!(is_echo((SIGTERM, start), (SIGTERM, at(99))));
        assert!(!is_echo((SIGTERM, start), (SIGTERM, at(100))));
        assert!(!is_echo((SIGINT, start), (SIGTERM, at(0))));
    }
}
