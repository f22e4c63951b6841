//! Pauses that servers asked for, for jobs that were in the pool's queue by then.
//!
//! The schedule pauses what it has not started yet. Jobs in the queue go back to it even if the pause is over, because it
//! knows how many may go. Nearly always there is no pause, and a look costs one atomic load.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use crate::schedule::HostKey;

/// See the module's head.
#[derive(Default)]
pub(super) struct HostPauses {
    any: AtomicBool,
    pauses: Mutex<Pauses>,
}

#[derive(Default)]
struct Pauses {
    hosts: HashMap<HostKey, Pause>,
    /// How many there were after the last sweep. The next one is when they have doubled.
    swept: usize,
}

#[derive(Clone, Copy)]
struct Pause {
    since: Instant,
    until: Instant,
}

/// So many hosts are not worth a sweep.
const FEW: usize = 64;

impl HostPauses {
    /// Pauses `host` from `now` until `until`.
    pub(super) fn pause(&self, host: &HostKey, until: Instant, now: Instant) {
        let mut pauses = self.lock();
        if pauses.hosts.len() >= FEW.max(2 * pauses.swept) {
            pauses.hosts.retain(|_, pause| pause.until > now);
            pauses.swept = pauses.hosts.len();
        }
        let new = Pause { since: now, until };
        let known = pauses.hosts.entry(Arc::clone(host)).or_insert(new);
        known.since = now;
        known.until = until.max(known.until);
        self.any.store(true, Ordering::Release);
    }

    /// Until when a job of `host` that was submitted at `submitted` is paused, if it is.
    pub(super) fn until(&self, host: &HostKey, submitted: Instant) -> Option<Instant> {
        if !self.any.load(Ordering::Acquire) {
            return None;
        }
        let now = Instant::now();
        let mut pauses = self.lock();
        let Pause { since, until } = *pauses.hosts.get(host)?;
        if until > now || submitted <= since {
            return Some(until);
        }
        pauses.hosts.remove(host);
        if pauses.hosts.is_empty() {
            self.any.store(false, Ordering::Release);
        }
        None
    }

    fn lock(&self) -> MutexGuard<'_, Pauses> {
        self.pauses.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn a_host_is_paused_until_its_time_and_forgotten_then() {
        let (pauses, host, now) = (HostPauses::default(), HostKey::from("a:80"), Instant::now());
        assert_eq!(pauses.until(&host, now), None);
        let later = now + Duration::from_secs(300);
        pauses.pause(&host, later, now);
        pauses.pause(&host, now + Duration::from_secs(1), now);
        assert_eq!(pauses.until(&host, later), Some(later), "the longer stands");
        assert_eq!(pauses.until(&HostKey::from("b:80"), now), None);
        let over = HostKey::from("c:80");
        pauses.pause(&over, now, now);
        assert_eq!(
            pauses.until(&over, now),
            Some(now),
            "it was submitted before"
        );
        assert_eq!(pauses.until(&over, later), None);
        assert_eq!(pauses.lock().hosts.len(), 1);
    }

    #[test]
    fn hosts_that_are_over_do_not_pile_up() {
        let (pauses, now) = (HostPauses::default(), Instant::now());
        for n in 0..10_000 {
            pauses.pause(&HostKey::from(format!("{n}:80")), now, now);
        }
        assert!(pauses.lock().hosts.len() <= FEW);
    }
}
