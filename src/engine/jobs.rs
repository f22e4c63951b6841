//! What has been submitted and has not come back, and the job itself.
//!
//! A job is one attempt at one target. It may wait in the pool's queue; when a worker takes it
//! and the run is stopping by then, or the server has asked for a pause, it returns without
//! having sent anything.

use std::io::{self, Write};
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
use super::messages::{Finished, JobEnding};
use super::retrying::asked_pause;

/// A target on its way through the run.
pub(super) struct Item {
    pub(super) target: Target,
    pub(super) context: JobContext,
}

/// What is known of a target beside itself.
#[derive(Default)]
pub(super) struct JobContext {
    /// Its host and port, if the schedule must know them.
    pub(super) host: Option<HostKey>,
    /// When the schedule gave it out last.
    pub(super) started: Option<Instant>,
    /// Its place in the order of the output, if that is the list's.
    pub(super) place: Option<Place>,
    /// Attempts that were made.
    pub(super) attempts: u32,
    /// The record of the last one, if it failed and will be made again.
    pub(super) failed: Option<Box<Record>>,
}

/// One attempt at one target, seen by the coordinator and by the worker.
struct Job {
    target: Target,
    /// A copy, if the server may ask for a pause.
    host: Option<HostKey>,
    /// An attempt was made before.
    is_again: bool,
    /// When the schedule gave it out.
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

    /// Takes all that are left, for a run that ends without waiting for them: those that a worker
    /// had begun, and those that none had.
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
    pub(super) save: Option<Save>,
    /// The method is HEAD: there is no body to save.
    pub(super) head_only: bool,
    pub(super) mailbox: Arc<Mailbox>,
    pub(super) holds: HostPauses,
    /// Failures may be tried again, and then servers may ask for a pause.
    pub(super) retries: bool,
    /// Nothing starts after this.
    pub(super) deadline: Option<Instant>,
    /// Bytes of bodies that have come, those of bodies that are still coming among them.
    pub(super) received: AtomicU64,
}

/// Jobs that will be submitted under one lock.
#[derive(Default)]
pub(super) struct JobBatch(Vec<(usize, Arc<Job>)>);

impl JobBatch {
    /// Adds the job of `item`, which the schedule gave out at `now`, and notes it in `in_flight`.
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
    fn attempt(&self, job: &Job) -> JobEnding {
        if !self.may_start() {
            return JobEnding::NotStarted;
        }
        if let Some(host) = &job.host
            && let Some(until) = self.holds.until(host, job.submitted)
        {
            return JobEnding::Pauses(until);
        }
        job.started.store(true, Ordering::Relaxed);
        let (outcome, file) = self.load(&job.target.url, job.is_again);
        if job.host.is_some() {
            self.hold_if_asked(&outcome);
        }
        JobEnding::Attempted { outcome, file }
    }

    /// HostPauses the host that answered back before the next job is taken, if it has asked for that.
    fn hold_if_asked(&self, outcome: &Outcome) {
        if !self.retries {
            return;
        }
        if let Some(wait) = asked_pause(outcome) {
            let now = Instant::now();
            let host = host::with_port(&outcome.final_url);
            self.holds.hold(&host, now + wait, now);
        }
    }

    fn may_start(&self) -> bool {
        // Asked here and not only by the coordinator, which may be stuck in a write.
        let late = self.deadline.is_some_and(|at| at <= Instant::now());
        !late && !self.mailbox.is_stopping()
    }

    fn load(&self, url: &Url, is_again: bool) -> (Outcome, Option<String>) {
        let again = is_again.then(|| self.client.again());
        let client = again.as_ref().unwrap_or(&self.client);
        let Some(save) = &self.save else {
            let mut progress = |amount| self.count(amount);
            return (client.load_size(url, &mut progress), None);
        };
        let mut saved = save.begin(url);
        let count = |amount| self.count(amount);
        let mut outcome = client.load_url(
            url,
            &mut Metered {
                into: &mut saved,
                count,
            },
        );
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
            // Not the disk has failed it.
            *failure = Failure::new(FailureKind::Cancelled, "the run has ended");
        }
        (outcome, file)
    }

    /// Counts what comes, for the bar.
    fn count(&self, amount: usize) {
        self.received.fetch_add(amount as u64, Ordering::Relaxed);
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

/// Counts what passes.
struct Metered<'a, C> {
    into: &'a mut dyn Write,
    count: C,
}

impl<C: Fn(usize)> Write for Metered<'_, C> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.into.write(bytes)?;
        (self.count)(written);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.into.flush()
    }
}
