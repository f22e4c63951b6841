//! The pool as its owner holds it: how it is built, used and ended.

use std::fmt;
use std::num::NonZeroUsize;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::sync::Arc;

use super::builder::Builder;
use super::error::{BuildError, JobError, SubmitError};
use super::executor::{Executor, SpawnWorker};
use super::future::Future;
use super::map::{self, Map};
use super::queue::Pending;
use super::threads::WorkerThreads;
use super::worker;

/// N threads, started once, that run the jobs submitted to them in the order of submission.
///
/// A job that panics costs no worker: its future gets the panic. Dropping the pool is
/// [`join`](Self::join).
pub struct ThreadPool {
    pub(super) executor: Arc<Executor<'static>>,
    threads: Arc<WorkerThreads>,
    is_detached: bool,
}

impl Builder {
    /// Starts the threads.
    ///
    /// # Errors
    ///
    /// [`BuildError`] if an option is invalid or a thread could not be started. No thread is left
    /// behind.
    pub fn build(self) -> Result<ThreadPool, BuildError> {
        let (workers, options, initializer) = self.check()?;
        let threads = Arc::new(WorkerThreads::default());
        let spawn: SpawnWorker<'static> = {
            let threads = Arc::clone(&threads);
            Box::new(move |executor, index| {
                let executor = Arc::clone(executor);
                threads.start(index, || {
                    options
                        .thread(index)
                        .spawn(move || worker::run(executor, index))
                })
            })
        };
        let executor = Executor::new(workers, initializer, spawn);
        let started = executor.start();
        // If not all could be started, dropping the pool ends and joins the others.
        let pool = ThreadPool {
            executor,
            threads,
            is_detached: false,
        };
        match started {
            Ok(()) => Ok(pool),
            Err((started, source)) => Err(BuildError::Spawn {
                started,
                workers,
                source,
            }),
        }
    }
}

impl ThreadPool {
    /// Starts a pool of `workers` threads, with [`Builder`]'s defaults.
    ///
    /// # Errors
    ///
    /// [`BuildError`] if `workers` is zero or too large, or a thread could not be started.
    pub fn new(workers: usize) -> Result<Self, BuildError> {
        Builder::new(workers).build()
    }

    /// Queues `job`. Blocks only for the queue's lock.
    ///
    /// # Errors
    ///
    /// [`SubmitError`], which hands the job back, if the pool has been shut down or is broken.
    pub fn submit<F, T>(&self, job: F) -> Result<Future<T>, SubmitError<F>>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        self.executor.submit(job)
    }

    /// Queues all `jobs` side by side, taking the lock once. The futures are in the jobs' order.
    ///
    /// The iterator is run to its end before the first job is queued.
    ///
    /// # Errors
    ///
    /// As from [`submit`](Self::submit), with all the jobs.
    pub fn submit_all<F, T>(
        &self,
        jobs: impl IntoIterator<Item = F>,
    ) -> Result<Vec<Future<T>>, SubmitError<Vec<F>>>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        self.executor.submit_all(jobs)
    }

    /// Queues `job`, whose outcome goes to `callback` instead of a future.
    ///
    /// The pool calls `callback` exactly once: in the worker, or, if the job does not run, in the
    /// thread that shuts the pool down or breaks it. A panic of `callback` goes to the panic hook and
    /// has no other effect.
    ///
    /// # Errors
    ///
    /// As from [`submit`](Self::submit), with both. `callback` is not called.
    ///
    /// ```
    /// # use std::sync::mpsc;
    /// use fetchpool::pool::ThreadPool;
    ///
    /// let pool = ThreadPool::new(2)?;
    /// let (sender, completed) = mpsc::channel();
    /// for n in 0..10 {
    ///     let sender = sender.clone();
    ///     pool.submit_with(move || n * n, move |square| drop(sender.send(square)))?;
    /// }
    /// drop(sender);
    /// assert_eq!(completed.iter().map(Result::unwrap).sum::<u32>(), 285);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn submit_with<F, T, C>(&self, job: F, callback: C) -> Result<(), SubmitError<(F, C)>>
    where
        F: FnOnce() -> T + Send + 'static,
        C: FnOnce(Result<T, JobError>) + Send + 'static,
    {
        self.executor.submit_with(job, callback)
    }

    /// [`submit_with`](Self::submit_with) for all `jobs`, as in [`submit_all`](Self::submit_all).
    ///
    /// # Errors
    ///
    /// As from [`submit`](Self::submit), with all jobs and callbacks.
    pub fn submit_all_with<F, T, C>(
        &self,
        jobs: impl IntoIterator<Item = (F, C)>,
    ) -> Result<(), SubmitError<Vec<(F, C)>>>
    where
        F: FnOnce() -> T + Send + 'static,
        C: FnOnce(Result<T, JobError>) + Send + 'static,
    {
        self.executor.submit_all_with(jobs)
    }

    /// Calls `function` with each of `items` on the workers. The results are in the items' order.
    ///
    /// Submits three jobs a worker at once, and one more with each result asked for. Both block as
    /// long as `items` does. A call that panics gives an error in its place. If the pool is shut down,
    /// no more items are taken and the last result is [`JobError::Cancelled`].
    ///
    /// ```
    /// use fetchpool::pool::ThreadPool;
    ///
    /// let pool = ThreadPool::new(4)?;
    /// let squares: Result<Vec<u64>, _> = pool.map(1.., |n: u64| n * n).take(5).collect();
    /// assert_eq!(squares?, [1, 4, 9, 16, 25]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn map<I, F, T>(&self, items: I, function: F) -> Map<'static, I::IntoIter, F, T>
    where
        I: IntoIterator,
        I::Item: Send + 'static,
        F: Fn(I::Item) -> T + Send + Sync + 'static,
        T: Send + 'static,
    {
        self.map_ahead(map::default_look_ahead(self.workers()), items, function)
    }

    /// [`map`](Self::map) with at most `look_ahead` jobs submitted ahead of the results taken.
    pub fn map_ahead<I, F, T>(
        &self,
        look_ahead: NonZeroUsize,
        items: I,
        function: F,
    ) -> Map<'static, I::IntoIter, F, T>
    where
        I: IntoIterator,
        I::Item: Send + 'static,
        F: Fn(I::Item) -> T + Send + Sync + 'static,
        T: Send + 'static,
    {
        Map::new(&self.executor, look_ahead, items.into_iter(), function)
    }

    /// The number of workers, as it was asked for.
    #[must_use]
    pub fn workers(&self) -> usize {
        self.executor.workers()
    }

    /// How many jobs no worker has taken yet. A job that its future cancelled counts until a worker
    /// removes it.
    #[must_use]
    pub fn queued(&self) -> usize {
        self.executor.queued()
    }

    /// Refuses all further jobs, and runs or cancels those not begun, as `pending` says. Workers end
    /// when the queue is empty.
    ///
    /// Drops the jobs that it cancels and runs their callbacks, but waits for no other job. A second
    /// call may cancel the jobs that the first let run. To wait, [`join`](Self::join).
    pub fn shutdown(&self, pending: Pending) {
        self.executor.close(pending);
    }

    /// [`shutdown`](Self::shutdown) with [`Pending::Run`], then blocks until the last worker has
    /// ended.
    ///
    /// Another thread's `shutdown` may still be running the callbacks of jobs that it cancelled. In a
    /// worker of this pool this returns without waiting.
    pub fn join(&self) {
        self.executor.close(Pending::Run);
        if !worker::is_worker_of(&self.executor) {
            self.executor.wait_ended();
            self.threads.join();
        }
    }

    /// Blocks until no job is queued and none runs. The pool stays open. In a worker of this pool
    /// this returns without waiting.
    pub fn wait_idle(&self) {
        if !worker::is_worker_of(&self.executor) {
            self.executor.queue.wait_idle();
        }
    }

    /// Drops the pool without waiting: its workers run the jobs that are queued, then end. The process
    /// may end before, and the jobs with it.
    pub fn detach(mut self) {
        self.is_detached = true;
    }
}

impl Drop for ThreadPool {
    fn drop(&mut self) {
        if self.is_detached {
            self.executor.close(Pending::Run);
        } else {
            self.join();
        }
    }
}

// No code of the user runs under a lock of the pool, so a panic leaves it consistent.
impl UnwindSafe for ThreadPool {}
impl RefUnwindSafe for ThreadPool {}

impl fmt::Debug for ThreadPool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ThreadPool")
            .field("workers", &self.workers())
            .field("queued", &self.queued())
            .finish_non_exhaustive()
    }
}
