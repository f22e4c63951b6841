//! A pool for one block of code, whose jobs may borrow from the caller's stack: Python's `with`.
//!
//! The workers are threads of `std::thread::scope`, so borrowing needs no `unsafe`.

use std::fmt;
use std::marker::PhantomData;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::thread;

use super::builder::Builder;
use super::error::{BuildError, JobError, SubmitError};
use super::executor::{Executor, SpawnWorker};
use super::future::ScopedFuture;
use super::map::{Map, default_look_ahead};
use super::queue::Pending;
use super::worker;

/// Calls `block` with a pool of `workers` threads, whose jobs may borrow what outlives this call.
///
/// The pool is shut down when `block` returns or panics. Blocks until the last job has ended.
/// [`Builder::scope`] takes options.
///
/// # Errors
///
/// [`BuildError`], as from [`ThreadPool::new`](super::ThreadPool::new). `block` has not been called.
///
/// ```
/// use fetchpool::pool::{JobError, scope};
///
/// let words = ["a", "list", "of", "words"].map(String::from);
/// let letters = scope(2, |pool| pool.map(&words, String::len).sum::<Result<usize, JobError>>())??;
/// assert_eq!(letters, 12);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn scope<'env, B, R>(workers: usize, block: B) -> Result<R, BuildError>
where
    B: for<'scope> FnOnce(&Scope<'scope, 'env>) -> R,
{
    Builder::new(workers).scope(block)
}

impl Builder {
    /// [`scope`] with this builder's options.
    ///
    /// # Errors
    ///
    /// [`BuildError`], as from [`build`](Self::build). `block` has not been called.
    pub fn scope<'env, B, R>(self, block: B) -> Result<R, BuildError>
    where
        B: for<'scope> FnOnce(&Scope<'scope, 'env>) -> R,
    {
        let (workers, options, initializer) = self.check()?;
        thread::scope(|threads| {
            let spawn: SpawnWorker<'_> = Box::new(move |executor, index| {
                let executor = Arc::clone(executor);
                options
                    .thread(index)
                    .spawn_scoped(threads, move || worker::run(executor, index))
                    .map(drop)
            });
            let executor = Executor::new(workers, initializer.map(|run| run as _), spawn);
            let _guard = CloseOnDrop(&executor);
            executor
                .start()
                .map_err(|(started, source)| BuildError::Spawn {
                    started,
                    workers,
                    source,
                })?;
            Ok(block(&Scope {
                executor: Arc::clone(&executor),
                environment: PhantomData,
            }))
        })
    }
}

/// Lets the workers end, also when the block panics: `std::thread::scope` waits for them.
struct CloseOnDrop<'a, 'job>(&'a Arc<Executor<'job>>);

impl Drop for CloseOnDrop<'_, '_> {
    fn drop(&mut self) {
        self.0.close(Pending::Run);
    }
}

/// The pool of a [`scope`](scope()): a [`ThreadPool`](super::ThreadPool) for jobs that borrow, with
/// the same methods and errors.
///
/// A clone is a handle to the same pool, for jobs that submit jobs. When the block has ended the pool
/// refuses them.
#[derive(Clone)]
pub struct Scope<'scope, 'env: 'scope> {
    executor: Arc<Executor<'scope>>,
    environment: PhantomData<&'env mut &'env ()>,
}

impl<'scope> Scope<'scope, '_> {
    /// See [`ThreadPool::submit`](super::ThreadPool::submit).
    pub fn submit<F, T>(&self, job: F) -> Result<ScopedFuture<'scope, T>, SubmitError<F>>
    where
        F: FnOnce() -> T + Send + 'scope,
        T: Send + 'scope,
    {
        self.executor.submit(job)
    }

    /// See [`ThreadPool::submit_all`](super::ThreadPool::submit_all).
    pub fn submit_all<F, T>(
        &self,
        jobs: impl IntoIterator<Item = F>,
    ) -> Result<Vec<ScopedFuture<'scope, T>>, SubmitError<Vec<F>>>
    where
        F: FnOnce() -> T + Send + 'scope,
        T: Send + 'scope,
    {
        self.executor.submit_all(jobs)
    }

    /// See [`ThreadPool::submit_with`](super::ThreadPool::submit_with).
    pub fn submit_with<F, T, C>(&self, job: F, callback: C) -> Result<(), SubmitError<(F, C)>>
    where
        F: FnOnce() -> T + Send + 'scope,
        C: FnOnce(Result<T, JobError>) + Send + 'scope,
    {
        self.executor.submit_with(job, callback)
    }

    /// See [`ThreadPool::submit_all_with`](super::ThreadPool::submit_all_with).
    pub fn submit_all_with<F, T, C>(
        &self,
        jobs: impl IntoIterator<Item = (F, C)>,
    ) -> Result<(), SubmitError<Vec<(F, C)>>>
    where
        F: FnOnce() -> T + Send + 'scope,
        C: FnOnce(Result<T, JobError>) + Send + 'scope,
    {
        self.executor.submit_all_with(jobs)
    }

    /// See [`ThreadPool::map`](super::ThreadPool::map).
    pub fn map<I, F, T>(&self, items: I, function: F) -> Map<'scope, I::IntoIter, F, T>
    where
        I: IntoIterator,
        I::Item: Send + 'scope,
        F: Fn(I::Item) -> T + Send + Sync + 'scope,
        T: Send + 'scope,
    {
        self.map_ahead(default_look_ahead(self.workers()), items, function)
    }

    /// See [`ThreadPool::map_ahead`](super::ThreadPool::map_ahead).
    pub fn map_ahead<I, F, T>(
        &self,
        look_ahead: NonZeroUsize,
        items: I,
        function: F,
    ) -> Map<'scope, I::IntoIter, F, T>
    where
        I: IntoIterator,
        I::Item: Send + 'scope,
        F: Fn(I::Item) -> T + Send + Sync + 'scope,
        T: Send + 'scope,
    {
        Map::new(&self.executor, look_ahead, items.into_iter(), function)
    }

    /// See [`ThreadPool::workers`](super::ThreadPool::workers).
    #[must_use]
    pub fn workers(&self) -> usize {
        self.executor.workers()
    }

    /// See [`ThreadPool::queued`](super::ThreadPool::queued).
    #[must_use]
    pub fn queued(&self) -> usize {
        self.executor.queued()
    }

    /// See [`ThreadPool::wait_idle`](super::ThreadPool::wait_idle).
    pub fn wait_idle(&self) {
        if !worker::is_worker_of(&self.executor) {
            self.executor.queue.wait_idle();
        }
    }

    /// See [`ThreadPool::shutdown`](super::ThreadPool::shutdown). The end of the block shuts the pool
    /// down with [`Pending::Run`].
    pub fn shutdown(&self, pending: Pending) {
        self.executor.close(pending);
    }
}

impl fmt::Debug for Scope<'_, '_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scope")
            .field("workers", &self.workers())
            .field("queued", &self.queued())
            .finish_non_exhaustive()
    }
}
