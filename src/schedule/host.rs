//! One host:port: how many of its items run, until when it must be left alone, and who waits
//! in line for it.
//!
//! A host that refused a request recovers: only so many of its items may run at once, one to begin
//! with. Each that is served lets two more start, and each refusal halves the number. Items that
//! came back go before those that were never tried, the most often tried first: an item has few
//! attempts, and the last of a burst is the one that is refused again.
//!
//! Knows nothing of other hosts. Where a host stands among them is worked out here, by
//! [`Host::standing`], and filed in `hosts`.

use std::cmp::Reverse;
use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use super::Reply;

/// A line shorter than this is not worth giving memory back for.
const SHORT_LINE: usize = 8;

/// What every host is held to.
#[derive(Clone, Copy, Debug)]
pub(super) struct HostLimits {
    /// At most so many running at once.
    pub(super) per_host: Option<usize>,
    /// The least time between two starts.
    pub(super) delay: Duration,
}

/// An item in line, with its place in the order of arrival over all hosts.
#[derive(Debug)]
struct Waiting<T> {
    place: u64,
    value: T,
}

/// Where a host stands among the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum HostState {
    /// It need not be looked at before something of it arrives or ends: nobody waits, or it is
    /// full.
    Out,
    /// Its first in line, who has this place, may start.
    Ready(u64),
    /// The same, but not before this time.
    Timed(Instant, u64),
}

/// A host that refused a request.
#[derive(Debug)]
struct Recovery<T> {
    /// So many may run at once of those that start after `since`.
    most: usize,
    running: usize,
    /// When the host was last paused. What started before says nothing about it now.
    since: Option<Instant>,
    /// Items that came back, by the number of their attempts and by their place.
    tried: BTreeMap<(Reverse<u32>, u64), T>,
}

impl<T> Recovery<T> {
    fn new(most: usize, running: usize) -> Box<Self> {
        Box::new(Recovery {
            most,
            running,
            since: None,
            tried: BTreeMap::new(),
        })
    }
}

/// See the module's head.
#[derive(Debug)]
pub(super) struct Host<T> {
    running: usize,
    not_before: Option<Instant>,
    /// Boxed, as nearly every host has none.
    recovery: Option<Box<Recovery<T>>>,
    /// Places rise from front to back.
    line: VecDeque<Waiting<T>>,
    /// Where `hosts` has filed it.
    pub(super) filed: HostState,
}

impl<T> Host<T> {
    /// A host of which nothing runs and nobody waits, to be left alone until `not_before`.
    pub(super) fn new(not_before: Option<Instant>, recovers: bool) -> Self {
        Host {
            running: 0,
            not_before,
            recovery: recovers.then(|| Recovery::new(1, 0)),
            line: VecDeque::new(),
            filed: HostState::Out,
        }
    }

    /// True if an item that arrives now may start at once: the host may, and nobody is ahead.
    pub(super) fn may_start_at_once(&self, limits: HostLimits, now: Instant) -> bool {
        self.first_place().is_none() && !self.is_full(limits) && self.held_until(now).is_none()
    }

    /// Where it stands now.
    pub(super) fn standing(&self, limits: HostLimits, now: Instant) -> HostState {
        match (self.first_place(), self.held_until(now)) {
            (None, _) => HostState::Out,
            (Some(_), _) if self.is_full(limits) => HostState::Out,
            (Some(first), None) => HostState::Ready(first),
            (Some(first), Some(until)) => HostState::Timed(until, first),
        }
    }

    /// Takes note of a start.
    pub(super) fn started(&mut self, limits: HostLimits, now: Instant) {
        self.running += 1;
        if let Some(recovery) = &mut self.recovery {
            recovery.running += 1;
        }
        if !limits.delay.is_zero() {
            self.hold(now + limits.delay);
        }
    }

    /// Takes note of the end of an item that started at `started`, and of what the host replied. One that never
    /// started is ignored.
    pub(super) fn finished(&mut self, started: Instant, reply: Reply) {
        let running = self.running;
        if running == 0 {
            return;
        }
        self.running -= 1;
        let recovery = match (&mut self.recovery, reply) {
            (Some(recovery), _) => recovery,
            (None, Reply::Refused) => self.recovery.insert(Recovery::new(running, running)),
            (None, Reply::Served | Reply::None) => return,
        };
        if recovery.since.is_some_and(|since| started <= since) {
            return;
        }
        let at_once = recovery.most.min(recovery.running);
        recovery.running = recovery.running.saturating_sub(1);
        match reply {
            Reply::Served => recovery.most += 1,
            Reply::Refused => recovery.most = (at_once / 2).max(1),
            Reply::None => {}
        }
    }

    /// The host asked at `now` to be left alone until `until`: one item goes first then.
    pub(super) fn pause(&mut self, until: Instant, now: Instant) {
        self.hold(until);
        let recovery = self.recovery.get_or_insert_with(|| Recovery::new(1, 0));
        (recovery.most, recovery.running) = (1, 0);
        recovery.since = Some(now);
    }

    /// Nothing starts before `until`. An earlier promise to wait longer stands.
    fn hold(&mut self, until: Instant) {
        self.not_before = self.not_before.max(Some(until));
    }

    /// Whether the host refused an item and has served none since.
    pub(super) fn is_refusing(&self) -> bool {
        let recovery = self.recovery.as_ref();
        recovery.is_some_and(|recovery| recovery.most == 1)
    }

    /// Until when it must be left alone, if that is not over.
    pub(super) fn held_until(&self, now: Instant) -> Option<Instant> {
        self.not_before.filter(|until| *until > now)
    }

    /// Puts an item at the end of the line. True if it is the only one there. `place` must be
    /// higher than that of all before it.
    pub(super) fn line_up(&mut self, place: u64, value: T) -> bool {
        self.line.push_back(Waiting { place, value });
        self.line.len() == 1
    }

    /// Puts an item that has been tried so often before those that were tried less often, and gives it back if the host
    /// does not recover: then it has no precedence.
    pub(super) fn line_up_tried(&mut self, place: u64, value: T, attempts: u32) -> Option<T> {
        let Some(recovery) = &mut self.recovery else {
            return Some(value);
        };
        recovery.tried.insert((Reverse(attempts), place), value);
        None
    }

    /// Takes the first out of the line.
    ///
    /// A line that was long gives its memory back as it shrinks: otherwise a list that is sorted
    /// by host could leave a window's worth behind in each of many hosts.
    pub(super) fn take_first(&mut self) -> Option<T> {
        let tried = self.recovery.as_mut().and_then(|it| it.tried.pop_first());
        if let Some((_, value)) = tried {
            return Some(value);
        }
        let first = self.line.pop_front()?;
        let room = self.line.capacity();
        if room > SHORT_LINE && self.line.len() <= room / 4 {
            self.line.shrink_to(room / 2);
        }
        Some(first.value)
    }

    /// Takes out all who wait.
    pub(super) fn take_all(&mut self) -> impl Iterator<Item = T> {
        let tried = self
            .recovery
            .as_mut()
            .map(|it| std::mem::take(&mut it.tried));
        let line = std::mem::take(&mut self.line);
        let line = line.into_iter().map(|one| one.value);
        line.chain(tried.into_iter().flat_map(BTreeMap::into_values))
    }

    /// The place of the first who waits.
    fn first_place(&self) -> Option<u64> {
        let tried = self.recovery.as_ref().and_then(|it| it.tried.keys().next());
        let first = || self.line.front().map(|first| first.place);
        tried.map(|(_, place)| *place).or_else(first)
    }

    /// True if nothing runs and nobody waits.
    pub(super) fn is_idle(&self) -> bool {
        self.running == 0 && self.first_place().is_none()
    }

    fn is_full(&self, limits: HostLimits) -> bool {
        let recovery = self.recovery.as_ref();
        limits.per_host.is_some_and(|most| self.running >= most)
            || recovery.is_some_and(|recovery| recovery.running >= recovery.most)
    }
}

#[cfg(test)]
impl<T> Host<T> {
    /// How many run.
    pub(super) fn running(&self) -> usize {
        self.running
    }

    /// How many wait, and for how many there is memory.
    pub(super) fn line(&self) -> (usize, usize) {
        let tried = self.recovery.as_ref().map_or(0, |it| it.tried.len());
        (self.line.len() + tried, self.line.capacity() + tried)
    }
}
