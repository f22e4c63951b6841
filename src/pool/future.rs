//! The handle to a submitted job.
//!
//! A future neither runs its job nor owns it: dropped, the job runs all the same. Its result is
//! taken by value, once, which the types see to: whoever holds the future has not had the result
//! yet.

use std::fmt;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::error::JobError;
use super::task::{Outcome, Progress};
use super::watch::Watched;

/// The outcome, later, of a job submitted to a [`ThreadPool`](super::ThreadPool).
pub type Future<T> = ScopedFuture<'static, T>;

/// The outcome, later, of a job that may borrow for `'job`: [`Future`] is the one whose job borrows
/// nothing.
///
/// Its states are those of Python's `concurrent.futures.Future`: pending, running, and done, which
/// is one of finished, panicked and cancelled.
///
/// Dropping a future neither cancels nor waits: the job runs, and its result is dropped.
///
/// ```
/// use fetchpool::pool::ThreadPool;
///
/// let pool = ThreadPool::new(2)?;
/// let future = pool.submit(|| 6 * 7)?;
/// assert_eq!(future.result()?, 42);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct ScopedFuture<'job, T> {
    task: Arc<dyn Outcome<'job, T> + 'job>,
}

impl<'job, T> ScopedFuture<'job, T> {
    pub(super) fn new(task: Arc<dyn Outcome<'job, T> + 'job>) -> Self {
        Self { task }
    }

    /// Whether the job has finished, panicked or been cancelled, and its callbacks have run. Never
    /// blocks.
    ///
    /// True means that the outcome is there: [`result`](Self::result) will not block.
    #[must_use]
    pub fn done(&self) -> bool {
        self.task.progress().is_done()
    }

    /// Whether a worker runs the job, or its callbacks, right now. Never blocks.
    #[must_use]
    pub fn running(&self) -> bool {
        self.task.progress() == Progress::Running
    }

    /// Whether the job is done and was cancelled before it began. Never blocks.
    #[must_use]
    pub fn cancelled(&self) -> bool {
        self.task.progress() == Progress::Cancelled
    }

    /// Whether the job panicked, or was never run because its pool broke. Never blocks.
    ///
    /// A job that returns an `Err` has not failed: that is its value.
    #[must_use]
    pub fn failed(&self) -> bool {
        self.task.progress() == Progress::Failed
    }

    /// Cancels the job if no worker has begun it; true if the job is cancelled, now or before.
    ///
    /// The closure is dropped, and the callbacks run, in the thread whose call cancels the job,
    /// before that call returns; a second call meanwhile returns true without waiting for them. What
    /// is left of the job, its future's hundred bytes, keeps its place in the queue until a worker
    /// comes by it. A job that runs cannot be stopped from outside.
    ///
    /// ```
    /// # use std::sync::mpsc;
    /// use fetchpool::pool::{JobError, ThreadPool};
    ///
    /// let pool = ThreadPool::new(1)?;
    /// let (finish, gate) = mpsc::channel::<()>();
    /// let busy = pool.submit(move || gate.recv())?; // keeps the only worker
    /// let waiting = pool.submit(|| println!("never printed"))?;
    /// assert!(waiting.cancel());
    /// assert!(matches!(waiting.result(), Err(JobError::Cancelled)));
    /// drop(finish);
    /// # let _ = busy.result();
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn cancel(&self) -> bool {
        Arc::clone(&self.task).cancel()
    }

    /// Blocks until the job is done, and gives its value.
    ///
    /// Callbacks registered by [`on_done`](Self::on_done) before the job was done have run by then.
    ///
    /// A thread that is alone in waiting for a result looks again for some tens of microseconds,
    /// giving up its turn between the looks, before it sleeps.
    ///
    /// A job that waits for another of its own pool holds a worker while it waits: when all workers
    /// do, none is left for the job they wait for, and nothing ever moves again.
    ///
    /// # Errors
    ///
    /// [`JobError::Panicked`] if the job panicked, [`JobError::Cancelled`] if it was cancelled
    /// before it began, [`JobError::Broken`] if the pool broke before it began.
    pub fn result(self) -> Result<T, JobError> {
        // Without a deadline there is always an outcome: every job accepted is run or refused.
        self.task.take(None).unwrap_or(Err(JobError::Cancelled))
    }

    /// Like [`result`](Self::result), but blocks for at most `timeout`; zero only looks.
    ///
    /// # Errors
    ///
    /// The future itself if the job is not done in time: it can be waited for again, or cancelled.
    ///
    /// ```
    /// # use std::{sync::mpsc, time::Duration};
    /// # use fetchpool::pool::ThreadPool;
    /// # let pool = ThreadPool::new(1)?;
    /// # let (finish, gate) = mpsc::channel::<()>();
    /// let slow = pool.submit(move || gate.recv().is_ok())?;
    /// let Err(slow) = slow.result_timeout(Duration::from_millis(1)) else { panic!("nobody opened the gate") };
    /// finish.send(())?;
    /// assert_eq!(slow.result()?, true);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn result_timeout(self, timeout: Duration) -> Result<Result<T, JobError>, Self> {
        self.result_until(deadline(timeout))
    }

    pub(super) fn result_until(
        self,
        deadline: Option<Instant>,
    ) -> Result<Result<T, JobError>, Self> {
        self.task.take(deadline).ok_or(self)
    }

    /// Blocks until the job is done, for at most `timeout` if there is one. True if it is done.
    pub fn wait(&self, timeout: Option<Duration>) -> bool {
        self.task.wait(timeout.and_then(deadline))
    }

    /// Calls `callback` with the outcome, once, when the job is done.
    ///
    /// Callbacks run one at a time, in the order in which they were registered, in the thread that
    /// ends the job: the worker, or whoever cancels. When the job is done already, the caller of
    /// this runs it, unless another thread is at that moment running one: that thread then runs this
    /// one too, and this returns at once.
    ///
    /// [`result`](Self::result) waits for them, so a callback must not wait for what only happens
    /// after the result. One that panics harms nothing: the panic is reported by the panic hook,
    /// and the next callback runs.
    pub fn on_done(&self, callback: impl FnOnce(Result<&T, &JobError>) + Send + 'job) {
        self.task.add_callback(Box::new(callback));
    }

    pub(super) fn watched(&self) -> &dyn Watched {
        &*self.task
    }

    /// What tells this future from all others while it exists.
    pub(super) fn address(&self) -> usize {
        Arc::as_ptr(&self.task).cast::<()>().addr()
    }
}

// No code of a user runs under one of its locks, so no panic leaves it half changed.
impl<T> UnwindSafe for ScopedFuture<'_, T> {}
impl<T> RefUnwindSafe for ScopedFuture<'_, T> {}

impl<T> fmt::Debug for ScopedFuture<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = match self.task.progress() {
            Progress::Pending => "pending",
            Progress::Running => "running",
            Progress::Finished => "finished",
            Progress::Failed => "failed",
            Progress::Cancelled => "cancelled",
        };
        write!(f, "Future({state})")
    }
}

/// When a wait that begins now has to end. `None`: so far off that there is no end.
pub(super) fn deadline(timeout: Duration) -> Option<Instant> {
    Instant::now().checked_add(timeout)
}
