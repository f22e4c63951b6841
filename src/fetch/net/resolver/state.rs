//! What a resolver knows and what it is being asked: who waits for which name, and the answers that
//! are kept. No threads are started here and nothing is looked up.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Condvar, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use crate::fetch::net::cancel::Cancel;
use crate::fetch::net::limits::{Cut, Limits};
use crate::fetch::net::lookup::Miss;
use crate::fetch::net::questions::{Place, Questions};
use crate::fetch::net::seats::Seat;

pub(super) const KEEP_ANSWER: Duration = Duration::from_secs(60);
pub(super) const KEEP_NO_ADDRESS: Duration = Duration::from_secs(5);
/// Answers kept at most: about 2 MB, and 11 MB if every name has as many addresses as are kept of one.
pub(super) const MAX_ANSWERS: usize = 10_000;

/// The addresses of a name, in the order of preference that the system gave (RFC 6724).
pub(crate) type Addresses = Arc<[IpAddr]>;

pub(super) type Answer = Result<Addresses, Miss>;

#[derive(Default)]
pub(super) struct State {
    pub(super) answers: HashMap<Box<str>, Kept>,
    /// What somebody waits for, or a helper is asking for: no more than there are of both.
    pub(super) asked: HashMap<Box<str>, Asked>,
    pub(super) questions: Questions,
    pub(super) helpers: usize,
    pub(super) resting: usize,
    pub(super) ended: bool,
}

/// An answer that is kept.
pub(super) struct Kept {
    pub(super) answer: Answer,
    pub(super) until: Instant,
}

/// A question in the queue, or with a helper.
pub(super) struct Asked {
    pub(super) waiters: usize,
    pub(super) place: Place,
    pub(super) is_running: bool,
    pub(super) told: Arc<Told>,
    /// For the descriptor that it is asked with.
    pub(super) _seat: Arc<Seat>,
}

/// Where those who wait for an answer find it.
#[derive(Default)]
pub(super) struct Told {
    pub(super) answer: OnceLock<Answer>,
    pub(super) changed: Condvar,
}

impl Told {
    /// Waits for the answer; the lock is given up meanwhile.
    pub(super) fn wait<'a>(
        &self,
        mut state: MutexGuard<'a, State>,
        since: Instant,
        limits: &Limits,
        cancel: &Cancel,
    ) -> (MutexGuard<'a, State>, Result<(), Cut>) {
        while self.answer.get().is_none() {
            if cancel.is_thrown() {
                return (state, Err(Cut::Cancelled));
            }
            state = match limits.left(since, Instant::now()) {
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
    /// One of those who waited for `name` goes. When it was the last, nobody need be asked.
    pub(super) fn leave(&mut self, name: &str, told: &Arc<Told>) {
        // Once it is answered it is no longer here, or there again as another question.
        let same = |asked: &&mut Asked| Arc::ptr_eq(&asked.told, told);
        let Some(asked) = self.asked.get_mut(name).filter(same) else {
            return;
        };
        asked.waiters -= 1;
        if asked.waiters == 0 && !asked.is_running {
            self.questions.withdraw(asked.place, name);
            self.asked.remove(name);
        }
    }

    /// Hands an answer to those who wait for it, and keeps it if it is one to keep.
    pub(super) fn answer(&mut self, name: Box<str>, answer: Answer, now: Instant) {
        self.questions.ended(&name);
        let told = self.asked.remove(&name).map(|asked| asked.told);
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
        if let Some(told) = told {
            // Only here, and only once for each question.
            let _ = told.answer.set(answer);
            told.changed.notify_all();
        }
    }

    /// Keeps the number of answers bounded: first what is out of date goes, then whatever is met, a
    /// quarter at a time.
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
