//! One host:port: its running and waiting items, and the time before which none may start.
//!
//! A host that was paused or refused a request recovers: after a pause, one item may run at a time; each served request
//! raises the limit by one, each refusal halves it. Items with the most attempts go first, because their attempts are
//! limited and the last requests of a burst are refused again.

use std::cmp::Reverse;
use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

/// A shorter queue keeps its memory.
const SHORT_QUEUE: usize = 8;

#[derive(Clone, Copy, Debug)]
pub(super) struct HostLimits {
    /// The most items that run at once.
    pub(super) per_host: Option<usize>,
    /// The least time between two starts.
    pub(super) delay: Duration,
}

/// What a host's reply says about its load.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reply {
    /// The host served the request, whatever the answer.
    Served,
    /// The host was asked too often.
    Refused,
    /// Nothing.
    None,
}

/// When a host's first waiting item may start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum HostState {
    /// Not before an item arrives or ends.
    Inactive,
    /// Now. The item has this number in the order of arrival.
    Ready(u64),
    /// At this time.
    Timed(Instant, u64),
}

/// The state of a host that recovers.
#[derive(Debug)]
struct Recovery<T> {
    /// The most items at once of those that started after `since`.
    most: usize,
    running: usize,
    /// When the host was last paused. Earlier requests do not count.
    since: Option<Instant>,
    /// Items tried before, by attempts and order.
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

#[derive(Debug)]
pub(super) struct Host<T> {
    running: usize,
    not_before: Option<Instant>,
    /// Boxed, as few hosts have one.
    recovery: Option<Box<Recovery<T>>>,
    /// With their numbers in the order of arrival.
    queue: VecDeque<(u64, T)>,
    /// The state under which `hosts` has indexed it.
    pub(super) filed: HostState,
}

impl<T> Host<T> {
    pub(super) fn new(not_before: Option<Instant>, recovers: bool) -> Self {
        Host {
            running: 0,
            not_before,
            recovery: recovers.then(|| Recovery::new(1, 0)),
            queue: VecDeque::new(),
            filed: HostState::Inactive,
        }
    }

    pub(super) fn state(&self, limits: HostLimits, now: Instant) -> HostState {
        match (self.first_order(), self.paused_until(now)) {
            (None, _) => HostState::Inactive,
            (Some(_), _) if self.is_full(limits) => HostState::Inactive,
            (Some(first), None) => HostState::Ready(first),
            (Some(first), Some(until)) => HostState::Timed(until, first),
        }
    }

    pub(super) fn started(&mut self, limits: HostLimits, now: Instant) {
        self.running += 1;
        if let Some(recovery) = &mut self.recovery {
            recovery.running += 1;
        }
        self.delay_from(limits, now);
    }

    pub(super) fn delay_from(&mut self, limits: HostLimits, now: Instant) {
        if !limits.delay.is_zero() {
            self.delay_until(now + limits.delay);
        }
    }

    /// Notes the end of an item that started at `started`.
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

    pub(super) fn pause(&mut self, until: Instant, now: Instant) {
        self.delay_until(until);
        let recovery = self.recovery.get_or_insert_with(|| Recovery::new(1, 0));
        (recovery.most, recovery.running) = (1, 0);
        recovery.since = Some(now);
    }

    fn delay_until(&mut self, until: Instant) {
        self.not_before = self.not_before.max(Some(until));
    }

    /// Whether it has served no item since it refused one.
    pub(super) fn is_refusing(&self) -> bool {
        let recovery = self.recovery.as_ref();
        recovery.is_some_and(|recovery| recovery.most == 1)
    }

    /// The time before which nothing may start, if that is later than `now`.
    pub(super) fn paused_until(&self, now: Instant) -> Option<Instant> {
        self.not_before.filter(|until| *until > now)
    }

    /// Appends an item; `order` must be the highest so far. True if the queue was empty.
    pub(super) fn enqueue(&mut self, order: u64, value: T) -> bool {
        self.queue.push_back((order, value));
        self.queue.len() == 1
    }

    /// Inserts an item before those tried less often. Returns it if the host is not recovering.
    pub(super) fn enqueue_tried(&mut self, order: u64, value: T, attempts: u32) -> Option<T> {
        let Some(recovery) = &mut self.recovery else {
            return Some(value);
        };
        recovery.tried.insert((Reverse(attempts), order), value);
        None
    }

    /// Removes the first item. A long queue that shrinks gives memory back: otherwise each host of a sorted list could
    /// keep room for a whole window.
    pub(super) fn dequeue(&mut self) -> Option<T> {
        let tried = self.recovery.as_mut().and_then(|it| it.tried.pop_first());
        if let Some((_, value)) = tried {
            return Some(value);
        }
        let (_, value) = self.queue.pop_front()?;
        let room = self.queue.capacity();
        if room > SHORT_QUEUE && self.queue.len() <= room / 4 {
            self.queue.shrink_to(room / 2);
        }
        Some(value)
    }

    /// The item that [`dequeue`](Self::dequeue) would remove.
    pub(super) fn first(&self) -> Option<&T> {
        let tried = self
            .recovery
            .as_ref()
            .and_then(|it| it.tried.first_key_value());
        let first = || self.queue.front().map(|(_, value)| value);
        tried.map(|(_, value)| value).or_else(first)
    }

    pub(super) fn drain(&mut self) -> impl Iterator<Item = T> {
        let tried = self
            .recovery
            .as_mut()
            .map(|it| std::mem::take(&mut it.tried));
        let queue = std::mem::take(&mut self.queue).into_iter();
        let queue = queue.map(|(_, value)| value);
        queue.chain(tried.into_iter().flat_map(BTreeMap::into_values))
    }

    fn first_order(&self) -> Option<u64> {
        let tried = self.recovery.as_ref().and_then(|it| it.tried.keys().next());
        let first = || self.queue.front().map(|(order, _)| *order);
        tried.map(|(_, order)| *order).or_else(first)
    }

    pub(super) fn is_idle(&self) -> bool {
        self.running == 0 && self.first_order().is_none()
    }

    fn is_full(&self, limits: HostLimits) -> bool {
        let recovery = self.recovery.as_ref();
        limits.per_host.is_some_and(|most| self.running >= most)
            || recovery.is_some_and(|recovery| recovery.running >= recovery.most)
    }
}

#[cfg(test)]
impl<T> Host<T> {
    pub(super) fn running(&self) -> usize {
        self.running
    }

    /// How many items wait, and for how many there is memory.
    pub(super) fn queue_size(&self) -> (usize, usize) {
        let tried = self.recovery.as_ref().map_or(0, |it| it.tried.len());
        (self.queue.len() + tried, self.queue.capacity() + tried)
    }
}
