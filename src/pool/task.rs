//! One submitted job and its outcome, in one allocation that the queue and the future share.
//!
//! A task goes from pending to running to done, and never back. It is done when its callbacks have run. The closure is
//! dropped when it has run or has been cancelled, not with the last handle.

use std::mem;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use super::completion::{AnyTask, CompletionQueue, JobStatus, Listener, Listeners};
use super::error::JobError;
use super::job::{SharedJob, catch_panic, ignore_panic};
use super::sync::{lock, wait_until};

pub(super) type Callback<'job, T> = Box<dyn FnOnce(Result<&T, &JobError>) + Send + 'job>;

/// A task as its future sees it: without the type of the closure.
pub(super) trait TypedTask<'job, T>: AnyTask + Send + Sync {
    fn cancel(self: Arc<Self>) -> bool;
    fn add_callback(&self, callback: Callback<'job, T>);
    /// Blocks until the outcome is there, and takes it; `None` at the deadline.
    fn take(&self, deadline: Option<Instant>) -> Option<Result<T, JobError>>;
}

pub(super) struct Task<'job, F, T> {
    state: Mutex<TaskState<'job, F, T>>,
    done: Condvar,
}

struct TaskState<'job, F, T> {
    stage: TaskStage<F, T>,
    /// How many threads wait on `done`. To notify none would be a system call.
    waiting: u32,
    listeners: Listeners<Callback<'job, T>>,
}

enum TaskStage<F, T> {
    Pending(F),
    /// A worker runs the job or its callbacks.
    Running,
    /// Cancelled or refused, and the callbacks run. The future still shows the job as pending.
    Cancelling(JobStatus),
    Done(Result<T, JobError>),
    /// Done; a callback added later is reading the outcome.
    Lent(JobStatus),
    /// The future took the outcome, and is gone.
    Taken,
}

impl<F, T> TaskState<'_, F, T> {
    fn is_done(&self) -> bool {
        matches!(
            self.stage,
            TaskStage::Done(_) | TaskStage::Lent(_) | TaskStage::Taken
        )
    }

    fn has_outcome(&self) -> bool {
        matches!(self.stage, TaskStage::Done(_) | TaskStage::Taken)
    }
}

fn status_of<T>(outcome: &Result<T, JobError>) -> JobStatus {
    match outcome {
        Ok(_) => JobStatus::Finished,
        Err(JobError::Cancelled) => JobStatus::Cancelled,
        Err(JobError::Panicked(_) | JobError::Broken(_)) => JobStatus::Failed,
    }
}

impl<'job, F, T> Task<'job, F, T> {
    pub(super) fn new(job: F) -> Arc<Self> {
        let state = TaskState {
            stage: TaskStage::Pending(job),
            waiting: 0,
            listeners: Listeners::default(),
        };
        Arc::new(Self {
            state: Mutex::new(state),
            done: Condvar::new(),
        })
    }

    /// The closure of a task that was never queued.
    ///
    /// # Panics
    ///
    /// Another handle exists.
    pub(super) fn into_job(self: Arc<Self>) -> F {
        let task = Arc::into_inner(self).expect("the only handle");
        let state = task.state.into_inner();
        match state.unwrap_or_else(PoisonError::into_inner).stage {
            TaskStage::Pending(job) => job,
            _ => unreachable!("it was never queued"),
        }
    }

    /// Takes the closure of a pending task and leaves `next` in its place.
    fn claim(&self, next: TaskStage<F, T>) -> Option<F> {
        let mut state = lock(&self.state);
        if !matches!(state.stage, TaskStage::Pending(_)) {
            return None;
        }
        match mem::replace(&mut state.stage, next) {
            TaskStage::Pending(job) => Some(job),
            _ => None,
        }
    }

    /// Answers a pending task without running it. False if it is not pending.
    fn end_unrun(&self, why: JobError) -> bool {
        let outcome = Err(why);
        let Some(job) = self.claim(TaskStage::Cancelling(status_of(&outcome))) else {
            return false;
        };
        ignore_panic(|| drop(job));
        self.complete(outcome);
        true
    }

    /// Runs the callbacks, publishes the outcome, and wakes the threads that wait for it.
    fn complete(&self, outcome: Result<T, JobError>) {
        let mut queues = Listeners::default();
        let mut state = lock(&self.state);
        while !state.listeners.is_empty() {
            let listeners = mem::take(&mut state.listeners);
            drop(state);
            listeners.for_each(|listener| match listener {
                Listener::Callback(callback) => ignore_panic(|| callback(outcome.as_ref())),
                queue @ Listener::Queue(..) => queues.add(queue),
            });
            state = lock(&self.state);
        }
        state.stage = TaskStage::Done(outcome);
        let waiting = state.waiting;
        drop(state);
        match waiting {
            0 => {}
            1 => self.done.notify_one(),
            _ => self.done.notify_all(),
        }
        queues.for_each(|listener: Listener<Callback<'job, T>>| {
            if let Listener::Queue(queue, key) = listener {
                queue.add(key);
            }
        });
    }

    /// Blocks until `condition` holds; `None` at the deadline.
    fn wait_for(
        &self,
        deadline: Option<Instant>,
        condition: fn(&TaskState<'job, F, T>) -> bool,
    ) -> Option<MutexGuard<'_, TaskState<'job, F, T>>> {
        let mut state = lock(&self.state);
        let mut in_time = true;
        while in_time && !condition(&state) {
            state.waiting += 1;
            (state, in_time) = wait_until(&self.done, state, deadline);
            state.waiting -= 1;
        }
        condition(&state).then_some(state)
    }
}

impl<F: FnOnce() -> T + Send, T: Send> SharedJob for Task<'_, F, T> {
    fn run(self: Arc<Self>) {
        if let Some(job) = self.claim(TaskStage::Running) {
            self.complete(catch_panic(job).map_err(JobError::Panicked));
        }
        // Without a future this drops the outcome, whose destructor may panic.
        ignore_panic(|| drop(self));
    }

    fn refuse(self: Arc<Self>, why: JobError) {
        self.end_unrun(why);
        ignore_panic(|| drop(self));
    }
}

impl<'job, F: Send, T: Send> TypedTask<'job, T> for Task<'job, F, T> {
    fn cancel(self: Arc<Self>) -> bool {
        self.end_unrun(JobError::Cancelled)
            || matches!(
                lock(&self.state).stage,
                TaskStage::Cancelling(JobStatus::Cancelled)
            )
            || self.status() == JobStatus::Cancelled
    }

    fn add_callback(&self, callback: Callback<'job, T>) {
        let mut state = lock(&self.state);
        state.listeners.add(Listener::Callback(callback));
        if !matches!(state.stage, TaskStage::Done(_)) {
            return;
        }
        // The calling thread runs it, with the outcome taken out of the lock meanwhile.
        if let TaskStage::Done(outcome) = mem::replace(&mut state.stage, TaskStage::Taken) {
            state.stage = TaskStage::Lent(status_of(&outcome));
            drop(state);
            self.complete(outcome);
        }
    }

    fn take(&self, deadline: Option<Instant>) -> Option<Result<T, JobError>> {
        let mut state = self.wait_for(deadline, TaskState::has_outcome)?;
        match mem::replace(&mut state.stage, TaskStage::Taken) {
            TaskStage::Done(outcome) => Some(outcome),
            _ => None,
        }
    }
}

impl<F, T> AnyTask for Task<'_, F, T> {
    fn status(&self) -> JobStatus {
        match &lock(&self.state).stage {
            TaskStage::Pending(_) | TaskStage::Cancelling(_) => JobStatus::Pending,
            TaskStage::Running => JobStatus::Running,
            TaskStage::Lent(status) => *status,
            TaskStage::Done(outcome) => status_of(outcome),
            TaskStage::Taken => JobStatus::Finished,
        }
    }

    fn wait(&self, deadline: Option<Instant>) -> bool {
        self.wait_for(deadline, TaskState::is_done).is_some()
    }

    fn subscribe(&self, queue: &Arc<CompletionQueue>, key: usize) {
        let mut state = lock(&self.state);
        if state.is_done() {
            drop(state);
            queue.add(key);
        } else {
            let listener = Listener::Queue(Arc::clone(queue), key);
            state.listeners.add(listener);
        }
    }

    fn unsubscribe(&self, queue: &Arc<CompletionQueue>) {
        lock(&self.state).listeners.remove(queue);
    }
}
