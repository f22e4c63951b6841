//! How many workers and connections the file descriptors of the process allow.
//!
//! No URL fails for lack of a descriptor: attempts wait for one, fewer workers save bodies, or the run is refused.

#[cfg(unix)]
use std::fs::File;
use std::io::{self, IsTerminal as _};

use crate::fetch;

/// What the program itself opens: a copy of standard output, a pair of sockets each for cancelling and for signals, three for
/// an event loop, a list.
const OWN: usize = 9;

/// Kept for all but workers, idle connections and look-ups.
const RESERVED: u64 = 32;

/// Left for look-ups and for connections that are opened ahead of the workers.
const OF_LOOK_UPS: u64 = 256 * 3;

/// How many of `jobs` workers the free descriptors allow, before the run opens any. Adapts `options`; `files` is the
/// limit of the process. Workers can share one connection, but each has `files_of_worker`, for
/// saving and archiving.
///
/// # Errors
///
/// If there are too few for one worker.
pub(crate) fn fit_descriptors(
    options: &mut fetch::Options,
    jobs: usize,
    files_of_worker: usize,
    files: u64,
) -> anyhow::Result<usize> {
    // Two more at a terminal (messages, counting the list); the lock in DIR, the archive.
    let own_files = files_of_worker.min(2);
    let own = OWN + 2 * usize::from(io::stderr().is_terminal()) + own_files;
    let each = 1 + files_of_worker;
    let least = own + if files_of_worker > 0 { each * jobs } else { 1 };
    // One connection in use, and one that is idle or being opened.
    let of_workers = jobs as u64 * (2 + files_of_worker as u64);
    let spare = files.saturating_sub(RESERVED + of_workers);
    let spare = usize::try_from(spare).unwrap_or(usize::MAX);
    options.idle_connections = options.idle_connections.min(spare);
    let most = RESERVED + of_workers + options.idle_connections as u64 + OF_LOOK_UPS;
    // Counting takes a while: with twice what is needed, those that are open already do not matter.
    let is_ample = files >= 2 * most;
    let most = usize::try_from(most).unwrap_or(usize::MAX).max(least);

    let free = free_descriptors(if is_ample { least } else { most });
    let left = free.saturating_sub(own);
    if left < each {
        anyhow::bail!(
            "too few files may be open: {free} more, and at least {} are needed; raise the limit, \
             for example with: ulimit -n 256",
            own + each
        );
    }
    let jobs = if files_of_worker > 0 {
        jobs.min(left / each)
    } else {
        jobs
    };
    let limit = if is_ample {
        usize::try_from(files - RESERVED).unwrap_or(usize::MAX)
    } else {
        left
    };
    options.descriptors = Some(limit - jobs * files_of_worker);
    Ok(jobs)
}

/// Counts free descriptors by opening up to `most`: the process may have started with open files, so the limit is not
/// enough.
fn free_descriptors(most: usize) -> usize {
    #[cfg(unix)]
    {
        use rustix::io::Errno;
        let mut held = Vec::new();
        while held.len() < most {
            match File::open("/dev/null").map_err(|error| Errno::from_io_error(&error)) {
                Ok(file) => held.push(file),
                Err(Some(Errno::MFILE | Errno::NFILE)) => break,
                // The system has no such device.
                Err(_) => return most,
            }
        }
        held.len()
    }
    #[cfg(not(unix))]
    most
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn idle_connections_leave_room_for_the_workers() {
        let cap = |jobs, files, own_files| {
            let mut options = fetch::Options {
                idle_connections: 1000,
                ..fetch::Options::default()
            };
            fit_descriptors(&mut options, jobs, own_files, files).unwrap();
            options.idle_connections
        };
        assert_eq!(cap(5, 1 << 20, 1), 1000);
        assert_eq!(cap(50, 256, 0), 124);
        assert_eq!(cap(50, 256, 1), 74);
        assert_eq!(cap(200, 40, 0), 0);
    }
}
