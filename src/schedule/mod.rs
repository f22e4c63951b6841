//! Which target may start now: caps and spacing per host, the rate of all, back-off and retries.
//!
//! Pure: it is told the time and answers "start this", "wait until", or "nothing". It starts no
//! thread, reads no clock, never sleeps, and knows its items only as values with a host.
//!
//! Callers may rely on it: every item that is pushed is given back by [`Schedule::next`] exactly
//! once (and once more for each [`Schedule::retry`]), or by [`Schedule::drain`]; no limit is ever
//! exceeded; an item that may start is not left waiting while the caller asks; of several that
//! may, the first to arrive is first, but after a host's pause the one tried most often. Each call costs O(log n) in what is held, amortised; without
//! limits it is a push to a queue or a pop from it.
//!
//! Memory: it holds a window of items, beyond which a caller that heeds [`Schedule::room`] pushes
//! none, and as many more as came back by `retry` while they had left the window, which is never
//! more than run at once. A long run of lines of one host therefore costs no memory, and holds up
//! others only if it fills the window. Beside that, a host with `host_delay` or
//! [`Schedule::pause_host`] upon it must be remembered until its time is over: at most 40 bytes each
//! (see `quiet`).

mod cooldown;
mod host;
mod hosts;
pub(crate) mod ordered;
mod rate;
pub(crate) mod retry;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use host::HostLimits;
use hosts::Hosts;
use rate::Rate;
use retry::Retries;

pub(crate) use rate::PerSecond;

/// A host and port, as one name.
pub(crate) type HostKey = Arc<str>;

/// A longer delay is cut to this: no run outlasts it, and no sum of it and a time overflows.
const A_CENTURY: Duration = Duration::from_secs(100 * 365 * 24 * 60 * 60);

/// What the schedule obeys. The default is no limit at all, with a window of one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Options {
    /// At most so many at once to one host:port; 0 is taken as 1.
    pub(crate) per_host: Option<usize>,
    /// The least time between two starts to one host:port.
    pub(crate) host_delay: Duration,
    /// At most so many starts a second in all.
    pub(crate) rate: Option<PerSecond>,
    /// Which items may come back by [`Schedule::retry`].
    pub(crate) retries: Retries,
    /// How many items may be held at once, running ones not counted; 0 is taken as 1.
    pub(crate) window: usize,
}

impl Options {
    /// True if the host of an item matters. If not, items may be pushed without one.
    pub(crate) fn needs_hosts(&self) -> bool {
        self.per_host.is_some() || !self.host_delay.is_zero() || self.retries.are_on()
    }

    /// True if the very moment of a start matters, so that nothing may be started ahead of a free
    /// worker.
    pub(crate) fn is_timed(&self) -> bool {
        self.rate.is_some() || !self.host_delay.is_zero()
    }
}

/// What may be done now.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Next<T> {
    /// Start this; tell [`Schedule::finished`] when it has ended.
    Start(T),
    /// Nothing before this time, which is later than the one that was given, unless something
    /// ends or is pushed.
    WaitUntil(Instant),
    /// Nothing before something ends or is pushed.
    Nothing,
}

/// What a host has replied, as far as its limits are concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reply {
    /// It took the request, whatever the answer.
    Served,
    /// It was asked too often.
    Refused,
    /// Nothing that tells.
    None,
}

/// The schedule. See the module's head. The times that its calls are given must not go back.
pub(crate) struct Schedule<T> {
    options: Options,
    rate: Option<Rate>,
    /// In the order of arrival, their hosts not looked at yet. Whoever is in line at a host
    /// arrived before all of these.
    arrived: VecDeque<(T, Option<HostKey>)>,
    hosts: Hosts<T>,
    /// Items that come back at a time of their own, and for equal times in the order of `retry`.
    later: BTreeMap<(Instant, u64), Later<T>>,
    /// How many have come back in all.
    retried: u64,
    held: usize,
}

/// An item that comes back.
struct Later<T> {
    value: T,
    host: HostKey,
    attempts: u32,
}

impl<T> Schedule<T> {
    /// An empty schedule.
    pub(crate) fn new(options: Options) -> Self {
        let limits = HostLimits {
            per_host: options.per_host.map(|most| most.max(1)),
            delay: options.host_delay.min(A_CENTURY),
        };
        Schedule {
            rate: options.rate.map(Rate::new),
            arrived: VecDeque::new(),
            hosts: Hosts::new(limits),
            later: BTreeMap::new(),
            retried: 0,
            held: 0,
            options,
        }
    }

    /// What it was made with.
    pub(crate) fn options(&self) -> &Options {
        &self.options
    }

    /// How many items may be pushed now.
    pub(crate) fn room(&self) -> usize {
        self.options.window.max(1).saturating_sub(self.held)
    }

    /// How many items wait, those that come back later included.
    pub(crate) fn waiting(&self) -> usize {
        self.held
    }

    /// Adds an item. `host` may be `None` only if [`Options::needs_hosts`] says no.
    pub(crate) fn push(&mut self, value: T, host: Option<HostKey>) {
        debug_assert!(
            host.is_some() || !self.options.needs_hosts(),
            "an item without a host"
        );
        self.held += 1;
        self.arrived.push_back((value, host));
    }

    /// Adds an item whose attempt failed, which [`Schedule::finished`] has been told, and which
    /// may start again from `at` on. It arrives anew when that time comes, behind all that are in
    /// line by then; but at a host that recovers, those that were tried more often go first. It
    /// needs no room.
    pub(crate) fn retry(&mut self, value: T, host: HostKey, at: Instant, attempts: u32) {
        self.held += 1;
        self.retried += 1;
        let later = Later {
            value,
            host,
            attempts,
        };
        self.later.insert((at, self.retried), later);
    }

    /// Takes note that an item of `host`, which was given out at `started`, has ended, and of what
    /// the host replied. Ignored if none of it runs.
    pub(crate) fn finished(
        &mut self,
        host: &HostKey,
        started: Instant,
        reply: Reply,
        now: Instant,
    ) {
        self.hosts.finished(host, started, reply, now);
    }

    /// Nothing of `host` starts before `until`, and one item goes first then. An earlier promise to
    /// wait longer stands. What has been given out is out of reach, even if no worker has taken it
    /// yet.
    pub(crate) fn pause_host(&mut self, host: &HostKey, until: Instant, now: Instant) {
        self.hosts.pause(host, until, now);
    }

    /// How many items come back at a time of their own, and when the first of them does.
    pub(crate) fn coming_back(&self) -> Option<(usize, Instant)> {
        let ((first, _), _) = self.later.first_key_value()?;
        Some((self.later.len(), *first))
    }

    /// Answers what may be done at `now`. After [`Next::Start`] it should be asked again, for as
    /// long as a worker is free.
    pub(crate) fn next(&mut self, now: Instant) -> Next<T> {
        self.wake(now);
        let rate_allows = self.rate.as_ref().map_or(now, |rate| rate.next_start(now));
        if rate_allows > now {
            if self.is_anyone_ready(now) {
                return Next::WaitUntil(rate_allows);
            }
        } else if let Some(value) = self.start_first(now) {
            self.held -= 1;
            if let Some(rate) = &mut self.rate {
                rate.started(now);
            }
            return Next::Start(value);
        }
        match self.next_change() {
            Some(at) => Next::WaitUntil(at.max(rate_allows)),
            None => Next::Nothing,
        }
    }

    /// Takes out everything that waits, in no particular order.
    pub(crate) fn drain(&mut self, now: Instant) -> Vec<T> {
        let arrived = self.arrived.drain(..).map(|(value, _)| value);
        let mut all: Vec<T> = arrived.collect();
        all.extend(
            std::mem::take(&mut self.later)
                .into_values()
                .map(|later| later.value),
        );
        self.hosts.drain(&mut all, now);
        self.held = 0;
        all
    }

    /// Lets arrive, and get ready, what is due at `now`.
    fn wake(&mut self, now: Instant) {
        self.hosts.wake(now);
        while let Some(first) = self.later.first_entry()
            && first.key().0 <= now
        {
            let Later {
                value,
                host,
                attempts,
            } = first.remove();
            let value = match attempts {
                0 => Some(value),
                _ => self.hosts.line_up_tried(value, &host, attempts, now),
            };
            if let Some(value) = value {
                self.arrived.push_back((value, Some(host)));
            }
        }
    }

    /// Takes out the first in the order of arrival that may start, the rate apart.
    fn start_first(&mut self, now: Instant) -> Option<T> {
        if let Some(value) = self.hosts.start_first(now) {
            return Some(value);
        }
        loop {
            let started = match self.arrived.pop_front()? {
                (value, None) => Some(value),
                (value, Some(host)) => self.hosts.start_or_line_up(value, host, now),
            };
            if started.is_some() {
                return started;
            }
        }
    }

    /// True if something may start, the rate apart. To know, it sends those who arrived to their
    /// hosts until one of them is ready there.
    pub(crate) fn is_anyone_ready(&mut self, now: Instant) -> bool {
        while !self.hosts.is_ready() {
            if let Some((_, None)) = self.arrived.front() {
                return true;
            }
            let Some((value, Some(host))) = self.arrived.pop_front() else {
                return false;
            };
            self.hosts.line_up(value, host, now);
        }
        true
    }

    /// When something changes by itself.
    fn next_change(&self) -> Option<Instant> {
        let timer = self.hosts.next_timer();
        let later = self.later.first_key_value().map(|((at, _), _)| *at);
        [timer, later].into_iter().flatten().min()
    }
}

#[cfg(test)]
impl<T> Schedule<T> {
    /// Panics unless all that it knows agrees.
    fn assert_consistent(&self, running: usize) {
        let elsewhere = self.arrived.len() + self.later.len();
        self.hosts.assert_consistent(self.held - elsewhere, running);
    }
}
