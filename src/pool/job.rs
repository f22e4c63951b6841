//! What stands in the queue: a job with its type erased, in one allocation.
//!
//! Whatever takes an entry out of the queue must either `run` or `refuse` it: that is how every job
//! is answered exactly once. Neither of the two ever unwinds, whatever the job, its callback and
//! their destructors do.

use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use super::error::{JobError, Panic};

/// A job that owns everything it needs, its answer's way home included.
pub(super) trait Job: Send {
    fn run(self: Box<Self>);
    fn refuse(self: Box<Self>, why: JobError);
}

/// A job that shares its allocation with a future.
pub(super) trait SharedJob: Send + Sync {
    fn run(self: Arc<Self>);
    fn refuse(self: Arc<Self>, why: JobError);
}

pub(super) enum Entry<'job> {
    Owned(Box<dyn Job + 'job>),
    Shared(Arc<dyn SharedJob + 'job>),
}

impl Entry<'_> {
    pub(super) fn run(self) {
        match self {
            Self::Owned(job) => job.run(),
            Self::Shared(job) => job.run(),
        }
    }

    pub(super) fn refuse(self, why: JobError) {
        match self {
            Self::Owned(job) => job.refuse(why),
            Self::Shared(job) => job.refuse(why),
        }
    }
}

/// A job whose outcome goes to a closure instead of a future.
pub(super) struct Delivery<F, D> {
    pub(super) job: F,
    pub(super) deliver: D,
}

impl<F, D, T> Job for Delivery<F, D>
where
    F: FnOnce() -> T + Send,
    D: FnOnce(Result<T, JobError>) + Send,
{
    fn run(self: Box<Self>) {
        let Self { job, deliver } = *self;
        let outcome = outcome_of(job);
        quietly(|| deliver(outcome));
    }

    fn refuse(self: Box<Self>, why: JobError) {
        let Self { job, deliver } = *self;
        quietly(|| drop(job));
        quietly(|| deliver(Err(why)));
    }
}

impl<'job, F, D, T> From<Box<Delivery<F, D>>> for Entry<'job>
where
    F: FnOnce() -> T + Send + 'job,
    D: FnOnce(Result<T, JobError>) + Send + 'job,
{
    fn from(job: Box<Delivery<F, D>>) -> Self {
        Entry::Owned(job)
    }
}

/// Runs `job`, its panic caught and made a value.
///
/// `AssertUnwindSafe`: a job that shares state with others and panics leaves it as any thread that
/// panics would; `std` marks that with lock poisoning, and so do the locks that the job uses.
pub(super) fn outcome_of<T>(job: impl FnOnce() -> T) -> Result<T, JobError> {
    catch_unwind(AssertUnwindSafe(job)).map_err(|payload| JobError::Panicked(Panic::new(payload)))
}

/// Runs code of the user that must not end the worker: a callback, a destructor.
///
/// A panic has been reported by the panic hook by the time it is caught here. The payload of a
/// panic may itself panic when it is dropped, and so may the payload of that one: the second is
/// leaked, since nothing else is sure to end.
pub(super) fn quietly(user_code: impl FnOnce()) {
    if let Err(payload) = catch_unwind(AssertUnwindSafe(user_code))
        && let Err(again) = catch_unwind(AssertUnwindSafe(|| drop(payload)))
    {
        mem::forget(again);
    }
}
