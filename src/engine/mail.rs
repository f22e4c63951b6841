//! What other threads send to the coordinator.

use crate::fetch::Outcome;
use crate::input::InputError;
use crate::pool::Panic;

pub(super) enum Mail {
    /// A job has ended.
    Finished {
        /// Where the coordinator keeps the job's target.
        slot: usize,
        /// The worker that ran it, from 0.
        worker: Option<usize>,
        result: JobResult,
    },
    /// A list could not be read, or not to its end. Other lists may follow.
    BrokenList(InputError),
    /// A line for the user.
    Line(String),
    /// The number of targets in all lists.
    Total(u64),
}

#[expect(
    clippy::large_enum_variant,
    reason = "nearly all results are the large variant, and boxing it would cost an allocation a URL"
)]
pub(super) enum JobResult {
    Attempted {
        outcome: Outcome,
        /// Where the body was saved.
        file: Option<String>,
    },
    /// Nothing was sent, as the host was paused after the job was submitted.
    Paused,
    /// Nothing was sent, as the run was stopping.
    NotStarted,
    Panicked(Panic),
}
