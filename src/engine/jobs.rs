//! The job, which is one attempt at one target, and the jobs in flight.
//!
//! A job sends nothing if, when a worker takes it from the queue, the run is stopping or its host is paused.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::fetch::{Client, Outcome, Transfer};
use crate::host;
use crate::input::{PastRecords, Target};
use crate::output::{Archive, Downloads, Record, Save};
use crate::pool::{self, JobError, ThreadPool};
use crate::schedule::HostKey;
use crate::schedule::ordered::ListIndex;
use crate::schedule::retry::Retries;

use super::mail::{JobResult, Mail};
use super::mailbox::Mailbox;
use super::pauses::{PauseCounters, PausesKnown};
use super::retrying::asked_pause;

/// An attempt must have run for so long before its body is shown in the bar: most end sooner.
const SHOWN_AFTER: Duration = Duration::from_secs(1);

pub(super) struct Item {
    pub(super) target: Target,
    pub(super) context: JobContext,
}

/// What the coordinator knows of a target.
pub(super) struct JobContext {
    /// The host whose limits hold for the next attempt.
    pub(super) host: HostKey,
    /// The host that a connection leads to; `None` behind a proxy.
    pub(super) contact: Option<HostKey>,
    /// How long that host took to be reached for the next attempt.
    pub(super) reached_in: Duration,
    /// When the schedule started the last attempt.
    pub(super) started: Option<Instant>,
    /// With `--ordered`.
    pub(super) list_index: Option<ListIndex>,
    /// Bytes of the target's text.
    pub(super) bytes: usize,
    pub(super) attempts: u32,
    /// The record of the last attempt, if it failed and another follows.
    pub(super) failed: Option<Box<Record>>,
}

/// One attempt at one target, shared by coordinator and worker.
struct Job {
    target: Target,
    /// How many attempts were made before.
    attempts: u32,
    /// As in its [`JobContext`].
    reached_in: Duration,
    /// With retries.
    pauses_known: Option<PausesKnown>,
    /// A worker has begun the attempt.
    started: AtomicBool,
    /// For the bar.
    transfer: Option<Arc<Transfer>>,
}

/// The jobs that have not ended, by slot.
#[derive(Default)]
pub(super) struct JobTable {
    slots: Vec<Option<(Arc<Job>, JobContext)>>,
    free: Vec<usize>,
    /// Jobs to be submitted under one lock.
    batch: Vec<(usize, Arc<Job>, Option<Box<Outcome>>)>,
}

impl JobTable {
    /// Adds the job of `item`, which the schedule started at `now`, to the batch. Its outcome may take the place of `spare`.
    pub(super) fn add(
        &mut self,
        mut item: Item,
        spare: Option<Box<Outcome>>,
        shared: &RunContext,
        now: Instant,
    ) {
        item.context.started = Some(now);
        let context = item.context;
        let pauses = shared.pauses.as_ref();
        let job = Arc::new(Job {
            target: item.target,
            attempts: context.attempts,
            reached_in: context.reached_in,
            pauses_known: pauses.map(|pauses| pauses.known(&context.host)),
            started: AtomicBool::new(false),
            transfer: shared.shows_progress.then(Arc::default),
        });
        let slot = self.free.pop().unwrap_or_else(|| {
            self.slots.push(None);
            self.slots.len() - 1
        });
        self.slots[slot] = Some((Arc::clone(&job), context));
        self.batch.push((slot, job, spare));
    }

    /// Submits the batch.
    ///
    /// # Panics
    ///
    /// If `pool` was shut down, which only the end of the run does.
    pub(super) fn submit(&mut self, pool: &ThreadPool, shared: &Arc<RunContext>) {
        if self.batch.is_empty() {
            return;
        }
        let jobs = self.batch.drain(..).map(|(slot, job, spare)| {
            let (worker_side, reply_side) = (Arc::clone(shared), Arc::clone(shared));
            (
                move || worker_side.attempt(&job, spare),
                move |result| reply_side.reply(slot, result),
            )
        });
        let submitted = pool.submit_all_with(jobs);
        assert!(submitted.is_ok(), "the pool has shut down during the run");
    }

    /// The item of `slot`, or `None` if it was given up.
    pub(super) fn take(&mut self, slot: usize) -> Option<Item> {
        let (job, context) = self.slots.get_mut(slot)?.take()?;
        self.free.push(slot);
        let target = target_of(job);
        Some(Item { target, context })
    }

    pub(super) fn len(&self) -> usize {
        self.slots.len() - self.free.len()
    }

    /// The large bodies of the attempts that have run for a while by `now`.
    pub(super) fn downloads<'a>(&'a self, now: Instant) -> Option<Downloads> {
        let runs_long = |context: &JobContext| {
            let runs = context.started.map(|at| now.saturating_duration_since(at));
            runs.is_some_and(|runs| runs >= SHOWN_AFTER)
        };
        let body = |(slot, job): (usize, &'a Option<(Arc<Job>, JobContext)>)| {
            let (job, _) = job.as_ref().filter(|(_, context)| runs_long(context))?;
            let transfer = job.transfer.as_ref()?;
            Some((slot, &job.target.url, transfer.so_far()))
        };
        Downloads::of(self.slots.iter().enumerate().filter_map(body))
    }

    /// Removes all jobs, for a run that does not wait for them. Returns each, and whether a worker began it.
    pub(super) fn give_up(&mut self) -> Vec<(Item, bool)> {
        self.free.clear();
        let left = self.slots.drain(..).flatten();
        let items = left.map(|(job, context)| {
            let is_begun = job.started.load(Ordering::Relaxed);
            let target = target_of(job);
            (Item { target, context }, is_begun)
        });
        items.collect()
    }
}

/// Clones only a job that was given up: any other the worker has dropped before it sent the result.
fn target_of(job: Arc<Job>) -> Target {
    match Arc::try_unwrap(job) {
        Ok(job) => job.target,
        Err(shared) => shared.target.clone(),
    }
}

pub(super) struct RunContext {
    pub(super) client: Client,
    pub(super) save: Option<Arc<Save>>,
    /// With `--update`.
    pub(super) past: Option<PastRecords>,
    pub(super) archive: Option<Archive>,
    /// Records hold the bodies.
    pub(super) keeps_bodies: bool,
    pub(super) mailbox: Arc<Mailbox>,
    /// With retries.
    pub(super) pauses: Option<PauseCounters>,
    pub(super) retries: Retries,
    /// Nothing starts after this.
    pub(super) deadline: Option<Instant>,
    pub(super) shows_progress: bool,
    /// Bytes of bodies, including incomplete ones.
    pub(super) received: AtomicU64,
}

impl RunContext {
    fn attempt(&self, job: &Job, spare: Option<Box<Outcome>>) -> JobResult {
        // Test the deadline here too: the coordinator may be waiting for a reader.
        let is_late = self.deadline.is_some_and(|at| at <= Instant::now());
        if is_late || self.mailbox.is_stopping() {
            return JobResult::NotStarted;
        }
        if let (Some(pauses), Some(known)) = (&self.pauses, &job.pauses_known)
            && pauses.is_outdated(known)
        {
            return JobResult::Paused;
        }
        job.started.store(true, Ordering::Relaxed);
        let client = self.client.for_attempt(job.attempts > 0, job.reached_in);
        let client = client.reporting(job.transfer.clone());
        let (target, attempts) = (&job.target, job.attempts);
        let (outcome, kept) = match &self.past {
            Some(past) => self.load_if_changed(past, client, target, attempts, spare),
            None => self.load(client, target, attempts, None, spare),
        };
        JobResult::Attempted { outcome, kept }
    }

    fn reply(&self, slot: usize, result: Result<JobResult, JobError>) {
        let result = match result {
            Ok(result) => result,
            Err(JobError::Panicked(panic)) => JobResult::Panicked(panic),
            Err(_) => JobResult::NotStarted,
        };
        let paused = match &result {
            JobResult::Attempted { outcome, .. }
                if self.pauses.is_some() && asked_pause(outcome).is_some() =>
            {
                Some(host::with_port(&outcome.final_url))
            }
            _ => None,
        };
        self.mailbox.send(Mail::Finished {
            slot,
            worker: pool::worker_index(),
            result,
        });
        if let (Some(pauses), Some(host)) = (&self.pauses, paused) {
            pauses.sent(&host);
        }
    }
}
