//! Locks and condition variables as this pool uses them: nothing of the user's runs under a lock,
//! so none is ever poisoned.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Instant;

/// How often a thread that waits for a result gives its turn to others before it sleeps. The worker
/// that it waits for is often one of them, and short of that this costs less than sleeping and
/// being woken.
const LOOKS: u32 = 16;

/// How often it does so if no other waits: for some tens of microseconds, about what sleeping and
/// being woken cost. Several such threads would keep the processors from the workers.
const LOOKS_ALONE: u32 = 64;

pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// One wait, which may end for no reason.
pub(super) fn sleep<'a, T>(condition: &Condvar, guard: MutexGuard<'a, T>) -> MutexGuard<'a, T> {
    condition
        .wait(guard)
        .unwrap_or_else(PoisonError::into_inner)
}

/// One wait, which may end for no reason; false if the deadline had passed before it.
pub(super) fn sleep_until<'a, T>(
    condition: &Condvar,
    guard: MutexGuard<'a, T>,
    deadline: Option<Instant>,
) -> (MutexGuard<'a, T>, bool) {
    let Some(deadline) = deadline else {
        return (sleep(condition, guard), true);
    };
    let left = deadline.saturating_duration_since(Instant::now());
    if left.is_zero() {
        return (guard, false);
    }
    let (guard, _) = condition
        .wait_timeout(guard, left)
        .unwrap_or_else(PoisonError::into_inner);
    (guard, true)
}

/// Gives a worker a moment to finish what the calling thread is about to wait for, and the processor
/// to whoever else wants it meanwhile.
pub(super) fn look_until(is_there: impl Fn() -> bool) {
    /// How many threads of this process are in here.
    static LOOKING: AtomicUsize = AtomicUsize::new(0);

    LOOKING.fetch_add(1, Ordering::Relaxed);
    for look in 0..LOOKS_ALONE {
        if look >= LOOKS && LOOKING.load(Ordering::Relaxed) > 1 {
            break;
        }
        thread::yield_now();
        if is_there() {
            break;
        }
    }
    LOOKING.fetch_sub(1, Ordering::Relaxed);
}

/// A value nobody can look at until they own it, hence `Sync` whatever it is
/// (`std::sync::Exclusive`, not yet stable).
///
/// The mutex is never locked.
pub(super) struct Exclusive<T>(Mutex<T>);

impl<T> Exclusive<T> {
    pub(super) fn new(value: T) -> Self {
        Self(Mutex::new(value))
    }

    pub(super) fn into_inner(self) -> T {
        self.0.into_inner().unwrap_or_else(PoisonError::into_inner)
    }
}
