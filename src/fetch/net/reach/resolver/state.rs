//! A resolver's state: pending look-ups and cached answers.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Condvar, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use crate::fetch::net::io::cancel::Wait;
use crate::fetch::net::io::timeouts::WaitError;
use crate::fetch::net::reach::budget::Permit;
use crate::fetch::net::reach::getaddrinfo::Miss;
use crate::fetch::net::reach::lookup_queue::{LookupQueue, Position};

pub(super) const KEEP_ANSWER: Duration = Duration::from_secs(60);
pub(super) const KEEP_NO_ADDRESS: Duration = Duration::from_secs(5);
/// Answers kept at most: about 2 MB, or 11 MB if every name has the most addresses.
pub(super) const MAX_ANSWERS: usize = 10_000;

/// The addresses of a name, in the system's order of preference (RFC 6724).
pub(in crate::fetch::net) type Addresses = Arc<[IpAddr]>;

pub(super) type Answer = Result<Addresses, Miss>;

#[derive(Default)]
pub(super) struct State {
    pub(super) answers: HashMap<Box<str>, Kept>,
    /// Names that a worker waits for or a helper looks up.
    pub(super) lookups: HashMap<Box<str>, Lookup>,
    pub(super) queue: LookupQueue,
    pub(super) helpers: usize,
    pub(super) idle_helpers: usize,
    pub(super) ended: bool,
}

pub(super) struct Kept {
    pub(super) answer: Answer,
    pub(super) until: Instant,
}

/// A look-up that is queued or running.
pub(super) struct Lookup {
    pub(super) waiters: usize,
    pub(super) position: Position,
    pub(super) is_running: bool,
    pub(super) pending: Arc<Pending>,
    /// For the descriptor of the look-up.
    pub(super) _permit: Arc<Permit>,
}

/// Where waiters find the answer.
#[derive(Default)]
pub(super) struct Pending {
    pub(super) answer: OnceLock<Answer>,
    pub(super) changed: Condvar,
}

impl Pending {
    /// Waits for the answer; the lock is released meanwhile.
    pub(super) fn wait<'a>(
        &self,
        mut state: MutexGuard<'a, State>,
        since: Instant,
        wait: &Wait<'_>,
    ) -> (MutexGuard<'a, State>, Result<(), WaitError>) {
        while self.answer.get().is_none() {
            if wait.cancel.is_cancelled() {
                return (state, Err(WaitError::Cancelled));
            }
            state = match wait.limits.left(since, Instant::now()) {
                Ok(None) => self
                    .changed
                    .wait(state)
                    .unwrap_or_else(PoisonError::into_inner),
                Ok(Some(left)) => {
                    self.changed
                        .wait_timeout(state, left)
                        .unwrap_or_else(PoisonError::into_inner)
                        .0
                }
                Err(cut) => return (state, Err(cut)),
            };
        }
        (state, Ok(()))
    }
}

impl State {
    /// Removes one waiter of `name`. A queued look-up is withdrawn with its last waiter.
    pub(super) fn leave(&mut self, name: &str, pending: &Arc<Pending>) {
        // An answered look-up is gone, and may have been replaced by a new one of the same name.
        let same = |lookup: &&mut Lookup| Arc::ptr_eq(&lookup.pending, pending);
        let Some(lookup) = self.lookups.get_mut(name).filter(same) else {
            return;
        };
        lookup.waiters -= 1;
        if lookup.waiters == 0 && !lookup.is_running {
            self.queue.withdraw(lookup.position, name);
            self.lookups.remove(name);
        }
    }

    /// Hands an answer to the waiters, and caches it unless the look-up failed.
    pub(super) fn answer(&mut self, name: Box<str>, answer: Answer, now: Instant) {
        self.queue.ended(&name);
        let pending = self.lookups.remove(&name).map(|lookup| lookup.pending);
        let keep = match &answer {
            Ok(_) => KEEP_ANSWER,
            Err(Miss::NoAddress) => KEEP_NO_ADDRESS,
            Err(_) => Duration::ZERO,
        };
        if !keep.is_zero() {
            self.make_room(now);
            let kept = Kept {
                answer: answer.clone(),
                until: now + keep,
            };
            self.answers.insert(name, kept);
        }
        if let Some(pending) = pending {
            // It is set only here, once for each look-up.
            let _ = pending.answer.set(answer);
            pending.changed.notify_all();
        }
    }

    /// Bounds the number of answers: removes expired ones, then a quarter in no particular order.
    fn make_room(&mut self, now: Instant) {
        if self.answers.len() < MAX_ANSWERS {
            return;
        }
        self.answers.retain(|_, kept| kept.until > now);
        let mut surplus = self.answers.len().saturating_sub(MAX_ANSWERS * 3 / 4);
        self.answers.retain(|_, _| {
            let keep = surplus == 0;
            surplus -= usize::from(!keep);
            keep
        });
    }
}
