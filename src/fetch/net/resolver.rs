//! Names to addresses, by the system's `getaddrinfo`, which can neither be given a deadline nor be
//! stopped.
//!
//! So it runs on a few helper threads, started when there is something to ask. A name that many
//! workers want is asked once. Answers are kept for a minute and failures for five seconds. Those
//! who wait leave at their deadline or when the client is cancelled, and the answer that comes
//! after they left still fills the cache.

use std::collections::{HashMap, VecDeque};
use std::io;
use std::net::{IpAddr, ToSocketAddrs};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use rustix::io::Errno;

use super::cancel::Cancel;
use super::descriptors::{Descriptors, is_out_of_descriptors};
use super::limits::{Cut, Limits};

const MAX_HELPERS: usize = 32;
/// A helper with nothing to do ends after this long.
const HELPER_REST: Duration = Duration::from_secs(10);
const KEEP_ANSWER: Duration = Duration::from_secs(60);
const KEEP_FAILURE: Duration = Duration::from_secs(5);
/// Names kept at most: about 2 MB.
const MAX_NAMES: usize = 10_000;
/// Addresses kept of one name: more are never tried.
const MAX_ADDRESSES: usize = 16;

/// The addresses of a name, in the order of preference that the system gave (RFC 6724); never
/// empty.
pub(crate) type Addresses = Arc<[IpAddr]>;

/// Why there is no address.
#[derive(Debug)]
pub(crate) enum LookupError {
    /// The name has none, or could not be asked for.
    NoAddress,
    /// No descriptor was left to ask with. Nothing is known of the name.
    NoDescriptor,
    /// The wait was cut.
    Cut(Cut),
}

type Lookup = dyn Fn(&str) -> io::Result<Vec<IpAddr>> + Send + Sync;

/// The cache, and the front of the helper threads. Dropping it lets them end; it does not wait for
/// them.
pub(crate) struct Resolver {
    shared: Arc<Shared>,
}

struct Shared {
    state: Mutex<State>,
    /// Told when the queue is no longer empty, and at the end.
    work: Condvar,
    lookup: Box<Lookup>,
}

#[derive(Default)]
struct State {
    names: HashMap<Box<str>, Entry>,
    queue: VecDeque<Box<str>>,
    helpers: usize,
    resting: usize,
    ended: bool,
}

enum Entry {
    /// In the queue or being asked for; told when that ends.
    Asked(Arc<Condvar>),
    /// There was no descriptor to ask with: those who waited are told, and others ask again.
    Unasked,
    /// `None`: no address.
    Answered {
        addresses: Option<Addresses>,
        until: Instant,
    },
}

impl Resolver {
    pub(crate) fn new(descriptors: Arc<Descriptors>) -> Self {
        Self::with_lookup(move |name| {
            let shortages = descriptors.shortages();
            // Port 0: only the addresses are wanted.
            let found = (name, 0).to_socket_addrs();
            // Without a descriptor the system's resolver says that the name is not known.
            if found.is_err() && descriptors.were_short(shortages) {
                return Err(Errno::MFILE.into());
            }
            Ok(found?.map(|a| a.ip()).collect())
        })
    }

    fn with_lookup(
        lookup: impl Fn(&str) -> io::Result<Vec<IpAddr>> + Send + Sync + 'static,
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

    /// The addresses of `name`. Blocks until they are known or `limits` or `cancel` cut the wait.
    pub(crate) fn resolve(
        &self,
        name: &str,
        limits: &Limits,
        cancel: &Cancel,
    ) -> Result<Addresses, LookupError> {
        let since = Instant::now();
        let mut state = self.shared.lock();
        let mut has_waited = false;
        loop {
            if cancel.is_thrown() {
                return Err(LookupError::Cut(Cut::Cancelled));
            }
            let now = Instant::now();
            let answered = match state.names.get(name) {
                Some(Entry::Answered { addresses, until }) if *until > now => {
                    return addresses.clone().ok_or(LookupError::NoAddress);
                }
                Some(Entry::Asked(answered)) => Arc::clone(answered),
                Some(Entry::Unasked) if has_waited => return Err(LookupError::NoDescriptor),
                _ => self.ask(&mut state, name, now)?,
            };
            let left = limits.left(since, now).map_err(LookupError::Cut)?;
            has_waited = true;
            state = match left {
                None => answered.wait(state).unwrap_or_else(PoisonError::into_inner),
                Some(left) => {
                    answered
                        .wait_timeout(state, left)
                        .unwrap_or_else(PoisonError::into_inner)
                        .0
                }
            };
        }
    }

    /// Wakes everybody who waits, to see that the client was cancelled.
    pub(crate) fn wake(&self) {
        for entry in self.shared.lock().names.values() {
            if let Entry::Asked(answered) = entry {
                answered.notify_all();
            }
        }
    }

    fn ask(
        &self,
        state: &mut State,
        name: &str,
        now: Instant,
    ) -> Result<Arc<Condvar>, LookupError> {
        state.make_room(now);
        if state.resting > state.queue.len() {
            self.shared.work.notify_one();
        } else if state.helpers < MAX_HELPERS {
            let shared = Arc::clone(&self.shared);
            match thread::Builder::new()
                .name("fetchpool-dns".into())
                .spawn(move || shared.help())
            {
                Ok(_) => state.helpers += 1,
                // Another helper will come to it. Without any there is nobody to ask.
                Err(_) if state.helpers > 0 => {}
                Err(_) => return Err(LookupError::NoAddress),
            }
        }
        let answered = Arc::new(Condvar::new());
        state
            .names
            .insert(name.into(), Entry::Asked(Arc::clone(&answered)));
        state.queue.push_back(name.into());
        Ok(answered)
    }
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

impl State {
    /// Keeps the number of names bounded: first what is out of date goes, then whatever is met.
    fn make_room(&mut self, now: Instant) {
        if self.names.len() < MAX_NAMES {
            return;
        }
        self.names.retain(|_, e| !match e {
            Entry::Asked(_) => false,
            Entry::Unasked => true,
            Entry::Answered { until, .. } => *until <= now,
        });
        let mut surplus = self.names.len().saturating_sub(MAX_NAMES * 3 / 4);
        self.names.retain(|_, e| {
            let keep = surplus == 0 || matches!(e, Entry::Asked(_));
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
            drop(state);
            let answer = self.look_up(&name);
            state = self.lock();
            if let Some(Entry::Asked(answered)) = state.names.insert(name, answer) {
                answered.notify_all();
            }
        }
        state.helpers -= 1;
    }

    fn look_up(&self, name: &str) -> Entry {
        let (addresses, keep) = match (self.lookup)(name) {
            Ok(mut found) if !found.is_empty() => {
                found.truncate(MAX_ADDRESSES);
                (Some(found.into()), KEEP_ANSWER)
            }
            Err(error) if is_out_of_descriptors(&error) => return Entry::Unasked,
            _ => (None, KEEP_FAILURE),
        };
        Entry::Answered {
            addresses,
            until: Instant::now() + keep,
        }
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
            if let Some(name) = state.queue.pop_front() {
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
