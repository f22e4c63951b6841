//! The close of a run: what is left after the coordinator's last turn is recorded, or counted if it
//! cannot be, and the exit status is settled. Nothing is started here, and only readers are waited for.

use std::time::{Duration, Instant};

use crate::cli::Exit;

use super::coordinator::{Coordinator, Halt};
use super::messages::Batch;
use super::to_record;
use super::warnings;

/// How long after a write to a terminal that is no more its signal may come.
const HANG_UP: Duration = Duration::from_millis(100);

impl Coordinator<'_> {
    /// Records and writes what is left after the run has `ended`.
    pub(super) fn close(&mut self, ended: Result<(), Halt>) -> Result<(), Halt> {
        self.state.failed = self.report.counts.failed > 0;
        self.shared.mailbox.stop_starting();
        if self.state.in_flight.len() > 0 {
            self.shared.client.cancel();
        }
        let recorded = match ended {
            Ok(()) => self.record_the_rest().and_then(|()| self.flush()),
            // What has not come back says nothing about the reader.
            Err(Halt::GivenUp) => {
                self.ending.put_off(Instant::now());
                self.record_the_rest().and_then(|()| self.flush())
            }
            Err(Halt::Stalled) => self.record_the_rest().and(Err(Halt::Stalled)),
            Err(Halt::Failed(error)) => {
                if super::comes_of_hang_up(&error) {
                    self.hear_of_a_hang_up();
                }
                self.count_the_rest();
                Err(Halt::Failed(error))
            }
        };
        let recorded = match recorded {
            // The reader has had its time: only what it takes at once is written.
            Err(Halt::Stalled) => self.flush_what_is_taken(),
            recorded => recorded.map(|()| true),
        };
        let (untaken, whole) = self.shared.mailbox.close();
        let never_started = self.state.never_started + untaken;
        self.state.is_whole = matches!(recorded, Ok(true))
            && whole
            && never_started == 0
            && self.report.counts.failed == 0;
        if let Some(summary) = &mut self.report.summary {
            summary.never_started(whole.then_some(never_started));
        }
        self.report.progress.finish();
        let mut said = Vec::new();
        self.shared.mailbox.take_said(&mut said);
        self.report.tell_all(&said);
        recorded.map(drop)
    }

    /// Counts what is not recorded and cannot be, as nothing more can be written.
    fn count_the_rest(&mut self) {
        let now = Instant::now();
        let mut batch = Batch::default();
        self.shared.mailbox.collect(&mut batch, false, Some(now));
        self.state.list_broken |= !batch.broken_lists.is_empty();
        self.report.tell_all(&batch.broken_lists);
        self.report.tell_all(&batch.said);
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
            let record = to_record::left_behind(item.target, self.ending.message());
            self.report.count(&record);
        }
    }

    /// Waits a moment for the signal that comes with the end of a terminal.
    fn hear_of_a_hang_up(&mut self) {
        self.shared.mailbox.await_stop(Instant::now() + HANG_UP);
        self.hear_of_stops();
    }

    /// Writes what the reader takes at once, and tells how much is left. True if nothing is.
    fn flush_what_is_taken(&mut self) -> Result<bool, Halt> {
        let is_written = self.report.flush_by(Instant::now())?;
        if !is_written && let Some(note) = warnings::unwritten(self.report.give_up_records()) {
            self.report.tell(&note);
        }
        Ok(is_written)
    }

    /// The exit status of a run that is closed.
    pub(super) fn exit(&self) -> Exit {
        let exit = self.ending.exit(self.state.failed);
        match exit {
            Exit::Success | Exit::SomeFailed if self.state.list_broken => Exit::Unusable,
            // A deadline that cut nothing, as all had come and only its reader was slow.
            Exit::SomeFailed if self.state.is_whole => Exit::Success,
            exit => exit,
        }
    }

    /// Records what is not recorded yet: what came back at the last moment, what was begun and did
    /// not, what waits for another attempt, and what waits in `--ordered` for one that never came.
    fn record_the_rest(&mut self) -> Result<(), Halt> {
        if self.state.in_flight.len() > 0
            && let Some(save) = &self.shared.save
        {
            // Stop saving first: a stuck worker must not rename its file after its failure was recorded.
            save.abandon();
        }
        // What has come back by now is not lost.
        let mut batch = Batch::default();
        let now = Instant::now();
        self.shared.mailbox.collect(&mut batch, false, Some(now));
        self.take_in(&mut batch)?;
        let waiting = self.schedule.drain(now);
        let (begun, unbegun) = self.state.in_flight.give_up();
        for item in waiting.into_iter().chain(unbegun) {
            self.drop_unstarted(item)?;
        }
        for mut item in begun {
            item.context.attempts += 1;
            let text = item.target.text();
            let record = to_record::left_behind(item.target, self.ending.message());
            self.done(record, item.context, text)?;
        }
        self.report.give_up_order()?;
        Ok(())
    }
}
