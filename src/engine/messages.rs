//! What is left in the mailbox for the coordinator, and how it takes that: all at once.

use std::time::Instant;

use crate::fetch::Outcome;
use crate::input::InputError;
use crate::pool::Panic;

/// What became of one job.
pub(crate) struct Finished {
    /// Where the coordinator keeps the job's target.
    pub(crate) slot: usize,
    /// The worker that ran it, from 0.
    pub(crate) worker: Option<usize>,
    pub(crate) ending: JobEnding,
}

/// How a job ended.
#[expect(
    clippy::large_enum_variant,
    reason = "nearly every ending is the large one, and boxing it would cost an allocation a URL"
)]
pub(crate) enum JobEnding {
    /// The attempt was made.
    Attempted {
        outcome: Outcome,
        /// Where the body was saved.
        file: Option<String>,
    },
    /// The server wants to be left alone until then: nothing was sent.
    Pauses(Instant),
    /// The run was stopping when a worker took the job: nothing was sent.
    NotStarted,
    /// The job panicked.
    Panicked(Panic),
}

/// Everything that arrived since the coordinator last looked, but for reasons to stop, which stay until they are taken.
#[derive(Default)]
pub(crate) struct Batch {
    pub(crate) finished: Vec<Finished>,
    pub(crate) broken_lists: Vec<InputError>,
    /// Lines for a person.
    pub(crate) said: Vec<String>,
}
