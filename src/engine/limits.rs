//! How many descriptors the run may have open, and what it may do with them: how many workers may
//! save bodies at once, and how many connections may idle.
//!
//! Connections wait for one another's descriptors (see `fetch`), and so no worker ever has to be
//! without one. But a worker that saves a body holds a connection while it opens a file: if every
//! worker did that and no descriptor were left, all would wait for ever. So there are no more of
//! them then than there are descriptors for both.

use crate::fetch;

/// Descriptors that are neither a worker's connection nor an idle one: the standard streams, the
/// lists, a few for the resolver's sockets and the signal pipe.
const RESERVED: u64 = 32;

/// The least that a run opens beside what was open when it began: a list, the pipes that wake it,
/// the sockets of one look-up.
const LEAST: u64 = 8;

/// What is left for that where there is enough, so that look-ups need not wait for one another.
const AMPLE: u64 = 16;

/// Those of a worker that saves: its connection and its file.
const SAVING: u64 = 2;

/// The descriptors that the process may have.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Descriptors {
    limit: u64,
    /// Those that are open now, whoever opened them.
    open: u64,
}

impl Descriptors {
    /// Counts those that are open; `limit` is how many may be.
    pub(crate) fn new(limit: u64) -> Self {
        // On a system that does not tell, more are open than this in no ordinary run.
        let listed = std::fs::read_dir("/dev/fd").map(|all| all.count() as u64);
        let open = listed.unwrap_or(RESERVED);
        Self { limit, open }
    }

    /// How many of `jobs` workers there may be that save bodies: all of them, unless descriptors
    /// are short.
    ///
    /// # Errors
    ///
    /// There are not enough for a single one.
    pub(crate) fn saving_workers(&self, jobs: usize) -> anyhow::Result<usize> {
        let needed = self.open + LEAST + SAVING;
        if self.limit < needed {
            anyhow::bail!(
                "-o: at most {} files may be open, and {needed} are needed to save bodies; raise the limit \
                 (ulimit -n {needed})",
                self.limit
            );
        }
        let spare = self.limit.saturating_sub(self.open + AMPLE);
        let most = usize::try_from(spare / SAVING).unwrap_or(usize::MAX);
        Ok(jobs.min(most.max(1)))
    }

    /// Lowers the cap of idle connections in `options` so that `workers` always find a descriptor
    /// for a new connection and, if they save, for a file.
    ///
    /// With fewer descriptors than workers nothing may idle, and `fetch` makes its callers wait for
    /// each other.
    pub(crate) fn fit_idle(
        &self,
        mut options: fetch::Options,
        workers: usize,
        saving: bool,
    ) -> fetch::Options {
        // Two a worker: the second attempt of a staggered connect runs beside the first.
        let each = if saving { 3 } else { 2 };
        let spare = self.limit.saturating_sub(RESERVED + each * workers as u64);
        let spare = usize::try_from(spare).unwrap_or(usize::MAX);
        options.idle_connections = options.idle_connections.min(spare);
        options
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn idle_connections_leave_room_for_the_workers() {
        let cap = |workers, limit, saving| {
            let options = fetch::Options {
                idle_connections: 1000,
                ..fetch::Options::default()
            };
            let descriptors = Descriptors { limit, open: 5 };
            descriptors
                .fit_idle(options, workers, saving)
                .idle_connections
        };
        assert_eq!(cap(5, 1 << 20, true), 1000);
        assert_eq!(cap(50, 256, false), 124);
        assert_eq!(cap(50, 256, true), 74);
        assert_eq!(cap(200, 40, false), 0);
    }

    #[test]
    fn workers_that_save_have_descriptors_for_both() {
        let workers = |jobs, limit, open| Descriptors { limit, open }.saving_workers(jobs);
        assert_eq!(workers(200, 1 << 20, 5).unwrap(), 200);
        assert_eq!(workers(200, 64, 6).unwrap(), 21);
        assert_eq!(workers(3, 64, 6).unwrap(), 3);
        assert_eq!(workers(200, 16, 6).unwrap(), 1);
        for (limit, open) in [(15, 6), (64, 60), (64, 100)] {
            let refused = workers(200, limit, open).unwrap_err().to_string();
            assert!(
                refused.contains(&format!("ulimit -n {}", open + 10)),
                "{refused}"
            );
        }
        assert!(workers(200, u64::MAX, 0).is_ok());
    }
}
