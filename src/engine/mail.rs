//! What other threads send to the coordinator.

use crate::fetch::{Contact, Outcome};
use crate::input::InputError;
use crate::output::WarcPlace;
use crate::pool::Panic;
use crate::schedule::HostKey;

pub(super) enum Mail {
    Finished {
        /// The job's index in the coordinator's table.
        slot: usize,
        worker: Option<usize>,
        result: JobResult,
    },
    /// A host was reached, or could not be.
    Contact {
        host: HostKey,
        contact: Contact,
    },
    /// A list could not be read, or not to its end. Other lists may follow.
    BrokenList(InputError),
    /// A line for the user.
    Line(String),
    Total(u64),
}

/// What was kept of an attempt.
#[derive(Default)]
pub(super) struct Kept {
    /// Where it was saved.
    pub(super) file: Option<String>,
    /// The body itself, with `--body`.
    pub(super) body: Option<Vec<u8>>,
    /// With `--update`, of a page: it is that of an earlier run.
    pub(super) unchanged: Option<bool>,
    /// With `--update`: an earlier run has recorded the page.
    pub(super) is_recorded: bool,
    /// With `--warc`: where the last reply was appended.
    pub(super) warc: Option<WarcPlace>,
    /// The archive could not be written.
    pub(super) archive_failed: bool,
}

pub(super) enum JobResult {
    Attempted {
        outcome: Box<Outcome>,
        kept: Kept,
    },
    /// Nothing was sent, as the host was paused after the job was submitted.
    Paused,
    /// Nothing was sent, as the run was stopping.
    NotStarted,
    Panicked(Panic),
}
