//! The job, which is one attempt at one target, and the jobs that were submitted and have not come back.
//!
//! A job may wait in the pool's queue. If the run is stopping when a worker takes it, or the server has asked for a pause,
//! it sends nothing.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Instant;

use crate::fetch::{Client, Failure, FailureKind, Outcome, Url};
use crate::host;
use crate::input::Target;
use crate::output::{Record, Save};
use crate::pool::{self, JobError, ThreadPool};
use crate::schedule::HostKey;
use crate::schedule::ordered::Place;

use super::host_pauses::HostPauses;
use super::mailbox::Mailbox;
use super::messages::{Finished, JobResult};
use super::retrying::asked_pause;

/// A target on its way through the run.
pub(super) struct Item {
    pub(super) target: Target,
    pub(super) context: JobContext,
}

/// What the coordinator knows of a target.
#[derive(Default)]
pub(super) struct JobContext {
    /// Its host and port, if the schedule must know them.
    pub(super) host: Option<HostKey>,
    /// When the schedule started it last.
    pub(super) started: Option<Instant>,
    /// Its place in the order of the output, if that is the list's.
    pub(super) place: Option<Place>,
    /// Bytes of the target's text.
    pub(super) bytes: usize,
    /// Attempts that were made.
    pub(super) attempts: u32,
    /// The record of the last attempt, if it failed and another follows.
    pub(super) failed: Option<Box<Record>>,
}

/// One attempt at one target, shared by the coordinator and the worker.
struct Job {
    target: Target,
    /// As in its [`JobContext`].
    host: Option<HostKey>,
    /// An attempt was made before.
    is_again: bool,
    /// When the schedule started it.
    submitted: Instant,
    /// A worker has begun the attempt.
    started: AtomicBool,
}

/// The jobs that have been submitted and have not come back, by slot.
#[derive(Default)]
pub(super) struct InFlight {
    slots: Vec<Option<(Arc<Job>, JobContext)>>,
    free: Vec<usize>,
}

impl InFlight {
    fn insert(&mut self, job: Arc<Job>, context: JobContext) -> usize {
        if let Some(slot) = self.free.pop() {
            self.slots[slot] = Some((job, context));
            return slot;
        }
        self.slots.push(Some((job, context)));
        self.slots.len() - 1
    }

    /// The item of `slot`, or `None` if it has been taken already.
    pub(super) fn take(&mut self, slot: usize) -> Option<Item> {
        let (job, context) = self.slots.get_mut(slot)?.take()?;
        self.free.push(slot);
        let target = target_of(job);
        Some(Item { target, context })
    }

    pub(super) fn len(&self) -> usize {
        self.slots.len() - self.free.len()
    }

    /// Takes all jobs, for a run that does not wait for them: those that a worker has begun, and the others.
    pub(super) fn give_up(&mut self) -> (Vec<Item>, Vec<Item>) {
        self.free.clear();
        let left = self.slots.drain(..).flatten();
        let (begun, waiting): (Vec<_>, Vec<_>) =
            left.partition(|(job, _)| job.started.load(Ordering::Relaxed));
        let items = |jobs: Vec<(Arc<Job>, JobContext)>| {
            let items = jobs.into_iter().map(|(job, context)| Item {
                target: target_of(job),
                context,
            });
            items.collect()
        };
        (items(begun), items(waiting))
    }
}

/// Clones only in a run that does not wait for its workers: otherwise a worker drops its job before it delivers the result.
fn target_of(job: Arc<Job>) -> Target {
    match Arc::try_unwrap(job) {
        Ok(job) => job.target,
        Err(shared) => shared.target.clone(),
    }
}

/// What every job of a run needs.
pub(super) struct Shared {
    pub(super) client: Client,
    pub(super) save: Option<Arc<Save>>,
    /// The method is HEAD: there is no body to save.
    pub(super) head_only: bool,
    pub(super) mailbox: Arc<Mailbox>,
    /// `None` without retries: servers are not asked then.
    pub(super) pauses: Option<HostPauses>,
    /// Nothing starts after this.
    pub(super) deadline: Option<Instant>,
    /// Bytes of bodies that were received, incomplete bodies included.
    pub(super) received: AtomicU64,
}

/// Jobs that will be submitted under one lock.
#[derive(Default)]
pub(super) struct JobBatch(Vec<(usize, Arc<Job>)>);

impl JobBatch {
    /// Adds the job of `item`, which the schedule started at `now`, to the batch and to `in_flight`.
    pub(super) fn push(&mut self, mut item: Item, in_flight: &mut InFlight, now: Instant) {
        item.context.started = Some(now);
        let job = Arc::new(Job {
            target: item.target,
            host: item.context.host.clone(),
            is_again: item.context.attempts > 0,
            submitted: now,
            started: AtomicBool::new(false),
        });
        let slot = in_flight.insert(Arc::clone(&job), item.context);
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
    fn attempt(&self, job: &Job) -> JobResult {
        if !self.may_start() {
            return JobResult::NotStarted;
        }
        if let (Some(pauses), Some(host)) = (&self.pauses, &job.host)
            && let Some(until) = pauses.until(host, job.submitted)
        {
            return JobResult::Paused(until);
        }
        job.started.store(true, Ordering::Relaxed);
        let (outcome, file) = self.load(&job.target.url, job.is_again);
        if let Some(pauses) = &self.pauses
            && let Some(wait) = asked_pause(&outcome)
        {
            // Before this worker takes the next job.
            let now = Instant::now();
            pauses.pause(&host::with_port(&outcome.final_url), now + wait, now);
        }
        JobResult::Attempted { outcome, file }
    }

    fn may_start(&self) -> bool {
        // Not only the coordinator checks this: it may be waiting for a reader.
        let late = self.deadline.is_some_and(|at| at <= Instant::now());
        !late && !self.mailbox.is_stopping()
    }

    fn load(&self, url: &Url, is_again: bool) -> (Outcome, Option<String>) {
        let again = is_again.then(|| self.client.again());
        let client = again.as_ref().unwrap_or(&self.client);
        let Some(save) = &self.save else {
            let mut count = |amount: usize| {
                self.received.fetch_add(amount as u64, Ordering::Relaxed);
            };
            return (client.load_size(url, &mut count), None);
        };
        let mut saved = save.begin(url, &self.received);
        let mut outcome = client.load_url(url, &mut saved);
        let mut file = None;
        if outcome.result.is_ok() && !self.head_only {
            match saved.commit() {
                Ok(path) => file = Some(path),
                Err(error) => {
                    outcome.result = Err(Failure::new(FailureKind::Write, error.to_string()));
                }
            }
        }
        if let Err(failure) = &mut outcome.result
            && failure.kind() == FailureKind::Write
            && save.has_ended()
        {
            // The disk did not fail: saving was stopped.
            *failure = Failure::new(FailureKind::Cancelled, "the run has ended");
        }
        (outcome, file)
    }

    fn reply(&self, slot: usize, result: Result<JobResult, JobError>) {
        let result = match result {
            Ok(result) => result,
            Err(JobError::Panicked(panic)) => JobResult::Panicked(panic),
            Err(_) => JobResult::NotStarted,
        };
        self.mailbox.finish(Finished {
            slot,
            worker: pool::worker_index(),
            result,
        });
    }
}
