//! The ways to submit jobs, shared by `ThreadPool` and `Scope`.

use std::sync::Arc;

use super::error::{JobError, SubmitError};
use super::executor::Executor;
use super::future::ScopedFuture;
use super::job::CallbackJob;
use super::task::Task;

/// The methods that `ThreadPool` and `Scope` have in common, for jobs that borrow for `$job`. The calling module imports
/// the types.
macro_rules! pool_methods {
    ($job:lifetime) => {
        /// Queues `job`. Blocks only for the queue's lock.
        ///
        /// # Errors
        ///
        /// [`SubmitError`], which hands the job back, if the pool has been shut down or is broken.
        pub fn submit<F, T>(&self, job: F) -> Result<ScopedFuture<$job, T>, SubmitError<F>>
        where
            F: FnOnce() -> T + Send + $job,
            T: Send + $job,
        {
            self.executor.submit(job)
        }

        /// Queues all `jobs` side by side, taking the lock once. The futures are in the jobs' order.
        ///
        /// Runs the iterator to its end before it queues the first job.
        ///
        /// # Errors
        ///
        /// As from [`submit`](Self::submit), with all the jobs.
        pub fn submit_all<F, T>(
            &self,
            jobs: impl IntoIterator<Item = F>,
        ) -> Result<Vec<ScopedFuture<$job, T>>, SubmitError<Vec<F>>>
        where
            F: FnOnce() -> T + Send + $job,
            T: Send + $job,
        {
            self.executor.submit_all(jobs)
        }

        /// Queues `job`, whose outcome goes to `callback` instead of a future.
        ///
        /// The pool calls `callback` exactly once: in the worker, or, if the job does not run, in the thread that shuts
        /// the pool down or breaks it. A panic of `callback` goes to the panic hook and has no other effect.
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
            F: FnOnce() -> T + Send + $job,
            C: FnOnce(Result<T, JobError>) + Send + $job,
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
            F: FnOnce() -> T + Send + $job,
            C: FnOnce(Result<T, JobError>) + Send + $job,
        {
            self.executor.submit_all_with(jobs)
        }

        /// Calls `function` with each of `items` on the workers. The results are in the items' order.
        ///
        /// Submits three jobs a worker at once, and one more with each result asked for. Both block as long as `items`
        /// does. A call that panics gives an error in its place. If the pool is shut down, no more items are taken and
        /// the last result is [`JobError::Cancelled`].
        ///
        /// ```
        /// use fetchpool::pool::ThreadPool;
        ///
        /// let pool = ThreadPool::new(4)?;
        /// let squares: Result<Vec<u64>, _> = pool.map(1.., |n: u64| n * n).take(5).collect();
        /// assert_eq!(squares?, [1, 4, 9, 16, 25]);
        /// # Ok::<(), Box<dyn std::error::Error>>(())
        /// ```
        pub fn map<I, F, T>(&self, items: I, function: F) -> Map<$job, I::IntoIter, F, T>
        where
            I: IntoIterator<Item: Send + $job>,
            F: Fn(I::Item) -> T + Send + Sync + $job,
            T: Send + $job,
        {
            // One job that a worker runs, and two while the caller uses a result.
            let look_ahead = NonZeroUsize::MIN.saturating_add(3 * self.workers() - 1);
            self.map_ahead(look_ahead, items, function)
        }

        /// [`map`](Self::map) with at most `look_ahead` jobs submitted ahead of the results taken.
        pub fn map_ahead<I, F, T>(
            &self,
            look_ahead: NonZeroUsize,
            items: I,
            function: F,
        ) -> Map<$job, I::IntoIter, F, T>
        where
            I: IntoIterator<Item: Send + $job>,
            F: Fn(I::Item) -> T + Send + Sync + $job,
            T: Send + $job,
        {
            Map::new(&self.executor, look_ahead, items.into_iter(), function)
        }

        /// Refuses all further jobs, and runs or cancels those not begun. Workers end when the queue is empty.
        ///
        /// Drops the jobs that it cancels and runs their callbacks, but waits for no other job. A second call may
        /// cancel the jobs that the first let run.
        pub fn shutdown(&self, pending: Pending) {
            self.executor.close(pending);
        }

        /// The number of workers, as it was asked for.
        #[must_use]
        pub fn workers(&self) -> usize {
            self.executor.size
        }

        /// How many jobs no worker has taken yet. A job that its future cancelled counts until a worker removes it.
        #[must_use]
        pub fn queued(&self) -> usize {
            self.executor.queue.len()
        }

        /// Blocks until no job is queued and none runs. The pool stays open. Returns at once in a worker of this pool.
        pub fn wait_idle(&self) {
            if !worker::is_worker_of(&self.executor) {
                self.executor.queue.wait_idle();
            }
        }
    };
}
pub(super) use pool_methods;

impl<'job> Executor<'job> {
    pub(super) fn submit<F, T>(
        self: &Arc<Self>,
        job: F,
    ) -> Result<ScopedFuture<'job, T>, SubmitError<F>>
    where
        F: FnOnce() -> T + Send + 'job,
        T: Send + 'job,
    {
        let task = Task::new(job);
        let future = ScopedFuture::new(task.clone());
        match self.push([task]) {
            Ok(()) => Ok(future),
            Err(([task], refusal)) => {
                drop(future);
                Err(SubmitError::new(task.into_job(), refusal))
            }
        }
    }

    pub(super) fn submit_all<F, T>(
        self: &Arc<Self>,
        jobs: impl IntoIterator<Item = F>,
    ) -> Result<Vec<ScopedFuture<'job, T>>, SubmitError<Vec<F>>>
    where
        F: FnOnce() -> T + Send + 'job,
        T: Send + 'job,
    {
        let tasks: Vec<_> = jobs.into_iter().map(Task::new).collect();
        let futures = tasks
            .iter()
            .map(|task| ScopedFuture::new(Arc::<Task<'job, F, T>>::clone(task)))
            .collect();
        match self.push(tasks) {
            Ok(()) => Ok(futures),
            Err((tasks, refusal)) => {
                drop(futures);
                let jobs = tasks.into_iter().map(Task::into_job).collect();
                Err(SubmitError::new(jobs, refusal))
            }
        }
    }

    pub(super) fn submit_with<F, T, C>(
        self: &Arc<Self>,
        job: F,
        callback: C,
    ) -> Result<(), SubmitError<(F, C)>>
    where
        F: FnOnce() -> T + Send + 'job,
        C: FnOnce(Result<T, JobError>) + Send + 'job,
    {
        let refused = self.push([Box::new(CallbackJob { job, callback })]);
        refused.map_err(|([job], refusal)| SubmitError::new((job.job, job.callback), refusal))
    }

    pub(super) fn submit_all_with<F, T, C>(
        self: &Arc<Self>,
        jobs: impl IntoIterator<Item = (F, C)>,
    ) -> Result<(), SubmitError<Vec<(F, C)>>>
    where
        F: FnOnce() -> T + Send + 'job,
        C: FnOnce(Result<T, JobError>) + Send + 'job,
    {
        let boxed = |(job, callback)| Box::new(CallbackJob { job, callback });
        let jobs: Vec<_> = jobs.into_iter().map(boxed).collect();
        self.push(jobs).map_err(|(jobs, refusal)| {
            let jobs = jobs.into_iter().map(|job| (job.job, job.callback));
            SubmitError::new(jobs.collect(), refusal)
        })
    }
}
