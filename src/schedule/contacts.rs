//! Hosts that were reached, hosts that are being reached, and the items that wait for these.
//!
//! The first item of a host that is not known *leads*: the caller reaches the host for it, and that is its start. Items
//! of the same host that arrive meanwhile wait, and share a failure to reach it. When the host is reached the leader
//! starts first.
//!
//! So that few connections lie idle, contacts are made only a little ahead of the workers. A contact that has taken
//! [`SLOW`] does not count towards that, so that hosts that do not answer delay no others.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::HostKey;

/// A contact that takes longer probably is with a host that does not answer.
pub(super) const SLOW: Duration = Duration::from_millis(250);
/// Contacts at once.
const MOST_CONTACTS: usize = 4096;
/// Items that may wait for contacts.
const MOST_WAITING: usize = 65_536;
/// How long a host is known after it was reached or its last item has started.
const KNOWN_FOR: Duration = Duration::from_secs(60);
/// How long the last host is not looked up again.
const LAST_FOR: Duration = Duration::from_secs(1);
/// A table with fewer hosts is not swept.
const FEW: usize = 1024;

/// Whether an item of a host may start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ContactState {
    /// It may.
    Made,
    /// Its host is being reached.
    Running,
    /// Its host must be reached first.
    Needed,
    /// Its host could not be reached so often that it is not tried any more.
    Down,
}

#[derive(Debug)]
struct Running<T> {
    /// The leader's number in the order of arrival.
    order: u64,
    since: Instant,
    leader: T,
    /// With the time at which each began to wait.
    waiting: Vec<(T, Instant)>,
}

impl<T> Running<T> {
    /// The leader first.
    fn into_items(self) -> impl Iterator<Item = T> {
        std::iter::once(self.leader).chain(self.waiting.into_iter().map(|(item, _)| item))
    }
}

/// What is remembered of a host.
#[derive(Debug, Default)]
struct Known {
    until: Option<Instant>,
    /// Failures in a row, counted only if they have a limit.
    failures: u32,
}

/// See the module's head.
#[derive(Debug)]
pub(super) struct Contacts<T> {
    running: HashMap<HostKey, Running<T>>,
    /// Those of `running` that are not slow yet, by the order of their leaders, and when they began.
    young: BTreeMap<u64, (Instant, HostKey)>,
    /// Items that wait for a contact that is not slow.
    waiting_for_young: usize,
    /// Leaders whose hosts were reached.
    reached: VecDeque<T>,
    /// How many items `running` has.
    waiting: usize,
    /// By the hash of the name, with a random key. Two hosts with one hash share what is known; among 10,000,000 hosts the
    /// odds of that are 1 in 370,000.
    known: HashMap<u64, Known>,
    /// The last host whose item may start, and until when that is not looked up again.
    last: Option<(HostKey, Instant)>,
    names: RandomState,
    sweep_at: usize,
    /// So many failures in a row make a host [`ContactState::Down`].
    most_failures: Option<u32>,
}

impl<T> Contacts<T> {
    pub(super) fn new(most_failures: Option<u32>) -> Self {
        Self {
            running: HashMap::new(),
            young: BTreeMap::new(),
            waiting_for_young: 0,
            reached: VecDeque::new(),
            waiting: 0,
            known: HashMap::new(),
            last: None,
            names: RandomState::new(),
            sweep_at: FEW,
            most_failures,
        }
    }

    /// The contact with `host`, for an item that may start now.
    pub(super) fn with(&mut self, host: &HostKey, now: Instant) -> ContactState {
        let is_last = |(last, until): &(HostKey, Instant)| Arc::ptr_eq(last, host) && *until > now;
        if self.last.as_ref().is_some_and(is_last) {
            return ContactState::Made;
        }
        if !self.running.is_empty() && self.running.contains_key(host) {
            return ContactState::Running;
        }
        match self.known.get_mut(&self.names.hash_one(host)) {
            Some(known)
                if self
                    .most_failures
                    .is_some_and(|most| known.failures >= most) =>
            {
                ContactState::Down
            }
            Some(known) if known.until.is_some_and(|until| until > now) => {
                known.until = Some(now + KNOWN_FOR);
                self.last = Some((host.clone(), now + LAST_FOR));
                ContactState::Made
            }
            _ => ContactState::Needed,
        }
    }

    /// Notes which contacts have become slow.
    pub(super) fn wake(&mut self, now: Instant) {
        while self.next_slow().is_some_and(|at| at <= now)
            && let Some((_, (_, host))) = self.young.pop_first()
        {
            let contact = self.running.get(&host);
            self.waiting_for_young -= contact.map_or(0, |contact| contact.waiting.len());
        }
    }

    /// When the next contact becomes slow.
    pub(super) fn next_slow(&self) -> Option<Instant> {
        let (_, (since, _)) = self.young.first_key_value()?;
        Some(*since + SLOW)
    }

    /// Whether an item that waited for a contact may start: contacts that began for earlier items come first, unless they
    /// are slow. Otherwise all items of the first host would start before one of the second, each over a connection of
    /// its own.
    pub(super) fn is_turn_of(&self, order: u64) -> bool {
        let first = self.young.first_key_value();
        first.is_none_or(|(leader, _)| order < *leader)
    }

    /// Whether one more contact may begin. `ahead` limits the contacts that are not slow and the leaders that wait for a
    /// worker.
    pub(super) fn may_begin(&self, ahead: usize) -> bool {
        self.young.len() + self.reached.len() < ahead && self.running.len() < MOST_CONTACTS
    }

    /// Notes that the caller reaches `host` for `leader`.
    pub(super) fn begin(&mut self, host: HostKey, order: u64, leader: T, now: Instant) {
        self.waiting += 1;
        self.young.insert(order, (now, host.clone()));
        let waiting = Vec::new();
        let contact = Running {
            order,
            since: now,
            leader,
            waiting,
        };
        self.running.insert(host, contact);
    }

    /// Whether one more item may wait.
    pub(super) fn has_room(&self) -> bool {
        self.waiting < MOST_WAITING
    }

    /// Adds an item that waits for `host`, which is being reached.
    pub(super) fn wait(&mut self, host: &HostKey, item: T, now: Instant) {
        if let Some(contact) = self.running.get_mut(host) {
            contact.waiting.push((item, now));
            self.waiting += 1;
            self.waiting_for_young += usize::from(self.young.contains_key(&contact.order));
        }
    }

    /// How many items wait for a contact that is not slow. They fill the window, because their host probably answers.
    pub(super) fn waiting_for_young(&self) -> usize {
        self.waiting_for_young
    }

    /// The item for which `host` is being reached.
    pub(super) fn leader(&self, host: &HostKey) -> Option<&T> {
        self.running.get(host).map(|contact| &contact.leader)
    }

    /// Notes that `host` was reached, and calls `mark` with each item that waited, and for how long. Returns them, but for
    /// the leader.
    pub(super) fn made(
        &mut self,
        host: &HostKey,
        mark: impl Fn(&mut T, Duration),
        now: Instant,
    ) -> Vec<T> {
        self.known(host, now);
        let Some(mut contact) = self.end(host) else {
            return Vec::new();
        };
        let waited = |since| now.saturating_duration_since(since);
        mark(&mut contact.leader, waited(contact.since));
        self.reached.push_back(contact.leader);
        let marked = contact.waiting.into_iter().map(|(mut item, since)| {
            mark(&mut item, waited(since));
            item
        });
        marked.collect()
    }

    /// Notes that `host` was not reached. Returns the items that waited, the leader first.
    pub(super) fn failed(&mut self, host: &HostKey) -> Vec<T> {
        self.lost(host);
        let contact = self.end(host);
        contact.into_iter().flat_map(Running::into_items).collect()
    }

    fn end(&mut self, host: &HostKey) -> Option<Running<T>> {
        let contact = self.running.remove(host)?;
        if self.young.remove(&contact.order).is_some() {
            self.waiting_for_young -= contact.waiting.len();
        }
        self.waiting -= 1 + contact.waiting.len();
        Some(contact)
    }

    /// Removes the first leader whose host was reached.
    pub(super) fn start_leader(&mut self) -> Option<T> {
        self.reached.pop_front()
    }

    /// Notes that `host` has answered a request.
    pub(super) fn answered(&mut self, host: &HostKey, now: Instant) {
        if self.most_failures.is_some() {
            self.known(host, now).failures = 0;
        }
    }

    fn known(&mut self, host: &HostKey, now: Instant) -> &mut Known {
        if self.known.len() >= self.sweep_at {
            let is_known = |known: &Known| known.until.is_some_and(|until| until > now);
            self.known
                .retain(|_, known| known.failures > 0 || is_known(known));
            self.sweep_at = FEW.max(self.known.len() * 2);
        }
        let known = self.known.entry(self.names.hash_one(host)).or_default();
        known.until = Some(now + KNOWN_FOR);
        known
    }

    /// Notes that `host` could not be reached: its next item needs a contact.
    pub(super) fn lost(&mut self, host: &HostKey) {
        self.last = None;
        let hash = self.names.hash_one(host);
        if self.most_failures.is_none() {
            self.known.remove(&hash);
            return;
        }
        let known = self.known.entry(hash).or_default();
        known.until = None;
        known.failures = known.failures.saturating_add(1);
    }

    /// How many hosts are being reached.
    pub(super) fn running(&self) -> usize {
        self.running.len()
    }

    /// How many items there are: those that wait for a host, and leaders that wait for a worker.
    pub(super) fn len(&self) -> usize {
        self.waiting + self.reached.len()
    }

    /// Removes all items.
    pub(super) fn drain(&mut self) -> Vec<T> {
        self.young.clear();
        (self.waiting, self.waiting_for_young) = (0, 0);
        let running = self.running.drain().flat_map(|(_, it)| it.into_items());
        self.reached.drain(..).chain(running).collect()
    }
}

#[cfg(test)]
impl<T> Contacts<T> {
    pub(super) fn remembered(&self) -> usize {
        self.known.len()
    }
}
