//! Log lines of `-v` go to the coordinator, which owns standard error.
//!
//! Lines of libraries are left out: they might hold a secret header.

use std::sync::Arc;

use log::{LevelFilter, Log, Metadata, Record};

use super::mail::Mail;
use super::mailbox::Mailbox;

/// Sends log lines up to `level` to `mailbox`. A second run in one process keeps the logger of the first.
pub(crate) fn install_logger(level: LevelFilter, mailbox: &Arc<Mailbox>) {
    if level == LevelFilter::Off {
        return;
    }
    let logger = Logger(Arc::clone(mailbox));
    if log::set_boxed_logger(Box::new(logger)).is_ok() {
        log::set_max_level(level);
    }
}

struct Logger(Arc<Mailbox>);

impl Log for Logger {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target().starts_with(env!("CARGO_CRATE_NAME"))
    }

    fn log(&self, record: &Record<'_>) {
        if !self.enabled(record.metadata()) {
            return;
        }
        let worker = crate::pool::worker_index();
        let worker = worker.map_or(String::new(), |index| format!("worker {index}: "));
        self.0
            .send(Mail::Line(format!("{worker}{}", record.args())));
    }

    fn flush(&self) {}
}
