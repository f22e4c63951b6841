//! Cutting off what is in context, from any thread.
//!
//! A blocked read ends because its socket is shut down; a wait for sockets ends because the bell rings
//! that it was given; waits for name resolution are woken by the resolver itself. Once
//! cancelled, always cancelled.

use std::io;
use std::net::{Shutdown, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use socket2::Socket;

use super::sys::{Opened, Waker};
use super::timeouts::WaitError;

/// The socket that one worker is using now. Taken by the worker twice a request and by nobody else,
/// unless the client is cancelled: never contended.
#[derive(Debug, Default)]
pub(crate) struct Slot(Mutex<Option<Arc<TcpStream>>>);

impl Slot {
    /// Forgets the socket.
    pub(crate) fn clear(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

/// The slots of all workers.
#[derive(Debug, Default)]
struct Slots {
    all: Vec<Weak<Slot>>,
    /// How many were in use when those of workers that are gone were last swept out.
    swept: usize,
}

impl Slots {
    /// Adds one. It is a walk over all only when there are twice as many as were left by the last.
    fn push(&mut self, slot: &Arc<Slot>) {
        if self.all.len() > 2 * self.swept {
            self.all.retain(|s| s.strong_count() > 0);
            self.swept = self.all.len() + 1;
        }
        self.all.push(Arc::downgrade(slot));
    }
}

/// The switch, and everything that has to be told when it is thrown.
#[derive(Debug)]
pub(crate) struct Cancel {
    thrown: AtomicBool,
    slots: Mutex<Slots>,
    bell: Waker,
}

impl Cancel {
    pub(crate) fn new() -> io::Result<Self> {
        Ok(Self {
            thrown: AtomicBool::new(false),
            slots: Mutex::default(),
            bell: Waker::new()?,
        })
    }

    pub(crate) fn is_cancelled(&self) -> bool {
        self.thrown.load(Ordering::SeqCst)
    }

    /// Cuts everything off. Does not block.
    pub(crate) fn throw(&self) {
        self.thrown.store(true, Ordering::SeqCst);
        self.bell.ring();
        let slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        for slot in slots.all.iter().filter_map(Weak::upgrade) {
            if let Some(stream) = &*slot.0.lock().unwrap_or_else(PoisonError::into_inner) {
                // An error means that the other end is gone already, which is what was wanted.
                let _ = stream.shutdown(Shutdown::Both);
            }
        }
    }

    /// Registers one more worker.
    pub(crate) fn slot(&self) -> Arc<Slot> {
        let slot = Arc::new(Slot::default());
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        slots.push(&slot);
        slot
    }

    /// Puts a socket where a cancel finds it. The flag is asked after that, so that a cancel which
    /// came too early to find the socket is seen here.
    pub(crate) fn hold(&self, slot: &Slot, stream: &Arc<TcpStream>) -> Result<(), WaitError> {
        *slot.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(stream));
        if self.is_cancelled() {
            slot.clear();
            Err(WaitError::Cancelled)
        } else {
            Ok(())
        }
    }

    /// Waits for news of one of `sockets`, which are being connected, or for `left`. None being there
    /// is not an error: the caller looks at its own clock.
    pub(crate) fn wait_opened(
        &self,
        sockets: &[&Socket],
        left: Duration,
    ) -> Result<Vec<Opened>, WaitError> {
        self.unless_thrown(self.bell.wait_opened(sockets, Some(left)))
    }

    /// Waits until `stream` may take more, or for `left`.
    pub(crate) fn wait_writable(
        &self,
        stream: &TcpStream,
        left: Option<Duration>,
    ) -> Result<(), WaitError> {
        self.unless_thrown(self.bell.wait_writable(stream, left))
    }

    /// Waits for `left`.
    pub(crate) fn pause(&self, left: Duration) -> Result<(), WaitError> {
        self.unless_thrown(self.bell.wait(left))
    }

    fn unless_thrown<T>(&self, waited: io::Result<T>) -> Result<T, WaitError> {
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
