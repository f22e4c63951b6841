//! Waiting for a file descriptor when the system has none left, so that no URL fails for want of
//! one.
//!
//! Every connection and every attempt at one holds a [`Ticket`]. Who cannot open a socket gives up
//! idle connections first, and then waits until some ticket is given back or its connection falls
//! idle.

use std::io;
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use rustix::io::Errno;

use super::cancel::Cancel;
use super::limits::{Cut, Limits};

#[derive(Debug, Default)]
struct State {
    tickets: usize,
    /// Holders of a ticket who wait for somebody else's descriptor.
    waiting: usize,
    /// Changes whenever it is worth trying again.
    turns: u64,
}

#[derive(Debug, Default)]
pub(crate) struct Descriptors {
    state: Mutex<State>,
    changed: Condvar,
    /// A copy of `State::waiting` that costs nothing to ask.
    anybody_waits: AtomicUsize,
    /// How often somebody found none left.
    shortages: AtomicU64,
}

impl Descriptors {
    pub(crate) fn ticket(self: &Arc<Self>) -> Ticket {
        self.lock().tickets += 1;
        Ticket(Arc::clone(self))
    }

    /// Says that a connection fell idle and could be given up for another.
    pub(crate) fn offer(&self) {
        if self.anybody_waits.load(Ordering::Relaxed) > 0 {
            self.call(self.lock());
        }
    }

    /// Wakes everybody who waits, to see that the client was cancelled.
    pub(crate) fn wake(&self) {
        self.call(self.lock());
    }

    /// Lets everybody who waits try again. From here on none of them counts as waiting, though some
    /// may take a while to run.
    fn call(&self, mut state: MutexGuard<'_, State>) {
        state.turns += 1;
        state.waiting = 0;
        self.anybody_waits.store(0, Ordering::Relaxed);
        drop(state);
        self.changed.notify_all();
    }

    /// Changes whenever somebody finds no descriptor left.
    pub(crate) fn shortages(&self) -> u64 {
        self.shortages.load(Ordering::Relaxed)
    }

    /// Whether there was a shortage since [`shortages`](Self::shortages) gave `before`, or is one
    /// now: for what fails for want of a descriptor without saying so.
    pub(crate) fn were_short(&self, before: u64) -> bool {
        self.shortages() != before
            || [UnixStream::pair(), UnixStream::pair()].iter().any(|pair| {
                let error = pair.as_ref().err();
                error.is_some_and(is_out_of_descriptors)
            })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether the process, or the system, has no descriptor left.
pub(crate) fn is_out_of_descriptors(error: &io::Error) -> bool {
    let code = error.raw_os_error();
    code == Some(Errno::MFILE.raw_os_error()) || code == Some(Errno::NFILE.raw_os_error())
}

/// The right to hold a descriptor. Dropping it tells those who wait.
#[derive(Debug)]
pub(crate) struct Ticket(Arc<Descriptors>);

impl Ticket {
    /// Waits until it is worth trying again. `Ok(false)`: nobody is left who could give a
    /// descriptor back.
    pub(crate) fn wait(&self, limits: &Limits, cancel: &Cancel) -> Result<bool, Cut> {
        self.0.shortages.fetch_add(1, Ordering::Relaxed);
        let since = Instant::now();
        let mut state = self.0.lock();
        if state.waiting + 1 >= state.tickets {
            return Ok(false);
        }
        let turn = state.turns;
        state.waiting += 1;
        self.0.anybody_waits.store(state.waiting, Ordering::Relaxed);
        let end = loop {
            if cancel.is_thrown() {
                break Err(Cut::Cancelled);
            }
            if state.turns != turn {
                break Ok(true);
            }
            state = match limits.left(since, Instant::now()) {
                Ok(None) => self
                    .0
                    .changed
                    .wait(state)
                    .unwrap_or_else(PoisonError::into_inner),
                Ok(Some(left)) => {
                    self.0
                        .changed
                        .wait_timeout(state, left)
                        .unwrap_or_else(PoisonError::into_inner)
                        .0
                }
                Err(cut) => break Err(cut),
            };
        };
        // Who was called does not count any more.
        if state.turns == turn {
            state.waiting -= 1;
            self.0.anybody_waits.store(state.waiting, Ordering::Relaxed);
        }
        end
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        state.tickets -= 1;
        if state.waiting > 0 {
            self.0.call(state);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_waiter_is_woken_by_a_ticket_given_back_or_offered() {
        let (descriptors, cancel) = (Arc::new(Descriptors::default()), Cancel::new().unwrap());
        let mine = descriptors.ticket();
        assert!(
            !mine.wait(&Limits::default(), &cancel).unwrap(),
            "nobody else holds one"
        );
        type Waker = fn(&Arc<Descriptors>, Ticket) -> Option<Ticket>;
        let wakers: [Waker; 2] = [
            |_, ticket| {
                drop(ticket);
                None
            },
            |descriptors, ticket| {
                descriptors.offer();
                Some(ticket)
            },
        ];
        for wake in wakers {
            let other = descriptors.ticket();
            std::thread::scope(|s| {
                let waiter = s.spawn(|| mine.wait(&Limits::default(), &cancel));
                while descriptors.anybody_waits.load(Ordering::Relaxed) == 0 {
                    std::thread::yield_now();
                }
                let _kept = wake(&descriptors, other);
                assert!(waiter.join().unwrap().unwrap());
            });
        }
    }

    #[test]
    fn a_cancelled_waiter_gives_up() {
        let (descriptors, cancel) = (Arc::new(Descriptors::default()), Cancel::new().unwrap());
        let (mine, _other) = (descriptors.ticket(), descriptors.ticket());
        cancel.throw();
        assert!(matches!(
            mine.wait(&Limits::default(), &cancel),
            Err(Cut::Cancelled)
        ));
    }
}
