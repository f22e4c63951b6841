//! The one place where threads meet: workers leave what they finished, the list's reader leaves
//! targets, the signal handler leaves reasons to stop; the coordinator takes all of it at once.
//!
//! A sender wakes the coordinator only if it waits, and only the first one does: everything that
//! arrives until the coordinator has woken comes along without another system call. Targets are
//! bounded, so the list's reader waits when it is far enough ahead; nothing else is, because
//! there are never more finished jobs than were started.

use std::collections::VecDeque;
use std::mem;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use crate::fetch::Outcome;
use crate::input::{InputError, Target};
use crate::pool::Panic;
use crate::signals::Event;

/// How many targets wait here at most: enough that the reader runs seldom and reads much at a
/// time, little enough that ten million URLs cost nothing.
const TARGETS_AHEAD: usize = 1024;

/// What became of one job.
pub(crate) struct Finished {
    /// Where the coordinator keeps the job's target.
    pub(crate) slot: usize,
    /// The worker that ran it, from 0.
    pub(crate) worker: Option<usize>,
    pub(crate) ending: JobEnding,
}

/// How a job ended.
#[expect(
    clippy::large_enum_variant,
    reason = "nearly every ending is the large one, and boxing it would cost an allocation a URL"
)]
pub(crate) enum JobEnding {
    /// The attempt was made.
    Attempted(Outcome),
    /// The run was stopping when a worker took the job: nothing was sent.
    NotStarted,
    /// The job panicked.
    Panicked(Panic),
}

/// Everything that arrived since the coordinator last looked.
#[derive(Default)]
pub(crate) struct Batch {
    pub(crate) finished: Vec<Finished>,
    pub(crate) stops: Vec<Event>,
}

/// Where all threads of a run meet. See the module's head.
pub(crate) struct Mailbox {
    state: Mutex<State>,
    /// The coordinator waits here.
    arrived: Condvar,
    /// The list's reader waits here.
    room: Condvar,
}

#[derive(Default)]
struct State {
    finished: Vec<Finished>,
    targets: VecDeque<Target>,
    stops: Vec<Event>,
    list: ListState,
    /// How many targets the list has, once somebody has counted them.
    total: Option<u64>,
    /// The coordinator sleeps; true of `hungry` too if targets are worth waking it for.
    asleep: bool,
    hungry: bool,
    /// Nobody takes targets any more.
    closed: bool,
}

#[derive(Default)]
enum ListState {
    #[default]
    Open,
    Ended,
    Broken(InputError),
}

impl Mailbox {
    pub(crate) fn new() -> Self {
        Mailbox {
            state: Mutex::default(),
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

    /// Leaves a reason to stop.
    pub(crate) fn stop(&self, event: Event) {
        let mut state = self.lock();
        state.stops.push(event);
        self.wake(state);
    }

    /// Says how many targets the list has.
    pub(crate) fn counted(&self, total: u64) {
        self.lock().total = Some(total);
    }

    /// Leaves targets (`targets` is emptied), and blocks until there is room for more. False if
    /// nobody wants any more of them.
    pub(crate) fn deliver(&self, targets: &mut Vec<Target>) -> bool {
        let mut state = self.lock();
        state.targets.extend(targets.drain(..));
        if state.hungry {
            self.wake(state);
            state = self.lock();
        }
        while state.targets.len() >= TARGETS_AHEAD && !state.closed {
            state = self
                .room
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        }
        !state.closed
    }

    /// Says that the list has ended, well or with an error.
    pub(crate) fn end_of_list(&self, ended: Result<(), InputError>) {
        let mut state = self.lock();
        state.list = match ended {
            Ok(()) => ListState::Ended,
            Err(error) => ListState::Broken(error),
        };
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
        batch.stops.clear();
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
        mem::swap(&mut state.stops, &mut batch.stops);
    }

    /// True if a finished job is waiting to be taken.
    pub(crate) fn has_finished(&self) -> bool {
        !self.lock().finished.is_empty()
    }

    /// Moves up to `most` targets to the end of `targets`, and says what there is of the list
    /// beyond them.
    pub(crate) fn take_targets(&self, targets: &mut Vec<Target>, most: usize) -> ListRest {
        let mut state = self.lock();
        let was = state.targets.len();
        let take = most.min(was);
        targets.extend(state.targets.drain(..take));
        let left = state.targets.len();
        let rest = match (&mut state.list, left) {
            (_, 1..) => ListRest::More,
            (ListState::Open, 0) => ListRest::More,
            (list, 0) => match mem::replace(list, ListState::Ended) {
                ListState::Broken(error) => ListRest::Broken(error),
                ListState::Open | ListState::Ended => ListRest::Ended,
            },
        };
        drop(state);
        // Half empty before the reader is woken: it reads many lines for one wake-up.
        if was > TARGETS_AHEAD / 2 && left <= TARGETS_AHEAD / 2 {
            self.room.notify_one();
        }
        rest
    }

    /// Refuses all further targets, and gives the number of those that nobody took, and whether
    /// the list had been read to its end by then.
    pub(crate) fn close(&self) -> (u64, bool) {
        let mut state = self.lock();
        state.closed = true;
        let left = mem::take(&mut state.targets).len() as u64;
        let whole = !matches!(state.list, ListState::Open);
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
    fn nothing_for(&self, hungry: bool) -> bool {
        let idle = self.finished.is_empty() && self.stops.is_empty();
        idle && !(hungry && self.has_list_news())
    }

    fn has_list_news(&self) -> bool {
        !self.targets.is_empty() || !matches!(self.list, ListState::Open)
    }
}

/// What there is of the list beyond the targets that were taken.
pub(crate) enum ListRest {
    /// There is more, or there may be.
    More,
    /// Every target has been taken.
    Ended,
    /// The list could not be read to its end. Said once.
    Broken(InputError),
}
