//! The run: a coordinator owns the schedule and the output, submits jobs to the pool and takes their results.
//!
//! The coordinator never touches the network, and workers never touch the output. A run is over when the list and all
//! jobs have ended, or some time after a reason to stop.

mod body;
mod budgets;
mod contacting;
mod coordinator;
mod dry_run;
mod finalize;
mod jobs;
mod limits;
mod list_reader;
mod logger;
mod mail;
mod mailbox;
mod on_completion;
mod pauses;
mod report;
mod retrying;
mod shutdown;
mod shutdown_steps;
mod to_record;
mod update;

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Instant;

use crate::cli::{Exit, MaxFail};
use crate::fetch::Client;
use crate::input::{PastRecords, Skipped};
use crate::output::{Archive, Outgoing, Progress, Save, Summary, Writer};
use crate::pool::{Pending, ThreadPool};
use crate::schedule::ordered::Ordered;
use crate::schedule::{self, Schedule};

use budgets::{AHEAD, BODIES_AHEAD, RECORDS_AHEAD, SMALL_WINDOW, WINDOW};
use coordinator::{Coordinator, RunState};
use jobs::RunContext;
use pauses::PauseCounters;
use report::Report;
use shutdown::Shutdown;

pub(crate) use dry_run::DryRunner;
pub(crate) use limits::fit_descriptors;
pub(crate) use list_reader::{count_in_background, read_in_background};
pub(crate) use logger::install_logger;
pub(crate) use mailbox::Mailbox;

/// Everything that a run needs.
pub(crate) struct Engine<'a> {
    pub(crate) pool: ThreadPool,
    pub(crate) client: Client,
    pub(crate) mailbox: Arc<Mailbox>,
    pub(crate) writer: Writer,
    /// Where messages and the bar go; `None` if to the terminal of the records.
    pub(crate) stderr: Option<Outgoing>,
    pub(crate) progress: Option<Progress>,
    /// Targets skipped on purpose; the bar's total excludes them.
    pub(crate) skipped: Arc<Skipped>,
    pub(crate) summary: Option<&'a mut Summary>,
    pub(crate) save: Option<Arc<Save>>,
    /// With `--update`: the records of an earlier run.
    pub(crate) past: Option<PastRecords>,
    pub(crate) archive: Option<Archive>,
    /// Records hold the bodies.
    pub(crate) keeps_bodies: bool,
    /// Without the window.
    pub(crate) schedule: schedule::Options,
    pub(crate) ordered: bool,
    pub(crate) deadline: Option<Instant>,
    /// How many failures leave the exit status at 0.
    pub(crate) max_fail: MaxFail,
}

impl Engine<'_> {
    /// Runs until the list is done or the run must end. Returns the exit status, or an error if the records could not
    /// be written, and the unwritten messages.
    pub(crate) fn run(self) -> (anyhow::Result<Exit>, Outgoing) {
        let retries = self.schedule.retries;
        let workers = self.pool.workers();
        let (schedule, most_in_flight) = bounds(self.schedule, workers, self.keeps_bodies);
        let ahead = if self.keeps_bodies {
            BODIES_AHEAD * workers
        } else {
            RECORDS_AHEAD.max(most_in_flight)
        };
        let mut coordinator = Coordinator {
            pool: &self.pool,
            most_in_flight,
            shared: Arc::new(RunContext {
                client: self.client,
                save: self.save,
                past: self.past,
                archive: self.archive,
                keeps_bodies: self.keeps_bodies,
                mailbox: self.mailbox,
                pauses: retries.are_on().then(PauseCounters::new),
                retries,
                deadline: self.deadline,
                shows_progress: self.progress.is_some(),
                received: AtomicU64::new(0),
            }),
            schedule: Schedule::new(schedule),
            shutdown: Shutdown::new(self.deadline),
            report: Report::new(
                self.writer,
                self.stderr,
                self.progress,
                self.summary,
                self.ordered.then(|| Ordered::new(ahead)),
            ),
            skipped: self.skipped,
            max_fail: self.max_fail,
            state: RunState::default(),
        };
        let ended = coordinator.run();
        let exit = coordinator.finalize(ended);
        let messages = coordinator.report.into_messages();
        // Workers that still run are cut or stuck in a system call.
        self.pool.shutdown(Pending::Cancel);
        self.pool.detach();
        (exit, messages)
    }
}

/// The schedule's options with the window, and how many jobs may be in flight: those that run, and in the queue as many
/// as the workers take during one pause. None are queued if starts are timed, or if results hold bodies: those of queued
/// jobs would wait in memory for a slow reader.
fn bounds(
    mut options: schedule::Options,
    workers: usize,
    keeps_bodies: bool,
) -> (schedule::Options, usize) {
    let queued = if options.is_timed() || keeps_bodies {
        0
    } else {
        workers * 3 + 64
    };
    let most_in_flight = workers + queued;
    let holds_back = options.limits_hosts() || options.is_timed();
    options.ahead = AHEAD + 2 * workers;
    let least = if holds_back { WINDOW } else { SMALL_WINDOW };
    options.window = most_in_flight.max(least);
    (options, most_in_flight)
}
