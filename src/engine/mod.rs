//! The run: a coordinator owns the schedule and the output, submits jobs to the pool and takes their results.
//!
//! The coordinator never touches the network, and workers never touch the output. A run is over when the list has ended
//! and every job has come back, or when a reason to stop came and what was in flight had its time.

mod budgets;
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
use crate::output::{Counts, Outgoing, Progress, Save, Summary, Writer};
use crate::pool::{Pending, ThreadPool};
use crate::schedule::ordered::Ordered;
use crate::schedule::{self, Schedule};

use budgets::{RECORDS_AHEAD, WINDOW};
use coordinator::{Coordinator, Halt, State};
use host_pauses::HostPauses;
use jobs::Shared;
use report::Report;
use retrying::Retrying;
use shutdown::Shutdown;

pub(crate) use limits::fit_descriptors;
pub(crate) use list_reader::{count_in_background, read_in_background};
pub(crate) use logger::install_logger;
pub(crate) use mailbox::Mailbox;

/// Everything that a run needs, assembled. [`Engine::run`] is the run.
pub(crate) struct Engine<'a> {
    pub(crate) pool: ThreadPool,
    pub(crate) client: Client,
    pub(crate) mailbox: Arc<Mailbox>,
    pub(crate) writer: Writer,
    /// Where messages and the bar go; `None` if that is the terminal of the records.
    pub(crate) stderr: Option<Outgoing>,
    pub(crate) progress: Option<Progress>,
    /// What was left out of the list on purpose; the bar's total is without it.
    pub(crate) skipped: Arc<Skipped>,
    pub(crate) summary: Option<&'a mut Summary>,
    pub(crate) save: Option<Arc<Save>>,
    /// When targets may start, without the window.
    pub(crate) schedule: schedule::Options,
    /// Print the records in the order of the lists.
    pub(crate) ordered: bool,
    /// The method is HEAD: there is no body to save.
    pub(crate) head_only: bool,
    /// When the whole run must be over.
    pub(crate) deadline: Option<Instant>,
}

impl Engine<'_> {
    /// Runs until the list is done or the run must end. Returns the exit status, or an error if the records could not be
    /// written; and the messages that were not written yet.
    pub(crate) fn run(self) -> (anyhow::Result<Exit>, Outgoing) {
        let retries = self.schedule.retries;
        let (schedule, most_in_flight) = bounds(self.schedule, self.pool.workers());
        let coordinator = Coordinator {
            pool: &self.pool,
            most_in_flight,
            shared: Arc::new(Shared {
                client: self.client,
                save: self.save,
                head_only: self.head_only,
                mailbox: self.mailbox,
                pauses: retries.are_on().then(HostPauses::default),
                deadline: self.deadline,
                received: AtomicU64::new(0),
            }),
            schedule: Schedule::new(schedule),
            retrying: Retrying::new(retries, seed()),
            shutdown: Shutdown::new(self.deadline),
            report: Report {
                writer: self.writer,
                stderr: self.stderr,
                dropped: 0,
                progress: self.progress,
                summary: self.summary,
                counts: Counts::default(),
                ordered: self
                    .ordered
                    .then(|| Ordered::new(RECORDS_AHEAD.max(most_in_flight))),
                ordered_bytes: 0,
            },
            skipped: self.skipped,
            state: State::default(),
        };
        let ended = run_and_finalize(coordinator);
        // A worker that has not come back by now is cut or stuck in a system call.
        self.pool.shutdown(Pending::Cancel);
        self.pool.detach();
        ended
    }
}

/// The schedule's options, and how many jobs may be in flight: those that run, and as many in the queue as the workers can
/// take during one pause. Where the moment of a start matters, none may be queued.
fn bounds(mut options: schedule::Options, workers: usize) -> (schedule::Options, usize) {
    let queued = if options.is_timed() {
        0
    } else {
        workers * 3 + 64
    };
    let most_in_flight = workers + queued;
    let holds_back = options.needs_hosts() || options.is_timed();
    options.window = most_in_flight.max(if holds_back { WINDOW } else { 0 });
    (options, most_in_flight)
}

fn run_and_finalize(mut coordinator: Coordinator<'_>) -> (anyhow::Result<Exit>, Outgoing) {
    let ended = coordinator.run();
    let written = coordinator.finalize(ended);
    let exit = coordinator.exit();
    let exit = match written {
        Err(Halt::Failed(error)) if !has_no_reader(&error, exit) => Err(error),
        Ok(()) | Err(Halt::GivenUp | Halt::Stalled | Halt::Failed(_)) => Ok(exit),
    };
    (exit, coordinator.report.into_messages())
}

/// Whether a write failed because its reader has gone. A device that fails gives the same error as a closed terminal, but
/// comes without a signal.
fn has_no_reader(error: &anyhow::Error, exit: Exit) -> bool {
    io_error(error).is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
        || is_closed_terminal(error) && matches!(exit, Exit::Stopped(_))
}

/// Whether a write failed as one to a closed terminal does.
fn is_closed_terminal(error: &anyhow::Error) -> bool {
    io_error(error).is_some_and(is_hang_up)
}

fn io_error(error: &anyhow::Error) -> Option<&io::Error> {
    error.chain().find_map(|cause| cause.downcast_ref())
}

#[cfg(unix)]
fn is_hang_up(error: &io::Error) -> bool {
    let is_gone = rustix::io::Errno::from_io_error(error) == Some(rustix::io::Errno::IO);
    // A closed terminal is no longer known as one; a file still is.
    is_gone && !std::fs::metadata("/dev/fd/1").is_ok_and(|stdout| stdout.is_file())
}

#[cfg(not(unix))]
fn is_hang_up(_: &io::Error) -> bool {
    false
}

/// A number that differs from run to run, as the standard library's hash keys do.
fn seed() -> u64 {
    use std::hash::{BuildHasher, RandomState};
    RandomState::new().hash_one(0)
}
