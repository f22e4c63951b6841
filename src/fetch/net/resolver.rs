//! Names to addresses, by the system's `getaddrinfo`, which can neither be given a deadline nor be
//! stopped.
//!
//! So it runs on helper threads, started when there is something to ask and nobody free to ask it. A
//! name that many workers want is asked once. Answers are kept for a minute, and that there is no
//! address for five seconds; a failure to find out is not kept. Those who wait leave at their deadline
//! or when the client is cancelled. A name that the last of them left is not asked for any more, and
//! if it is being asked for already, the answer still fills the cache.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};
use std::{io, thread};

use super::cancel::Cancel;
use super::descriptors::Descriptors;
use super::limits::{Cut, Limits};
use super::lookup;
use super::questions::{MAX_RUNNING, Place, Questions};

/// A helper with nothing to do ends after this long.
const HELPER_REST: Duration = Duration::from_secs(10);
const KEEP_ANSWER: Duration = Duration::from_secs(60);
const KEEP_NO_ADDRESS: Duration = Duration::from_secs(5);
/// Answers kept at most: about 2 MB.
const MAX_ANSWERS: usize = 10_000;
/// Addresses kept of one name: more are never tried.
const MAX_ADDRESSES: usize = 16;

/// The addresses of a name, in the order of preference that the system gave (RFC 6724).
pub(crate) type Addresses = Arc<[IpAddr]>;

/// Why there is no address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Miss {
    /// The name has none.
    NoAddress,
    /// It could not be found out; the text says why.
    Unknown(Arc<str>),
    /// No descriptor was left to ask with.
    NoDescriptor,
}

/// What a wait for an answer came to.
#[derive(Debug)]
pub(crate) enum LookupError {
    /// There is no address.
    Missed(Miss),
    /// The wait was cut.
    Cut(Cut),
}

type Answer = Result<Addresses, Miss>;
type Lookup = dyn Fn(&str) -> Result<Vec<IpAddr>, Miss> + Send + Sync;

/// The cache, and the front of the helper threads. Dropping it lets them end; it does not wait for
/// them.
pub(crate) struct Resolver {
    shared: Arc<Shared>,
}

struct Shared {
    state: Mutex<State>,
    /// Told when there is a question more, and at the end.
    work: Condvar,
    lookup: Box<Lookup>,
}

#[derive(Default)]
struct State {
    answers: HashMap<Box<str>, Kept>,
    /// What somebody waits for, or a helper is asking for: no more than there are of both.
    asked: HashMap<Box<str>, Asked>,
    questions: Questions,
    helpers: usize,
    resting: usize,
    ended: bool,
}

/// An answer that is kept.
struct Kept {
    answer: Answer,
    until: Instant,
}

/// A question in the queue, or with a helper.
struct Asked {
    waiters: usize,
    place: Place,
    is_running: bool,
    told: Arc<Told>,
}

/// Where those who wait for an answer find it.
#[derive(Default)]
struct Told {
    answer: OnceLock<Answer>,
    changed: Condvar,
}

impl Resolver {
    pub(crate) fn new(descriptors: Arc<Descriptors>) -> Self {
        Self::with_lookup(move |name| lookup::look_up(name, &descriptors))
    }

    fn with_lookup(
        lookup: impl Fn(&str) -> Result<Vec<IpAddr>, Miss> + Send + Sync + 'static,
    ) -> Self {
        let shared = Shared {
            state: Mutex::default(),
            work: Condvar::new(),
            lookup: Box::new(lookup),
        };
        Self {
            shared: Arc::new(shared),
        }
    }

    /// The addresses of `name`, never none. Blocks until they are known or `limits` or `cancel` cut
    /// the wait.
    pub(crate) fn resolve(
        &self,
        name: &str,
        limits: &Limits,
        cancel: &Cancel,
    ) -> Result<Addresses, LookupError> {
        let since = Instant::now();
        let mut state = self.shared.lock();
        let kept = state.answers.get(name).filter(|kept| kept.until > since);
        if let Some(kept) = kept {
            return kept.answer.clone().map_err(LookupError::Missed);
        }
        let told = self.ask(&mut state, name)?;
        let (mut state, end) = told.wait(state, since, limits, cancel);
        state.leave(name, &told);
        end.map_err(LookupError::Cut)?;
        // The wait ended well, so it is there.
        let answer = told.answer.get().cloned();
        log::trace!("{name}: looked up in {:.1?}: {answer:?}", since.elapsed());
        answer
            .unwrap_or(Err(Miss::NoAddress))
            .map_err(LookupError::Missed)
    }

    /// Wakes everybody who waits, to see that the client was cancelled.
    pub(crate) fn wake(&self) {
        for asked in self.shared.lock().asked.values() {
            asked.told.changed.notify_all();
        }
    }

    /// Joins those who wait for `name`, or is the first of them.
    fn ask(&self, state: &mut State, name: &str) -> Result<Arc<Told>, LookupError> {
        if let Some(asked) = state.asked.get_mut(name) {
            asked.waiters += 1;
            return Ok(Arc::clone(&asked.told));
        }
        if state.resting > state.questions.ready() {
            self.shared.work.notify_one();
        } else if state.helpers < MAX_RUNNING {
            self.start_helper(state)?;
        }
        let told = Arc::<Told>::default();
        let asked = Asked {
            waiters: 1,
            place: state.questions.push(name),
            is_running: false,
            told: Arc::clone(&told),
        };
        state.asked.insert(name.into(), asked);
        Ok(told)
    }

    fn start_helper(&self, state: &mut State) -> Result<(), LookupError> {
        let shared = Arc::clone(&self.shared);
        let builder = thread::Builder::new().name("fetchpool-dns".into());
        match builder.spawn(move || shared.help()) {
            Ok(_) => state.helpers += 1,
            // Another helper will come to it. Without any there is nobody to ask.
            Err(_) if state.helpers > 0 => {}
            Err(error) => return Err(LookupError::Missed(no_thread(&error))),
        }
        Ok(())
    }
}

fn no_thread(error: &io::Error) -> Miss {
    let reason = crate::fetch::failure::os_text(error);
    Miss::Unknown(format!("no thread could be started: {reason}").into())
}

impl Drop for Resolver {
    fn drop(&mut self) {
        self.shared.lock().ended = true;
        self.shared.work.notify_all();
    }
}

impl std::fmt::Debug for Resolver {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Resolver").finish_non_exhaustive()
    }
}

impl Told {
    /// Waits for the answer; the lock is given up meanwhile.
    fn wait<'a>(
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
    fn leave(&mut self, name: &str, told: &Arc<Told>) {
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
    fn answer(&mut self, name: Box<str>, answer: Answer, now: Instant) {
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

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        // Only map and queue operations run under the lock: none of them leaves a broken state
        // behind.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The life of a helper thread.
    fn help(&self) {
        let mut state = self.lock();
        loop {
            let (guard, name) = self.next_name(state);
            state = guard;
            let Some(name) = name else { break };
            if let Some(asked) = state.asked.get_mut(&name) {
                asked.is_running = true;
            }
            drop(state);
            let answer = (self.lookup)(&name).and_then(|mut found| {
                found.truncate(MAX_ADDRESSES);
                let found = Some(found).filter(|f| !f.is_empty());
                found.map(Addresses::from).ok_or(Miss::NoAddress)
            });
            state = self.lock();
            state.answer(name, answer, Instant::now());
        }
        state.helpers -= 1;
    }

    /// The next name to ask for; `None` when there was none for a while or the resolver is gone.
    fn next_name<'a>(
        &self,
        mut state: MutexGuard<'a, State>,
    ) -> (MutexGuard<'a, State>, Option<Box<str>>) {
        let since = Instant::now();
        loop {
            if state.ended {
                return (state, None);
            }
            if let Some(name) = state.questions.take() {
                return (state, Some(name));
            }
            let Some(left) = HELPER_REST.checked_sub(since.elapsed()) else {
                return (state, None);
            };
            state.resting += 1;
            state = self
                .work
                .wait_timeout(state, left)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
            state.resting -= 1;
        }
    }
}

#[cfg(test)]
mod tests;
