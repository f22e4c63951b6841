//! The two threads that look at the list while the coordinator works: one reads it, one (only if
//! there is a bar to fill) counts it.
//!
//! Both end by themselves: the reader when the list has ended or the mailbox was closed. A reader
//! that blocks on a pipe nobody writes to is left behind when the program ends; it holds nothing.
//! One that panics is told of as a list that could not be read to its end: the run does not wait for
//! what will not come.

use std::io;
use std::sync::Arc;
use std::thread;

use crate::input::{self, Entry, InputError, Targets};

use super::mailbox::Mailbox;

/// Starts the thread that reads `targets` into `mailbox`.
///
/// # Errors
///
/// If the thread could not be started.
pub(crate) fn read_in_background(mut targets: Targets, mailbox: &Arc<Mailbox>) -> io::Result<()> {
    let mailbox = Arc::clone(mailbox);
    let reader = thread::Builder::new().name("list".into());
    reader.spawn(move || feed(|batch| targets.next_batch(batch), &mailbox))?;
    Ok(())
}

/// Delivers batch after batch until there is none, or nobody wants any more.
fn feed(
    mut next_batch: impl FnMut(&mut Vec<Entry>) -> Result<bool, InputError>,
    mailbox: &Mailbox,
) {
    let _guard = EndOfPanicked(mailbox);
    let mut batch = Vec::new();
    loop {
        match next_batch(&mut batch) {
            Ok(true) if mailbox.deliver(&mut batch) => {}
            Ok(true) => return,
            Ok(false) => return mailbox.end_of_list(),
            // The lists behind a broken one are still to be fetched.
            Err(error) => mailbox.broken_list(error),
        }
    }
}

/// Ends the list for a reader that panics.
struct EndOfPanicked<'a>(&'a Mailbox);

impl Drop for EndOfPanicked<'_> {
    fn drop(&mut self) {
        if thread::panicking() {
            // In this order: a run whose list has ended looks for nothing more.
            self.0.broken_list(InputError::panicked());
            self.0.end_of_list();
        }
    }
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

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;
    use crate::engine::messages::Batch;

    #[test]
    fn a_reader_that_panics_ends_the_list_as_one_that_could_not_be_read() {
        let mailbox = Mailbox::new();
        thread::scope(|scope| {
            let reader =
                scope.spawn(|| feed(|_| panic!("a list that nobody thought of"), &mailbox));
            assert!(reader.join().is_err());
        });
        let mut batch = Batch::default();
        mailbox.collect(&mut batch, true, Some(Instant::now()));
        let told: Vec<String> = batch.broken_lists.iter().map(ToString::to_string).collect();
        assert_eq!(
            told,
            ["cannot read 'the rest of the list': the thread that reads it panicked"]
        );
        assert!(
            !mailbox.take_targets(&mut Vec::new(), 1),
            "it has not ended"
        );
    }
}
