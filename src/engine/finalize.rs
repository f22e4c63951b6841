//! The end of a run, after the coordinator's last turn: the remaining records and the exit status. It waits for readers, but
//! not for jobs.

use std::io;
use std::time::{Duration, Instant};

use crate::cli::Exit;

use super::coordinator::Coordinator;
use super::to_record;

/// How long SIGHUP may take to arrive after a write to a closed terminal has failed.
const HANG_UP: Duration = Duration::from_millis(100);

impl Coordinator<'_> {
    /// Records and writes what is left once [`Coordinator::run`] has `ended`.
    ///
    /// # Errors
    ///
    /// If the records could not be written, unless their reader has closed standard output.
    pub(super) fn finalize(&mut self, ended: anyhow::Result<bool>) -> anyhow::Result<Exit> {
        let counts = self.report.counts;
        let has_failed = !self.max_fail.allows(counts.failed, counts.done);
        self.shared.mailbox.stop_starting();
        if self.state.in_flight.len() > 0 {
            self.shared.client.cancel();
        }
        if let Err(error) = &ended
            && is_closed_terminal(error)
        {
            self.shared.mailbox.wait_for_stop(Instant::now() + HANG_UP);
            self.take_stops();
        }
        self.record_the_rest();
        let is_written =
            ended.and_then(|reads| Ok(reads && self.flush()? || self.write_what_is_taken()?));
        let (untaken, is_read) = self.shared.mailbox.close();
        let never_started = self.state.never_started + untaken;
        if let Some(summary) = &mut self.report.summary {
            summary.never_started(is_read.then_some(never_started));
        }
        self.report.finish_progress();
        self.take_mail();
        let is_whole = is_read && never_started == 0 && self.report.counts.failed == 0;
        let exit = match (self.shutdown.exit(has_failed), &is_written) {
            (Exit::Success | Exit::SomeFailed, _) if self.state.list_broken => Exit::Unusable,
            // The deadline passed while records were written; it cut no request.
            (Exit::SomeFailed, Ok(true)) if is_whole => Exit::Success,
            (exit, _) => exit,
        };
        match is_written {
            Err(error) if !has_no_reader(&error, exit) => Err(error),
            _ => Ok(exit),
        }
    }

    /// Records the last results, unfinished attempts, targets that wait for a retry, and records held by `--ordered`.
    fn record_the_rest(&mut self) {
        if self.state.in_flight.len() > 0
            && let Some(save) = &self.shared.save
        {
            // Stop saving first: a stuck worker must not rename its file after its failure was recorded.
            save.abandon();
        }
        self.take_mail();
        self.cut_contacts();
        for item in self.schedule.drain(Instant::now()) {
            self.drop_unstarted(item);
        }
        for (mut item, is_begun) in self.state.in_flight.give_up() {
            if is_begun {
                item.context.attempts += 1;
                let record = to_record::cut(item.target, self.shutdown.message());
                self.done(record, item.context);
            } else {
                self.drop_unstarted(item);
            }
        }
        self.report.give_up_order();
    }

    /// Writes what the reader takes at once and drops the other records. True if all were written.
    fn write_what_is_taken(&mut self) -> anyhow::Result<bool> {
        let is_written = self.report.flush_by(Instant::now())?;
        if !is_written {
            let records = match self.report.writer.out.give_up_records() {
                0 => return Ok(false),
                1 => "1 record was".to_owned(),
                records => format!("{records} records were"),
            };
            self.report.tell(format!(
                "{records} not written: standard output took nothing more"
            ));
        }
        Ok(is_written)
    }
}

/// Whether a write failed because its reader closed the stream. A failing device gives the same error as a closed
/// terminal, but no SIGHUP follows.
fn has_no_reader(error: &anyhow::Error, exit: Exit) -> bool {
    is_closed_pipe(error) || is_closed_terminal(error) && matches!(exit, Exit::Stopped(_))
}

pub(super) fn is_closed_pipe(error: &anyhow::Error) -> bool {
    io_error(error).is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}

fn is_closed_terminal(error: &anyhow::Error) -> bool {
    io_error(error).is_some_and(is_hang_up)
}

fn io_error(error: &anyhow::Error) -> Option<&io::Error> {
    error.chain().find_map(|cause| cause.downcast_ref())
}

#[cfg(unix)]
fn is_hang_up(error: &io::Error) -> bool {
    let is_gone = rustix::io::Errno::from_io_error(error) == Some(rustix::io::Errno::IO);
    // EIO from a file is a disk error, from anything else a closed terminal.
    is_gone && !std::fs::metadata("/dev/fd/1").is_ok_and(|stdout| stdout.is_file())
}

#[cfg(not(unix))]
fn is_hang_up(_: &io::Error) -> bool {
    false
}
