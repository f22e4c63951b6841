//! The pool as its users hold it: what it takes in, and how it ends.
//!
//! It adds nothing to the core but who waits for whom at the end: whoever drops or joins a pool waits
//! for its threads, except one of those threads themselves.

use std::fmt;
use std::num::NonZeroUsize;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::sync::Arc;

use super::builder::{Builder, Threads};
use super::core::Core;
use super::error::{BuildError, JobError, SubmitError};
use super::future::Future;
use super::map::{self, Map};
use super::queue::Pending;
use super::worker;

/// N threads, started once, that run the jobs submitted to them in the order of submission.
///
/// A job that panics costs no worker: its future is given the panic. A worker whose thread dies all
/// the same is replaced. Dropping the pool is [`shutdown`](Self::shutdown) with [`Pending::Run`],
/// then [`join`](Self::join).
pub struct ThreadPool {
    pub(super) core: Arc<Core<'static>>,
    threads: Arc<Threads>,
    detached: bool,
}

impl ThreadPool {
    /// Starts a pool of `workers` threads, with the defaults of [`Builder`] for everything else.
    ///
    /// # Errors
    ///
    /// [`BuildError`] if `workers` is zero or a thread could not be started.
    pub fn new(workers: usize) -> Result<Self, BuildError> {
        Builder::new(workers).build()
    }

    pub(super) fn assemble(core: Arc<Core<'static>>, threads: Arc<Threads>) -> Self {
        Self {
            core,
            threads,
            detached: false,
        }
    }

    /// Queues `job`. Blocks for nothing but the queue's lock.
    ///
    /// # Errors
    ///
    /// [`SubmitError`], which hands the job back, if the pool has been shut down or is broken.
    pub fn submit<F, T>(&self, job: F) -> Result<Future<T>, SubmitError<F>>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        self.core.submit(job)
    }

    /// Queues all `jobs` side by side, taking the lock once: the cheap way to submit many. The
    /// futures are in the jobs' order.
    ///
    /// The iterator is run to its end before the first job is queued, so it must have one.
    ///
    /// # Errors
    ///
    /// [`SubmitError`], which hands all the jobs back, if the pool has been shut down or is broken.
    pub fn submit_all<F, T>(
        &self,
        jobs: impl IntoIterator<Item = F>,
    ) -> Result<Vec<Future<T>>, SubmitError<Vec<F>>>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        self.core.submit_all(jobs)
    }

    /// Queues `job`, whose outcome goes to `deliver` instead of a future.
    ///
    /// `deliver` is called exactly once for a job that was accepted: by the worker with the job's
    /// value or its panic, or with [`JobError::Cancelled`] or [`JobError::Broken`] by whoever shuts
    /// the pool down or breaks it. It holds the worker while it runs. If it panics, the panic is
    /// reported by the panic hook and harms nothing else.
    ///
    /// # Errors
    ///
    /// [`SubmitError`], which hands both back, if the pool has been shut down or is broken;
    /// `deliver` is not called.
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
    pub fn submit_with<F, T, D>(&self, job: F, deliver: D) -> Result<(), SubmitError<(F, D)>>
    where
        F: FnOnce() -> T + Send + 'static,
        D: FnOnce(Result<T, JobError>) + Send + 'static,
    {
        self.core.submit_with(job, deliver)
    }

    /// Queues all `jobs`, each with its `deliver`, side by side, taking the lock once.
    ///
    /// See [`submit_with`](Self::submit_with) and [`submit_all`](Self::submit_all).
    ///
    /// # Errors
    ///
    /// [`SubmitError`], which hands all of them back, if the pool has been shut down or is broken.
    pub fn submit_all_with<F, T, D>(
        &self,
        jobs: impl IntoIterator<Item = (F, D)>,
    ) -> Result<(), SubmitError<Vec<(F, D)>>>
    where
        F: FnOnce() -> T + Send + 'static,
        D: FnOnce(Result<T, JobError>) + Send + 'static,
    {
        self.core.submit_all_with(jobs)
    }

    /// Calls `function` with each of `items` on the workers, and gives the results in the order of
    /// the items.
    ///
    /// Jobs are submitted as the results are taken, at most three a worker ahead of them; the first
    /// of them at once, which takes as long as `items` take to give them. Later items are asked for
    /// when a result is: with a live input, a result may wait for the next item. A result is an error if its call panicked; the others are not affected. If
    /// the pool is shut down meanwhile, the rest of the items is left alone and the last result is
    /// [`JobError::Cancelled`].
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
        Map::new(
            &self.core,
            map::default_look_ahead(self.workers()),
            items.into_iter(),
            function,
        )
    }

    /// [`map`](Self::map) with another bound on how many jobs are submitted ahead of the results
    /// taken: with 1, the next is submitted when the result of the one before is asked for.
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
        Map::new(&self.core, look_ahead, items.into_iter(), function)
    }

    /// How many workers the pool has: as many as were asked for.
    #[must_use]
    pub fn workers(&self) -> usize {
        self.core.workers()
    }

    /// How many jobs no worker has taken yet. Another thread may change that at any time.
    ///
    /// A job that its future cancelled is counted until a worker comes by it.
    #[must_use]
    pub fn queued(&self) -> usize {
        self.core.queued()
    }

    /// Accepts no job from now on, and does with those that no worker has begun what `pending`
    /// says. Never waits for a job, but drops those that it cancels, and runs their callbacks and
    /// `deliver`s, before it returns.
    ///
    /// Workers finish what they run, and end when nothing is left. May be called again: to cancel
    /// what was to be run at first. To wait, [`join`](Self::join).
    pub fn shutdown(&self, pending: Pending) {
        self.core.close(pending);
    }

    /// [`shutdown`](Self::shutdown) with [`Pending::Run`], then blocks until the last worker has
    /// ended.
    ///
    /// What another thread's `shutdown` cancels at that moment may be answered a little later.
    ///
    /// In a worker of this very pool it returns without waiting, as that worker cannot outlive
    /// itself; the others go on until the queue is empty.
    pub fn join(&self) {
        self.core.close(Pending::Run);
        if !worker::works_for(&self.core) {
            self.core.wait_ended();
            self.threads.join();
        }
    }

    /// Blocks until no job is queued and none runs. More may be submitted meanwhile, and
    /// afterwards.
    ///
    /// In a worker of this very pool it returns without waiting, as the job that calls it runs.
    pub fn wait_idle(&self) {
        if !worker::works_for(&self.core) {
            self.core.queue.wait_idle();
        }
    }

    /// Drops the pool without waiting: its workers run what is queued, then end on their own.
    ///
    /// When `main` returns the process ends, with whatever they have not finished.
    pub fn detach(mut self) {
        self.detached = true;
    }
}

impl Drop for ThreadPool {
    fn drop(&mut self) {
        if self.detached {
            self.core.close(Pending::Run);
        } else {
            self.join();
        }
    }
}

// No code of a user runs under one of its locks, so no panic leaves it half changed.
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
