//! The end of a run: records or counts what is left after the coordinator's last turn, and settles the exit status.
//! Nothing is started here, and only readers are waited for.

use std::time::{Duration, Instant};

use crate::cli::Exit;

use super::coordinator::{Coordinator, Halt};
use super::messages::Batch;
use super::to_record;
use super::warnings;

/// How long after a failed write to a closed terminal SIGHUP may come.
const HANG_UP: Duration = Duration::from_millis(100);

impl Coordinator<'_> {
    /// Records and writes what is left after the run has `ended`.
    pub(super) fn finalize(&mut self, ended: Result<(), Halt>) -> Result<(), Halt> {
        self.state.failed = self.report.counts.failed > 0;
        self.shared.mailbox.stop_starting();
        if self.state.in_flight.len() > 0 {
            self.shared.client.cancel();
        }
        let is_written = match ended {
            Err(Halt::Failed(error)) => {
                if super::is_closed_terminal(&error) {
                    self.shared.mailbox.wait_for_stop(Instant::now() + HANG_UP);
                    self.take_stops();
                }
                self.count_the_rest();
                Err(Halt::Failed(error))
            }
            ended => self.write_the_rest(matches!(ended, Err(Halt::Stalled))),
        };
        let (untaken, is_read) = self.shared.mailbox.close();
        let never_started = self.state.never_started + untaken;
        self.state.is_whole = matches!(is_written, Ok(true))
            && is_read
            && never_started == 0
            && self.report.counts.failed == 0;
        if let Some(summary) = &mut self.report.summary {
            summary.never_started(is_read.then_some(never_started));
        }
        self.report.finish_progress();
        self.report.tell_all(&self.shared.mailbox.take_messages());
        is_written.map(drop)
    }

    /// Records what is left and writes it, or as much as the reader takes at once if it `is_stalled`. True if that is all.
    fn write_the_rest(&mut self, is_stalled: bool) -> Result<bool, Halt> {
        self.record_the_rest()?;
        if !is_stalled {
            match self.flush() {
                Err(Halt::Stalled) => {}
                flushed => return flushed.map(|()| true),
            }
        }
        let is_written = self.report.flush_by(Instant::now())?;
        if !is_written {
            let records = self.report.writer.out.give_up_records();
            if let Some(warning) = warnings::unwritten(records) {
                self.report.tell(&warning);
            }
        }
        Ok(is_written)
    }

    /// Records what came back at the last moment, what was begun and did not come back, what waits for another attempt, and
    /// what waits for its turn in `--ordered`.
    fn record_the_rest(&mut self) -> Result<(), Halt> {
        if self.state.in_flight.len() > 0
            && let Some(save) = &self.shared.save
        {
            // Stop saving first: a stuck worker must not rename its file after its failure was recorded.
            save.abandon();
        }
        let now = Instant::now();
        let mut batch = Batch::default();
        self.shared.mailbox.collect(&mut batch, false, Some(now));
        self.take_in(&mut batch)?;
        let waiting = self.schedule.drain(now);
        let (begun, unbegun) = self.state.in_flight.give_up();
        for item in waiting.into_iter().chain(unbegun) {
            self.drop_unstarted(item)?;
        }
        for mut item in begun {
            item.context.attempts += 1;
            let record = to_record::left_behind(item.target, self.shutdown.message());
            self.done(record, item.context)?;
        }
        Ok(self.report.give_up_order()?)
    }

    /// Counts what cannot be recorded, as nothing more can be written.
    fn count_the_rest(&mut self) {
        let now = Instant::now();
        let mut batch = Batch::default();
        self.shared.mailbox.collect(&mut batch, false, Some(now));
        self.state.list_broken |= !batch.broken_lists.is_empty();
        self.report.tell_all(&batch.broken_lists);
        self.report.tell_all(&batch.messages);
        for finished in batch.finished {
            // It is counted before it cannot be written.
            let _ = self.finish(finished, now);
        }
        let waiting = self.schedule.drain(now);
        let (begun, unbegun) = self.state.in_flight.give_up();
        for mut item in waiting.into_iter().chain(unbegun) {
            match item.context.failed.take() {
                Some(record) => self.report.count(&record),
                None => self.state.never_started += 1,
            }
        }
        for item in begun {
            let record = to_record::left_behind(item.target, self.shutdown.message());
            self.report.count(&record);
        }
    }

    /// The exit status, after [`finalize`](Self::finalize).
    pub(super) fn exit(&self) -> Exit {
        let exit = self.shutdown.exit(self.state.failed);
        match exit {
            Exit::Success | Exit::SomeFailed if self.state.list_broken => Exit::Unusable,
            // The deadline cut nothing: every record was there, and only its reader was slow.
            Exit::SomeFailed if self.state.is_whole => Exit::Success,
            exit => exit,
        }
    }
}
