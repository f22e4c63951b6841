//! The handle to a submitted job. Taking the result consumes it.

use std::fmt;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::completion::{AnyTask, JobStatus};
use super::error::JobError;
use super::sync::deadline;
use super::task::TypedTask;

/// The future outcome of a job submitted to a [`ThreadPool`](super::ThreadPool).
pub type Future<T> = ScopedFuture<'static, T>;

/// The future outcome of a job that may borrow for `'job`. [`Future`] is for jobs that borrow nothing.
///
/// Its states are those of Python's `concurrent.futures.Future`: pending, running, and done, which is finished, failed
/// or cancelled. It is done when its callbacks have run.
///
/// Dropping a future neither cancels nor waits.
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
    task: Arc<dyn TypedTask<'job, T> + 'job>,
}

impl<'job, T> ScopedFuture<'job, T> {
    pub(super) fn new(task: Arc<dyn TypedTask<'job, T> + 'job>) -> Self {
        Self { task }
    }

    /// Whether the job is done, so that [`result`](Self::result) does not block.
    #[must_use]
    pub fn done(&self) -> bool {
        self.task.status().is_done()
    }

    /// Whether a worker runs the job or its callbacks.
    #[must_use]
    pub fn running(&self) -> bool {
        self.task.status() == JobStatus::Running
    }

    /// Whether the job was cancelled before it began, and is done.
    #[must_use]
    pub fn cancelled(&self) -> bool {
        self.task.status() == JobStatus::Cancelled
    }

    /// Whether the job panicked, or did not run because its pool broke.
    ///
    /// A job that returns an `Err` has finished, and the `Err` is its value.
    #[must_use]
    pub fn failed(&self) -> bool {
        self.task.status() == JobStatus::Failed
    }

    /// Cancels the job if no worker has begun it. True if the job is cancelled, now or before.
    ///
    /// Drops the closure and runs the callbacks before it returns; a second call meanwhile returns true without waiting
    /// for them. Some hundred bytes stay in the queue until a worker removes them. A job that runs cannot be stopped.
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
    /// A job that waits for its own pool may deadlock: see [Hazards](super#hazards).
    ///
    /// # Errors
    ///
    /// [`JobError::Panicked`] if the job panicked, [`JobError::Cancelled`] if it was cancelled before it began,
    /// [`JobError::Broken`] if the pool broke before it began.
    pub fn result(self) -> Result<T, JobError> {
        // Without a deadline there is always an outcome: every job accepted is run or refused.
        self.task.take(None).unwrap_or(Err(JobError::Cancelled))
    }

    /// [`result`](Self::result) that blocks for at most `timeout`; zero does not block.
    ///
    /// # Errors
    ///
    /// The future itself if the job is not done in time, to be waited for again or cancelled.
    ///
    /// ```
    /// # use std::{sync::mpsc, time::Duration};
    /// # use fetchpool::pool::ThreadPool;
    /// # let pool = ThreadPool::new(1)?;
    /// # let (finish, gate) = mpsc::channel::<()>();
    /// let slow = pool.submit(move || gate.recv().is_ok())?;
    /// let Err(slow) = slow.result_timeout(Duration::from_millis(1)) else { panic!("done too early") };
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
    /// Callbacks run one at a time, in the order of registration, in the thread that runs or cancels the job. If the
    /// job is done already, this call runs `callback` itself, unless another thread is running callbacks, which then
    /// runs this one too.
    ///
    /// [`result`](Self::result) waits for the callbacks, so a callback must not wait for the result. A callback's panic
    /// goes to the panic hook, and the next callback runs.
    pub fn on_done(&self, callback: impl FnOnce(Result<&T, &JobError>) + Send + 'job) {
        self.task.add_callback(Box::new(callback));
    }

    pub(super) fn task(&self) -> &dyn AnyTask {
        &*self.task
    }
}

// See `sync`: a panic leaves the task consistent.
impl<T> UnwindSafe for ScopedFuture<'_, T> {}
impl<T> RefUnwindSafe for ScopedFuture<'_, T> {}

impl<T> fmt::Debug for ScopedFuture<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = match self.task.status() {
            JobStatus::Pending => "pending",
            JobStatus::Running => "running",
            JobStatus::Finished => "finished",
            JobStatus::Failed => "failed",
            JobStatus::Cancelled => "cancelled",
        };
        write!(f, "Future({state})")
    }
}
