//! The coordinator: the thread that owns the schedule and the output.
//!
//! Each turn, it submits what may start, writes records, and waits for mail. While the pool's queue is deep it pauses
//! between turns, so that one wake-up serves many records.

use std::mem;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::{Duration, Instant};

use crate::cli::MaxFail;
use crate::host::LastHost;
use crate::input::{Entry, Skipped};
use crate::output::{Progress, Save};
use crate::pool::ThreadPool;
use crate::schedule::{Next, Schedule, Workers};
use crate::span::Span;

use super::budgets::{TAKEN, TAKEN_WHILE_IDLE};
use super::jobs::{Item, JobTable, RunContext};
use super::mail::Mail;
use super::report::Report;
use super::shutdown::{Shutdown, Step};

/// Long enough to gather a dozen records from a fast server, too short to be seen.
const PAUSE: Duration = Duration::from_micros(300);

/// A shorter wait of idle workers is not worth a warning.
const LONG_WAIT: Duration = Duration::from_secs(5);

/// The bar shows large bodies when at most so many requests are left: the default number of workers.
const MOST_DOWNLOADS_SHOWN: usize = 5;

pub(super) struct Coordinator<'a> {
    pub(super) pool: &'a ThreadPool,
    pub(super) most_in_flight: usize,
    pub(super) shared: Arc<RunContext>,
    pub(super) schedule: Schedule<Item>,
    pub(super) shutdown: Shutdown,
    pub(super) report: Report<'a>,
    pub(super) skipped: Arc<Skipped>,
    /// How many failures leave the exit status at 0.
    pub(super) max_fail: MaxFail,
    pub(super) state: RunState,
}

#[derive(Default)]
pub(super) struct RunState {
    pub(super) in_flight: JobTable,
    /// Reused from turn to turn.
    entries: Vec<Entry>,
    mail: Vec<Mail>,
    /// Bytes of text of targets taken and without a record.
    pub(super) taken: usize,
    /// When the schedule may have another target to start.
    start_at: Option<Instant>,
    list_ended: bool,
    pub(super) last_host: LastHost,
    /// A list could not be read, or not to its end.
    pub(super) list_broken: bool,
    /// The targets in the lists, once counted.
    total: Option<u64>,
    /// A worker that saw a reason to stop returned a job.
    pub(super) refused: bool,
    /// Targets taken from the list and never begun.
    pub(super) never_started: u64,
    warned_of_wait: bool,
    warned_of_disk: bool,
    /// The archive could not be written: the run ends.
    pub(super) archive_failed: bool,
}

impl Coordinator<'_> {
    /// Runs until all is done or the run must end. False if it must end and the reader of the records has stalled.
    ///
    /// # Errors
    ///
    /// If the records could not be written.
    pub(super) fn run(&mut self) -> anyhow::Result<bool> {
        loop {
            self.refill();
            self.start_what_may();
            if (self.report.must_flush() || !self.shared.mailbox.has_finished()) && !self.flush()? {
                return Ok(false);
            }
            // Test `is_over` before the shutdown too: a deadline must not cut a run that is done.
            if self.is_over() || self.shutdown_step() == Step::GiveUp || self.is_over() {
                return Ok(true);
            }
            self.draw_progress();
            self.pause_if_deep();
            self.wait_for_mail(self.room() > 0, self.wake_at());
        }
    }

    fn is_over(&self) -> bool {
        // If a worker refused a job, a reason to stop is on its way.
        let is_done = self.state.list_ended && self.schedule.waiting() == 0 && !self.state.refused;
        (self.shutdown.is_stopping() || is_done)
            && !self.shared.mailbox.has_stops()
            && self.state.in_flight.len() == 0
    }

    /// How many targets to take from the list now.
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

    fn refill(&mut self) {
        let room = self.room();
        if room == 0 {
            return;
        }
        let mut entries = mem::take(&mut self.state.entries);
        self.state.list_ended = !self.shared.mailbox.take_targets(&mut entries, room);
        for entry in entries.drain(..) {
            let list_index = self.report.next_index();
            let target = match entry {
                Entry::Target(target) => target,
                Entry::Failed(record) => {
                    self.report.record(*record, list_index);
                    continue;
                }
                Entry::Skipped(_) => unreachable!("only a dry run asks for them"),
            };
            self.state.taken += target.text();
            let item = self.item(target, list_index);
            let arrival = self.arrival(item);
            self.schedule.push(arrival);
        }
        self.state.entries = entries;
    }

    /// Submits a job for each target that may start now, and reaches hosts for those that will start next.
    fn start_what_may(&mut self) {
        self.state.start_at = None;
        if self.shutdown.is_stopping() {
            return;
        }
        let now = Instant::now();
        loop {
            let in_flight = self.state.in_flight.len();
            let workers = Workers {
                are_free: in_flight < self.most_in_flight,
                queued: in_flight.saturating_sub(self.pool.workers()),
            };
            match self.schedule.next(workers, now) {
                Next::Start(item) => {
                    let spare = self.report.spare.pop();
                    self.state.in_flight.add(item, spare, &self.shared, now);
                }
                Next::Reach(host) => self.reach(host),
                Next::Down(item) => self.host_is_down(item),
                Next::WaitUntil(at) => {
                    self.state.start_at = Some(at);
                    break;
                }
                Next::Nothing => break,
            }
        }
        self.warn_if_held_up(now);
        self.state.in_flight.submit(self.pool, &self.shared);
    }

    /// Warns once if workers are idle for long although the list has not ended.
    fn warn_if_held_up(&mut self, now: Instant) {
        let Some(at) = self.state.start_at else {
            return;
        };
        let is_idle = self.state.in_flight.len() < self.pool.workers();
        let goes_on = !self.state.list_ended && self.room() == 0;
        if !is_idle || !goes_on || self.schedule.is_any_ready(now) {
            return;
        }
        let wait = at.saturating_duration_since(now);
        if wait < LONG_WAIT || mem::replace(&mut self.state.warned_of_wait, true) {
            return;
        }
        self.report.tell(format!(
            "note: the next {} URLs all wait for hosts with a delay or a pause, or for another attempt, for at least {}; \
             the URLs after them wait too; a list in mixed order avoids this",
            self.schedule.waiting(),
            Span(wait)
        ));
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

    /// Takes mail without waiting.
    pub(super) fn take_mail(&mut self) {
        self.wait_for_mail(false, Some(Instant::now()));
    }

    /// Waits for mail until `until` (if `hungry`, for targets too), and takes it.
    fn wait_for_mail(&mut self, hungry: bool, until: Option<Instant>) {
        let mut all = mem::take(&mut self.state.mail);
        self.shared.mailbox.collect(&mut all, hungry, until);
        let now = Instant::now();
        for mail in all.drain(..) {
            match mail {
                Mail::Finished {
                    slot,
                    worker,
                    result,
                } => self.finish(slot, worker, result, now),
                Mail::Contact { host, contact } => self.contacted(&host, &contact, now),
                Mail::BrokenList(error) => {
                    self.state.list_broken = true;
                    self.report.queue(error);
                }
                Mail::Line(line) => self.report.queue(line),
                Mail::Total(total) => self.state.total = Some(total),
            }
        }
        self.state.mail = all;
        if self.shared.save.as_deref().is_some_and(Save::is_disk_full)
            && !mem::replace(&mut self.state.warned_of_disk, true)
        {
            self.report
                .queue("warning: the disk is full: bodies that do not fit fail as 'write'");
        }
        self.report.flush_messages();
    }

    pub(super) fn running(&self) -> usize {
        let submitted = self.state.in_flight.len();
        // Some that are not queued have ended.
        submitted
            .saturating_sub(self.pool.queued())
            .min(self.pool.workers())
    }

    /// How many targets wait, and until when: all if no job runs and none will within a second, else those that wait
    /// for a retry.
    fn waiting(&self) -> Option<(usize, Instant)> {
        let soon = Instant::now() + Duration::from_secs(1);
        match self.state.start_at {
            Some(at) if at >= soon && self.running() == 0 => Some((self.schedule.waiting(), at)),
            _ => self.schedule.coming_back(),
        }
    }

    fn draw_progress(&mut self) {
        let now = Instant::now();
        let progress = self.report.progress.as_mut();
        let Some(progress) = progress.filter(|progress| progress.due() <= now) else {
            return;
        };
        if let Some(total) = self.state.total {
            let skipped = self.skipped.done_before() + self.skipped.repeated();
            progress.set_total(total.saturating_sub(skipped));
        }
        let (running, waiting) = (self.running(), self.waiting());
        let counts = &mut self.report.counts;
        counts.reaching = self.schedule.reaching();
        counts.in_flight = running;
        counts.waiting = waiting;
        counts.bytes = self.shared.received.load(Ordering::Relaxed);
        let is_end = self.state.list_ended && self.schedule.waiting() == 0;
        let are_few = is_end && self.state.in_flight.len() <= MOST_DOWNLOADS_SHOWN;
        let downloads = are_few.then(|| self.state.in_flight.downloads(now));
        self.report.draw_progress(downloads.flatten().as_ref());
    }
}
