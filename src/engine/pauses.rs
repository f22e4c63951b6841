//! Returns queued jobs whose host has asked for a pause since they were submitted.
//!
//! The schedule owns the pauses and submits no job of a paused host, but the pool's queue may hold some already. So the
//! worker that receives `Retry-After` counts the pause, and each job carries the number of pauses that the schedule knew
//! when the job was submitted. If more were counted by the time a worker takes the job, the job goes back to the schedule.
//!
//! Hosts share the counters by hash. A collision only returns a job that could have run.

use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};

/// Few enough for the first-level cache, and enough that collisions are rare.
const COUNTERS: usize = 256;

pub(super) struct PauseCounters {
    counters: [Counter; COUNTERS],
    hosts: RandomState,
}

#[derive(Default)]
struct Counter {
    sent: AtomicU64,
    /// Only the coordinator uses it.
    known: AtomicU64,
}

/// What the schedule knew of a host's pauses when a job was submitted.
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

    /// For the worker that has sent the coordinator a result that pauses `host`. After the result, so that no returned job
    /// reaches the coordinator before it.
    pub(super) fn sent(&self, host: &str) {
        let counter = &self.counters[self.index(host)];
        counter.sent.fetch_add(1, Ordering::Release);
    }

    /// For the coordinator, once the schedule has paused `host`.
    pub(super) fn learned(&self, host: &str) {
        let counter = &self.counters[self.index(host)];
        counter.known.fetch_add(1, Ordering::Relaxed);
    }

    /// For the coordinator, which submits a job of `host`.
    pub(super) fn known(&self, host: &str) -> PausesKnown {
        let counter = self.index(host);
        let known = self.counters[counter].known.load(Ordering::Relaxed);
        PausesKnown { counter, known }
    }

    /// Whether the job with `known` must go back to the schedule.
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
