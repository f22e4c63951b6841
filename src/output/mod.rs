//! What the user sees: the records on standard output, the bar and the summary on standard error.
//!
//! It takes finished [`Record`]s and counts, and starts no thread; the coordinator owns it. No control character of a
//! list or a server reaches a terminal.

mod csv;
mod fields;
mod format;
mod hosts;
mod human;
mod jsonl;
mod lock;
mod out;
mod progress;
mod record;
mod save;
mod streams;
mod summary;
#[cfg(test)]
mod tests;
mod text;
mod times;
mod value;
mod warc;
mod writer;

#[cfg(any(test, feature = "fuzzing"))]
#[path = "../../tests/fuzz/saved_names.rs"]
pub(crate) mod fuzzing;

pub(crate) use fields::Fields;
pub(crate) use format::Format;
pub(crate) use hosts::WorstHosts;
pub(crate) use human::counted;
#[cfg(test)]
pub(crate) use out::Out;
pub(crate) use out::Outgoing;
pub(crate) use progress::{Counts, Downloads, Progress};
pub(crate) use record::{Body, DryRun, Record, WarcPlace};
#[cfg(windows)]
pub(crate) use save::is_device;
pub(crate) use save::{Case, KeepParts, Save, Saved, path_for, saved_path};
pub(crate) use streams::{is_one_terminal, stderr, stdout};
pub(crate) use summary::Summary;
pub(crate) use times::Times;
pub(crate) use value::in_milliseconds;
pub(crate) use warc::{Archive, Original, original_of};
pub(crate) use writer::Writer;
