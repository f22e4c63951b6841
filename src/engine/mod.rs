//! The hall that joins the rooms: one coordinator owns the list's window and the output, submits
//! jobs to the pool and takes what they finished.
//!
//! It never touches the network, and workers never touch the output. Ending is explicit: the run
//! is over when the list has ended and every job has come back, or when a reason to stop came and
//! what was in flight had its time.

mod convert;
mod coordinator;
mod ending;
mod feed;
mod jobs;
mod limits;
mod mailbox;

pub(crate) use coordinator::Engine;
pub(crate) use feed::{count_in_background, read_in_background};
pub(crate) use limits::fit_descriptors;
pub(crate) use mailbox::Mailbox;
