//! Names to addresses, by the system's `getaddrinfo`, which can neither be given a deadline nor be
//! stopped.
//!
//! So it runs on helper threads, started when there is something to ask and nobody free to ask it. A
//! name that many workers want is asked once. Answers are kept for a minute, and that there is no
//! address for five seconds; a failure to find out is not kept. Those who wait leave at their deadline
//! or when the client is cancelled. A name that the last of them left is not asked for any more, and
//! if it is being asked for already, the answer still fills the cache.

mod state;

use std::net::IpAddr;
use std::panic::{self, AssertUnwindSafe};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use std::{io, thread};

use self::state::{Addresses, Answer, Asked, KEEP_NO_ADDRESS, Kept, State, Told};
use super::descriptors::Descriptors;
use super::getaddrinfo::{self, Miss};
use super::happy_eyeballs::MAX_ADDRESSES;
use super::lookup_queue::MAX_RUNNING;
use super::private::refusal;
use super::seats::Seat;
use crate::fetch::net::io::cancel::Cancel;
use crate::fetch::net::io::timeouts::{Timeouts, WaitError};
use crate::fetch::options::Family;
use crate::span::Span;

/// A helper with nothing to do ends after this long.
const HELPER_REST: Duration = Duration::from_secs(10);

/// What a wait for an answer came to.
#[derive(Debug)]
pub(crate) enum LookupError {
    /// There is no address.
    Missed(Miss),
    /// The wait was cut.
    WaitError(WaitError),
}

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

impl Resolver {
    /// Looks up addresses of one family, or of both.
    pub(crate) fn new(descriptors: Arc<Descriptors>, family: Family) -> Self {
        Self::with_lookup(move |name| getaddrinfo::look_up(name, family, &descriptors))
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
    /// the wait. A look-up holds `seat` until its end, also when nobody waits for that any more. That there
    /// is no address is not taken from before `misses_since`.
    pub(crate) fn resolve(
        &self,
        name: &str,
        limits: &Timeouts,
        cancel: &Cancel,
        seat: &Arc<Seat>,
        misses_since: Option<Instant>,
    ) -> Result<Addresses, LookupError> {
        let since = Instant::now();
        let mut state = self.shared.lock();
        let is_good = |kept: &&Kept| {
            let was_missed = |at| kept.answer.is_err() && kept.until < at + KEEP_NO_ADDRESS;
            kept.until > since && !misses_since.is_some_and(was_missed)
        };
        if let Some(kept) = state.answers.get(name).filter(is_good) {
            return kept.answer.clone().map_err(LookupError::Missed);
        }
        let told = self.ask(&mut state, name, seat)?;
        let (mut state, end) = told.wait(state, since, limits, cancel);
        state.leave(name, &told);
        end.map_err(LookupError::WaitError)?;
        // The wait ended well, so it is there.
        let answer = told.answer.get().cloned();
        let addresses = answer.as_ref().and_then(|answer| answer.as_ref().ok());
        log::trace!(
            "{name}: {} addresses in {}",
            addresses.map_or(0, |addresses| addresses.len()),
            Span(since.elapsed())
        );
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
    fn ask(
        &self,
        state: &mut State,
        name: &str,
        seat: &Arc<Seat>,
    ) -> Result<Arc<Told>, LookupError> {
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
            _seat: Arc::clone(seat),
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

/// The addresses of one name that are kept: as many of each sort as are ever tried, so that those of a family that
/// is not wanted, or those that `--deny-private` refuses, leave no others out.
fn bounded(found: Vec<IpAddr>) -> Vec<IpAddr> {
    let sort = |address: IpAddr| (address.is_ipv4(), refusal(address).is_some());
    let mut kept: Vec<IpAddr> = Vec::new();
    for address in found {
        let same_sort = kept.iter().filter(|kept| sort(**kept) == sort(address));
        if same_sort.count() < MAX_ADDRESSES && !kept.contains(&address) {
            kept.push(address);
        }
    }
    kept
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
            let answer = self.look_up(&name);
            state = self.lock();
            state.answer(name, answer, Instant::now());
        }
        state.helpers -= 1;
    }

    /// Asks the system. A panic is an answer too: others wait for this one, and for this thread.
    fn look_up(&self, name: &str) -> Answer {
        // What the look-up may have left half done, it alone uses.
        let found = panic::catch_unwind(AssertUnwindSafe(|| (self.lookup)(name)));
        let mut found = found.unwrap_or_else(|payload| {
            // Its drop may panic too.
            std::mem::forget(payload);
            Err(Miss::Unknown("the look-up panicked".into()))
        })?;
        found = bounded(found);
        let found = Some(found).filter(|f| !f.is_empty());
        found.map(Addresses::from).ok_or(Miss::NoAddress)
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
