//! Cancelling a client: every wait of every worker ends, from any thread and for ever.
//!
//! A blocked read ends because its socket is shut down, a wait for sockets because the [`Waker`] is among them. The
//! resolver and the connection budget wake their own waiters.

use std::io;
use std::net::{Shutdown, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use socket2::Socket;

use super::sys::{Opened, Waker};
use super::timeouts::WaitError;

/// The socket that one worker is using now. Only a cancel contends for the lock.
#[derive(Debug, Default)]
pub(crate) struct Slot(Mutex<Option<Arc<TcpStream>>>);

impl Slot {
    /// Forgets the socket.
    pub(crate) fn clear(&self) {
        *self.lock() = None;
    }

    fn lock(&self) -> MutexGuard<'_, Option<Arc<TcpStream>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The slots of all workers.
#[derive(Debug, Default)]
struct Slots {
    all: Vec<Weak<Slot>>,
    /// How many were in use when the last sweep removed those of workers that have ended.
    swept: usize,
}

impl Slots {
    /// Adds one. Sweeps when the number has doubled since the last sweep.
    fn push(&mut self, slot: &Arc<Slot>) {
        if self.all.len() > 2 * self.swept {
            self.all.retain(|s| s.strong_count() > 0);
            self.swept = self.all.len() + 1;
        }
        self.all.push(Arc::downgrade(slot));
    }
}

#[derive(Debug)]
pub(crate) struct Cancel {
    cancelled: AtomicBool,
    slots: Mutex<Slots>,
    waker: Waker,
}

impl Cancel {
    pub(crate) fn new() -> io::Result<Self> {
        Ok(Self {
            cancelled: AtomicBool::new(false),
            slots: Mutex::default(),
            waker: Waker::new()?,
        })
    }

    pub(crate) fn is_cancelled(&self) -> bool {
        self.cancelled.load(Ordering::SeqCst)
    }

    /// Ends all waits. Does not block.
    pub(crate) fn cancel(&self) {
        self.cancelled.store(true, Ordering::SeqCst);
        self.waker.wake();
        for slot in self.slots().all.iter().filter_map(Weak::upgrade) {
            if let Some(stream) = &*slot.lock() {
                // An error means that the other end has closed the connection already.
                let _ = stream.shutdown(Shutdown::Both);
            }
        }
    }

    /// Registers one more worker.
    pub(crate) fn slot(&self) -> Arc<Slot> {
        let slot = Arc::new(Slot::default());
        self.slots().push(&slot);
        slot
    }

    fn slots(&self) -> MutexGuard<'_, Slots> {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts a socket where a cancel finds it.
    pub(crate) fn hold(&self, slot: &Slot, stream: &Arc<TcpStream>) -> Result<(), WaitError> {
        *slot.lock() = Some(Arc::clone(stream));
        // Check after storing the socket: an earlier cancel did not find it.
        if self.is_cancelled() {
            slot.clear();
            Err(WaitError::Cancelled)
        } else {
            Ok(())
        }
    }

    /// Waits until one of `sockets` has connected or failed, or for `left`. It may return early: the caller checks
    /// its own clock.
    pub(crate) fn wait_opened(
        &self,
        sockets: &[&Socket],
        left: Duration,
    ) -> Result<Vec<Opened>, WaitError> {
        self.unless_cancelled(self.waker.wait_opened(sockets, Some(left)))
    }

    /// Waits until `stream` may take more, or for `left`.
    pub(crate) fn wait_writable(
        &self,
        stream: &TcpStream,
        left: Option<Duration>,
    ) -> Result<(), WaitError> {
        self.unless_cancelled(self.waker.wait_writable(stream, left))
    }

    fn unless_cancelled<T>(&self, waited: io::Result<T>) -> Result<T, WaitError> {
        match waited {
            Ok(_) if self.is_cancelled() => Err(WaitError::Cancelled),
            waited => waited.map_err(WaitError::Io),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_of_workers_that_are_gone_are_swept_out_now_and_then() {
        let mut slots = Slots::default();
        let mut sweeps = 0;
        let mut push = |slots: &mut Slots, slot: &Arc<Slot>| {
            let before = slots.swept;
            slots.push(slot);
            sweeps += usize::from(slots.swept != before);
        };
        let kept: Vec<_> = (0..10_000).map(|_| Arc::<Slot>::default()).collect();
        for slot in &kept {
            push(&mut slots, slot);
        }
        for _ in 0..100_000 {
            push(&mut slots, &Arc::default());
            assert!(slots.all.len() <= 2 * (kept.len() + 1) + 1);
        }
        assert!(sweeps < 40, "{sweeps} sweeps");
        let found = slots.all.iter().filter(|s| s.strong_count() > 0).count();
        assert_eq!(found, kept.len());
    }
}
