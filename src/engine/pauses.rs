//! Returns queued jobs whose host has asked for a pause since they were submitted.
//!
//! The schedule starts no job of a paused host, but the pool's queue may hold some already. So the worker that receives
//! `Retry-After` counts the pause, and each job carries the count that the schedule knew when it started the job. A
//! worker that takes a job and finds a higher count returns the job to the schedule.
//!
//! Hosts share counters by hash: a collision only returns a job that could have run.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::host::plain_hash;

const COUNTERS: usize = 256;

pub(super) struct PauseCounters {
    counters: [Counter; COUNTERS],
}

#[derive(Default)]
struct Counter {
    sent: AtomicU64,
    /// Only the coordinator uses it.
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
        }
    }

    /// Counts a pause of `host`. Call it after sending the result, so that the coordinator gets that before any
    /// returned job.
    pub(super) fn sent(&self, host: &str) {
        let counter = &self.counters[index(host)];
        counter.sent.fetch_add(1, Ordering::Release);
    }

    /// Notes that the schedule has paused `host`.
    pub(super) fn learned(&self, host: &str) {
        let counter = &self.counters[index(host)];
        counter.known.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn known(&self, host: &str) -> PausesKnown {
        let counter = index(host);
        let known = self.counters[counter].known.load(Ordering::Relaxed);
        PausesKnown { counter, known }
    }

    pub(super) fn is_outdated(&self, known: &PausesKnown) -> bool {
        let sent = self.counters[known.counter].sent.load(Ordering::Acquire);
        sent > known.known
    }
}

fn index(host: &str) -> usize {
    // A host that shares a counter only sends a job back too often.
    plain_hash(host) % COUNTERS
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
