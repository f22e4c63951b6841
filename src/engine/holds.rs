//! Hosts whose server has asked to be left alone, for jobs that were queued before it did.
//!
//! The schedule holds back what it has not given out yet; this holds back what already waits in
//! the pool's queue. Nearly always it is empty, and then a look costs one atomic load.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use crate::schedule::HostKey;

/// See the module's head.
#[derive(Default)]
pub(super) struct Holds {
    any: AtomicBool,
    hosts: Mutex<HashMap<HostKey, Instant>>,
}

impl Holds {
    /// Nothing of `host` is to start before `until`. Those that are over at `now` are forgotten.
    pub(super) fn hold(&self, host: &HostKey, until: Instant, now: Instant) {
        let mut hosts = self.lock();
        hosts.retain(|_, until| *until > now);
        let held = hosts.entry(Arc::clone(host)).or_insert(until);
        *held = until.max(*held);
        self.any.store(true, Ordering::Release);
    }

    /// Until when `host` is held, if it is.
    pub(super) fn until(&self, host: &HostKey) -> Option<Instant> {
        if !self.any.load(Ordering::Acquire) {
            return None;
        }
        let now = Instant::now();
        self.lock().get(host).copied().filter(|until| *until > now)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<HostKey, Instant>> {
        // Plain map operations: a panic leaves nothing half done.
        self.hosts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
