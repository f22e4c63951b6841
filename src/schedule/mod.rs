//! Which target may start now: caps and spacing per host, the rate over all hosts, retries. Items are opaque, and the time
//! is an argument.
//!
//! Guarantees: [`Schedule::next`] returns every pushed item exactly once (and once more for each [`Schedule::retry`]),
//! unless [`Schedule::drain`] does. No limit is ever exceeded. Of the items that may start, the first to arrive is first;
//! after a pause of its host, the one tried most often. A call costs O(log n) amortised; without limits it is a push to a
//! queue or a pop from it.
//!
//! Memory: a window of items, if the caller heeds [`Schedule::room`], and the items that came back by `retry`. A long run of
//! lines of one host delays others only if it fills the window. A host with a delay or a pause costs at most 40 bytes until
//! that is over (see `cooldown`).

mod cooldown;
mod host;
mod hosts;
pub(crate) mod ordered;
mod rate;
pub(crate) mod retry;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, VecDeque};
use std::mem;
use std::time::{Duration, Instant};

use host::HostLimits;
use hosts::Hosts;
use rate::Rate;
use retry::Retries;

pub(crate) use host::Reply;
pub(crate) use hosts::HostKey;
pub(crate) use rate::PerSecond;

/// The longest delay: a sum with a time must not overflow.
const A_CENTURY: Duration = Duration::from_secs(100 * 365 * 24 * 60 * 60);

/// The limits. By default there are none, and the window is one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Options {
    /// The most items of one host:port that run at once; 0 is taken as 1.
    pub(crate) per_host: Option<usize>,
    /// The least time between two starts to one host:port.
    pub(crate) host_delay: Duration,
    /// The most starts a second over all hosts.
    pub(crate) rate: Option<PerSecond>,
    /// Without retries no item comes back and no host is paused.
    pub(crate) retries: Retries,
    /// The most items that wait; 0 is taken as 1.
    pub(crate) window: usize,
}

impl Options {
    /// Whether items must be pushed with their host.
    pub(crate) fn needs_hosts(&self) -> bool {
        self.per_host.is_some() || !self.host_delay.is_zero() || self.retries.are_on()
    }

    /// Whether an item must start when it is returned, so that the caller needs a free worker.
    pub(crate) fn is_timed(&self) -> bool {
        self.rate.is_some() || !self.host_delay.is_zero()
    }
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Next<T> {
    /// Start this, and call [`Schedule::finished`] when it has ended.
    Start(T),
    /// Nothing before this time, unless an item ends or is pushed.
    WaitUntil(Instant),
    /// Nothing before an item ends or is pushed.
    Nothing,
}

/// See the module's head. The time must not go back from call to call.
pub(crate) struct Schedule<T> {
    options: Options,
    rate: Option<Rate>,
    /// New items in the order of arrival, behind all that wait in `hosts`.
    arrived: VecDeque<(T, Option<HostKey>)>,
    hosts: Hosts<T>,
    /// Items that wait for a retry, with their host and attempts; by time, then by the number of the `retry`.
    later: BTreeMap<(Instant, u64), (T, HostKey, u32)>,
    /// How often `retry` was called.
    retried: u64,
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
            hosts: Hosts::new(limits),
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
        self.options.window.max(1).saturating_sub(self.held)
    }

    /// How many items wait, retries included.
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

    /// Adds an item again after [`Schedule::finished`]. It arrives at `at`, behind the items that wait then; but at a host
    /// that recovers, items that were tried more often go first. It needs no room.
    pub(crate) fn retry(&mut self, value: T, host: HostKey, at: Instant, attempts: u32) {
        self.held += 1;
        self.retried += 1;
        let number = self.retried;
        self.later.insert((at, number), (value, host, attempts));
    }

    /// Notes the end of an item of `host` that was returned at `started`. Ignored if none is running.
    pub(crate) fn finished(
        &mut self,
        host: &HostKey,
        started: Instant,
        reply: Reply,
        now: Instant,
    ) {
        self.hosts.finished(host, started, reply, now);
    }

    /// Starts nothing of `host` before `until`, and a single item then. A longer pause stands.
    pub(crate) fn pause_host(&mut self, host: &HostKey, until: Instant, now: Instant) {
        self.hosts.pause(host, until, now);
    }

    /// How many items wait for a retry, and the time of the first.
    pub(crate) fn coming_back(&self) -> Option<(usize, Instant)> {
        let ((first, _), _) = self.later.first_key_value()?;
        Some((self.later.len(), *first))
    }

    /// What may start at `now`. After [`Next::Start`] the caller asks again.
    pub(crate) fn next(&mut self, now: Instant) -> Next<T> {
        self.wake(now);
        let rate_allows = self.rate.as_ref().map_or(now, |rate| rate.next_start(now));
        if rate_allows > now {
            if self.is_any_ready(now) {
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

    /// Removes all waiting items, in no particular order.
    pub(crate) fn drain(&mut self, now: Instant) -> Vec<T> {
        self.held = 0;
        let later = mem::take(&mut self.later).into_values();
        let arrived = self.arrived.drain(..);
        let (arrived, later) = (arrived.map(|item| item.0), later.map(|item| item.0));
        let mut all: Vec<T> = arrived.chain(later).collect();
        self.hosts.drain(&mut all, now);
        all
    }

    /// Moves retries that are due to the arrivals, and updates hosts whose timers have expired.
    fn wake(&mut self, now: Instant) {
        self.hosts.wake(now);
        while let Some(first) = self.later.first_entry()
            && first.key().0 <= now
        {
            let (value, host, attempts) = first.remove();
            let value = match attempts {
                0 => Some(value),
                _ => self.hosts.enqueue_tried(value, &host, attempts, now),
            };
            if let Some(value) = value {
                self.arrived.push_back((value, Some(host)));
            }
        }
    }

    /// Removes the first item that may start, the rate apart.
    fn start_first(&mut self, now: Instant) -> Option<T> {
        if let Some(value) = self.hosts.start_first(now) {
            return Some(value);
        }
        loop {
            let started = match self.arrived.pop_front()? {
                (value, None) => Some(value),
                (value, Some(host)) => self.hosts.start_or_enqueue(value, host, now),
            };
            if started.is_some() {
                return started;
            }
        }
    }

    /// Whether an item may start, the rate apart. Moves arrivals to their hosts until one is ready.
    pub(crate) fn is_any_ready(&mut self, now: Instant) -> bool {
        while !self.hosts.is_ready() {
            if let Some((_, None)) = self.arrived.front() {
                return true;
            }
            let Some((value, Some(host))) = self.arrived.pop_front() else {
                return false;
            };
            self.hosts.enqueue(value, host, now);
        }
        true
    }

    fn next_change(&self) -> Option<Instant> {
        let timer = self.hosts.next_timer();
        let later = self.later.first_key_value().map(|((at, _), _)| *at);
        [timer, later].into_iter().flatten().min()
    }
}

#[cfg(test)]
impl<T> Schedule<T> {
    /// Panics unless all counts agree.
    fn assert_consistent(&self, running: usize) {
        let elsewhere = self.arrived.len() + self.later.len();
        self.hosts.assert_consistent(self.held - elsewhere, running);
    }
}
