//! Names to addresses, by the system's `getaddrinfo`, which has no time limit and cannot be stopped.
//!
//! It therefore runs on helper threads, which are started as needed. Workers that want the same name share one look-up.
//! Addresses are cached for a minute, their absence for five seconds, and a failed look-up not at all. A worker stops
//! waiting at its deadline or at a cancel. A queued name is dropped with its last waiter; a running look-up still fills
//! the cache.

mod state;

use std::net::IpAddr;
use std::panic::{self, AssertUnwindSafe};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use self::state::{Addresses, Answer, KEEP_NO_ADDRESS, Kept, Lookup, Pending, State};
use super::budget::Permit;
use super::getaddrinfo::{self, Miss};
use super::happy_eyeballs::MAX_ADDRESSES;
use super::lookup_queue::MAX_RUNNING;
use super::private::refusal;
use crate::fetch::net::io::cancel::Wait;
use crate::fetch::net::io::timeouts::WaitError;
use crate::fetch::options::Family;
use crate::span::Span;
use crate::system::os_text;

/// How long an idle helper lives.
const HELPER_IDLE: Duration = Duration::from_secs(10);

#[derive(Debug)]
pub(in crate::fetch::net) enum LookupError {
    Missed(Miss),
    WaitError(WaitError),
}

type LookUp = dyn Fn(&str) -> Result<Vec<IpAddr>, Miss> + Send + Sync;

/// The cache and the helper threads. Dropping it lets them end, without waiting.
pub(in crate::fetch::net) struct Resolver {
    shared: Arc<Shared>,
}

struct Shared {
    state: Mutex<State>,
    /// Notified of a queued name, and of the end.
    work: Condvar,
    look_up: Box<LookUp>,
}

impl Resolver {
    pub(in crate::fetch::net) fn new(family: Family) -> Self {
        Self::with(move |name| getaddrinfo::look_up(name, family))
    }

    fn with(look_up: impl Fn(&str) -> Result<Vec<IpAddr>, Miss> + Send + Sync + 'static) -> Self {
        let shared = Shared {
            state: Mutex::default(),
            work: Condvar::new(),
            look_up: Box::new(look_up),
        };
        Self {
            shared: Arc::new(shared),
        }
    }

    /// The addresses of `name`, at least one. Blocks within `limits` and until a cancel. The look-up holds `permit`
    /// until its end, even after the caller has left. The absence of addresses is looked up again if it was cached
    /// before `misses_since`.
    pub(in crate::fetch::net) fn resolve(
        &self,
        name: &str,
        wait: &Wait<'_>,
        permit: &Arc<Permit>,
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
        let pending = self.ask(&mut state, name, permit)?;
        let (mut state, end) = pending.wait(state, since, wait);
        state.leave(name, &pending);
        end.map_err(LookupError::WaitError)?;
        // It is set when the wait succeeds.
        let answer = pending.answer.get().cloned();
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

    /// Wakes all waiters after a cancel.
    pub(in crate::fetch::net) fn wake(&self) {
        for lookup in self.shared.lock().lookups.values() {
            lookup.pending.changed.notify_all();
        }
    }

    /// Joins the look-up of `name`, or queues one.
    fn ask(
        &self,
        state: &mut State,
        name: &str,
        permit: &Arc<Permit>,
    ) -> Result<Arc<Pending>, LookupError> {
        if let Some(lookup) = state.lookups.get_mut(name) {
            lookup.waiters += 1;
            return Ok(Arc::clone(&lookup.pending));
        }
        if state.idle_helpers > state.queue.ready() {
            self.shared.work.notify_one();
        } else if state.helpers < MAX_RUNNING {
            self.start_helper(state)?;
        }
        let pending = Arc::<Pending>::default();
        let lookup = Lookup {
            waiters: 1,
            position: state.queue.push(name),
            is_running: false,
            pending: Arc::clone(&pending),
            _permit: Arc::clone(permit),
        };
        state.lookups.insert(name.into(), lookup);
        Ok(pending)
    }

    fn start_helper(&self, state: &mut State) -> Result<(), LookupError> {
        let shared = Arc::clone(&self.shared);
        let builder = thread::Builder::new().name("fetchpool-dns".into());
        match builder.spawn(move || shared.help()) {
            Ok(_) => state.helpers += 1,
            // Another helper takes the name.
            Err(_) if state.helpers > 0 => {}
            Err(error) => {
                let why = format!("no thread could be started: {}", os_text(&error));
                return Err(LookupError::Missed(Miss::Unknown(why.into())));
            }
        }
        Ok(())
    }
}

/// The addresses to keep of one name: as many of each sort as are ever tried, so that unwanted families and addresses
/// that `--deny-private` refuses displace no others.
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
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs a helper thread.
    fn help(&self) {
        let mut state = self.lock();
        loop {
            let (guard, name) = self.next_name(state);
            state = guard;
            let Some(name) = name else { break };
            if let Some(lookup) = state.lookups.get_mut(&name) {
                lookup.is_running = true;
            }
            drop(state);
            let answer = self.look_up(&name);
            state = self.lock();
            state.answer(name, answer, Instant::now());
        }
        state.helpers -= 1;
    }

    /// Asks the system. A panic becomes an answer too: workers wait for it.
    fn look_up(&self, name: &str) -> Answer {
        // The look-up shares no state that a panic could leave broken.
        let found = panic::catch_unwind(AssertUnwindSafe(|| (self.look_up)(name)));
        let mut found = found.unwrap_or_else(|payload| {
            // Its drop may panic too.
            std::mem::forget(payload);
            Err(Miss::Unknown("the look-up panicked".into()))
        })?;
        found = bounded(found);
        let found = Some(found).filter(|f| !f.is_empty());
        found.map(Addresses::from).ok_or(Miss::NoAddress)
    }

    /// The next name to look up; `None` after [`HELPER_IDLE`] without one, or when the resolver was dropped.
    fn next_name<'a>(
        &self,
        mut state: MutexGuard<'a, State>,
    ) -> (MutexGuard<'a, State>, Option<Box<str>>) {
        let since = Instant::now();
        loop {
            if state.ended {
                return (state, None);
            }
            if let Some(name) = state.queue.take() {
                return (state, Some(name));
            }
            let Some(left) = HELPER_IDLE.checked_sub(since.elapsed()) else {
                return (state, None);
            };
            state.idle_helpers += 1;
            state = self
                .work
                .wait_timeout(state, left)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
            state.idle_helpers -= 1;
        }
    }
}

#[cfg(test)]
mod tests;
