//! How many workers and idle connections the process may have, given the descriptors it has; and
//! whether it has enough to run at all.
//!
//! No URL fails for want of a descriptor: with too few of them there are fewer workers, and below what
//! one worker needs nothing is started.

#[cfg(unix)]
use std::fs::File;
use std::io::{self, IsTerminal as _};

use crate::fetch;

/// What the program keeps open beside the standard streams: its copy of standard output, a pair of
/// sockets each for cancelling and for signals, and a list while that is being read.
const OWN: usize = 6;

/// Beside them, if standard error is a terminal: it is opened once more.
const OF_TERMINAL: usize = 1;

/// How many of `jobs` workers can run with the descriptors that are free now, before anything was
/// opened. Connections wait for each other, so that one descriptor is enough for all workers; but who
/// `saves` what comes needs a file beside its connection, and must not have to wait for it.
///
/// # Errors
///
/// There are too few for one worker: what to do.
pub(crate) fn fit_jobs(jobs: usize, saves: bool) -> anyhow::Result<usize> {
    let each = if saves { 2 } else { 1 };
    // Who saves holds a lock in the directory.
    let mut own = OWN + usize::from(saves);
    if io::stderr().is_terminal() {
        own += OF_TERMINAL;
    }
    let wanted = own + if saves { each * jobs } else { 1 };
    let free = free_descriptors(wanted);
    match free.saturating_sub(own) / each {
        0 => anyhow::bail!(
            "too few files may be open: {free} more, and at least {} are needed; raise the limit, \
             for example with: ulimit -n 256",
            own + each
        ),
        _ if !saves => Ok(jobs),
        most => Ok(jobs.min(most)),
    }
}

/// How many descriptors are free; more than `most` are not counted. The limit alone does not tell: who
/// starts a program may leave it any number of open files.
fn free_descriptors(most: usize) -> usize {
    #[cfg(unix)]
    {
        use rustix::io::Errno;
        let mut held = Vec::new();
        while held.len() < most {
            match File::open("/dev/null") {
                Ok(file) => held.push(file),
                Err(error)
                    if matches!(
                        Errno::from_io_error(&error),
                        Some(Errno::MFILE | Errno::NFILE)
                    ) =>
                {
                    break;
                }
                // There is nothing to count with: let it be tried.
                Err(_) => return most,
            }
        }
        held.len()
    }
    #[cfg(not(unix))]
    most
}

/// Descriptors that are neither a worker's connection nor an idle one: the standard streams, the
/// lists, a few for the resolver's sockets and the signal pipe.
const RESERVED: u64 = 32;

/// Descriptors of look-ups: as many run as `fetch` starts threads for them, with three at most.
const OF_LOOK_UPS: u64 = 256 * 3;

/// What is opened behind the making of a client: its pair of sockets for cancelling, and a list.
const YET_TO_COME: usize = 3;

/// Lowers the cap of idle connections in `options` so that `jobs` workers always find a descriptor
/// for a new connection and, if they save, for a file among the `files` that may be open.
///
/// With fewer descriptors than workers nothing may idle, and `fetch` makes its callers wait for
/// each other. Where they could run short, it is told how many there are.
pub(crate) fn fit_descriptors(
    mut options: fetch::Options,
    jobs: usize,
    saves: bool,
    files: u64,
) -> fetch::Options {
    // Two a worker: the second attempt of a staggered connect runs beside the first.
    let each = if saves { 3 } else { 2 };
    let spare = files.saturating_sub(RESERVED + each * jobs as u64);
    let spare = usize::try_from(spare).unwrap_or(usize::MAX);
    options.idle_connections = options.idle_connections.min(spare);
    let idle = options.idle_connections as u64;
    let most = RESERVED + each * jobs as u64 + idle + OF_LOOK_UPS;
    // To count them takes a while: with twice as many it is left alone.
    if files < 2 * most {
        options.descriptors = for_network(jobs, saves, usize::try_from(most).unwrap_or(usize::MAX));
    }
    options
}

/// How many of the descriptors that are free now the client can have; `None` if it is more than `most`.
fn for_network(jobs: usize, saves: bool, most: usize) -> Option<usize> {
    let free = free_descriptors(most);
    let mut others = YET_TO_COME + if saves { jobs } else { 0 };
    if io::stderr().is_terminal() {
        others += OF_TERMINAL;
    }
    (free < most).then(|| free.saturating_sub(others).max(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn idle_connections_leave_room_for_the_workers() {
        let cap = |jobs, files, saves| {
            let options = fetch::Options {
                idle_connections: 1000,
                ..fetch::Options::default()
            };
            fit_descriptors(options, jobs, saves, files).idle_connections
        };
        assert_eq!(cap(5, 1 << 20, true), 1000);
        assert_eq!(cap(50, 256, false), 124);
        assert_eq!(cap(50, 256, true), 74);
        assert_eq!(cap(200, 40, false), 0);
    }
}
