//! Signals, the reader of standard output and the limit of open files, as Unix has them.
//!
//! Every thread that is started here lives as long as the process.

use std::io;
use std::process;
use std::sync::Arc;
use std::thread;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::fs::{FileType, fstat};
use signal_hook::consts::{SIGHUP, SIGXFSZ};
use signal_hook::iterator::Signals;

use super::{Event, Relay, Signal};

/// Passes on each SIGINT, SIGTERM and SIGHUP that the process was not started to ignore.
pub(super) fn watch_signals(mut relay: Relay<impl Fn(Event) + Send + 'static>) -> io::Result<()> {
    // With any handler the write fails instead; the flag is not used.
    signal_hook::flag::register(SIGXFSZ, Arc::default())?;
    let all = [Signal::Interrupt, Signal::Terminate, Signal::HangUp];
    let mut wanted = all.to_vec();
    wanted.retain(|signal| !is_ignored(*signal as i32));
    let mut signals = Signals::new(wanted.iter().map(|signal| *signal as i32))?;
    thread::Builder::new()
        .name("signals".into())
        .spawn(move || {
            for number in signals.forever() {
                let signal = all.iter().find(|signal| **signal as i32 == number);
                signal.into_iter().for_each(|signal| relay.pass_on(*signal));
            }
        })?;
    Ok(())
}

/// Ends the process by the default action of `signal`. Returns in the first process of a container, where the kernel ignores
/// that action.
pub(super) fn take_default_action(signal: Signal) {
    if process::id() != 1 {
        // Fails only for a signal that it does not know.
        let _ = signal_hook::low_level::emulate_default_handler(signal as i32);
    }
}

/// Whether the process was started with `signal` ignored. Where that is not known (on Linux it is), SIGHUP counts as ignored,
/// as under nohup.
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

/// Raises the soft limit of open files to the hard one, and returns it.
pub(crate) fn raise_descriptor_limit() -> u64 {
    // With a lower limit fewer connections are kept open.
    rlimit::increase_nofile_limit(u64::MAX).unwrap_or(256)
}

/// Tells when the reader of a pipe closes it, at once and not only at the next record.
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
        // Errors are reported whatever events are asked for.
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
