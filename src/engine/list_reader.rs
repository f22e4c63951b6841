//! Two threads: one reads the list, one counts it for the progress bar.
//!
//! The reader ends with the list, or when the mailbox is closed. If it blocks on a pipe, the process ends without it. If it
//! panics, the list counts as broken.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread;

use crate::input::{self, Entry, InputError, Targets};

use super::mail::Mail;
use super::mailbox::Mailbox;

/// Starts the thread that reads `targets` into `mailbox`.
///
/// # Errors
///
/// If the thread could not be started.
pub(crate) fn read_in_background(mut targets: Targets, mailbox: &Arc<Mailbox>) -> io::Result<()> {
    let mailbox = Arc::clone(mailbox);
    let reader = thread::Builder::new().name("list".into());
    reader.spawn(move || deliver_all(|batch| targets.next_batch(batch), &mailbox))?;
    Ok(())
}

fn deliver_all(
    mut next_batch: impl FnMut(&mut Vec<Entry>) -> Result<bool, InputError>,
    mailbox: &Mailbox,
) {
    let mut batch = Vec::new();
    let read = || loop {
        match next_batch(&mut batch) {
            Ok(true) if mailbox.deliver(&mut batch) => {}
            Ok(true) => return,
            Ok(false) => return mailbox.end_of_list(),
            // The lists after a broken one are still fetched.
            Err(error) => mailbox.send(Mail::BrokenList(error)),
        }
    };
    if catch_unwind(AssertUnwindSafe(read)).is_err() {
        // In this order: after the list's end the coordinator expects nothing.
        mailbox.send(Mail::BrokenList(InputError::panicked()));
        mailbox.end_of_list();
    }
}

/// Starts the thread that counts the list. If it fails, the bar shows no end.
pub(crate) fn count_in_background(input: input::Options, mailbox: &Arc<Mailbox>) {
    let mailbox = Arc::clone(mailbox);
    let counter = thread::Builder::new().name("count".into());
    let _ = counter.spawn(move || {
        if let Some(total) = input.count() {
            mailbox.send(Mail::Total(total));
        }
    });
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    #[test]
    fn a_reader_that_panics_ends_the_list_as_one_that_could_not_be_read() {
        let mailbox = Mailbox::default();
        deliver_all(|_| panic!("an unexpected list"), &mailbox);
        let mut mail = Vec::new();
        mailbox.collect(&mut mail, true, Some(Instant::now()));
        let [Mail::BrokenList(error)] = &mail[..] else {
            panic!("one list is broken");
        };
        assert_eq!(
            error.to_string(),
            "cannot read 'the rest of the list': the thread that reads it panicked"
        );
        assert!(
            !mailbox.take_targets(&mut Vec::new(), 1),
            "it has not ended"
        );
    }
}
