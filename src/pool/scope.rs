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
use super::map::Map;
use super::queue::Pending;
use super::submit::pool_methods;
use super::worker;

/// Calls `block` with a pool of `workers` threads, whose jobs may borrow what outlives this call.
///
/// When `block` returns or panics, the pool is shut down with [`Pending::Run`]. Blocks until the last job has ended.
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
    pub fn scope<'env, B, R>(mut self, block: B) -> Result<R, BuildError>
    where
        B: for<'scope> FnOnce(&Scope<'scope, 'env>) -> R,
    {
        self.check()?;
        let initializer = self.initializer.take();
        let workers = self.workers;
        thread::scope(|threads| {
            let spawn: SpawnWorker<'_> = Box::new(move |executor, index| {
                let executor = Arc::clone(executor);
                self.thread(index)
                    .spawn_scoped(threads, move || worker::run(executor, index))
                    .map(drop)
            });
            let executor = Executor::new(workers, initializer, spawn);
            let _guard = CloseOnDrop(&executor);
            executor.start()?;
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

/// The pool of a [`scope`](scope()), for jobs that borrow.
///
/// A clone is a handle to the same pool, for jobs that submit jobs. When the block has ended the pool refuses them.
#[derive(Clone)]
pub struct Scope<'scope, 'env: 'scope> {
    executor: Arc<Executor<'scope>>,
    environment: PhantomData<&'env mut &'env ()>,
}

impl<'scope> Scope<'scope, '_> {
    pool_methods!('scope);
}

impl fmt::Debug for Scope<'_, '_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scope")
            .field("workers", &self.workers())
            .field("queued", &self.queued())
            .finish_non_exhaustive()
    }
}
