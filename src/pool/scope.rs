//! A pool for the time of one block, whose jobs may borrow from the caller's stack: Python's `with`
//! block.
//!
//! Built on `std::thread::scope`, so that it needs no `unsafe`: the workers are scoped threads,
//! which cannot outlive what the jobs borrow. Every job accepted has been run, or cancelled, when
//! the block's call returns.

use std::fmt;
use std::marker::PhantomData;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::thread;

use super::builder::Builder;
use super::core::{Core, Starter};
use super::error::{BuildError, JobError, SubmitError};
use super::future::ScopedFuture;
use super::map::{Map, default_look_ahead};
use super::queue::Pending;
use super::worker;

/// Runs `block` with a pool of `workers` threads, whose jobs may borrow whatever outlives this
/// call.
///
/// When `block` returns, or panics, no more jobs are accepted; the call returns when the last job
/// has ended. See [`Builder::scope`] for thread names, stack sizes and an initializer.
///
/// # Errors
///
/// [`BuildError`] if `workers` is zero or a thread could not be started; `block` has not been
/// called.
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
    /// [`BuildError`], as from [`build`](Self::build); `block` has not been called.
    pub fn scope<'env, B, R>(self, block: B) -> Result<R, BuildError>
    where
        B: for<'scope> FnOnce(&Scope<'scope, 'env>) -> R,
    {
        let (workers, names, initializer) = self.settle()?;
        thread::scope(|threads| {
            let starter: Starter<'_> = Box::new(move |core, index| {
                let core = Arc::clone(core);
                names
                    .thread(index)
                    .spawn_scoped(threads, move || worker::run(core, index))
                    .map(drop)
            });
            let core = Core::new(workers, initializer.map(|run| run as _), starter);
            let _end = CloseAtEnd(&core);
            core.start()
                .map_err(|(started, source)| BuildError::Spawn {
                    started,
                    workers,
                    source,
                })?;
            Ok(block(&Scope {
                core: Arc::clone(&core),
                environment: PhantomData,
            }))
        })
    }
}

/// Lets the workers end, also when the block panics: `std::thread::scope` waits for them.
struct CloseAtEnd<'a, 'job>(&'a Arc<Core<'job>>);

impl Drop for CloseAtEnd<'_, '_> {
    fn drop(&mut self) {
        self.0.close(Pending::Run);
    }
}

/// The pool of a [`scope`]: what [`ThreadPool`](super::ThreadPool) is, for jobs that borrow.
///
/// A clone is another handle to the same pool, for jobs that submit jobs. A job that does so after
/// the block has ended is refused.
#[derive(Clone)]
pub struct Scope<'scope, 'env: 'scope> {
    core: Arc<Core<'scope>>,
    environment: PhantomData<&'env mut &'env ()>,
}

impl<'scope> Scope<'scope, '_> {
    /// As [`ThreadPool::submit`](super::ThreadPool::submit).
    ///
    /// # Errors
    ///
    /// [`SubmitError`], which hands the job back, if the pool has been shut down or is broken, or
    /// the block has ended.
    pub fn submit<F, T>(&self, job: F) -> Result<ScopedFuture<'scope, T>, SubmitError<F>>
    where
        F: FnOnce() -> T + Send + 'scope,
        T: Send + 'scope,
    {
        self.core.submit(job)
    }

    /// As [`ThreadPool::submit_all`](super::ThreadPool::submit_all).
    ///
    /// # Errors
    ///
    /// [`SubmitError`], which hands all the jobs back, as from [`submit`](Self::submit).
    pub fn submit_all<F, T>(
        &self,
        jobs: impl IntoIterator<Item = F>,
    ) -> Result<Vec<ScopedFuture<'scope, T>>, SubmitError<Vec<F>>>
    where
        F: FnOnce() -> T + Send + 'scope,
        T: Send + 'scope,
    {
        self.core.submit_all(jobs)
    }

    /// As [`ThreadPool::submit_with`](super::ThreadPool::submit_with).
    ///
    /// # Errors
    ///
    /// [`SubmitError`], which hands both back, as from [`submit`](Self::submit).
    pub fn submit_with<F, T, D>(&self, job: F, deliver: D) -> Result<(), SubmitError<(F, D)>>
    where
        F: FnOnce() -> T + Send + 'scope,
        D: FnOnce(Result<T, JobError>) + Send + 'scope,
    {
        self.core.submit_with(job, deliver)
    }

    /// As [`ThreadPool::submit_all_with`](super::ThreadPool::submit_all_with).
    ///
    /// # Errors
    ///
    /// [`SubmitError`], which hands all of them back, as from [`submit`](Self::submit).
    pub fn submit_all_with<F, T, D>(
        &self,
        jobs: impl IntoIterator<Item = (F, D)>,
    ) -> Result<(), SubmitError<Vec<(F, D)>>>
    where
        F: FnOnce() -> T + Send + 'scope,
        D: FnOnce(Result<T, JobError>) + Send + 'scope,
    {
        self.core.submit_all_with(jobs)
    }

    /// As [`ThreadPool::map`](super::ThreadPool::map).
    pub fn map<I, F, T>(&self, items: I, function: F) -> Map<'scope, I::IntoIter, F, T>
    where
        I: IntoIterator,
        I::Item: Send + 'scope,
        F: Fn(I::Item) -> T + Send + Sync + 'scope,
        T: Send + 'scope,
    {
        Map::new(
            &self.core,
            default_look_ahead(self.workers()),
            items.into_iter(),
            function,
        )
    }

    /// As [`ThreadPool::map_ahead`](super::ThreadPool::map_ahead).
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
        Map::new(&self.core, look_ahead, items.into_iter(), function)
    }

    /// As [`ThreadPool::workers`](super::ThreadPool::workers).
    #[must_use]
    pub fn workers(&self) -> usize {
        self.core.workers()
    }

    /// As [`ThreadPool::queued`](super::ThreadPool::queued).
    #[must_use]
    pub fn queued(&self) -> usize {
        self.core.queued()
    }

    /// As [`ThreadPool::wait_idle`](super::ThreadPool::wait_idle): to wait, within the block, for all
    /// that was submitted.
    pub fn wait_idle(&self) {
        if !worker::works_for(&self.core) {
            self.core.queue.wait_idle();
        }
    }

    /// As [`ThreadPool::shutdown`](super::ThreadPool::shutdown): to cancel, before the end of the
    /// block, what is queued.
    pub fn shutdown(&self, pending: Pending) {
        self.core.close(pending);
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
