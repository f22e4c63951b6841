//! All hosts, each filed where it will be found: among the ready, under a timer, or out of sight
//! until something of it arrives or ends.
//!
//! A host is filed in at most one place and moves as soon as anything about it changes, so
//! neither list ever holds anything stale, and there are never more timers than hosts with
//! somebody in line. Each operation costs a look-up by name and at most two steps in a tree.

use std::collections::{BTreeMap, HashMap};
use std::mem;
use std::sync::Arc;
use std::time::Instant;

use super::host::{Host, Limits, Standing};
use super::quiet::Quiet;
use super::{HostKey, Reply};

/// See the module's head.
pub(super) struct Hosts<T> {
    limits: Limits,
    /// Those of which something runs or somebody waits.
    active: HashMap<HostKey, Host<T>>,
    /// The others, if they must be left alone.
    quiet: Quiet,
    /// By the place of their first in line.
    ready: BTreeMap<u64, HostKey>,
    /// By the time at which they get ready, and the place of their first in line.
    timers: BTreeMap<(Instant, u64), HostKey>,
    /// The last place in the order of arrival that was given.
    last_place: u64,
}

impl<T> Hosts<T> {
    pub(super) fn new(limits: Limits) -> Self {
        Hosts {
            limits,
            active: HashMap::new(),
            quiet: Quiet::new(),
            ready: BTreeMap::new(),
            timers: BTreeMap::new(),
            last_place: 0,
        }
    }

    /// Takes an item that arrives, and gives it back if it starts at once.
    pub(super) fn start_or_line_up(&mut self, value: T, key: HostKey, now: Instant) -> Option<T> {
        let limits = self.limits;
        let host = self.host(&key);
        if host.may_start_at_once(limits, now) {
            host.started(limits, now);
            return Some(value);
        }
        self.line_up(value, key, now);
        None
    }

    /// Takes an item that arrives, but must not start yet.
    pub(super) fn line_up(&mut self, value: T, key: HostKey, now: Instant) {
        self.last_place += 1;
        let place = self.last_place;
        let is_first = self.host(&key).line_up(place, value);
        // Whoever lines up behind another changes nothing.
        if is_first {
            self.refile(&key, now);
        }
    }

    /// Takes an item that has been tried so often, and gives it back if its host does not recover from a refusal: then it
    /// arrives as any other does.
    pub(super) fn line_up_tried(
        &mut self,
        value: T,
        key: &HostKey,
        attempts: u32,
        now: Instant,
    ) -> Option<T> {
        if !self.active.contains_key(key) && !self.quiet.is_refusing(key) {
            return Some(value);
        }
        self.last_place += 1;
        let place = self.last_place;
        let value = self.host(key).line_up_tried(place, value, attempts);
        self.refile(key, now);
        value
    }

    /// Starts the first in the order of arrival of all who may.
    pub(super) fn start_first(&mut self, now: Instant) -> Option<T> {
        let (_, key) = self.ready.pop_first()?;
        // Neither can fail: a ready host is active, and somebody is in line.
        let host = self.active.get_mut(&key)?;
        let value = host.take_first()?;
        host.started(self.limits, now);
        self.refile(&key, now);
        Some(value)
    }

    /// True if somebody in line may start.
    pub(super) fn is_ready(&self) -> bool {
        !self.ready.is_empty()
    }

    /// Lets those get ready whose time has come.
    pub(super) fn wake(&mut self, now: Instant) {
        while let Some(timer) = self.timers.first_entry()
            && timer.key().0 <= now
        {
            let key = timer.remove();
            self.refile(&key, now);
        }
    }

    /// When the next host gets ready by itself.
    pub(super) fn next_timer(&self) -> Option<Instant> {
        self.timers.first_key_value().map(|((at, _), _)| *at)
    }

    /// Takes note that an item of `key` has ended, which started at `started`. Ignored if none of it runs.
    pub(super) fn finished(&mut self, key: &HostKey, started: Instant, reply: Reply, now: Instant) {
        if let Some(host) = self.active.get_mut(key) {
            host.finished(started, reply);
            self.refile(key, now);
        }
    }

    /// Nothing of `key` starts before `until`, and then one item goes first.
    pub(super) fn pause(&mut self, key: &HostKey, until: Instant, now: Instant) {
        if until <= now {
            return;
        }
        if let Some(host) = self.active.get_mut(key) {
            host.pause(until, now);
            self.refile(key, now);
        } else {
            self.quiet.remember(key, until, true, now);
        }
    }

    /// Takes out all who wait. What runs, and who must be left alone, is still known.
    pub(super) fn drain(&mut self, all: &mut Vec<T>, now: Instant) {
        let keys: Vec<HostKey> = self.active.keys().cloned().collect();
        for key in keys {
            if let Some(host) = self.active.get_mut(&key) {
                all.extend(host.take_all());
                self.refile(&key, now);
            }
        }
    }

    /// The host `key`, made active if it is not.
    fn host(&mut self, key: &HostKey) -> &mut Host<T> {
        let Hosts { active, quiet, .. } = self;
        active
            .entry(Arc::clone(key))
            .or_insert_with(|| match quiet.recall(key) {
                Some((until, is_refusing)) => Host::new(Some(until), is_refusing),
                None => Host::new(None, false),
            })
    }

    /// Files a host where it belongs after anything about it has changed. An idle one goes: to
    /// the quiet ones if it must be left alone, out of memory if not.
    fn refile(&mut self, key: &HostKey, now: Instant) {
        let Some(host) = self.active.get_mut(key) else {
            return;
        };
        let standing = host.standing(self.limits, now);
        let filed = mem::replace(&mut host.filed, standing);
        if host.is_idle() {
            let (held, is_refusing) = (host.held_until(now), host.is_refusing());
            self.active.remove(key);
            if held.is_some() || is_refusing {
                let until = held.unwrap_or(now);
                self.quiet.remember(key, until, is_refusing, now);
            }
        }
        if standing == filed {
            return;
        }
        match filed {
            Standing::Out => {}
            Standing::Ready(place) => drop(self.ready.remove(&place)),
            Standing::Timed(at, place) => drop(self.timers.remove(&(at, place))),
        }
        match standing {
            Standing::Out => {}
            Standing::Ready(place) => drop(self.ready.insert(place, Arc::clone(key))),
            Standing::Timed(at, place) => drop(self.timers.insert((at, place), Arc::clone(key))),
        }
    }
}

#[cfg(test)]
impl<T> Hosts<T> {
    /// Panics unless every host stands where it should. `waiting` and `running` are what the
    /// caller knows of all hosts together.
    pub(super) fn assert_consistent(&self, waiting: usize, running: usize) {
        let (mut in_line, mut room, mut run, mut filed) = (0, 0, 0, 0);
        for (key, host) in &self.active {
            assert!(!host.is_idle(), "{key} should have been forgotten");
            let (length, capacity) = host.line();
            in_line += length;
            room += capacity;
            run += host.running();
            let found = match host.filed {
                Standing::Out => continue,
                Standing::Ready(place) => self.ready.get(&place),
                Standing::Timed(at, place) => self.timers.get(&(at, place)),
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
        (self.active.len(), self.quiet.size().0)
    }

    /// How many timers stand.
    pub(super) fn timers(&self) -> usize {
        self.timers.len()
    }
}
