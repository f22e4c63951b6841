//! Cancelling a client: every wait of every worker ends, now and later.
//!
//! A cancel shuts down the sockets that workers read from, wakes the waits for sockets by the [`Waker`], and ends the waits
//! for a time. `reach` has a cancel of its own.

use std::io;
use std::net::{Shutdown, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use super::sys::Waker;
use super::timeouts::{Timeouts, WaitError, cancelled};
use crate::fetch::failure::Failure;

#[derive(Debug, Clone, Copy)]
pub(in crate::fetch::net) struct Wait<'a> {
    pub(in crate::fetch::net) limits: Timeouts,
    pub(in crate::fetch::net) cancel: &'a Cancel,
}

impl Wait<'_> {
    /// Waits until `at`, or until the deadline passes. Silence does not count.
    pub(in crate::fetch::net) fn until(&self, at: Instant) -> Result<(), WaitError> {
        let now = Instant::now();
        let mut span = at.saturating_duration_since(now);
        if span.is_zero() {
            return Ok(());
        }
        if let Some(deadline) = self.limits.deadline() {
            span = span.min(deadline.left(now)?);
        }
        self.cancel.sleep(span)
    }
}

/// The socket that one worker uses now. Only a cancel contends for the lock.
#[derive(Debug, Default)]
pub(in crate::fetch::net) struct Slot(Mutex<Option<Arc<TcpStream>>>);

impl Slot {
    pub(in crate::fetch::net) fn clear(&self) {
        *self.lock() = None;
    }

    fn lock(&self) -> MutexGuard<'_, Option<Arc<TcpStream>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[derive(Debug)]
pub(in crate::fetch::net) struct Cancel {
    cancelled: AtomicBool,
    slots: Mutex<Vec<Weak<Slot>>>,
    waker: Waker,
    /// Guards no data: waits for a time hold it while they test `cancelled`.
    sleep: Mutex<()>,
    woken: Condvar,
}

impl Cancel {
    pub(in crate::fetch::net) fn new() -> io::Result<Self> {
        Ok(Self {
            cancelled: AtomicBool::new(false),
            slots: Mutex::default(),
            waker: Waker::new()?,
            sleep: Mutex::default(),
            woken: Condvar::new(),
        })
    }

    pub(in crate::fetch::net) fn is_cancelled(&self) -> bool {
        self.cancelled.load(Ordering::SeqCst)
    }

    /// Does not block.
    pub(in crate::fetch::net) fn cancel(&self) {
        self.cancelled.store(true, Ordering::SeqCst);
        self.waker.wake();
        // Take the lock once, so that no sleeper misses this notification.
        drop(self.sleep.lock());
        self.woken.notify_all();
        for slot in self.slots().iter().filter_map(Weak::upgrade) {
            if let Some(stream) = &*slot.lock() {
                // An error means that the connection is closed already.
                let _ = stream.shutdown(Shutdown::Both);
            }
        }
    }

    /// The slot of a new worker.
    pub(in crate::fetch::net) fn slot(&self) -> Arc<Slot> {
        let slot = Arc::<Slot>::default();
        let mut slots = self.slots();
        if slots.len() == slots.capacity() {
            // Drop the slots of ended workers. Room for as many again keeps these sweeps rare.
            slots.retain(|slot| slot.strong_count() > 0);
            let more = slots.len() + 1;
            slots.reserve_exact(more);
        }
        slots.push(Arc::downgrade(&slot));
        slot
    }

    fn slots(&self) -> MutexGuard<'_, Vec<Weak<Slot>>> {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts a socket into a slot, so that a cancel shuts it down.
    pub(in crate::fetch::net) fn hold(
        &self,
        slot: &Slot,
        stream: &Arc<TcpStream>,
    ) -> Result<(), Failure> {
        *slot.lock() = Some(Arc::clone(stream));
        // Check after storing the socket: an earlier cancel did not find it.
        if self.is_cancelled() {
            slot.clear();
            Err(cancelled())
        } else {
            Ok(())
        }
    }

    /// Waits for `span`.
    fn sleep(&self, span: Duration) -> Result<(), WaitError> {
        let guard = self.sleep.lock().unwrap_or_else(PoisonError::into_inner);
        let still = |(): &mut ()| !self.is_cancelled();
        drop(self.woken.wait_timeout_while(guard, span, still));
        if self.is_cancelled() {
            return Err(WaitError::Cancelled);
        }
        Ok(())
    }

    /// Waits until `stream` may take more, or for `left`. It may return early.
    pub(in crate::fetch::net) fn wait_writable(
        &self,
        stream: &TcpStream,
        left: Option<Duration>,
    ) -> Result<(), WaitError> {
        let waited = self.waker.wait_writable(stream, left);
        if self.is_cancelled() {
            return Err(WaitError::Cancelled);
        }
        waited.map_err(WaitError::Io)
    }
}

#[cfg(test)]
mod tests {
    use super::super::timeouts::Deadline;
    use super::*;

    #[test]
    fn a_wait_for_a_time_ends_then_at_the_deadline_or_by_a_cancel() {
        let cancel = Cancel::new().unwrap();
        let start = Instant::now();
        let never = start + Duration::from_secs(3600);
        let wait = |limits| Wait {
            limits,
            cancel: &cancel,
        };
        let soon = Duration::from_millis(5);
        let stall = Timeouts::new(None, Some(Duration::from_nanos(1)));
        assert!(wait(stall).until(start + soon).is_ok());
        assert!(start.elapsed() >= soon);
        let limits = Timeouts::new(Deadline::after(Instant::now(), Some(soon)), None);
        assert!(wait(limits).until(never).is_ok());
        assert!(matches!(
            wait(limits).until(never),
            Err(WaitError::TimedOut(span)) if span == soon
        ));
        std::thread::scope(|scope| {
            let sleeper = scope.spawn(|| wait(Timeouts::default()).until(never));
            cancel.cancel();
            assert!(matches!(sleeper.join(), Ok(Err(WaitError::Cancelled))));
        });
    }

    #[test]
    fn slots_of_workers_that_have_ended_are_swept() {
        let cancel = Cancel::new().unwrap();
        let kept: Vec<_> = (0..10_000).map(|_| cancel.slot()).collect();
        for _ in 0..100_000 {
            drop(cancel.slot());
            assert!(cancel.slots().len() <= 2 * (kept.len() + 1));
        }
        let slots = cancel.slots();
        let found = slots.iter().filter(|slot| slot.strong_count() > 0);
        assert_eq!(found.count(), kept.len());
    }
}
