//! One submitted job and its outcome, in one allocation that the queue and the future share.
//!
//! The stages are `concurrent.futures`' own: pending, running, done (finished, failed or
//! cancelled). A stage never goes back, and a task is seen to be done in the same moment in which
//! its outcome can be taken: after its callbacks. The closure is dropped as soon as it has run or
//! been cancelled, not when the last handle goes. No code of the user (job, callback, destructor)
//! runs under the lock.

use std::mem;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use super::error::JobError;
use super::job::{Entry, SharedJob, outcome_of, quietly};
use super::sync::{lock, look_until, sleep_until};
use super::watch::{Hook, Hooks, Watched, Watcher};

pub(super) type Callback<'job, T> = Box<dyn FnOnce(Result<&T, &JobError>) + Send + 'job>;

/// What a future sees of its task: everything but the type of the closure.
pub(super) trait Outcome<'job, T>: Watched + Send + Sync {
    fn cancel(self: Arc<Self>) -> bool;
    fn add_callback(&self, callback: Callback<'job, T>);
    /// Blocks until the outcome is there, and takes it; `None` at the deadline.
    fn take(&self, deadline: Option<Instant>) -> Option<Result<T, JobError>>;
}

/// How far a job has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Progress {
    Pending,
    Running,
    Finished,
    /// Panicked, or refused by a broken pool.
    Failed,
    Cancelled,
}

impl Progress {
    fn of<T>(outcome: &Result<T, JobError>) -> Self {
        match outcome {
            Ok(_) => Self::Finished,
            Err(JobError::Cancelled) => Self::Cancelled,
            Err(JobError::Panicked(_) | JobError::Broken(_)) => Self::Failed,
        }
    }

    pub(super) fn is_done(self) -> bool {
        !matches!(self, Self::Pending | Self::Running)
    }
}

pub(super) struct Task<'job, F, T> {
    state: Mutex<State<'job, F, T>>,
    settled: Condvar,
}

struct State<'job, F, T> {
    stage: Stage<F, T>,
    /// How many threads wait on `settled`: a notify that nobody waits for would be a system call
    /// for nothing.
    waiting: u32,
    hooks: Hooks<Callback<'job, T>>,
}

impl<F, T> State<'_, F, T> {
    /// Done, for good.
    fn is_settled(&self) -> bool {
        matches!(self.stage, Stage::Done(_) | Stage::Lent(_) | Stage::Taken)
    }

    /// Done, and the outcome is here to be taken.
    fn has_outcome(&self) -> bool {
        matches!(self.stage, Stage::Done(_) | Stage::Taken)
    }
}

enum Stage<F, T> {
    Pending(F),
    /// Some worker runs the job, or the callbacks with its outcome.
    Running,
    /// Cancelled or refused; whoever did that runs the callbacks. Still seen as pending.
    GivenUp(Progress),
    Done(Result<T, JobError>),
    /// Done; a callback that was added later has the outcome for the moment.
    Lent(Progress),
    /// The future has it: no handle is left to ask.
    Taken,
}

impl<'job, F, T> Task<'job, F, T>
where
    F: FnOnce() -> T + Send + 'job,
    T: Send + 'job,
{
    pub(super) fn new(job: F) -> Arc<Self> {
        let state = State {
            stage: Stage::Pending(job),
            waiting: 0,
            hooks: Hooks::default(),
        };
        Arc::new(Self {
            state: Mutex::new(state),
            settled: Condvar::new(),
        })
    }

    /// The closure of a task that was never queued. `None`: somebody else holds the task, or it has
    /// begun.
    pub(super) fn into_job(self: Arc<Self>) -> Option<F> {
        let state = Arc::into_inner(self)?
            .state
            .into_inner()
            .unwrap_or_else(PoisonError::into_inner);
        match state.stage {
            Stage::Pending(job) => Some(job),
            _ => None,
        }
    }

    /// Takes the closure if nobody has begun or cancelled the job, and leaves `next` in its place.
    fn claim(&self, next: Stage<F, T>) -> Option<F> {
        let mut state = lock(&self.state);
        if !matches!(state.stage, Stage::Pending(_)) {
            return None;
        }
        match mem::replace(&mut state.stage, next) {
            Stage::Pending(job) => Some(job),
            _ => None,
        }
    }

    fn give_up(&self, why: JobError) -> bool {
        let progress = match why {
            JobError::Cancelled => Progress::Cancelled,
            JobError::Panicked(_) | JobError::Broken(_) => Progress::Failed,
        };
        let Some(job) = self.claim(Stage::GivenUp(progress)) else {
            return false;
        };
        quietly(|| drop(job));
        self.settle(Err(why));
        true
    }

    /// Runs the callbacks, oldest first, then makes the outcome public and wakes whoever waits for
    /// it.
    fn settle(&self, outcome: Result<T, JobError>) {
        let mut watchers = Hooks::default();
        let mut state = lock(&self.state);
        while !state.hooks.is_empty() {
            let hooks = mem::take(&mut state.hooks);
            drop(state);
            for hook in hooks {
                match hook {
                    Hook::Call(callback) => quietly(|| callback(outcome.as_ref())),
                    watch @ Hook::Watch(..) => watchers.add(watch),
                }
            }
            state = lock(&self.state);
        }
        state.stage = Stage::Done(outcome);
        let waiting = state.waiting;
        drop(state);
        match waiting {
            0 => {}
            1 => self.settled.notify_one(),
            _ => self.settled.notify_all(),
        }
        watchers.tell();
    }

    /// Blocks until the state is as `enough` wants it; `None` at the deadline.
    fn settled(
        &self,
        deadline: Option<Instant>,
        enough: fn(&State<'job, F, T>) -> bool,
    ) -> Option<MutexGuard<'_, State<'job, F, T>>> {
        let mut state = lock(&self.state);
        if enough(&state) {
            return Some(state);
        }
        if deadline.is_none() {
            drop(state);
            look_until(|| enough(&lock(&self.state)));
            state = lock(&self.state);
        }
        let mut in_time = true;
        while in_time && !enough(&state) {
            state.waiting += 1;
            (state, in_time) = sleep_until(&self.settled, state, deadline);
            state.waiting -= 1;
        }
        enough(&state).then_some(state)
    }
}

impl<'job, F, T> SharedJob for Task<'job, F, T>
where
    F: FnOnce() -> T + Send + 'job,
    T: Send + 'job,
{
    fn run(self: Arc<Self>) {
        if let Some(job) = self.claim(Stage::Running) {
            self.settle(outcome_of(job));
        }
        // If the future is gone the outcome is dropped here, and its destructor may panic.
        quietly(|| drop(self));
    }

    fn refuse(self: Arc<Self>, why: JobError) {
        self.give_up(why);
        quietly(|| drop(self));
    }
}

impl<'job, F, T> From<Arc<Task<'job, F, T>>> for Entry<'job>
where
    F: FnOnce() -> T + Send + 'job,
    T: Send + 'job,
{
    fn from(task: Arc<Task<'job, F, T>>) -> Self {
        Entry::Shared(task)
    }
}

impl<'job, F, T> Outcome<'job, T> for Task<'job, F, T>
where
    F: FnOnce() -> T + Send + 'job,
    T: Send + 'job,
{
    fn cancel(self: Arc<Self>) -> bool {
        self.give_up(JobError::Cancelled)
            || matches!(lock(&self.state).stage, Stage::GivenUp(Progress::Cancelled))
            || self.progress() == Progress::Cancelled
    }

    fn add_callback(&self, callback: Callback<'job, T>) {
        let mut state = lock(&self.state);
        state.hooks.add(Hook::Call(callback));
        let Stage::Done(_) = &state.stage else { return };
        // Done before: the caller's thread runs it, with the outcome out of the lock meanwhile.
        if let Stage::Done(outcome) = mem::replace(&mut state.stage, Stage::Taken) {
            state.stage = Stage::Lent(Progress::of(&outcome));
            drop(state);
            self.settle(outcome);
        }
    }

    fn take(&self, deadline: Option<Instant>) -> Option<Result<T, JobError>> {
        let mut state = self.settled(deadline, State::has_outcome)?;
        match mem::replace(&mut state.stage, Stage::Taken) {
            Stage::Done(outcome) => Some(outcome),
            _ => None,
        }
    }
}

impl<'job, F, T> Watched for Task<'job, F, T>
where
    F: FnOnce() -> T + Send + 'job,
    T: Send + 'job,
{
    fn progress(&self) -> Progress {
        match &lock(&self.state).stage {
            Stage::Pending(_) | Stage::GivenUp(_) => Progress::Pending,
            Stage::Running => Progress::Running,
            Stage::Lent(progress) => *progress,
            Stage::Done(outcome) => Progress::of(outcome),
            Stage::Taken => Progress::Finished,
        }
    }

    fn wait(&self, deadline: Option<Instant>) -> bool {
        self.settled(deadline, State::is_settled).is_some()
    }

    fn watch(&self, watcher: &Arc<Watcher>, key: usize) {
        let mut state = lock(&self.state);
        if state.is_settled() {
            drop(state);
            watcher.tell(key);
        } else {
            state.hooks.add(Hook::Watch(Arc::clone(watcher), key));
        }
    }

    fn unwatch(&self, watcher: &Arc<Watcher>) {
        let mut state = lock(&self.state);
        state.hooks.remove(watcher);
    }
}
