//! Hosts whose server has asked to be left alone, for jobs that were queued before it did.
//!
//! The schedule holds back what it has not given out yet; this holds back what already waits in
//! the pool's queue, also when the pause is over by then: the schedule knows how many may go.
//! Nearly always it is empty, and then a look costs one atomic load.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use crate::schedule::HostKey;

/// See the module's head.
#[derive(Default)]
pub(super) struct Holds {
    any: AtomicBool,
    held: Mutex<Held>,
}

#[derive(Default)]
struct Held {
    hosts: HashMap<HostKey, Hold>,
    /// How many there were after the last sweep. They are swept when they have doubled, so that many
    /// of them cost each only a little.
    swept: usize,
}

#[derive(Clone, Copy)]
struct Hold {
    since: Instant,
    until: Instant,
}

/// Below this many hosts a sweep is not worth its while.
const FEW: usize = 64;

impl Holds {
    /// Nothing of `host` is to start before `until`. Those that are over at `now` are forgotten in
    /// time.
    pub(super) fn hold(&self, host: &HostKey, until: Instant, now: Instant) {
        let mut held = self.lock();
        if held.hosts.len() >= FEW.max(2 * held.swept) {
            held.hosts.retain(|_, hold| hold.until > now);
            held.swept = held.hosts.len();
        }
        let new = Hold { since: now, until };
        let known = held.hosts.entry(Arc::clone(host)).or_insert(new);
        known.since = now;
        known.until = until.max(known.until);
        self.any.store(true, Ordering::Release);
    }

    /// Until when a job of `host` that was submitted at `submitted` is held, if it is.
    pub(super) fn until(&self, host: &HostKey, submitted: Instant) -> Option<Instant> {
        if !self.any.load(Ordering::Acquire) {
            return None;
        }
        let now = Instant::now();
        let mut held = self.lock();
        let Hold { since, until } = *held.hosts.get(host)?;
        if until > now || submitted <= since {
            return Some(until);
        }
        held.hosts.remove(host);
        if held.hosts.is_empty() {
            self.any.store(false, Ordering::Release);
        }
        None
    }

    fn lock(&self) -> MutexGuard<'_, Held> {
        // Plain map operations: a panic leaves nothing half done.
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn a_host_is_held_until_its_time_and_forgotten_then() {
        let (holds, host, now) = (Holds::default(), HostKey::from("a:80"), Instant::now());
        assert_eq!(holds.until(&host, now), None);
        let later = now + Duration::from_secs(300);
        holds.hold(&host, later, now);
        holds.hold(&host, now + Duration::from_secs(1), now);
        assert_eq!(holds.until(&host, later), Some(later), "the longer stands");
        assert_eq!(holds.until(&HostKey::from("b:80"), now), None);
        let over = HostKey::from("c:80");
        holds.hold(&over, now, now);
        assert_eq!(
            holds.until(&over, now),
            Some(now),
            "it was submitted before"
        );
        assert_eq!(holds.until(&over, later), None);
        assert_eq!(holds.lock().hosts.len(), 1);
    }

    #[test]
    fn hosts_that_are_over_do_not_pile_up() {
        let (holds, now) = (Holds::default(), Instant::now());
        for n in 0..10_000 {
            holds.hold(&HostKey::from(format!("{n}:80")), now, now);
        }
        assert!(holds.lock().hosts.len() <= FEW);
    }
}
