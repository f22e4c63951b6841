//! How many workers and connections the file descriptors of the process allow.
//!
//! No URL fails for want of a descriptor: with few of them there are fewer workers, and with too few for one worker nothing
//! is started.

#[cfg(unix)]
use std::fs::File;
use std::io::{self, IsTerminal as _};

use crate::fetch;

/// What the program opens beside the standard streams: its copy of standard output, a pair of sockets each for cancelling
/// and for signals, three descriptors of the event loop, and a list while that is being read.
const OWN: usize = 9;

/// What may be open that is neither a worker's connection nor an idle one.
const RESERVED: u64 = 32;

/// Descriptors of look-ups: where fewer are left for them, there are fewer idle connections.
const OF_LOOK_UPS: u64 = 256 * 3;

/// Returns how many of `jobs` workers can run with the descriptors that are free now, before anything was opened; `files` is
/// the limit. Limits idle connections and descriptors in `options`. Workers wait for each other's connections, so that one
/// is enough; a worker that `saves` needs a file besides and must not wait for it.
///
/// # Errors
///
/// There are too few for one worker: what to do.
pub(crate) fn fit_descriptors(
    options: &mut fetch::Options,
    jobs: usize,
    saves: bool,
    files: u64,
) -> anyhow::Result<usize> {
    // A terminal is opened once more for messages; DIR has a lock.
    let own = OWN + usize::from(io::stderr().is_terminal()) + usize::from(saves);
    let least = own + if saves { 2 * jobs } else { 1 };
    // Two connections a worker: the second attempt of a staggered connect runs beside the first.
    let of_workers = jobs as u64 * if saves { 3 } else { 2 };
    let spare = files.saturating_sub(RESERVED + of_workers);
    let spare = usize::try_from(spare).unwrap_or(usize::MAX);
    options.idle_connections = options.idle_connections.min(spare);
    let most = RESERVED + of_workers + options.idle_connections as u64 + OF_LOOK_UPS;
    // Counting takes a while: where twice as many may be open, a few that are open already do not matter.
    let is_ample = files >= 2 * most;
    let most = usize::try_from(most).unwrap_or(usize::MAX).max(least);

    let free = free_descriptors(if is_ample { least } else { most });
    let left = free.saturating_sub(own);
    let each = if saves { 2 } else { 1 };
    if left < each {
        anyhow::bail!(
            "too few files may be open: {free} more, and at least {} are needed; raise the limit, \
             for example with: ulimit -n 256",
            own + each
        );
    }
    let jobs = if saves { jobs.min(left / 2) } else { jobs };
    let limit = if is_ample {
        usize::try_from(files).unwrap_or(usize::MAX) - RESERVED as usize
    } else {
        left
    };
    options.descriptors = Some(if saves { limit - jobs } else { limit });
    Ok(jobs)
}

/// How many descriptors are free, counted up to `most`. The limit alone does not tell: the process may have been started
/// with open files.
fn free_descriptors(most: usize) -> usize {
    #[cfg(unix)]
    {
        use rustix::io::Errno;
        let mut held = Vec::new();
        while held.len() < most {
            match File::open("/dev/null").map_err(|error| Errno::from_io_error(&error)) {
                Ok(file) => held.push(file),
                Err(Some(Errno::MFILE | Errno::NFILE)) => break,
                // There is nothing to count with.
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
        let cap = |jobs, files, saves| {
            let mut options = fetch::Options {
                idle_connections: 1000,
                ..fetch::Options::default()
            };
            fit_descriptors(&mut options, jobs, saves, files).unwrap();
            options.idle_connections
        };
        assert_eq!(cap(5, 1 << 20, true), 1000);
        assert_eq!(cap(50, 256, false), 124);
        assert_eq!(cap(50, 256, true), 74);
        assert_eq!(cap(200, 40, false), 0);
    }
}
