//! The hall that joins the rooms: one coordinator owns the schedule and the output, submits jobs
//! to the pool and takes what they finished.
//!
//! It never touches the network, and workers never touch the output. Shutdown is explicit: the run
//! is over when the list has ended and every job has come back, or when a reason to stop came and
//! what was in flight had its time.

mod coordinator;
mod finalize;
mod host_pauses;
mod jobs;
mod limits;
mod list_reader;
mod logger;
mod mailbox;
mod messages;
mod on_completion;
mod report;
mod retrying;
mod shutdown;
mod shutdown_steps;
mod to_record;
mod warnings;

use std::io;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Instant;

use crate::cli::Exit;
use crate::fetch::Client;
use crate::input::Skipped;
use crate::output::{self, Counts, Outgoing, Progress, Save, Summary, Writer};
use crate::pool::{Pending, ThreadPool};
use crate::schedule::ordered::Ordered;
use crate::schedule::{self, Schedule};

use coordinator::{Coordinator, Halt, State};
use host_pauses::HostPauses;
use jobs::Shared;
use report::Report;
use retrying::Retrying;
use shutdown::Shutdown;

pub(crate) use limits::{fit_descriptors, fit_jobs};
pub(crate) use list_reader::{count_in_background, read_in_background};
pub(crate) use logger::listen;
pub(crate) use mailbox::Mailbox;

/// How many targets are looked at at once where some may be held back, whatever the number of
/// workers: a long run of lines of one host hides the others only if it is longer than this.
const WINDOW: usize = 4096;

/// How many records wait at most for the one whose turn it is.
const RECORDS_AHEAD: usize = 1024;

/// When and in which order things happen.
#[derive(Clone, Debug)]
pub(crate) struct Options {
    /// What the schedule obeys.
    pub(crate) schedule: schedule::Options,
    /// Print records in the order of the lists.
    pub(crate) ordered: bool,
    /// The method is HEAD: there is no body to save.
    pub(crate) head_only: bool,
    /// When the whole run must be over.
    pub(crate) deadline: Option<Instant>,
}

/// Everything that a run needs, assembled. [`Engine::run`] is the run.
pub(crate) struct Engine<'a> {
    pub(crate) pool: ThreadPool,
    pub(crate) client: Client,
    pub(crate) mailbox: Arc<Mailbox>,
    pub(crate) writer: Writer,
    pub(crate) progress: Progress,
    /// What of the list was left out on purpose: the bar's total is without it.
    pub(crate) skipped: Arc<Skipped>,
    /// Where records are added up, if anybody wants that.
    pub(crate) summary: Option<&'a mut Summary>,
    /// Where bodies are saved, if they are.
    pub(crate) save: Option<Save>,
    pub(crate) options: Options,
}

impl Engine<'_> {
    /// Runs until the list is done or the run must end, and gives the exit status, or an error if the records could not be
    /// written; and what was told a person and is not out yet.
    pub(crate) fn run(self) -> (anyhow::Result<Exit>, Outgoing) {
        let Options {
            schedule,
            ordered,
            head_only,
            deadline,
        } = self.options;
        let retries = schedule.retries;
        let (schedule, most_in_flight) = bounds(schedule, self.pool.workers());
        let coordinator = Coordinator {
            pool: &self.pool,
            most_in_flight,
            shared: Arc::new(Shared {
                client: self.client,
                save: self.save,
                head_only,
                mailbox: self.mailbox,
                holds: HostPauses::default(),
                retries: retries.are_on(),
                deadline,
                received: AtomicU64::new(0),
            }),
            schedule: Schedule::new(schedule),
            retrying: Retrying::new(retries, seed()),
            ending: Shutdown::new(deadline),
            report: Report {
                writer: self.writer,
                notices: Outgoing::new(output::stderr()),
                unsaid: 0,
                progress: self.progress,
                summary: self.summary,
                counts: Counts::default(),
                ordered: ordered.then(|| Ordered::new(RECORDS_AHEAD.max(most_in_flight))),
                parked: 0,
            },
            skipped: self.skipped,
            state: State::default(),
        };
        let ended = run_and_close(coordinator);
        // Whoever has not come back by now is cut or stuck in a system call: not waited for.
        self.pool.shutdown(Pending::Cancel);
        self.pool.detach();
        ended
    }
}

/// What the schedule obeys, and how many jobs may be out at once: those that run, and as many
/// waiting as the workers can take during one pause. Where the moment of a start matters, none may
/// wait.
fn bounds(mut options: schedule::Options, workers: usize) -> (schedule::Options, usize) {
    let most_in_flight = if options.is_timed() {
        workers
    } else {
        workers * 4 + 64
    };
    options.window = if options.needs_hosts() || options.is_timed() {
        WINDOW.max(most_in_flight)
    } else {
        most_in_flight
    };
    (options, most_in_flight)
}

fn run_and_close(mut coordinator: Coordinator<'_>) -> (anyhow::Result<Exit>, Outgoing) {
    let ended = coordinator.run();
    let written = coordinator.close(ended);
    let exit = coordinator.exit();
    let exit = match written {
        Err(Halt::Failed(error)) if !is_unread(&error, exit) => Err(error),
        Ok(()) | Err(Halt::GivenUp | Halt::Stalled | Halt::Failed(_)) => Ok(exit),
    };
    (exit, coordinator.report.notices)
}

/// Whether nobody is there any more to read what was being written. A device that fails says the same as a terminal that
/// is no more, but without a signal.
fn is_unread(error: &anyhow::Error, exit: Exit) -> bool {
    has_cause(error, |cause| cause.kind() == io::ErrorKind::BrokenPipe)
        || comes_of_hang_up(error) && matches!(exit, Exit::Stopped(_))
}

/// Whether a write failed as one to a terminal that is no more does.
fn comes_of_hang_up(error: &anyhow::Error) -> bool {
    has_cause(error, is_hang_up)
}

fn has_cause(error: &anyhow::Error, is_it: impl Fn(&io::Error) -> bool) -> bool {
    error
        .chain()
        .filter_map(|cause| cause.downcast_ref::<io::Error>())
        .any(is_it)
}

#[cfg(unix)]
fn is_hang_up(error: &io::Error) -> bool {
    let is_gone = rustix::io::Errno::from_io_error(error) == Some(rustix::io::Errno::IO);
    // What has hung up does not say of itself any more that it is a terminal; a file would.
    is_gone && !std::fs::metadata("/dev/fd/1").is_ok_and(|stdout| stdout.is_file())
}

#[cfg(not(unix))]
fn is_hang_up(_: &io::Error) -> bool {
    false
}

/// A number that differs from run to run: the standard library's own keys are drawn for each
/// process.
fn seed() -> u64 {
    use std::hash::{BuildHasher, RandomState};
    RandomState::new().hash_one(0)
}
