//! What other threads send to the coordinator.

use crate::fetch::{Contact, Outcome};
use crate::input::InputError;
use crate::pool::Panic;
use crate::schedule::HostKey;

#[expect(
    clippy::large_enum_variant,
    reason = "nearly all mail is of the large variant"
)]
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

/// What was kept of a body.
#[derive(Default)]
pub(super) struct Kept {
    /// Where it was saved.
    pub(super) file: Option<String>,
    /// The body itself, with `--body`.
    pub(super) body: Option<Vec<u8>>,
}

#[expect(
    clippy::large_enum_variant,
    reason = "nearly all results are the large variant, and boxing it would cost an allocation a URL"
)]
pub(super) enum JobResult {
    Attempted {
        outcome: Outcome,
        kept: Kept,
    },
    /// Nothing was sent, as the host was paused after the job was submitted.
    Paused,
    /// Nothing was sent, as the run was stopping.
    NotStarted,
    Panicked(Panic),
}
