//! What has been submitted and has not come back, and the job itself.
//!
//! A job is one attempt at one target. It may wait in the pool's queue; when a worker takes it
//! and the run is stopping by then, it returns without having sent anything.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use crate::fetch::Client;
use crate::input::Target;
use crate::pool::{self, JobError, ThreadPool};

use super::mailbox::{Finished, JobEnding, Mailbox};

/// One attempt at one target, seen by the coordinator and by the worker.
pub(super) struct Job {
    pub(super) target: Target,
    /// A worker has begun the attempt.
    started: AtomicBool,
}

/// The jobs that have been submitted and have not come back, by slot.
#[derive(Default)]
pub(super) struct InFlight {
    slots: Vec<Option<Arc<Job>>>,
    free: Vec<usize>,
}

impl InFlight {
    fn insert(&mut self, job: Arc<Job>) -> usize {
        if let Some(slot) = self.free.pop() {
            self.slots[slot] = Some(job);
            return slot;
        }
        self.slots.push(Some(job));
        self.slots.len() - 1
    }

    /// The target of `slot`, or `None` if it has been taken already.
    pub(super) fn take(&mut self, slot: usize) -> Option<Target> {
        let job = self.slots.get_mut(slot)?.take()?;
        self.free.push(slot);
        Some(target_of(job))
    }

    pub(super) fn len(&self) -> usize {
        self.slots.len() - self.free.len()
    }

    /// Takes all that are left, for a run that ends without waiting for them: those that a worker
    /// had begun, and the number of those that none had.
    pub(super) fn give_up(&mut self) -> (Vec<Target>, u64) {
        self.free.clear();
        let left = self.slots.drain(..).flatten();
        let (begun, waiting): (Vec<_>, Vec<_>) =
            left.partition(|job| job.started.load(Ordering::Relaxed));
        (
            begun.into_iter().map(target_of).collect(),
            waiting.len() as u64,
        )
    }
}

/// The worker's side of a job is dropped before its result is delivered, so this clones nothing
/// but in a run that ends without its workers.
fn target_of(job: Arc<Job>) -> Target {
    match Arc::try_unwrap(job) {
        Ok(job) => job.target,
        Err(shared) => shared.target.clone(),
    }
}

/// What every job of a run needs.
pub(super) struct Shared {
    pub(super) client: Client,
    pub(super) mailbox: Arc<Mailbox>,
    /// Nothing starts after this.
    pub(super) deadline: Option<Instant>,
}

/// Jobs that will be submitted under one lock.
#[derive(Default)]
pub(super) struct JobBatch(Vec<(usize, Arc<Job>)>);

impl JobBatch {
    /// Adds the job of `target`, and notes it in `in_flight`.
    pub(super) fn push(&mut self, target: Target, in_flight: &mut InFlight) {
        let job = Arc::new(Job {
            target,
            started: AtomicBool::new(false),
        });
        let slot = in_flight.insert(Arc::clone(&job));
        self.0.push((slot, job));
    }

    /// Hands all jobs to `pool`; the batch is empty afterwards.
    pub(super) fn submit(&mut self, pool: &ThreadPool, shared: &Arc<Shared>) -> anyhow::Result<()> {
        if self.0.is_empty() {
            return Ok(());
        }
        let jobs = self.0.drain(..).map(|(slot, job)| {
            let (worker_side, reply_side) = (Arc::clone(shared), Arc::clone(shared));
            (
                move || worker_side.attempt(&job),
                move |result| reply_side.reply(slot, result),
            )
        });
        pool.submit_all_with(jobs)
            .map_err(|_| anyhow::anyhow!("the pool has shut down while the run was going on"))
    }
}

impl Shared {
    fn attempt(&self, job: &Job) -> JobEnding {
        match &job.target.url {
            Ok(url) if self.may_start() => {
                job.started.store(true, Ordering::Relaxed);
                JobEnding::Attempted(self.client.load_url(url, &mut io::sink()))
            }
            _ => JobEnding::NotStarted,
        }
    }

    fn may_start(&self) -> bool {
        // Asked here and not only by the coordinator, which may be stuck in a write.
        let late = self.deadline.is_some_and(|at| at <= Instant::now());
        !late && !self.mailbox.is_stopping()
    }

    fn reply(&self, slot: usize, result: Result<JobEnding, JobError>) {
        let ending = match result {
            Ok(ending) => ending,
            Err(JobError::Panicked(panic)) => JobEnding::Panicked(panic),
            Err(_) => JobEnding::NotStarted,
        };
        self.mailbox.finish(Finished {
            slot,
            worker: pool::worker_index(),
            ending,
        });
    }
}
