//! The connection budget: how many connections may be opening, open or idle where descriptors are few.
//!
//! A new connection takes a [`Permit`] before its name is looked up, because the system's resolver reports a lack of
//! descriptors as an unknown name. A permit stands for one descriptor: first of the look-up, then of the socket. A
//! thread that waits for a permit holds no other, so that no two threads wait for each other.
//!
//! Files and other processes may leave fewer descriptors than permits: see [`Permit::wait_out_shortage`].

use std::cell::Cell;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

use crate::fetch::net::io::cancel::Cancel;
use crate::fetch::net::io::timeouts::WaitError;
use crate::system::SHORTAGE_PAUSE;

/// A part of the descriptors is for look-ups that need more than one: for TCP, and for up to three silent name servers
/// (`MAXNS` of resolv.h).
const PART_FOR_LOOK_UPS: usize = 4;
const MOST_FOR_LOOK_UPS: usize = 64;

/// Tries of one connection, a second in all, while no other has a descriptor to return.
const MOST_TRIES: u32 = 50;

#[derive(Debug, Default)]
struct State {
    /// Permits in use.
    used: usize,
    /// Those that wait out a shortage.
    short: usize,
    /// Counts returned permits and offered connections.
    changes: u64,
}

#[derive(Debug)]
pub(in crate::fetch::net) struct Budget {
    limit: usize,
    state: Mutex<State>,
    /// Threads that wait for a permit.
    waiting: AtomicUsize,
    changed: Condvar,
}

/// The right to one descriptor, returned on drop.
#[derive(Debug)]
pub(in crate::fetch::net) struct Permit(Arc<Budget>);

impl Budget {
    /// `None` is without limit.
    pub(in crate::fetch::net) fn new(descriptors: Option<usize>) -> Arc<Self> {
        let limit = descriptors
            .map(|all| all - (all / PART_FOR_LOOK_UPS).min(MOST_FOR_LOOK_UPS))
            .map_or(usize::MAX, |limit| limit.max(1));
        Arc::new(Self {
            limit,
            state: Mutex::default(),
            waiting: AtomicUsize::new(0),
            changed: Condvar::new(),
        })
    }

    pub(in crate::fetch::net) fn try_acquire(self: &Arc<Self>) -> Option<Permit> {
        self.grant(&mut self.lock())
    }

    /// Waits for a permit or a cancel. `evict` closes an idle connection, which holds a permit, and returns whether
    /// there was one.
    pub(in crate::fetch::net) fn acquire(
        self: &Arc<Self>,
        evict: &dyn Fn() -> bool,
        cancel: &Cancel,
    ) -> Result<Permit, WaitError> {
        // Count it before `evict`: a connection that falls idle after that is offered.
        self.waiting.fetch_add(1, Ordering::SeqCst);
        let permit = self.wait(evict, cancel);
        self.waiting.fetch_sub(1, Ordering::SeqCst);
        permit
    }

    fn wait(
        self: &Arc<Self>,
        evict: &dyn Fn() -> bool,
        cancel: &Cancel,
    ) -> Result<Permit, WaitError> {
        let mut state = self.lock();
        while !cancel.is_cancelled() {
            if let Some(permit) = self.grant(&mut state) {
                return Ok(permit);
            }
            let before = state.changes;
            // The evicted connection returns its permit, which takes the lock.
            drop(state);
            let is_evicted = evict();
            state = self.lock();
            while !is_evicted && state.changes == before && !cancel.is_cancelled() {
                state = self
                    .changed
                    .wait(state)
                    .unwrap_or_else(PoisonError::into_inner);
            }
        }
        Err(WaitError::Cancelled)
    }

    /// Tells a waiting thread that a connection fell idle and can be evicted.
    pub(in crate::fetch::net) fn offer(&self) {
        if self.waiting.load(Ordering::SeqCst) > 0 {
            self.notify_one(&mut self.lock());
        }
    }

    /// Wakes all waiting threads after a cancel.
    pub(in crate::fetch::net) fn wake(&self) {
        // Take the lock once, so that no waiter misses this notification.
        drop(self.lock());
        self.changed.notify_all();
    }

    fn grant(self: &Arc<Self>, state: &mut State) -> Option<Permit> {
        (state.used < self.limit).then(|| {
            state.used += 1;
            Permit(Arc::clone(self))
        })
    }

    fn notify_one(&self, state: &mut State) {
        state.changes += 1;
        // Without a waiter, save the system call.
        if self.waiting.load(Ordering::SeqCst) > 0 {
            self.changed.notify_one();
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Permit {
    /// Pauses before another try to open a descriptor. `false`: every permit in use was short in all `tries`, which
    /// counts those of one connection.
    pub(in crate::fetch::net) fn wait_out_shortage(&self, tries: &Cell<u32>) -> bool {
        let all_are_short = {
            let mut state = self.0.lock();
            state.short += 1;
            state.short == state.used
        };
        thread::sleep(SHORTAGE_PAUSE);
        self.0.lock().short -= 1;
        tries.set(tries.get() + u32::from(all_are_short));
        tries.get() <= MOST_TRIES
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        state.used -= 1;
        self.0.notify_one(&mut state);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    fn until_so_many_wait(budget: &Budget, count: usize) {
        while budget.waiting.load(Ordering::SeqCst) < count {
            thread::yield_now();
        }
    }

    #[test]
    fn a_part_of_few_descriptors_is_left_for_look_ups_that_need_more() {
        for (descriptors, limit) in [(0, 1), (1, 1), (3, 3), (4, 3), (20, 15), (1000, 936)] {
            assert_eq!(Budget::new(Some(descriptors)).limit, limit, "{descriptors}");
        }
        let unlimited = Budget::new(None);
        let permits: Vec<_> = (0..100).map_while(|_| unlimited.try_acquire()).collect();
        assert_eq!(permits.len(), 100);
    }

    #[test]
    fn the_limit_holds_and_a_returned_permit_goes_to_one_waiter() {
        let (budget, cancel) = (Budget::new(Some(2)), Cancel::new().unwrap());
        let mut held = vec![budget.try_acquire().unwrap(), budget.try_acquire().unwrap()];
        assert!(budget.try_acquire().is_none());
        let (given, taken) = mpsc::channel();
        thread::scope(|s| {
            for _ in 0..20 {
                let (given, budget, cancel) = (given.clone(), &budget, &cancel);
                s.spawn(move || {
                    let permit = budget.acquire(&|| false, cancel).unwrap();
                    given.send(permit).unwrap();
                });
            }
            until_so_many_wait(&budget, 20);
            for _ in 0..20 {
                held.remove(0);
                held.push(taken.recv().unwrap());
                assert!(taken.try_recv().is_err());
                assert_eq!(budget.lock().used, 2);
            }
        });
    }

    #[test]
    fn a_connection_that_falls_idle_is_evicted_for_a_waiter() {
        let (budget, cancel) = (Budget::new(Some(1)), Cancel::new().unwrap());
        let idle = Mutex::new(None);
        let in_use = budget.try_acquire();
        thread::scope(|s| {
            let waiter = s.spawn(|| {
                let evict = || idle.lock().unwrap().take().is_some();
                budget.acquire(&evict, &cancel).unwrap()
            });
            until_so_many_wait(&budget, 1);
            *idle.lock().unwrap() = in_use;
            budget.offer();
            drop(waiter.join().unwrap());
        });
        assert_eq!(budget.lock().used, 0);
    }

    #[test]
    fn a_cancel_ends_the_wait() {
        let (budget, cancel) = (Budget::new(Some(1)), Cancel::new().unwrap());
        let _held = budget.try_acquire().unwrap();
        thread::scope(|s| {
            let waiter = s.spawn(|| budget.acquire(&|| false, &cancel));
            until_so_many_wait(&budget, 1);
            cancel.cancel();
            budget.wake();
            assert!(matches!(waiter.join().unwrap(), Err(WaitError::Cancelled)));
        });
    }

    #[test]
    fn a_shortage_fails_a_connection_only_when_no_other_could_return_a_descriptor() {
        let budget = Budget::new(None);
        let (short, active) = (budget.try_acquire().unwrap(), budget.try_acquire());
        let tries = Cell::new(MOST_TRIES);
        assert!(short.wait_out_shortage(&tries));
        drop(active);
        assert!(!short.wait_out_shortage(&tries));
    }
}
