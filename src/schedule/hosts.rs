//! All hosts, indexed by their state: ready, ready at a time, or neither.
//!
//! Every change of a host updates the index: no entry is stale. An operation costs a look-up by name and at most two
//! steps in a tree.

use std::collections::{BTreeMap, HashMap};
use std::mem;
use std::sync::Arc;
use std::time::Instant;

use super::cooldown::Cooldown;
use super::host::{Host, HostLimits, HostState, Reply};

/// A host and port, as one name.
pub(crate) type HostKey = Arc<str>;

pub(super) struct Hosts<T> {
    limits: HostLimits,
    /// Hosts with running or waiting items.
    active: HashMap<HostKey, Host<T>>,
    /// Other hosts with a delay or a pause.
    cooldown: Cooldown,
    /// By the order of their first waiting item.
    ready: BTreeMap<u64, HostKey>,
    /// By the time at which they are ready, then like `ready`.
    timers: BTreeMap<(Instant, u64), HostKey>,
    /// The last number in the order of arrival.
    last_order: u64,
}

impl<T> Hosts<T> {
    pub(super) fn new(limits: HostLimits) -> Self {
        Hosts {
            limits,
            active: HashMap::new(),
            cooldown: Cooldown::new(),
            ready: BTreeMap::new(),
            timers: BTreeMap::new(),
            last_order: 0,
        }
    }

    pub(super) fn enqueue(&mut self, value: T, key: HostKey, now: Instant) {
        self.last_order += 1;
        let order = self.last_order;
        let is_first = self.host(&key).enqueue(order, value);
        // The state depends only on the first item.
        if is_first {
            self.change(&key, now, |_| ());
        }
    }

    /// Enqueues an item tried before. Returns it if its host is not recovering, so that it arrives like a new one.
    pub(super) fn enqueue_tried(
        &mut self,
        value: T,
        key: &HostKey,
        attempts: u32,
        now: Instant,
    ) -> Option<T> {
        if !self.active.contains_key(key) && !self.cooldown.is_refusing(key) {
            return Some(value);
        }
        self.last_order += 1;
        let order = self.last_order;
        let value = self.host(key).enqueue_tried(order, value, attempts);
        self.change(key, now, |_| ());
        value
    }

    /// Starts the first item of all ready hosts, in the order of arrival.
    pub(super) fn start_first(&mut self, now: Instant) -> Option<T> {
        let (_, key) = self.ready.pop_first()?;
        let limits = self.limits;
        self.change(&key, now, |host| {
            // A ready host is active and has a waiting item.
            let value = host.dequeue()?;
            host.started(limits, now);
            Some(value)
        })?
    }

    /// Keeps the delay of `key` from `now` on, for an item that started before.
    pub(super) fn delay_again(&mut self, key: &HostKey, now: Instant) {
        let limits = self.limits;
        self.change(key, now, |host| host.delay_from(limits, now));
    }

    /// Removes the first item of all ready hosts, which does not start.
    pub(super) fn take_first(&mut self, now: Instant) -> Option<T> {
        let (_, key) = self.ready.pop_first()?;
        self.change(&key, now, Host::dequeue)?
    }

    /// The first item of all ready hosts.
    pub(super) fn first(&self) -> Option<&T> {
        let (_, key) = self.ready.first_key_value()?;
        self.active.get(key)?.first()
    }

    /// True if a waiting item may start.
    pub(super) fn is_ready(&self) -> bool {
        !self.ready.is_empty()
    }

    /// Updates the hosts whose timers have expired.
    pub(super) fn wake(&mut self, now: Instant) {
        while let Some(timer) = self.timers.first_entry()
            && timer.key().0 <= now
        {
            let key = timer.remove();
            self.change(&key, now, |_| ());
        }
    }

    pub(super) fn next_timer(&self) -> Option<Instant> {
        self.timers.first_key_value().map(|((at, _), _)| *at)
    }

    pub(super) fn finished(&mut self, key: &HostKey, started: Instant, reply: Reply, now: Instant) {
        self.change(key, now, |host| host.finished(started, reply));
    }

    pub(super) fn pause(&mut self, key: &HostKey, until: Instant, now: Instant) {
        if until <= now {
            return;
        }
        let paused = self.change(key, now, |host| host.pause(until, now));
        if paused.is_none() {
            self.cooldown.remember(key, until, true, now);
        }
    }

    /// Removes the waiting items of `key` that are `wanted`.
    pub(super) fn take_all(
        &mut self,
        key: &HostKey,
        wanted: impl Fn(&T) -> bool,
        now: Instant,
    ) -> Vec<T> {
        let mut last_order = self.last_order;
        let taken = self.change(key, now, |host| {
            let (taken, left): (Vec<T>, Vec<T>) = host.drain().partition(wanted);
            for item in left {
                last_order += 1;
                host.enqueue(last_order, item);
            }
            taken
        });
        self.last_order = last_order;
        taken.unwrap_or_default()
    }

    /// Removes all waiting items.
    pub(super) fn drain(&mut self, all: &mut Vec<T>, now: Instant) {
        let keys: Vec<HostKey> = self.active.keys().cloned().collect();
        for key in keys {
            self.change(&key, now, |host| all.extend(host.drain()));
        }
    }

    /// The host `key`, made active if needed.
    fn host(&mut self, key: &HostKey) -> &mut Host<T> {
        let Hosts {
            active, cooldown, ..
        } = self;
        active
            .entry(Arc::clone(key))
            .or_insert_with(|| match cooldown.recall(key) {
                Some((until, is_refusing)) => Host::new(Some(until), is_refusing),
                None => Host::new(None, false),
            })
    }

    /// Changes an active host, and updates the index. Moves an idle host with a delay or a pause to the cooldown.
    fn change<R>(
        &mut self,
        key: &HostKey,
        now: Instant,
        change: impl FnOnce(&mut Host<T>) -> R,
    ) -> Option<R> {
        let host = self.active.get_mut(key)?;
        let changed = change(host);
        let state = host.state(self.limits, now);
        let filed = mem::replace(&mut host.filed, state);
        if host.is_idle() {
            let (held, is_refusing) = (host.paused_until(now), host.is_refusing());
            self.active.remove(key);
            if held.is_some() || is_refusing {
                let until = held.unwrap_or(now);
                self.cooldown.remember(key, until, is_refusing, now);
            }
        }
        if state == filed {
            return Some(changed);
        }
        match filed {
            HostState::Inactive => {}
            HostState::Ready(order) => drop(self.ready.remove(&order)),
            HostState::Timed(at, order) => drop(self.timers.remove(&(at, order))),
        }
        match state {
            HostState::Inactive => {}
            HostState::Ready(order) => drop(self.ready.insert(order, Arc::clone(key))),
            HostState::Timed(at, order) => drop(self.timers.insert((at, order), Arc::clone(key))),
        }
        Some(changed)
    }
}

#[cfg(test)]
impl<T> Hosts<T> {
    /// Panics unless the index is right. `waiting` and `running` are the sums over all hosts.
    pub(super) fn assert_consistent(&self, waiting: usize, running: usize) {
        let (mut in_line, mut room, mut run, mut filed) = (0, 0, 0, 0);
        for (key, host) in &self.active {
            assert!(!host.is_idle(), "{key} should have been forgotten");
            let (length, capacity) = host.queue_size();
            in_line += length;
            room += capacity;
            run += host.running();
            let found = match host.filed {
                HostState::Inactive => continue,
                HostState::Ready(order) => self.ready.get(&order),
                HostState::Timed(at, order) => self.timers.get(&(at, order)),
            };
            assert_eq!(found, Some(key), "{key} is not where it was filed");
            filed += 1;
        }
        assert_eq!(filed, self.ready.len() + self.timers.len(), "stale entries");
        assert_eq!(run, running, "running");
        assert!(in_line <= waiting, "{in_line} in line, {waiting} held");
        let most = 8 * (self.active.len() + in_line);
        assert!(room <= most, "room for {room} in the lines of {in_line}");
    }

    /// How many hosts are active, and how many are only remembered.
    pub(super) fn known(&self) -> (usize, usize) {
        (self.active.len(), self.cooldown.size().0)
    }

    /// How many timers stand.
    pub(super) fn timers(&self) -> usize {
        self.timers.len()
    }
}
