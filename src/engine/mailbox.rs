//! The one place where threads meet: workers leave what they finished, the list's reader leaves
//! targets, the signal handler leaves reasons to stop; the coordinator takes all of it at once.
//!
//! A sender wakes the coordinator only if it waits, and only the first one does: everything that
//! arrives until the coordinator has woken comes along without another system call. Targets are
//! bounded, by number and by bytes, so the list's reader waits when it is far enough ahead; nothing
//! else is, because there are never more finished jobs than were started.
//!
//! A reason to stop counts from the moment it is left here, even if the coordinator is stuck in a
//! write that nobody reads: workers ask [`Mailbox::is_stopping`] before they start anything.

use std::collections::VecDeque;
use std::mem;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use crate::input::{Entry, InputError};
use crate::signals::Event;

use super::messages::{Batch, Finished};

/// How many targets wait here at most: enough that the reader runs seldom and reads much at a
/// time, little enough that ten million URLs cost nothing.
const TARGETS_AHEAD: usize = 1024;

/// How many bytes of text those targets have at most, but for the last batch: a list of very long
/// lines is as cheap as any other.
const BYTES_AHEAD: usize = 1 << 20;

/// How many lines for a person wait at most.
const LINES_AHEAD: usize = 10_000;

/// Where all threads of a run meet. See the module's head.
pub(crate) struct Mailbox {
    state: Mutex<State>,
    stopping: AtomicBool,
    /// The coordinator waits here.
    arrived: Condvar,
    /// The list's reader waits here.
    room: Condvar,
}

#[derive(Default)]
struct State {
    finished: Vec<Finished>,
    targets: VecDeque<Entry>,
    /// The bytes of their text.
    bytes: usize,
    stops: Vec<Event>,
    /// There was one, be it taken or not.
    was_stopped: bool,
    list_ended: bool,
    /// Lists that could not be read, or not to their end.
    broken_lists: Vec<InputError>,
    said: Vec<String>,
    /// Lines that there was no room for.
    unsaid: u64,
    /// How many targets the list has, once somebody has counted them.
    total: Option<u64>,
    /// The coordinator sleeps; true of `hungry` too if targets are worth waking it for.
    asleep: bool,
    hungry: bool,
    /// Nobody takes targets any more.
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

    /// Leaves a finished job. Never blocks for longer than the lock is held.
    pub(crate) fn finish(&self, finished: Finished) {
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
    pub(crate) fn stop_starting(&self) {
        self.stopping.store(true, Ordering::Release);
    }

    /// True once nothing new may start.
    pub(crate) fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Acquire)
    }

    /// Leaves a line for a person. If too many wait already it is only counted.
    pub(crate) fn say(&self, line: String) {
        let mut state = self.lock();
        if state.said.len() >= LINES_AHEAD {
            state.unsaid += 1;
            return;
        }
        state.said.push(line);
        self.wake(state);
    }

    /// Says how many targets the list has.
    pub(crate) fn counted(&self, total: u64) {
        self.lock().total = Some(total);
    }

    /// Leaves targets (`targets` is emptied), and blocks until there is room for more. False if
    /// nobody wants any more of them.
    pub(crate) fn deliver(&self, targets: &mut Vec<Entry>) -> bool {
        let mut state = self.lock();
        state.bytes += targets.iter().map(Entry::text).sum::<usize>();
        state.targets.extend(targets.drain(..));
        if state.hungry {
            self.wake(state);
            state = self.lock();
        }
        while state.is_full() && !state.closed {
            state = self
                .room
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        }
        !state.closed
    }

    /// Says that a list could not be read, or not to its end; others may follow.
    pub(crate) fn broken_list(&self, error: InputError) {
        let mut state = self.lock();
        state.broken_lists.push(error);
        self.wake(state);
    }

    /// Says that all lists have ended.
    pub(crate) fn end_of_list(&self) {
        let mut state = self.lock();
        state.list_ended = true;
        self.wake(state);
    }

    /// Wakes the coordinator if it sleeps; only the first of many callers makes a system call.
    fn wake(&self, mut state: MutexGuard<'_, State>) {
        let asleep = mem::take(&mut state.asleep);
        state.hungry = false;
        drop(state);
        if asleep {
            self.arrived.notify_one();
        }
    }

    /// Blocks until something has arrived or `until` has come, and swaps what there is into
    /// `batch`. With `hungry`, targets and the list's end count as something.
    pub(crate) fn collect(&self, batch: &mut Batch, hungry: bool, until: Option<Instant>) {
        batch.finished.clear();
        let mut state = self.lock();
        while state.nothing_for(hungry) {
            state.asleep = true;
            state.hungry = hungry;
            state = match until.map(|until| until.saturating_duration_since(Instant::now())) {
                None => self
                    .arrived
                    .wait(state)
                    .unwrap_or_else(PoisonError::into_inner),
                Some(left) if left.is_zero() => break,
                Some(left) => {
                    self.arrived
                        .wait_timeout(state, left)
                        .unwrap_or_else(PoisonError::into_inner)
                        .0
                }
            };
        }
        state.asleep = false;
        state.hungry = false;
        mem::swap(&mut state.finished, &mut batch.finished);
        batch.broken_lists.append(&mut state.broken_lists);
        state.take_said(&mut batch.said);
    }

    /// Takes the lines for a person alone.
    pub(crate) fn take_said(&self, said: &mut Vec<String>) {
        self.lock().take_said(said);
    }

    /// Takes the reasons to stop.
    pub(crate) fn take_stops(&self) -> Vec<Event> {
        mem::take(&mut self.lock().stops)
    }

    /// True if a reason to stop is waiting to be taken.
    pub(crate) fn has_stops(&self) -> bool {
        !self.lock().stops.is_empty()
    }

    /// True once there has been a reason to stop.
    pub(crate) fn was_stopped(&self) -> bool {
        self.lock().was_stopped
    }

    /// Blocks until there is a reason to stop, or `until` has come.
    pub(crate) fn await_stop(&self, until: Instant) {
        let mut state = self.lock();
        while state.stops.is_empty() {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            state.asleep = true;
            state = self
                .arrived
                .wait_timeout(state, left)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
        state.asleep = false;
    }

    /// True if a finished job is waiting to be taken.
    pub(crate) fn has_finished(&self) -> bool {
        !self.lock().finished.is_empty()
    }

    /// Moves up to `most` targets to the end of `targets`. False if there will be no more.
    pub(crate) fn take_targets(&self, targets: &mut Vec<Entry>, most: usize) -> bool {
        let mut state = self.lock();
        let was_full = state.is_half_full();
        let take = most.min(state.targets.len());
        let before = targets.len();
        targets.extend(state.targets.drain(..take));
        state.bytes -= targets[before..].iter().map(Entry::text).sum::<usize>();
        let more = !state.targets.is_empty() || !state.list_ended;
        // Half empty before the reader is woken: it reads many lines for one wake-up.
        let wake = was_full && !state.is_half_full();
        drop(state);
        if wake {
            self.room.notify_one();
        }
        more
    }

    /// Refuses all further targets, and gives the number of those that nobody took, and whether
    /// the list had been read to its end by then.
    pub(crate) fn close(&self) -> (u64, bool) {
        let mut state = self.lock();
        state.closed = true;
        let left = mem::take(&mut state.targets).len() as u64;
        let whole = state.list_ended;
        drop(state);
        self.room.notify_all();
        (left, whole)
    }

    /// The number of targets in the list, once it is known.
    pub(crate) fn total(&self) -> Option<u64> {
        self.lock().total
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // No code of others runs under this lock, so a poisoned one still holds a whole state.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn take_said(&mut self, said: &mut Vec<String>) {
        said.append(&mut self.said);
        match mem::take(&mut self.unsaid) {
            0 => {}
            lines => said.push(format!("({lines} lines left out)")),
        }
    }

    fn nothing_for(&self, hungry: bool) -> bool {
        let idle = self.finished.is_empty()
            && self.stops.is_empty()
            && self.broken_lists.is_empty()
            && self.said.is_empty();
        idle && !(hungry && self.has_list_news())
    }

    fn has_list_news(&self) -> bool {
        !self.targets.is_empty() || self.list_ended
    }

    fn is_full(&self) -> bool {
        self.targets.len() >= TARGETS_AHEAD || self.bytes >= BYTES_AHEAD
    }

    fn is_half_full(&self) -> bool {
        self.targets.len() > TARGETS_AHEAD / 2 || self.bytes > BYTES_AHEAD / 2
    }
}
