//! Signals, the reader of standard output and the limit of open files, as Unix has them.
//!
//! Every thread that is started here lives as long as the process.

use std::io;
use std::process;
use std::sync::Arc;
use std::thread;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::fs::{FileType, fstat};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGXFSZ};
use signal_hook::iterator::Signals;

use super::{Event, Relay, Signal};

/// Passes on each SIGINT, SIGTERM and SIGHUP that the process was not started to ignore.
pub(super) fn watch_signals(mut relay: Relay<impl Fn(Event) + Send + 'static>) -> io::Result<()> {
    // A handler is all it takes for the write to fail instead; nobody asks the flag.
    signal_hook::flag::register(SIGXFSZ, Arc::default())?;
    let wanted = [SIGINT, SIGTERM, SIGHUP];
    let wanted = wanted.into_iter().filter(|&s| !is_ignored(s));
    let mut signals = Signals::new(wanted)?;
    thread::Builder::new()
        .name("signals".into())
        .spawn(move || {
            for signal in signals.forever() {
                relay.pass_on(match signal {
                    SIGINT => Signal::Interrupt,
                    SIGHUP => Signal::HangUp,
                    _ => Signal::Terminate,
                });
            }
        })?;
    Ok(())
}

/// Ends the process by the default action of `signal`. Returns in the first process of a container, for which the kernel
/// ignores that action.
pub(super) fn take_default_action(signal: Signal) {
    let number = match signal {
        Signal::HangUp => SIGHUP,
        Signal::Interrupt => SIGINT,
        Signal::Terminate => SIGTERM,
    };
    if process::id() != 1 {
        // Fails only for a signal that it does not know.
        let _ = signal_hook::low_level::emulate_default_handler(number);
    }
}

/// Whether the process was started with `signal` ignored. Where that is not known (it is on Linux), SIGHUP is taken to be:
/// what nohup has started must go on.
fn is_ignored(signal: i32) -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status
        .lines()
        .find_map(|line| line.strip_prefix("SigIgn:"))
        .and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    match mask {
        Some(mask) => mask >> (signal - 1) & 1 == 1,
        None => signal == SIGHUP,
    }
}

/// Raises the soft limit of open files to the hard one, and gives what may be open now.
pub(crate) fn raise_descriptor_limit() -> u64 {
    // A limit that cannot be raised is no reason to stop: fewer connections are held open.
    rlimit::increase_nofile_limit(u64::MAX).unwrap_or(256)
}

/// A pipe whose reader closes is noticed at once, not only at the next record.
pub(super) fn watch_output(tell: impl Fn(Event) + Send + 'static) -> io::Result<()> {
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
