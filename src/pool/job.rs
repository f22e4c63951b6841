//! A job as the queue holds it: its type erased, in one allocation.
//!
//! A job taken out of the queue must be `run` or `refuse`d, once. Neither unwinds, whatever code of the user does.

use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use super::error::{JobError, Panic};

/// A job that owns all that it needs.
pub(super) trait BoxedJob: Send {
    fn run(self: Box<Self>);
    fn refuse(self: Box<Self>, why: JobError);
}

/// A job that shares its allocation with a future.
pub(super) trait SharedJob: Send + Sync {
    fn run(self: Arc<Self>);
    fn refuse(self: Arc<Self>, why: JobError);
}

pub(super) enum QueuedJob<'job> {
    Boxed(Box<dyn BoxedJob + 'job>),
    Shared(Arc<dyn SharedJob + 'job>),
}

impl<'job, J: BoxedJob + 'job> From<Box<J>> for QueuedJob<'job> {
    fn from(job: Box<J>) -> Self {
        Self::Boxed(job)
    }
}

impl<'job, J: SharedJob + 'job> From<Arc<J>> for QueuedJob<'job> {
    fn from(job: Arc<J>) -> Self {
        Self::Shared(job)
    }
}

impl QueuedJob<'_> {
    pub(super) fn run(self) {
        match self {
            Self::Boxed(job) => job.run(),
            Self::Shared(job) => job.run(),
        }
    }

    pub(super) fn refuse(self, why: JobError) {
        match self {
            Self::Boxed(job) => job.refuse(why),
            Self::Shared(job) => job.refuse(why),
        }
    }
}

/// A job whose outcome goes to a callback instead of a future.
pub(super) struct CallbackJob<F, C> {
    pub(super) job: F,
    pub(super) callback: C,
}

impl<F, C, T> BoxedJob for CallbackJob<F, C>
where
    F: FnOnce() -> T + Send,
    C: FnOnce(Result<T, JobError>) + Send,
{
    fn run(self: Box<Self>) {
        let Self { job, callback } = *self;
        let outcome = catch_panic(job).map_err(JobError::Panicked);
        ignore_panic(|| callback(outcome));
    }

    fn refuse(self: Box<Self>, why: JobError) {
        let Self { job, callback } = *self;
        ignore_panic(|| drop(job));
        ignore_panic(|| callback(Err(why)));
    }
}

/// Runs `job` and makes its panic a value.
///
/// `AssertUnwindSafe`: state that the job shares is left as by any thread that panics.
pub(super) fn catch_panic<T>(job: impl FnOnce() -> T) -> Result<T, Panic> {
    catch_unwind(AssertUnwindSafe(job)).map_err(Panic::new)
}

/// Runs a callback or a destructor of the user, whose panic must not end the worker.
///
/// Dropping the panic's payload may panic too, and so on without end: the second payload is leaked.
pub(super) fn ignore_panic(user_code: impl FnOnce()) {
    if let Err(payload) = catch_unwind(AssertUnwindSafe(user_code))
        && let Err(second) = catch_unwind(AssertUnwindSafe(|| drop(payload)))
    {
        mem::forget(second);
    }
}
