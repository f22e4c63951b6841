//! One host:port: how many of its items run, until when it must be left alone, and who waits
//! in line for it.
//!
//! Knows nothing of other hosts. Where a host stands among them is worked out here, by
//! [`Host::standing`], and filed in `hosts`.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// A line shorter than this is not worth giving memory back for.
const SHORT_LINE: usize = 8;

/// What every host is held to.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
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
pub(super) enum Standing {
    /// It need not be looked at before something of it arrives or ends: nobody waits, or it is
    /// full.
    Out,
    /// Its first in line, who has this place, may start.
    Ready(u64),
    /// The same, but not before this time.
    Timed(Instant, u64),
}

/// See the module's head.
#[derive(Debug)]
pub(super) struct Host<T> {
    running: usize,
    not_before: Option<Instant>,
    /// Places rise from front to back.
    line: VecDeque<Waiting<T>>,
    /// Where `hosts` has filed it.
    pub(super) filed: Standing,
}

impl<T> Host<T> {
    /// A host of which nothing runs and nobody waits, to be left alone until `not_before`.
    pub(super) fn new(not_before: Option<Instant>) -> Self {
        Host {
            running: 0,
            not_before,
            line: VecDeque::new(),
            filed: Standing::Out,
        }
    }

    /// True if an item that arrives now may start at once: the host may, and nobody is ahead.
    pub(super) fn may_start_at_once(&self, limits: Limits, now: Instant) -> bool {
        self.line.is_empty() && !self.is_full(limits) && self.held_until(now).is_none()
    }

    /// Where it stands now.
    pub(super) fn standing(&self, limits: Limits, now: Instant) -> Standing {
        match (self.line.front(), self.held_until(now)) {
            (None, _) => Standing::Out,
            (Some(_), _) if self.is_full(limits) => Standing::Out,
            (Some(first), None) => Standing::Ready(first.place),
            (Some(first), Some(until)) => Standing::Timed(until, first.place),
        }
    }

    /// Takes note of a start.
    pub(super) fn started(&mut self, limits: Limits, now: Instant) {
        self.running += 1;
        if !limits.delay.is_zero() {
            self.hold(now + limits.delay);
        }
    }

    /// Takes note of an end. One that never started is ignored.
    pub(super) fn finished(&mut self) {
        self.running = self.running.saturating_sub(1);
    }

    /// Nothing starts before `until`. An earlier promise to wait longer stands.
    pub(super) fn hold(&mut self, until: Instant) {
        self.not_before = self.not_before.max(Some(until));
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

    /// Takes the first out of the line.
    ///
    /// A line that was long gives its memory back as it shrinks: otherwise a list that is sorted
    /// by host could leave a window's worth behind in each of many hosts.
    pub(super) fn take_first(&mut self) -> Option<T> {
        let first = self.line.pop_front()?;
        let room = self.line.capacity();
        if room > SHORT_LINE && self.line.len() <= room / 4 {
            self.line.shrink_to(room / 2);
        }
        Some(first.value)
    }

    /// Takes out all who wait.
    pub(super) fn take_all(&mut self) -> impl Iterator<Item = T> {
        std::mem::take(&mut self.line)
            .into_iter()
            .map(|one| one.value)
    }

    /// True if nothing runs and nobody waits.
    pub(super) fn is_idle(&self) -> bool {
        self.running == 0 && self.line.is_empty()
    }

    fn is_full(&self, limits: Limits) -> bool {
        limits.per_host.is_some_and(|most| self.running >= most)
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
        (self.line.len(), self.line.capacity())
    }
}
