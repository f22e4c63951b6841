//! Which target may start now: hosts that must be reached first, caps and spacing per host, the rate over all hosts,
//! retries. Items are opaque, and the time is an argument.
//!
//! Guarantees: every pushed item is returned exactly once (and once more for each [`Schedule::retry`]), by
//! [`Schedule::next`], [`Schedule::unreached`] or a drain. No limit is ever exceeded. Of the items that may start, the
//! first to arrive is first; after a pause of its host, the one tried most often. A call costs O(log n) amortised.
//!
//! Memory: a window of items, if the caller heeds [`Schedule::room`], and 65,536 that wait for a slow host (see
//! `contacts`) or a retry. Lines of one live host in a row delay others only if they fill the window. A host with a delay or a pause
//! costs at most 40 bytes until that is over (see `cooldown`).

mod arrival;
mod contacts;
mod cooldown;
mod host;
mod hosts;
mod options;
pub(crate) mod ordered;
mod rate;
pub(crate) mod retry;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, VecDeque};
use std::mem;
use std::time::{Duration, Instant};

use arrival::Waiting;
use contacts::{ContactState, Contacts};
use host::HostLimits;
use hosts::Hosts;
use rate::Rate;

pub(crate) use arrival::{Arrival, Workers};
pub(crate) use host::Reply;
pub(crate) use hosts::HostKey;
pub(crate) use options::Options;
pub(crate) use rate::PerSecond;

/// Items that may wait for a slow host or a retry, beside the window. So live hosts go on behind dead ones.
const MOST_BESIDE: usize = 65_536;

/// Longer delays could overflow when added to a time.
const A_CENTURY: Duration = Duration::from_secs(100 * 365 * 24 * 60 * 60);

#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Next<T> {
    /// Start this, and call [`Schedule::finished`] when it has ended.
    Start(T),
    /// Reach this host, for [`Schedule::leader`]; tell [`Schedule::reached`] or [`Schedule::unreached`].
    Reach(HostKey),
    /// Never start this: its host could not be reached too often.
    Down(T),
    /// Nothing before this time, unless an item ends or is pushed.
    WaitUntil(Instant),
    /// Nothing before an item ends or is pushed.
    Nothing,
}

/// See the module's head. The time must not go back from call to call.
pub(crate) struct Schedule<T> {
    options: Options,
    rate: Option<Rate>,
    /// New items in the order of arrival. Items that wait at a host arrived before them.
    arrived: VecDeque<Arrival<T>>,
    contacts: Contacts<Arrival<T>>,
    /// Items that waited for a contact, by their order of arrival.
    reached: BTreeMap<u64, Arrival<T>>,
    /// The number of the last arrival.
    last_order: u64,
    hosts: Hosts<Arrival<T>>,
    /// Items whose hosts are down.
    down: VecDeque<Arrival<T>>,
    /// Items that wait for a retry, with their attempts, by time, then by the order of `retry`.
    later: BTreeMap<(Instant, u64), (Arrival<T>, u32)>,
    /// How often `retry` was called.
    retried: u64,
    /// Items in `arrived`, `reached`, `hosts` and `down`.
    held: usize,
}

impl<T> Schedule<T> {
    pub(crate) fn new(options: Options) -> Self {
        let limits = HostLimits {
            per_host: options.per_host.map(|most| most.max(1)),
            delay: options.host_delay.min(A_CENTURY),
        };
        Schedule {
            rate: options.rate.map(Rate::new),
            arrived: VecDeque::new(),
            contacts: Contacts::new(options.host_failures),
            reached: BTreeMap::new(),
            last_order: 0,
            hosts: Hosts::new(limits),
            down: VecDeque::new(),
            later: BTreeMap::new(),
            retried: 0,
            held: 0,
            options,
        }
    }

    pub(crate) fn options(&self) -> &Options {
        &self.options
    }

    /// How many items may be pushed now.
    pub(crate) fn room(&self) -> usize {
        if self.later.len() + self.contacts.len() >= MOST_BESIDE {
            return 0;
        }
        let held = self.held + self.contacts.waiting_for_young();
        self.options.window.max(1).saturating_sub(held)
    }

    /// How many items have not been returned, retries included.
    pub(crate) fn waiting(&self) -> usize {
        self.held + self.later.len() + self.contacts.len()
    }

    /// How many hosts are being reached.
    pub(crate) fn reaching(&self) -> usize {
        self.contacts.running()
    }

    /// How many items wait for a host that is being reached, or for a worker after that.
    pub(crate) fn begun(&self) -> usize {
        self.contacts.len()
    }

    pub(crate) fn push(&mut self, item: Arrival<T>) {
        let item = self.arrive(item);
        self.arrived.push_back(item);
    }

    /// Numbers an item that waits from now on. No two items have one number.
    fn arrive(&mut self, mut item: Arrival<T>) -> Arrival<T> {
        self.held += 1;
        self.last_order += 1;
        item.order = self.last_order;
        item
    }

    /// Adds an item whose attempt failed, after [`Schedule::finished`]. It arrives anew at `at`, behind the items that
    /// wait then; but at a host that recovers, items that were tried more often go first. It needs no room.
    pub(crate) fn retry(&mut self, item: Arrival<T>, at: Instant, attempts: u32) {
        self.retried += 1;
        self.later.insert((at, self.retried), (item, attempts));
    }

    /// Notes the end of an item of `host` that was returned at `started`. Ignored if no item of `host` is running.
    pub(crate) fn finished(
        &mut self,
        host: &HostKey,
        started: Instant,
        reply: Reply,
        now: Instant,
    ) {
        if self.options.limits_hosts() {
            self.hosts.finished(host, started, reply, now);
        }
    }

    /// The item for which `host` is being reached.
    pub(crate) fn leader(&self, host: &HostKey) -> Option<&T> {
        self.contacts.leader(host).map(|item| &item.value)
    }

    /// Notes that `host` was reached, and calls `mark` with each item that waited for it, and for how long.
    pub(crate) fn reached(
        &mut self,
        host: &HostKey,
        mark: impl Fn(&mut Arrival<T>, Duration),
        now: Instant,
    ) {
        let waited = self.contacts.made(host, mark, now);
        self.held += waited.len();
        let ordered = waited.into_iter().map(|item| (item.order, item));
        self.reached.extend(ordered);
    }

    /// Notes that `host` was not reached. Returns the items that waited for it.
    pub(crate) fn unreached(&mut self, host: &HostKey, now: Instant) -> Vec<T> {
        let mut items = self.contacts.failed(host);
        if let Some(leader) = items.first() {
            let limited_by = leader.host.clone();
            self.finished(&limited_by, now, Reply::None, now);
        }
        let others = self
            .hosts
            .take_all(host, |item| item.contact.as_ref() == Some(host), now);
        self.held -= others.len();
        items.extend(others);
        items.into_iter().map(|item| item.value).collect()
    }

    /// Notes whether a connection to `host` could be made, without a contact.
    pub(crate) fn heard_of(&mut self, host: &HostKey, is_reached: bool, now: Instant) {
        if is_reached {
            self.contacts.answered(host, now);
        } else {
            self.contacts.lost(host);
        }
    }

    /// Starts nothing of `host` before `until`, and a single item then. Never shortens a pause.
    pub(crate) fn pause_host(&mut self, host: &HostKey, until: Instant, now: Instant) {
        self.hosts.pause(host, until, now);
    }

    /// How many items wait for a retry, and when the first is due.
    pub(crate) fn coming_back(&self) -> Option<(usize, Instant)> {
        let ((first, _), _) = self.later.first_key_value()?;
        Some((self.later.len(), *first))
    }

    /// Decides what may start at `now`. The caller asks again unless nothing may.
    pub(crate) fn next(&mut self, workers: Workers, now: Instant) -> Next<T> {
        self.wake(now);
        if workers.are_free
            && let Some(leader) = self.contacts.start_leader()
        {
            self.hosts.delay_again(&leader.host, now);
            return Next::Start(leader.value);
        }
        let rate_allows = self.rate.as_ref().map_or(now, |rate| rate.next_start(now));
        let candidate = self.candidate(workers, now);
        if let Some(item) = self.down.pop_front() {
            self.held -= 1;
            return Next::Down(item.value);
        }
        if let Some(contact) = candidate {
            if rate_allows > now {
                return Next::WaitUntil(rate_allows);
            }
            if let Some(item) = self.take(now) {
                return self.start(item, contact, now);
            }
        }
        match self.next_change() {
            Some(at) => Next::WaitUntil(at.max(rate_allows)),
            None => Next::Nothing,
        }
    }

    /// Removes all items that wait to be started, in no particular order.
    pub(crate) fn drain(&mut self, now: Instant) -> Vec<T> {
        let reached = mem::take(&mut self.reached).into_values();
        let later = mem::take(&mut self.later).into_values();
        let arrived = self.arrived.drain(..).chain(self.down.drain(..));
        let later = later.map(|(item, _)| item);
        let mut all: Vec<_> = arrived.chain(reached).chain(later).collect();
        self.hosts.drain(&mut all, now);
        self.held = 0;
        all.into_iter().map(|item| item.value).collect()
    }

    /// Removes all items that wait for a contact, or for a worker after it.
    pub(crate) fn drain_contacts(&mut self) -> Vec<T> {
        let items = self.contacts.drain();
        items.into_iter().map(|item| item.value).collect()
    }

    /// Moves due retries to the arrivals, and updates hosts whose timers have expired.
    fn wake(&mut self, now: Instant) {
        self.contacts.wake(now);
        self.hosts.wake(now);
        while let Some(first) = self.later.first_entry()
            && first.key().0 <= now
        {
            let (item, attempts) = first.remove();
            let item = self.arrive(item);
            let host = item.host.clone();
            let item = match attempts {
                0 => Some(item),
                _ => self.hosts.enqueue_tried(item, &host, attempts, now),
            };
            self.arrived.extend(item);
        }
    }

    /// The contact of the first item that may start, or whose host may be reached, the rate apart. Moves items that come
    /// before it to where they wait.
    fn candidate(&mut self, workers: Workers, now: Instant) -> Option<ContactState> {
        let is_limited = self.options.limits_hosts();
        loop {
            let place = self.first_place();
            let contact = match self.first_of(place)?.contact.clone() {
                Some(host) => self.contacts.with(&host, now),
                None => ContactState::Made,
            };
            let may_go_on = match contact {
                ContactState::Made => workers.are_free,
                ContactState::Needed => {
                    let ahead = self.options.ahead.max(1).saturating_sub(workers.queued);
                    self.contacts.may_begin(ahead)
                }
                ContactState::Running => self.contacts.has_room(),
                ContactState::Down => true,
            };
            if !may_go_on {
                return None;
            }
            let is_startable = matches!(contact, ContactState::Made | ContactState::Needed);
            if is_startable && (place == Waiting::AtHost || !is_limited) {
                return Some(contact);
            }
            let item = match place {
                Waiting::AtHost => self.hosts.take_first(now),
                Waiting::Reached => self.reached.pop_first().map(|(_, item)| item),
                Waiting::Arrived => self.arrived.pop_front(),
            }?;
            match (&item.contact, contact) {
                (_, ContactState::Down) => self.down.push_back(item),
                (Some(host), ContactState::Running) => {
                    self.held -= 1;
                    self.contacts.wait(&host.clone(), item, now);
                }
                _ => {
                    let host = item.host.clone();
                    self.hosts.enqueue(item, host, now);
                }
            }
        }
    }

    /// The place whose first item is the next to be looked at.
    fn first_place(&self) -> Waiting {
        let reached = self.reached.first_key_value();
        if self.options.limits_hosts() && self.hosts.is_ready() {
            Waiting::AtHost
        } else if reached.is_some_and(|(order, _)| self.contacts.is_turn_of(*order)) {
            Waiting::Reached
        } else {
            Waiting::Arrived
        }
    }

    fn first_of(&self, place: Waiting) -> Option<&Arrival<T>> {
        match place {
            Waiting::AtHost => self.hosts.first(),
            Waiting::Reached => self.reached.first_key_value().map(|(_, item)| item),
            Waiting::Arrived => self.arrived.front(),
        }
    }

    /// True if an item may start while workers are free, the rate apart.
    pub(crate) fn is_any_ready(&mut self, now: Instant) -> bool {
        let workers = Workers {
            are_free: true,
            queued: 0,
        };
        self.candidate(workers, now).is_some()
    }

    /// Removes the first item as one that starts now.
    fn take(&mut self, now: Instant) -> Option<Arrival<T>> {
        let item = match self.first_place() {
            Waiting::AtHost => self.hosts.start_first(now),
            Waiting::Reached => self.reached.pop_first().map(|(_, item)| item),
            Waiting::Arrived => self.arrived.pop_front(),
        }?;
        self.held -= 1;
        Some(item)
    }

    fn start(&mut self, item: Arrival<T>, contact: ContactState, now: Instant) -> Next<T> {
        if let Some(rate) = &mut self.rate {
            rate.started(now);
        }
        match (&item.contact, contact) {
            (Some(host), ContactState::Needed) => {
                let host = host.clone();
                self.contacts.begin(host.clone(), item.order, item, now);
                Next::Reach(host)
            }
            _ => Next::Start(item.value),
        }
    }

    fn next_change(&self) -> Option<Instant> {
        let timer = self.hosts.next_timer();
        let later = self.later.first_key_value().map(|((at, _), _)| *at);
        let slow = self.contacts.next_slow().filter(|_| self.held > 0);
        [timer, later, slow].into_iter().flatten().min()
    }
}

#[cfg(test)]
impl<T> Schedule<T> {
    /// Panics unless all counts agree.
    fn assert_consistent(&self, running: usize) {
        let elsewhere = self.arrived.len() + self.reached.len() + self.down.len();
        self.hosts.assert_consistent(self.held - elsewhere, running);
    }
}
