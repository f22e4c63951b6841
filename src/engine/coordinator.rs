//! The coordinator: the one thread that owns the schedule and the output.
//!
//! Each turn it submits what may start, waits until something has arrived, and writes its records. While the pool's queue
//! is deep it pauses between turns, so that one wake-up serves many records.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::{Duration, Instant};

use crate::host;
use crate::input::{Entry, Skipped};
use crate::output::{Progress, Save};
use crate::pool::ThreadPool;
use crate::schedule::{Next, Schedule};

use super::budgets::{TAKEN, TAKEN_WHILE_IDLE};
use super::jobs::{InFlight, Item, JobBatch, JobContext, Shared};
use super::messages::Batch;
use super::report::Report;
use super::retrying::Retrying;
use super::shutdown::{Shutdown, Step};
use super::warnings::Warnings;

/// The pause between two turns while the queue is deep: long enough to gather a dozen records from a fast server, too
/// short to be seen.
const PAUSE: Duration = Duration::from_micros(300);

pub(super) struct Coordinator<'a> {
    pub(super) pool: &'a ThreadPool,
    pub(super) most_in_flight: usize,
    pub(super) shared: Arc<Shared>,
    pub(super) schedule: Schedule<Item>,
    pub(super) retrying: Retrying,
    pub(super) shutdown: Shutdown,
    pub(super) report: Report<'a>,
    pub(super) skipped: Arc<Skipped>,
    pub(super) state: State,
}

/// What changes from turn to turn.
#[derive(Default)]
pub(super) struct State {
    pub(super) in_flight: InFlight,
    /// Reused from turn to turn.
    entries: Vec<Entry>,
    jobs: JobBatch,
    /// Bytes of text of the targets that were taken and are not done.
    pub(super) taken: usize,
    /// When the schedule may have something to start.
    start_at: Option<Instant>,
    /// Every target of the list has been taken.
    list_ended: bool,
    /// A list could not be read, or not to its end.
    pub(super) list_broken: bool,
    /// A URL failed before the run was finalized.
    pub(super) failed: bool,
    /// All of the list was fetched and recorded; set when the run is finalized.
    pub(super) is_whole: bool,
    /// A worker returned a job because the run was stopping.
    pub(super) refused: bool,
    /// Targets that were taken from the list and never begun.
    pub(super) never_started: u64,
    warnings: Warnings,
}

/// Why the run goes no further.
pub(super) enum Halt {
    /// What is in flight has not come back in time.
    GivenUp,
    /// The reader of the records takes nothing.
    Stalled,
    /// The records could not be written.
    Failed(anyhow::Error),
}

impl From<anyhow::Error> for Halt {
    fn from(error: anyhow::Error) -> Self {
        Halt::Failed(error)
    }
}

impl Coordinator<'_> {
    pub(super) fn run(&mut self) -> Result<(), Halt> {
        let mut batch = Batch::default();
        loop {
            self.refill()?;
            self.start_what_may()?;
            if self.report.writer.is_full() || !self.shared.mailbox.has_finished() {
                self.flush()?;
            }
            // Before the shutdown's step: a run that is done has met its deadline.
            if self.is_over() {
                return Ok(());
            }
            if self.shutdown_step()? == Step::GiveUp {
                return Err(Halt::GivenUp);
            }
            if self.is_over() {
                return Ok(());
            }
            self.draw_progress();
            self.pause_if_deep();
            let hungry = self.room() > 0;
            let until = self.wake_at();
            self.shared.mailbox.collect(&mut batch, hungry, until);
            self.take_in(&mut batch)?;
        }
    }

    /// True when nothing is in flight and nothing will follow, and it is known why.
    fn is_over(&self) -> bool {
        let is_stopping = self.shutdown.is_stopping();
        let nothing_follows =
            is_stopping || (self.state.list_ended && self.schedule.waiting() == 0);
        // Workers may see a reason to stop before the coordinator does.
        let is_known = is_stopping || !self.state.refused;
        nothing_follows
            && is_known
            && !self.shared.mailbox.has_stops()
            && self.state.in_flight.len() == 0
    }

    /// How many more targets may be taken from the list now.
    fn room(&self) -> usize {
        if self.shutdown.is_stopping() || self.state.list_ended {
            return 0;
        }
        let most = if self.state.in_flight.len() < self.pool.workers() {
            TAKEN_WHILE_IDLE
        } else {
            TAKEN
        };
        if self.state.taken >= most {
            return 0;
        }
        self.schedule.room().min(self.report.room())
    }

    /// Takes targets while there is room, and hands them to the schedule.
    fn refill(&mut self) -> Result<(), Halt> {
        let room = self.room();
        if room == 0 {
            return Ok(());
        }
        let mut entries = std::mem::take(&mut self.state.entries);
        self.state.list_ended = !self.shared.mailbox.take_targets(&mut entries, room);
        for entry in entries.drain(..) {
            let place = self.report.take_place();
            let target = match entry {
                Entry::Target(target) => target,
                Entry::Failed(record) => {
                    self.report.record(*record, place)?;
                    continue;
                }
            };
            let needs_host = self.schedule.options().needs_hosts();
            let host = needs_host.then(|| host::with_port(&target.url));
            let context = JobContext {
                host: host.clone(),
                place,
                bytes: target.text(),
                ..JobContext::default()
            };
            self.state.taken += context.bytes;
            self.schedule.push(Item { target, context }, host);
        }
        self.state.entries = entries;
        Ok(())
    }

    /// Submits a job for each target that may start now.
    fn start_what_may(&mut self) -> Result<(), Halt> {
        self.state.start_at = None;
        if self.shutdown.is_stopping() {
            return Ok(());
        }
        let now = Instant::now();
        while self.state.in_flight.len() < self.most_in_flight {
            match self.schedule.next(now) {
                Next::Start(item) => self.state.jobs.push(item, &mut self.state.in_flight, now),
                Next::WaitUntil(at) => {
                    self.state.start_at = Some(at);
                    break;
                }
                Next::Nothing => break,
            }
        }
        self.warn_if_held_up(now);
        Ok(self.state.jobs.submit(self.pool, &self.shared)?)
    }

    /// Warns of workers that are idle for long although the list goes on.
    fn warn_if_held_up(&mut self, now: Instant) {
        let Some(at) = self.state.start_at else {
            return;
        };
        let is_idle = self.state.in_flight.len() < self.pool.workers();
        let goes_on = !self.state.list_ended && self.room() == 0;
        if !is_idle || !goes_on || self.schedule.is_any_ready(now) {
            return;
        }
        let (window, wait) = (self.schedule.waiting(), at.saturating_duration_since(now));
        if let Some(warning) = self.state.warnings.held_up(window, wait) {
            self.report.tell(&warning);
        }
    }

    fn pause_if_deep(&self) {
        if self.pool.queued() >= self.pool.workers() && !self.shutdown.is_stopping() {
            thread::sleep(PAUSE);
        }
    }

    fn wake_at(&self) -> Option<Instant> {
        let times = [
            self.report.progress.as_ref().map(Progress::due),
            self.report.messages_due(),
            self.shutdown.wake_at(),
            self.state.start_at,
        ];
        times.into_iter().flatten().min()
    }

    /// Records what has finished, and tells of lists that could not be read.
    pub(super) fn take_in(&mut self, batch: &mut Batch) -> Result<(), Halt> {
        for error in batch.broken_lists.drain(..) {
            self.state.list_broken = true;
            self.report.tell(&error);
        }
        self.report.tell_all(&batch.messages);
        batch.messages.clear();
        if batch.finished.is_empty() {
            return Ok(());
        }
        let now = Instant::now();
        // All of them before a flush, which may end the run.
        for finished in batch.finished.drain(..) {
            self.finish(finished, now)?;
        }
        if self.shared.save.as_deref().is_some_and(Save::is_disk_full)
            && let Some(warning) = self.state.warnings.disk_full()
        {
            self.report.tell(&warning);
        }
        Ok(())
    }

    /// How many jobs are running.
    pub(super) fn running(&self) -> usize {
        let submitted = self.state.in_flight.len();
        // Some that are not queued have come back and were not taken in yet.
        submitted
            .saturating_sub(self.pool.queued())
            .min(self.pool.workers())
    }

    /// How many targets wait for a time, and which: all of them if nothing is in flight for a second, otherwise those
    /// that come back for another attempt.
    fn waiting(&self) -> Option<(usize, Instant)> {
        let idle_until = self.state.start_at.filter(|at| {
            let wait = at.saturating_duration_since(Instant::now());
            self.running() == 0 && wait >= Duration::from_secs(1)
        });
        let all = idle_until.map(|at| (self.schedule.waiting(), at));
        all.or_else(|| self.schedule.coming_back())
    }

    fn draw_progress(&mut self) {
        let Some(progress) = &mut self.report.progress else {
            return;
        };
        if progress.due() > Instant::now() {
            return;
        }
        if let Some(total) = self.shared.mailbox.total() {
            let skipped = self.skipped.done_before() + self.skipped.repeated();
            progress.set_total(total.saturating_sub(skipped));
        }
        let (running, waiting) = (self.running(), self.waiting());
        let counts = &mut self.report.counts;
        counts.in_flight = running;
        counts.waiting = waiting;
        counts.bytes = self.shared.received.load(Ordering::Relaxed);
        self.report.draw_progress();
    }
}
