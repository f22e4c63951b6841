//! Cancelling a client: every wait of every worker ends, now and later.
//!
//! A cancel shuts down the sockets that workers read from, and wakes the waits for sockets by the [`Waker`]. `reach` has a
//! cancel of its own.

use std::io;
use std::net::{Shutdown, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use super::sys::Waker;
use super::timeouts::{Timeouts, WaitError, cancelled};
use crate::fetch::failure::Failure;

#[derive(Debug, Clone, Copy)]
pub(in crate::fetch::net) struct Wait<'a> {
    pub(in crate::fetch::net) limits: Timeouts,
    pub(in crate::fetch::net) cancel: &'a Cancel,
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
}

impl Cancel {
    pub(in crate::fetch::net) fn new() -> io::Result<Self> {
        Ok(Self {
            cancelled: AtomicBool::new(false),
            slots: Mutex::default(),
            waker: Waker::new()?,
        })
    }

    pub(in crate::fetch::net) fn is_cancelled(&self) -> bool {
        self.cancelled.load(Ordering::SeqCst)
    }

    /// Does not block.
    pub(in crate::fetch::net) fn cancel(&self) {
        self.cancelled.store(true, Ordering::SeqCst);
        self.waker.wake();
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
    use super::*;

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
