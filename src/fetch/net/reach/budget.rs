//! The connection budget: how many connections may be opening, open or idle, and how many names may be looked up at
//! once, where descriptors are few.
//!
//! A look-up takes its permit before a connection does, and no permit of a connection waits for one of a look-up.
//!
//! Files and other processes may leave fewer descriptors than permits: see [`Budget::wait_out_shortage`].

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::system::SHORTAGE_PAUSE;

/// Look-ups that run at once.
const MOST_LOOK_UPS: usize = 4096;
/// Descriptors of a look-up: IPv4 and IPv6 are asked for separately.
const EACH_LOOK_UP: usize = 2;
/// The part of few descriptors that is for look-ups.
const PART_FOR_LOOK_UPS: usize = 4;

/// Tries of one connection, a second in all, while no other has a descriptor to return.
const MOST_TRIES: u32 = 50;

#[derive(Debug)]
pub(in crate::fetch::net) struct Budget {
    connections: Arc<Semaphore>,
    limit: usize,
    lookups: Arc<Semaphore>,
    /// Requests that wait for a permit of a connection.
    waiting: AtomicUsize,
    /// Permits that wait out a shortage.
    short: AtomicUsize,
}

/// The right to one connection, returned on drop.
#[derive(Debug)]
pub(in crate::fetch) struct Permit(#[expect(dead_code)] OwnedSemaphorePermit);

impl Budget {
    /// `None` is without limit.
    pub(in crate::fetch::net) fn new(descriptors: Option<usize>) -> Arc<Self> {
        let for_lookups = descriptors.map_or(usize::MAX, |all| all / PART_FOR_LOOK_UPS);
        let lookups = (for_lookups / EACH_LOOK_UP).clamp(1, MOST_LOOK_UPS);
        let limit = descriptors.map_or(Semaphore::MAX_PERMITS, |all| {
            let left = all.saturating_sub(lookups * EACH_LOOK_UP);
            // Where nothing limits descriptors, `all` is more than a semaphore takes.
            left.clamp(1, Semaphore::MAX_PERMITS)
        });
        Arc::new(Self {
            connections: Arc::new(Semaphore::new(limit)),
            limit,
            lookups: Arc::new(Semaphore::new(lookups)),
            waiting: AtomicUsize::new(0),
            short: AtomicUsize::new(0),
        })
    }

    pub(in crate::fetch::net) fn try_acquire(&self) -> Option<Permit> {
        let permit = Arc::clone(&self.connections).try_acquire_owned();
        permit.ok().map(Permit)
    }

    /// Waits for a permit. `evict` closes an idle connection, which holds one.
    pub(super) async fn acquire(&self, evict: impl Fn() -> bool) -> Permit {
        if let Some(permit) = self.try_acquire() {
            return permit;
        }
        // Count it before `evict`: a connection that falls idle after that is closed for it.
        let _waiting = Counted::new(&self.waiting);
        evict();
        Permit(acquire(&self.connections).await)
    }

    /// Whether a connection that falls idle should be closed.
    pub(in crate::fetch::net) fn has_waiters(&self) -> bool {
        self.waiting.load(Ordering::SeqCst) > 0
    }

    /// Waits for a place among the look-ups.
    pub(super) async fn look_up(&self) -> OwnedSemaphorePermit {
        acquire(&self.lookups).await
    }

    /// Pauses before another try to open a descriptor. `false`: no other thread or task could have returned one in all
    /// `tries`, which counts those of one connection.
    pub(super) async fn wait_out_shortage(&self, tries: &mut u32) -> bool {
        let short = Counted::new(&self.short);
        let is_general = short.before + 1 >= self.limit - self.connections.available_permits();
        tokio::time::sleep(SHORTAGE_PAUSE).await;
        *tries += u32::from(is_general);
        *tries <= MOST_TRIES
    }

    /// The same for a thread that may block and holds no permit.
    pub(in crate::fetch::net) fn block_out_shortage(&self, tries: &mut u32) -> bool {
        let is_general = self.connections.available_permits() == self.limit;
        thread::sleep(SHORTAGE_PAUSE);
        *tries += u32::from(is_general);
        *tries <= MOST_TRIES
    }
}

async fn acquire(semaphore: &Arc<Semaphore>) -> OwnedSemaphorePermit {
    let permit = Arc::clone(semaphore).acquire_owned().await;
    permit.expect("no semaphore is ever closed")
}

/// One more, as long as it lives.
struct Counted<'a> {
    counter: &'a AtomicUsize,
    before: usize,
}

impl<'a> Counted<'a> {
    fn new(counter: &'a AtomicUsize) -> Self {
        let before = counter.fetch_add(1, Ordering::SeqCst);
        Self { counter, before }
    }
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.counter.fetch_sub(1, Ordering::SeqCst);
    }
}

#[cfg(test)]
mod tests {
    use super::Budget;

    #[test]
    fn any_number_of_descriptors_makes_a_budget() {
        for descriptors in [None, Some(0), Some(usize::MAX)] {
            assert!(Budget::new(descriptors).try_acquire().is_some());
        }
    }
}
