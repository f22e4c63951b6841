//! The state of a pool that its owner and its workers share: the queue, and which workers live.
//!
//! Every job accepted is run or refused exactly once, also when the pool is shut down or breaks. A worker that died is
//! replaced at once, or else at a later submission.

use std::io;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};

use super::error::{Broken, BuildError, JobError, Refusal};
use super::job::{QueuedJob, catch_panic, ignore_panic};
use super::queue::{Pending, Queue};
use super::sync::{lock, wait};

/// Runs in each worker's thread before its first job.
pub(super) type Initializer =
    Box<dyn Fn() -> Result<(), Box<dyn std::error::Error + Send + Sync>> + Send + Sync>;

/// Starts the thread of the worker with this index.
pub(super) type SpawnWorker<'job> =
    Box<dyn Fn(&Arc<Executor<'job>>, usize) -> io::Result<()> + Send + Sync + 'job>;

pub(super) struct Executor<'job> {
    pub(super) queue: Queue<'job>,
    workers: Mutex<LiveWorkers>,
    /// Whether `workers` misses one, to be read without its lock.
    is_short: AtomicBool,
    /// Notified when the last worker has ended.
    ended: Condvar,
    /// Unique among the pools of the process.
    pub(super) id: usize,
    /// The number of workers that was asked for.
    pub(super) size: usize,
    initializer: Option<Initializer>,
    spawn: SpawnWorker<'job>,
}

#[derive(Default)]
struct LiveWorkers {
    /// Workers whose thread runs, or is being started.
    live: usize,
    /// The indices of workers that died and could not be replaced.
    missing: Vec<usize>,
}

impl<'job> Executor<'job> {
    pub(super) fn new(
        size: usize,
        initializer: Option<Initializer>,
        spawn: SpawnWorker<'job>,
    ) -> Arc<Self> {
        static POOLS: AtomicUsize = AtomicUsize::new(0);

        Arc::new(Self {
            id: POOLS.fetch_add(1, Ordering::Relaxed),
            queue: Queue::new(size),
            workers: Mutex::default(),
            is_short: AtomicBool::new(false),
            ended: Condvar::new(),
            size,
            initializer,
            spawn,
        })
    }

    #[cfg(test)]
    pub(super) fn live(&self) -> usize {
        lock(&self.workers).live
    }

    /// Queues all of `jobs`, an array or a vector, or gives them back.
    pub(super) fn push<J>(self: &Arc<Self>, jobs: J) -> Result<(), (J, Refusal)>
    where
        J: IntoIterator<Item: Into<QueuedJob<'job>>>,
    {
        self.queue.push(jobs)?;
        self.replace_missing();
        Ok(())
    }

    /// Refuses all further jobs. Never waits for a job.
    pub(super) fn close(&self, pending: Pending) {
        for job in self.queue.close(Refusal::ShutDown, pending) {
            job.refuse(JobError::Cancelled);
        }
    }

    fn break_down(&self, reason: String) {
        let broken = Broken::new(reason);
        let refusal = Refusal::Broken(broken.clone());
        for job in self.queue.close(refusal, Pending::Cancel) {
            job.refuse(JobError::Broken(broken.clone()));
        }
    }

    /// Runs the initializer in the calling worker's thread. False if the pool is broken.
    pub(super) fn initialize(&self) -> bool {
        if self.queue.is_broken() {
            return false;
        }
        let Some(initializer) = &self.initializer else {
            return true;
        };
        // The error's `Display` is code of the user, so it runs where panics are caught.
        let outcome = catch_panic(|| initializer().map_err(|error| error.to_string()));
        let reason = match &outcome {
            Ok(Ok(())) => return true,
            Ok(Err(text)) => format!("the initializer failed: {text}"),
            Err(panic) => format!("the initializer panicked: {}", panic.message()),
        };
        self.break_down(reason);
        ignore_panic(|| drop(outcome));
        false
    }

    /// Starts the workers, in the order of their indices. The caller ends those started on failure.
    pub(super) fn start(self: &Arc<Self>) -> Result<(), BuildError> {
        for index in 0..self.size {
            lock(&self.workers).live += 1;
            if let Err(source) = (self.spawn)(self, index) {
                self.worker_ended();
                return Err(BuildError::Spawn {
                    started: index,
                    workers: self.size,
                    source,
                });
            }
        }
        Ok(())
    }

    pub(super) fn worker_ended(&self) {
        let mut workers = lock(&self.workers);
        workers.live -= 1;
        if workers.live == 0 {
            drop(workers);
            self.ended.notify_all();
        }
    }

    /// Starts a new thread for a worker whose own died, and which still counts as live. If that fails, the next
    /// submission tries again, or the pool is broken if this was the last worker.
    ///
    /// Called while unwinding, so it must not panic.
    pub(super) fn replace(self: &Arc<Self>, index: usize) {
        let Err(error) = (self.spawn)(self, index) else {
            return;
        };
        let mut workers = lock(&self.workers);
        if workers.live > 1 {
            workers.live -= 1;
            workers.missing.push(index);
            self.is_short.store(true, Ordering::Relaxed);
            return;
        }
        drop(workers);
        self.break_down(format!(
            "the last worker thread died, and a new one could not be started: {error}"
        ));
        self.worker_ended();
    }

    /// Tries again to replace one worker that is missing.
    fn replace_missing(self: &Arc<Self>) {
        if !self.is_short.load(Ordering::Relaxed) {
            return;
        }
        let mut workers = lock(&self.workers);
        if workers.live == 0 {
            // The pool has ended, and `wait_ended` may have returned.
            return;
        }
        let Some(index) = workers.missing.pop() else {
            return;
        };
        self.is_short
            .store(!workers.missing.is_empty(), Ordering::Relaxed);
        workers.live += 1;
        drop(workers);
        self.replace(index);
    }

    /// Blocks until the last worker has ended.
    pub(super) fn wait_ended(&self) {
        let mut workers = lock(&self.workers);
        while workers.live > 0 {
            workers = wait(&self.ended, workers);
        }
    }
}
