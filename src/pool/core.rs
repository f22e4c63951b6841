//! A pool's life: its workers are started, replaced when they die, and told to end; its queue is
//! filled and emptied.
//!
//! Callers may rely on: every job accepted is run or refused exactly once, also when the pool is
//! shut down or breaks; as long as the pool is open, all of its workers live, or the next
//! submission tries to bring back those missing.

use std::io;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};

use super::error::{Broken, JobError, Refusal};
use super::job::{Entry, outcome_of, quietly};
use super::queue::{Pending, Queue};
use super::sync::{lock, sleep};

/// What runs in each worker's thread before its first job.
pub(super) type Initializer<'job> =
    Box<dyn Fn() -> Result<(), Box<dyn std::error::Error + Send + Sync>> + Send + Sync + 'job>;

/// Starts the thread of the worker with the index given.
pub(super) type Starter<'job> =
    Box<dyn Fn(&Arc<Core<'job>>, usize) -> io::Result<()> + Send + Sync + 'job>;

pub(super) struct Core<'job> {
    pub(super) queue: Queue<'job>,
    crew: Mutex<Crew>,
    /// Whether `crew` misses a worker: a copy, to be read without its lock.
    missing: AtomicBool,
    /// Where those wait who wait for the last worker to leave.
    ended: Condvar,
    /// What tells this pool from all others of the process, past and to come.
    id: usize,
    workers: usize,
    initializer: Option<Initializer<'job>>,
    starter: Starter<'job>,
}

#[derive(Default)]
struct Crew {
    /// Workers whose thread runs, or is being started.
    live: usize,
    /// Indices of workers that died and could not be replaced yet.
    missing: Vec<usize>,
}

impl<'job> Core<'job> {
    pub(super) fn new(
        workers: usize,
        initializer: Option<Initializer<'job>>,
        starter: Starter<'job>,
    ) -> Arc<Self> {
        static POOLS: AtomicUsize = AtomicUsize::new(0);

        Arc::new(Self {
            id: POOLS.fetch_add(1, Ordering::Relaxed),
            queue: Queue::new(workers),
            crew: Mutex::default(),
            missing: AtomicBool::new(false),
            ended: Condvar::new(),
            workers,
            initializer,
            starter,
        })
    }

    pub(super) fn id(&self) -> usize {
        self.id
    }

    pub(super) fn workers(&self) -> usize {
        self.workers
    }

    pub(super) fn queued(&self) -> usize {
        self.queue.len()
    }

    #[cfg(test)]
    pub(super) fn live(&self) -> usize {
        lock(&self.crew).live
    }

    /// Queues one job, or gives it back.
    pub(super) fn push<J: Into<Entry<'job>>>(self: &Arc<Self>, job: J) -> Result<(), (J, Refusal)> {
        self.queue.push(job)?;
        self.complete();
        Ok(())
    }

    /// Queues all of `jobs` side by side, under one lock, or gives them back.
    pub(super) fn push_all<J: Into<Entry<'job>>>(
        self: &Arc<Self>,
        jobs: Vec<J>,
    ) -> Result<(), (Vec<J>, Refusal)> {
        self.queue.push_all(jobs)?;
        self.complete();
        Ok(())
    }

    /// Accepts nothing more. Never waits for a job.
    pub(super) fn close(&self, pending: Pending) {
        for entry in self.queue.close(pending) {
            entry.refuse(JobError::Cancelled);
        }
    }

    fn break_down(&self, reason: String) {
        let broken = Broken::new(reason);
        for entry in self.queue.break_down(broken.clone()) {
            entry.refuse(JobError::Broken(broken.clone()));
        }
    }

    /// Runs the initializer in the calling worker's thread. False: the pool is broken, now or
    /// before.
    pub(super) fn initialize(&self) -> bool {
        if self.queue.is_broken() {
            return false;
        }
        let Some(initializer) = &self.initializer else {
            return true;
        };
        // Both the error and the panic are the user's: their text is taken, and they are dropped,
        // with guards around.
        let outcome = outcome_of(|| initializer().map_err(|error| error.to_string()));
        let reason = match &outcome {
            Ok(Ok(())) => return true,
            Ok(Err(text)) => format!("the initializer failed: {text}"),
            Err(JobError::Panicked(panic)) => {
                format!("the initializer panicked: {}", panic.message())
            }
            Err(other) => format!("the initializer failed: {other}"),
        };
        self.break_down(reason);
        quietly(|| drop(outcome));
        false
    }

    /// Starts the workers, in the order of their indices. On failure: how many were started, and
    /// why not the next.
    pub(super) fn start(self: &Arc<Self>) -> Result<(), (usize, io::Error)> {
        for index in 0..self.workers {
            lock(&self.crew).live += 1;
            if let Err(error) = (self.starter)(self, index) {
                self.leave();
                return Err((index, error));
            }
        }
        Ok(())
    }

    /// A worker's thread has ended in an orderly way.
    pub(super) fn leave(&self) {
        let mut crew = lock(&self.crew);
        crew.live -= 1;
        if crew.live == 0 {
            drop(crew);
            // Once in a pool's life: no need to count who waits.
            self.ended.notify_all();
        }
    }

    /// Starts a new thread for a worker whose own has died and which still counts as live.
    ///
    /// Called while unwinding: nothing in here may panic. If the thread cannot be started the next
    /// submission tries again; if no worker is left to run anything the pool is broken, so that
    /// nobody waits forever.
    pub(super) fn replace(self: &Arc<Self>, index: usize) {
        let Err(error) = (self.starter)(self, index) else {
            return;
        };
        let mut crew = lock(&self.crew);
        if crew.live > 1 {
            crew.live -= 1;
            crew.missing.push(index);
            self.missing.store(true, Ordering::Relaxed);
            return;
        }
        drop(crew);
        self.break_down(format!(
            "the last worker thread died, and a new one could not be started: {error}"
        ));
        self.leave();
    }

    /// Tries again to replace a worker that is missing.
    fn complete(self: &Arc<Self>) {
        if !self.missing.load(Ordering::Relaxed) {
            return;
        }
        let mut crew = lock(&self.crew);
        if crew.live == 0 {
            // The pool has ended meanwhile, and whoever waited for that has been told.
            return;
        }
        let Some(index) = crew.missing.pop() else {
            return;
        };
        self.missing
            .store(!crew.missing.is_empty(), Ordering::Relaxed);
        crew.live += 1;
        drop(crew);
        self.replace(index);
    }

    /// Blocks until the last worker has left.
    pub(super) fn wait_ended(&self) {
        let mut crew = lock(&self.crew);
        while crew.live > 0 {
            crew = sleep(&self.ended, crew);
        }
    }
}
