//! What the coordinator takes from the mailbox.

use std::time::Instant;

use crate::fetch::Outcome;
use crate::input::InputError;
use crate::pool::Panic;

/// A job that has come back.
pub(super) struct Finished {
    /// Where the coordinator keeps the job's target.
    pub(super) slot: usize,
    /// The worker that ran it, from 0.
    pub(super) worker: Option<usize>,
    pub(super) result: JobResult,
}

/// What came of one job.
#[expect(
    clippy::large_enum_variant,
    reason = "nearly every result is the large one, and boxing it would cost an allocation a URL"
)]
pub(super) enum JobResult {
    /// The attempt was made.
    Attempted {
        outcome: Outcome,
        /// Where the body was saved.
        file: Option<String>,
    },
    /// The server asked for a pause until then: nothing was sent.
    Paused(Instant),
    /// The run was stopping when a worker took the job: nothing was sent.
    NotStarted,
    /// The job panicked.
    Panicked(Panic),
}

/// Everything that arrived since the last batch, except for reasons to stop.
#[derive(Default)]
pub(super) struct Batch {
    pub(super) finished: Vec<Finished>,
    pub(super) broken_lists: Vec<InputError>,
    /// Lines for the user.
    pub(super) messages: Vec<String>,
}
