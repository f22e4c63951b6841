//! Where all threads of a run meet: workers leave results, the list reader leaves targets, the signal handler leaves
//! reasons to stop, and the coordinator takes everything at once.
//!
//! Only the first sender wakes the coordinator. The list reader waits when it is far enough ahead; submitted jobs bound the
//! results. A reason to stop holds at once, even while the coordinator waits for a reader: workers ask
//! [`Mailbox::is_stopping`] before they start anything.

use std::collections::VecDeque;
use std::mem;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::input::{Entry, InputError};
use crate::signals::Event;

use super::budgets::{BYTES_AHEAD, MESSAGES_AHEAD, TARGETS_AHEAD};
use super::messages::{Batch, Finished};

/// See the module's head.
pub(crate) struct Mailbox {
    state: Mutex<State>,
    stopping: AtomicBool,
    /// The coordinator waits here.
    arrived: Condvar,
    /// The list reader waits here.
    room: Condvar,
}

#[derive(Default)]
struct State {
    finished: Vec<Finished>,
    targets: VecDeque<Entry>,
    /// Bytes of text of `targets`.
    bytes: usize,
    stops: Vec<Event>,
    /// There was a reason to stop, taken or not.
    was_stopped: bool,
    list_ended: bool,
    /// Lists that could not be read, or not to their end.
    broken_lists: Vec<InputError>,
    messages: Vec<String>,
    /// How many messages there was no room for.
    dropped: u64,
    /// How many targets the list has, once counted.
    total: Option<u64>,
    /// The coordinator waits.
    asleep: bool,
    /// It waits for targets too.
    hungry: bool,
    /// No more targets are taken.
    closed: bool,
}

impl Mailbox {
    pub(crate) fn new() -> Self {
        Mailbox {
            state: Mutex::default(),
            stopping: AtomicBool::new(false),
            arrived: Condvar::new(),
            room: Condvar::new(),
        }
    }

    /// Leaves a finished job.
    pub(super) fn finish(&self, finished: Finished) {
        let mut state = self.lock();
        state.finished.push(finished);
        self.wake(state);
    }

    /// Leaves a reason to stop, which holds for workers at once.
    pub(crate) fn stop(&self, event: Event) {
        self.stop_starting();
        let mut state = self.lock();
        state.stops.push(event);
        state.was_stopped = true;
        self.wake(state);
    }

    /// From now on nothing new may start.
    pub(super) fn stop_starting(&self) {
        self.stopping.store(true, Ordering::Release);
    }

    /// True once nothing new may start.
    pub(super) fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Acquire)
    }

    /// Leaves a message for the user. If too many wait already, it is only counted.
    pub(super) fn tell(&self, message: String) {
        let mut state = self.lock();
        if state.messages.len() >= MESSAGES_AHEAD {
            state.dropped += 1;
            return;
        }
        state.messages.push(message);
        self.wake(state);
    }

    /// Leaves the number of targets in the list.
    pub(super) fn set_total(&self, total: u64) {
        self.lock().total = Some(total);
    }

    /// Leaves targets (`targets` is emptied), and blocks until there is room for more. False once the mailbox is closed.
    pub(super) fn deliver(&self, targets: &mut Vec<Entry>) -> bool {
        let mut state = self.lock();
        state.bytes += targets.iter().map(Entry::text).sum::<usize>();
        state.targets.extend(targets.drain(..));
        if state.hungry {
            self.wake(state);
            state = self.lock();
        }
        let is_full = |state: &mut State| state.is_filled(1) && !state.closed;
        let state = self.room.wait_while(state, is_full);
        !state.unwrap_or_else(PoisonError::into_inner).closed
    }

    /// Leaves the error of a list; other lists may follow.
    pub(super) fn broken_list(&self, error: InputError) {
        let mut state = self.lock();
        state.broken_lists.push(error);
        self.wake(state);
    }

    /// Says that all lists have ended.
    pub(super) fn end_of_list(&self) {
        let mut state = self.lock();
        state.list_ended = true;
        self.wake(state);
    }

    /// Wakes the coordinator if it waits; only the first of many callers makes a system call.
    fn wake(&self, mut state: MutexGuard<'_, State>) {
        let asleep = mem::take(&mut state.asleep);
        state.hungry = false;
        drop(state);
        if asleep {
            self.arrived.notify_one();
        }
    }

    /// Blocks until something has arrived or `until` has come, and swaps it into `batch`. With `hungry`, targets and the
    /// list's end count as something.
    pub(super) fn collect(&self, batch: &mut Batch, hungry: bool, until: Option<Instant>) {
        batch.finished.clear();
        let mut state = self.lock();
        if state.has_nothing_for(hungry) {
            let has_nothing = |state: &State| state.has_nothing_for(hungry);
            state = self.wait_while(has_nothing, state, hungry, until);
        }
        mem::swap(&mut state.finished, &mut batch.finished);
        batch.broken_lists.append(&mut state.broken_lists);
        state.take_messages(&mut batch.messages);
    }

    /// Blocks until there is a reason to stop, or `until` has come.
    pub(super) fn wait_for_stop(&self, until: Instant) {
        let has_none = |state: &State| state.stops.is_empty();
        drop(self.wait_while(has_none, self.lock(), false, Some(until)));
    }

    /// The coordinator's wait.
    fn wait_while<'a>(
        &'a self,
        condition: impl Fn(&State) -> bool,
        state: MutexGuard<'a, State>,
        hungry: bool,
        until: Option<Instant>,
    ) -> MutexGuard<'a, State> {
        let wait = until.map_or(Duration::MAX, |until| {
            until.saturating_duration_since(Instant::now())
        });
        let waited = self.arrived.wait_timeout_while(state, wait, |state| {
            state.asleep = condition(state);
            state.hungry = state.asleep && hungry;
            state.asleep
        });
        let mut state = waited.unwrap_or_else(PoisonError::into_inner).0;
        (state.asleep, state.hungry) = (false, false);
        state
    }

    /// Takes the messages alone.
    pub(super) fn take_messages(&self) -> Vec<String> {
        let mut messages = Vec::new();
        self.lock().take_messages(&mut messages);
        messages
    }

    /// Takes the reasons to stop.
    pub(super) fn take_stops(&self) -> Vec<Event> {
        mem::take(&mut self.lock().stops)
    }

    /// True if a reason to stop was not taken yet.
    pub(super) fn has_stops(&self) -> bool {
        !self.lock().stops.is_empty()
    }

    /// True once there has been a reason to stop.
    pub(crate) fn was_stopped(&self) -> bool {
        self.lock().was_stopped
    }

    /// True if a finished job was not taken yet.
    pub(super) fn has_finished(&self) -> bool {
        !self.lock().finished.is_empty()
    }

    /// Moves up to `most` targets to the end of `targets`. False if there will be no more.
    pub(super) fn take_targets(&self, targets: &mut Vec<Entry>, most: usize) -> bool {
        let mut state = self.lock();
        let was_filled = state.is_filled(2);
        let take = most.min(state.targets.len());
        let before = targets.len();
        targets.extend(state.targets.drain(..take));
        state.bytes -= targets[before..].iter().map(Entry::text).sum::<usize>();
        let more = !state.targets.is_empty() || !state.list_ended;
        // At half, so that the reader reads many lines for one wake-up.
        let wake = was_filled && !state.is_filled(2);
        drop(state);
        if wake {
            self.room.notify_one();
        }
        more
    }

    /// Refuses all further targets. Returns how many were left, and whether the list was read to its end.
    pub(super) fn close(&self) -> (u64, bool) {
        let mut state = self.lock();
        state.closed = true;
        let left = mem::take(&mut state.targets).len() as u64;
        let is_read = state.list_ended;
        drop(state);
        self.room.notify_all();
        (left, is_read)
    }

    /// The number of targets in the list, once it is known.
    pub(super) fn total(&self) -> Option<u64> {
        self.lock().total
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // No foreign code runs under this lock, so the state is whole after a panic too.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn take_messages(&mut self, messages: &mut Vec<String>) {
        messages.append(&mut self.messages);
        match mem::take(&mut self.dropped) {
            0 => {}
            lines => messages.push(format!("({lines} lines left out)")),
        }
    }

    fn has_nothing_for(&self, hungry: bool) -> bool {
        let has_list_news = !self.targets.is_empty() || self.list_ended;
        self.finished.is_empty()
            && self.stops.is_empty()
            && self.broken_lists.is_empty()
            && self.messages.is_empty()
            && !(hungry && has_list_news)
    }

    /// Whether the targets fill at least one `share`th of the room for them.
    fn is_filled(&self, share: usize) -> bool {
        self.targets.len() >= TARGETS_AHEAD / share || self.bytes >= BYTES_AHEAD / share
    }
}
