//! The two threads that look at the list while the coordinator works: one reads it, one (only if
//! there is a bar to fill) counts it.
//!
//! Both end by themselves: the reader when the list has ended or the mailbox was closed. A reader
//! that blocks on a pipe nobody writes to is left behind when the program ends; it holds nothing.

use std::io;
use std::sync::Arc;
use std::thread;

use crate::input::{self, Targets};

use super::mailbox::Mailbox;

/// Starts the thread that reads `targets` into `mailbox`.
///
/// # Errors
///
/// If the thread could not be started.
pub(crate) fn read_in_background(mut targets: Targets, mailbox: &Arc<Mailbox>) -> io::Result<()> {
    let mailbox = Arc::clone(mailbox);
    let reader = thread::Builder::new().name("list".into());
    reader.spawn(move || {
        let mut batch = Vec::new();
        loop {
            match targets.next_batch(&mut batch) {
                Ok(true) if mailbox.deliver(&mut batch) => {}
                Ok(true) => return,
                Ok(false) => break mailbox.end_of_list(),
                // The lists behind a broken one are still to be fetched.
                Err(error) => mailbox.broken_list(error),
            }
        }
    })?;
    Ok(())
}

/// Starts the thread that counts the list for the bar. Without it the bar has no end to show,
/// which is why a failure to start it is not an error.
pub(crate) fn count_in_background(input: input::Options, mailbox: &Arc<Mailbox>) {
    let mailbox = Arc::clone(mailbox);
    let counter = thread::Builder::new().name("count".into());
    let _ = counter.spawn(move || {
        if let Some(total) = input.count() {
            mailbox.counted(total);
        }
    });
}
