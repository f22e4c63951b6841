//! Waiting for a file descriptor when the system has none left, so that no URL fails for want of
//! one.
//!
//! Whatever opens descriptors for a while, a connection or a look-up, holds a [`Ticket`]. Who finds
//! none left gives up an idle connection, and if there is none waits until a ticket is given back or
//! a connection falls idle. Each of those lets one waiter try again. Nobody gives up while somebody
//! else who holds a ticket could still give a descriptor back, nor before those who hold some without
//! a ticket (a list that is being read, say) had a second to close them.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::fetch::net::io::cancel::Cancel;
use crate::fetch::net::io::timeouts::WaitError;

#[derive(Debug, Default)]
struct State {
    tickets: usize,
    /// Holders of a ticket who wait for somebody else's descriptor.
    waiting: usize,
    /// How many of them may try again, and have not yet gone to do so.
    calls: usize,
}

impl State {
    /// Holders of a ticket who may yet give a descriptor back: all but those who wait uncalled.
    fn active(&self) -> usize {
        self.tickets + self.calls - self.waiting
    }
}

/// Who holds descriptors, and who waits for one.
#[derive(Debug, Default)]
pub(crate) struct Descriptors {
    state: Mutex<State>,
    called: Condvar,
    /// Counts what makes it worth trying again, whether anybody waits or not.
    turns: AtomicU64,
    /// A copy of `State::waiting` that costs nothing to ask.
    anybody_waits: AtomicUsize,
}

/// How things stood before an attempt to open a descriptor: what has happened since is then seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Turn(u64);

/// The tries that a holder of a ticket made while all others waited.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct LastTries {
    /// The turn that they were made in: a newer one begins the count anew.
    turn: Turn,
    made: u32,
}

/// As many, each after twice the pause of the one before, take a second.
const LAST_TRIES: u32 = 10;
const FIRST_PAUSE: Duration = Duration::from_millis(1);

impl Descriptors {
    pub(crate) fn ticket(self: &Arc<Self>) -> Ticket {
        self.lock().tickets += 1;
        Ticket {
            of: Arc::clone(self),
            is_quiet: false,
        }
    }

    /// How things stand. Taken before an attempt to open a descriptor, for [`Ticket::wait`] to know
    /// whether that is worth repeating at once.
    pub(crate) fn turn(&self) -> Turn {
        Turn(self.turns.load(Ordering::SeqCst))
    }

    /// Says that a connection fell idle and could be given up for another.
    pub(crate) fn offer(&self) {
        // Either this sees who waits, or who is about to wait sees this.
        self.turns.fetch_add(1, Ordering::SeqCst);
        if self.anybody_waits.load(Ordering::SeqCst) > 0 {
            self.call(&mut self.lock());
        }
    }

    /// Wakes everybody who waits, to see that the client was cancelled.
    pub(crate) fn wake(&self) {
        // Who has not yet seen the cancel holds the lock until it can be woken.
        drop(self.lock());
        self.called.notify_all();
    }

    fn count_waiting(&self, state: &mut State, change: isize) {
        state.waiting = state.waiting.saturating_add_signed(change);
        self.anybody_waits.store(state.waiting, Ordering::SeqCst);
    }

    /// Lets one more of those who wait try again.
    fn call(&self, state: &mut State) {
        if state.calls < state.waiting {
            state.calls += 1;
            self.called.notify_one();
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The right to hold descriptors. Dropping it, when they are closed, tells those who wait.
#[derive(Debug)]
pub(crate) struct Ticket {
    of: Arc<Descriptors>,
    is_quiet: bool,
}

impl Ticket {
    /// Waits until it is worth trying again. `before` is the turn that was taken before the attempt
    /// that found no descriptor left. `Ok(false)`: nobody is left who could give one back. Only a
    /// cancel cuts this.
    pub(crate) fn wait(
        &self,
        before: Turn,
        last: &mut LastTries,
        cancel: &Cancel,
    ) -> Result<bool, WaitError> {
        let all = &*self.of;
        let mut state = all.lock();
        all.count_waiting(&mut state, 1);
        let now = all.turn();
        let is_last = state.active() == 0;
        while now == before && !is_last && state.calls == 0 && !cancel.is_cancelled() {
            state = all
                .called
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        }
        all.count_waiting(&mut state, -1);
        if now == before && is_last {
            drop(state);
            return last.pause(now, cancel);
        }
        if now == before {
            state.calls = state.calls.saturating_sub(1);
        }
        if cancel.is_cancelled() {
            return Err(WaitError::Cancelled);
        }
        Ok(true)
    }

    /// Gives it back without a word: what it was for found no descriptor itself, so there is no more
    /// to be had than before.
    pub(crate) fn give_back_quietly(mut self) {
        self.is_quiet = true;
    }
}

impl LastTries {
    /// Waits for those who hold no ticket. `Ok(false)`: it was long enough.
    fn pause(&mut self, now: Turn, cancel: &Cancel) -> Result<bool, WaitError> {
        if self.turn != now {
            *self = Self { turn: now, made: 0 };
        }
        if self.made == LAST_TRIES {
            return Ok(false);
        }
        cancel.pause(FIRST_PAUSE * 2_u32.pow(self.made))?;
        self.made += 1;
        Ok(true)
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        let mut state = self.of.lock();
        state.tickets -= 1;
        // If nobody is left but those who wait, one of them has to try all the same.
        if !self.is_quiet || state.active() == 0 {
            self.of.turns.fetch_add(1, Ordering::SeqCst);
            self.of.call(&mut state);
        }
    }
}

#[cfg(test)]
mod tests;
