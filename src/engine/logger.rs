//! What the program says of its own work under `-v`: log lines go to the coordinator, which alone
//! writes beside the bar, so that neither tears the other.
//!
//! Only this crate's own lines are let through: what a library prints might hold a header that
//! is nobody's business. If the coordinator cannot keep up, lines are dropped, never memory taken.

use std::sync::Arc;

use log::{LevelFilter, Log, Metadata, Record};

use super::mailbox::Mailbox;

/// Sends the log lines of this process to `mailbox`, up to `level`. A second run in one process
/// keeps the first one's: the process has one logger.
pub(crate) fn listen(level: LevelFilter, mailbox: &Arc<Mailbox>) {
    if level == LevelFilter::Off {
        return;
    }
    let talk = Talk(Arc::clone(mailbox));
    if log::set_boxed_logger(Box::new(talk)).is_ok() {
        log::set_max_level(level);
    }
}

struct Talk(Arc<Mailbox>);

impl Log for Talk {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target().starts_with(env!("CARGO_CRATE_NAME"))
    }

    fn log(&self, record: &Record<'_>) {
        if !self.enabled(record.metadata()) {
            return;
        }
        let who = crate::pool::worker_index();
        let who = who.map_or(String::new(), |worker| format!("worker {worker}: "));
        self.0.say(format!("{who}{}", record.args()));
    }

    fn flush(&self) {}
}
