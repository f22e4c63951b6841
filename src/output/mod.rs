//! What the user sees: records on standard output, the progress bar and the summary on standard error.
//!
//! This module gets finished [`Record`]s and counts. It starts no thread; the coordinator owns what is written. No control
//! character of a list or a server reaches a terminal raw.

mod csv;
#[cfg(test)]
mod docs_tests;
mod escape;
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) mod fuzzing;
mod hosts;
mod human;
mod jsonl;
mod out;
mod progress;
mod record;
mod save;
mod summary;
mod text;
mod writer;

pub(crate) use escape::{printable, shown};
#[cfg(test)]
pub(crate) use out::Out;
pub(crate) use out::{Outgoing, is_one_terminal, stderr, stdout};
pub(crate) use progress::{Counts, Progress};
pub(crate) use record::{Record, RecordError};
pub(crate) use save::Save;
pub(crate) use summary::Summary;
pub(crate) use writer::{Format, Writer};
