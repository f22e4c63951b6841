//! Returns queued jobs whose host has asked for a pause since they were submitted.
//!
//! The schedule owns the pauses and starts no job of a paused host, but the pool's queue may hold some already. So the
//! worker that receives `Retry-After` counts the pause, and a job carries the number of pauses that the schedule knew when
//! it started the job. If a worker takes the job and the count is higher, the job goes back to the schedule.
//!
//! Hosts share counters by hash: a collision only returns a job that could have run.

use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};

const COUNTERS: usize = 256;

pub(super) struct PauseCounters {
    counters: [Counter; COUNTERS],
    hosts: RandomState,
}

#[derive(Default)]
struct Counter {
    sent: AtomicU64,
    /// Used by the coordinator alone.
    known: AtomicU64,
}

/// How many pauses of a host the schedule knew when it started a job.
pub(super) struct PausesKnown {
    counter: usize,
    known: u64,
}

impl PauseCounters {
    pub(super) fn new() -> Self {
        PauseCounters {
            counters: std::array::from_fn(|_| Counter::default()),
            hosts: RandomState::new(),
        }
    }

    /// Counts a pause of `host`. The worker has sent its result first, so that the coordinator has the result before any
    /// returned job.
    pub(super) fn sent(&self, host: &str) {
        let counter = &self.counters[self.index(host)];
        counter.sent.fetch_add(1, Ordering::Release);
    }

    /// Notes that the schedule has paused `host`.
    pub(super) fn learned(&self, host: &str) {
        let counter = &self.counters[self.index(host)];
        counter.known.fetch_add(1, Ordering::Relaxed);
    }

    /// What a new job of `host` carries.
    pub(super) fn known(&self, host: &str) -> PausesKnown {
        let counter = self.index(host);
        let known = self.counters[counter].known.load(Ordering::Relaxed);
        PausesKnown { counter, known }
    }

    /// Whether the job that carries `known` must go back.
    pub(super) fn is_outdated(&self, known: &PausesKnown) -> bool {
        let sent = self.counters[known.counter].sent.load(Ordering::Acquire);
        sent > known.known
    }

    fn index(&self, host: &str) -> usize {
        self.hosts.hash_one(host) as usize % COUNTERS
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn jobs_submitted_before_the_schedule_knew_go_back() {
        let pauses = PauseCounters::new();
        let before = pauses.known("a:80");
        assert!(!pauses.is_outdated(&before));
        pauses.sent("a:80");
        let between = pauses.known("a:80");
        pauses.learned("a:80");
        let after = pauses.known("a:80");
        assert!(pauses.is_outdated(&before) && pauses.is_outdated(&between));
        assert!(!pauses.is_outdated(&after));
    }

    #[test]
    fn a_coordinator_that_learns_first_returns_nothing() {
        let pauses = PauseCounters::new();
        pauses.learned("a:80");
        let known = pauses.known("a:80");
        pauses.sent("a:80");
        assert!(!pauses.is_outdated(&known));
    }
}
