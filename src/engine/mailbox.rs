//! Where the threads of a run meet: workers send results, the list reader targets, the signal thread reasons to stop. The
//! coordinator collects them.
//!
//! Submitted jobs bound the mail, and the list reader waits when it is far enough ahead. [`Mailbox::is_stopping`] holds at
//! once, even while the coordinator waits for a reader of its output.

use std::collections::VecDeque;
use std::mem;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::input::Entry;
use crate::signals::Event;

use super::budgets::{BYTES_AHEAD, TARGETS_AHEAD};
use super::mail::Mail;

#[derive(Default)]
pub(crate) struct Mailbox {
    state: Mutex<Contents>,
    stopping: AtomicBool,
    /// The coordinator waits here.
    arrived: Condvar,
    /// The list reader waits here.
    room: Condvar,
}

#[derive(Default)]
struct Contents {
    mail: Vec<Mail>,
    targets: VecDeque<Entry>,
    /// Bytes of text of `targets`.
    bytes: usize,
    stops: Vec<Event>,
    /// There was a reason to stop.
    was_stopped: bool,
    list_ended: bool,
    /// The coordinator waits.
    asleep: bool,
    /// Targets are refused.
    closed: bool,
}

impl Mailbox {
    pub(super) fn send(&self, mail: Mail) {
        let mut state = self.lock();
        state.mail.push(mail);
        self.wake(state);
    }

    /// Sends a reason to stop, which holds for workers at once.
    pub(crate) fn stop(&self, event: Event) {
        self.stop_starting();
        let mut state = self.lock();
        state.stops.push(event);
        state.was_stopped = true;
        self.wake(state);
    }

    pub(super) fn stop_starting(&self) {
        self.stopping.store(true, Ordering::Release);
    }

    pub(super) fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Acquire)
    }

    /// Sends all of `targets`, then blocks until there is room for more. False once the mailbox is closed.
    pub(super) fn deliver(&self, targets: &mut Vec<Entry>) -> bool {
        let mut state = self.lock();
        state.bytes += targets.iter().map(Entry::text).sum::<usize>();
        state.targets.extend(targets.drain(..));
        self.wake(state);
        let is_full = |state: &mut Contents| state.is_filled(1) && !state.closed;
        let state = self.room.wait_while(self.lock(), is_full);
        !state.unwrap_or_else(PoisonError::into_inner).closed
    }

    pub(super) fn end_of_list(&self) {
        let mut state = self.lock();
        state.list_ended = true;
        self.wake(state);
    }

    /// Wakes the coordinator if it waits. Only the first of many callers makes a system call.
    fn wake(&self, mut state: MutexGuard<'_, Contents>) {
        let asleep = mem::take(&mut state.asleep);
        drop(state);
        if asleep {
            self.arrived.notify_one();
        }
    }

    /// Blocks until there is mail or a reason to stop, or until `until`. With `hungry`, targets and the list's end end the
    /// wait too. Swaps the mail into `mail`, which must be empty.
    pub(super) fn collect(&self, mail: &mut Vec<Mail>, hungry: bool, until: Option<Instant>) {
        let mut state = self.lock();
        if state.has_nothing_for(hungry) {
            let has_nothing = |state: &Contents| state.has_nothing_for(hungry);
            state = self.wait_while(has_nothing, state, until);
        }
        mem::swap(&mut state.mail, mail);
    }

    /// Blocks until there is a reason to stop, or until `until`.
    pub(super) fn wait_for_stop(&self, until: Instant) {
        let has_none = |state: &Contents| state.stops.is_empty();
        drop(self.wait_while(has_none, self.lock(), Some(until)));
    }

    /// The coordinator's wait.
    fn wait_while<'a>(
        &'a self,
        condition: impl Fn(&Contents) -> bool,
        state: MutexGuard<'a, Contents>,
        until: Option<Instant>,
    ) -> MutexGuard<'a, Contents> {
        let wait = until.map_or(Duration::MAX, |until| {
            until.saturating_duration_since(Instant::now())
        });
        let waited = self.arrived.wait_timeout_while(state, wait, |state| {
            state.asleep = condition(state);
            state.asleep
        });
        let mut state = waited.unwrap_or_else(PoisonError::into_inner).0;
        state.asleep = false;
        state
    }

    pub(super) fn take_stops(&self) -> Vec<Event> {
        mem::take(&mut self.lock().stops)
    }

    pub(super) fn has_stops(&self) -> bool {
        !self.lock().stops.is_empty()
    }

    pub(crate) fn was_stopped(&self) -> bool {
        self.lock().was_stopped
    }

    /// Whether the result of a job was not collected yet.
    pub(super) fn has_finished(&self) -> bool {
        let state = self.lock();
        let mut mail = state.mail.iter();
        mail.any(|mail| matches!(mail, Mail::Finished { .. }))
    }

    /// Appends up to `most` targets to `targets`. False if there will be no more.
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

    fn lock(&self) -> MutexGuard<'_, Contents> {
        // No foreign code runs under the lock, so the state is whole even after a panic.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Contents {
    fn has_nothing_for(&self, hungry: bool) -> bool {
        let has_list_news = !self.targets.is_empty() || self.list_ended;
        self.mail.is_empty() && self.stops.is_empty() && !(hungry && has_list_news)
    }

    /// Whether the targets fill one `share`th of their room.
    fn is_filled(&self, share: usize) -> bool {
        self.targets.len() >= TARGETS_AHEAD / share || self.bytes >= BYTES_AHEAD / share
    }
}
