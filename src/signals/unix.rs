//! Signals, a closed standard output and the limit of open files on Unix.
//!
//! Every thread here runs until the process ends.

use std::io;
use std::process;
use std::sync::Arc;
use std::thread;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::fs::{FileType, fstat};
use signal_hook::consts::{SIGHUP, SIGXFSZ};
use signal_hook::iterator::Signals;

/// Calls `tell` with the number of each signal of `wanted` that was not ignored at the start.
pub(super) fn watch_signals(
    wanted: &[i32],
    mut tell: impl FnMut(i32) + Send + 'static,
) -> io::Result<()> {
    // Any handler makes the write fail; the flag is not read.
    signal_hook::flag::register(SIGXFSZ, Arc::default())?;
    let ignored = ignored();
    let wanted = wanted.iter().filter(|signal| ignored >> **signal & 1 == 0);
    let mut signals = Signals::new(wanted)?;
    let watcher = thread::Builder::new().name("signals".into());
    watcher.spawn(move || signals.forever().for_each(&mut tell))?;
    Ok(())
}

/// Ends the process by the default action of `signal`. Returns in a container's first process, where the kernel ignores
/// that action.
pub(super) fn take_default_action(signal: i32) {
    if process::id() != 1 {
        // Fails only for an unknown signal.
        let _ = signal_hook::low_level::emulate_default_handler(signal);
    }
}

/// The signals that were ignored when the process started, as bits. Only Linux reports them; elsewhere SIGHUP counts as
/// ignored, because a program under nohup must go on.
fn ignored() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status
        .lines()
        .find_map(|line| line.strip_prefix("SigIgn:"))
        .and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    // Bit 0 stands for signal 1.
    mask.map_or(1 << SIGHUP, |mask| mask << 1)
}

/// Raises the soft limit of open files to the hard one. Returns the limit.
pub(crate) fn raise_descriptor_limit() -> u64 {
    // With a lower limit fewer connections are kept open.
    rlimit::increase_nofile_limit(u64::MAX).unwrap_or(256)
}

/// Reports a closed pipe at once, before the next record.
pub(super) fn watch_output(tell: impl FnOnce() + Send + 'static) -> io::Result<()> {
    // A pipe without a reader has an error, a socket without a peer a hang-up.
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
        // poll reports an error whether or not it is asked for.
        let mut fds = [PollFd::new(&stdout, PollFlags::empty())];
        loop {
            match poll(&mut fds, None) {
                Ok(_) if fds[0].revents().intersects(GONE) => {
                    break tell();
                }
                Err(rustix::io::Errno::INTR) => {}
                Ok(_) | Err(_) => break,
            }
        }
    })?;
    Ok(())
}
