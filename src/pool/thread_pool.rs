//! The pool as its owner holds it: how it is built, used and ended.

use std::fmt;
use std::num::NonZeroUsize;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use super::builder::Builder;
use super::error::{BuildError, JobError, SubmitError};
use super::executor::{Executor, SpawnWorker};
use super::future::ScopedFuture;
use super::job::ignore_panic;
use super::map::Map;
use super::queue::Pending;
use super::submit::pool_methods;
use super::sync::lock;
use super::worker;

/// N threads, started once, that run the jobs submitted to them in the order of submission.
///
/// A job that panics costs no worker: its future gets the panic. Dropping the pool is [`join`](Self::join).
pub struct ThreadPool {
    pub(super) executor: Arc<Executor<'static>>,
    threads: Arc<Mutex<Vec<JoinHandle<()>>>>,
    is_detached: bool,
}

impl Builder {
    /// Starts the threads.
    ///
    /// # Errors
    ///
    /// [`BuildError`] if an option is invalid or a thread could not be started. No thread is left behind.
    pub fn build(mut self) -> Result<ThreadPool, BuildError> {
        self.check()?;
        let initializer = self.initializer.take();
        let workers = self.workers;
        let threads = Arc::<Mutex<Vec<JoinHandle<()>>>>::default();
        let spawn: SpawnWorker<'static> = {
            let threads = Arc::clone(&threads);
            Box::new(move |executor, index| {
                let executor = Arc::clone(executor);
                // Locked while the thread is started, so that `join` cannot miss it.
                let mut threads = lock(&threads);
                if threads.len() == threads.capacity() {
                    // Forget the threads that have been replaced, before the vector grows.
                    threads.retain(|thread| !thread.is_finished());
                }
                let run = move || worker::run(executor, index);
                threads.push(self.thread(index).spawn(run)?);
                Ok(())
            })
        };
        // If not all threads start, dropping the pool ends and joins the others.
        let pool = ThreadPool {
            executor: Executor::new(workers, initializer, spawn),
            threads,
            is_detached: false,
        };
        pool.executor.start()?;
        Ok(pool)
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

    pool_methods!('static);

    /// [`shutdown`](Self::shutdown) with [`Pending::Run`], then blocks until the last worker has ended.
    ///
    /// Another thread's `shutdown` may still be running the callbacks of jobs that it cancelled. Returns without waiting
    /// in a worker of this pool.
    pub fn join(&self) {
        self.executor.close(Pending::Run);
        if worker::is_worker_of(&self.executor) {
            return;
        }
        self.executor.wait_ended();
        // Locked while joining, so that every call returns after the last thread has ended.
        for thread in lock(&self.threads).drain(..) {
            let outcome = thread.join();
            ignore_panic(|| drop(outcome));
        }
    }

    /// Drops the pool without waiting: its workers run the jobs that are queued, then end. The process may end before,
    /// and the jobs with it.
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

// See `sync`: a panic leaves the pool consistent.
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
