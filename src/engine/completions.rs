//! What becomes of a job that has come back: a record, another attempt later, or nothing if it was
//! never begun. Hosts that are to be left alone are told to the schedule on the way.

use std::time::{Instant, SystemTime};

use crate::fetch::Outcome;
use crate::output::Record;

use super::convert;
use super::coordinator::{Coordinator, Halt};
use super::jobs::{Item, Trail};
use super::mailbox::text_of;
use super::post::{Finished, JobEnding};

impl Coordinator<'_> {
    pub(super) fn finish(&mut self, finished: Finished, now: Instant) -> Result<(), Halt> {
        let Finished {
            slot,
            worker,
            ending,
        } = finished;
        let Some(mut item) = self.state.in_flight.take(slot) else {
            return Ok(());
        };
        if let Some(host) = &item.trail.host {
            self.schedule.finished(host, now);
        }
        match ending {
            JobEnding::Attempted { outcome, file } => {
                self.attempted(item, outcome, file, worker, now)?;
            }
            JobEnding::Panicked(panic) => {
                item.trail.attempts += 1;
                let text = text_of(&item.target);
                let record = convert::panicked(item.target, &panic, worker);
                self.done(record, item.trail, text)?;
            }
            JobEnding::Held(until) if !self.ending.stopping() => self.try_again(item, until)?,
            JobEnding::Held(_) => self.drop_unstarted(item)?,
            JobEnding::NotStarted => {
                self.state.refused = true;
                self.drop_unstarted(item)?;
            }
        }
        Ok(())
    }

    fn attempted(
        &mut self,
        mut item: Item,
        outcome: Outcome,
        file: Option<String>,
        worker: Option<usize>,
        now: Instant,
    ) -> Result<(), Halt> {
        item.trail.attempts += 1;
        let attempts = item.trail.attempts;
        let verdict = self
            .retrying
            .verdict(&outcome, attempts, now, SystemTime::now());
        if let (Some(until), Some(_)) = (verdict.hold_host, &item.trail.host) {
            // Of what was queued by then, the worker has taken care. It is the host that asked for
            // it, at the end of the redirects.
            let host = convert::host_of(&outcome.final_url);
            self.schedule.hold_host(&host, until, now);
        }
        let text = text_of(&item.target);
        let again = verdict.again.filter(|_| !self.ending.stopping());
        if let Some(at) = again {
            let target = item.target.clone();
            let message = self.ending.message();
            let record = convert::attempted(target, outcome, file, worker, message);
            item.trail.failed = Some(Box::new(record));
            return self.try_again(item, at);
        }
        let Item { target, trail } = item;
        let record = convert::attempted(target, outcome, file, worker, self.ending.message());
        self.done(record, trail, text)
    }

    fn try_again(&mut self, item: Item, at: Instant) -> Result<(), Halt> {
        match item.trail.host.clone() {
            Some(host) => self.schedule.retry(item, host, at),
            // With retries every item has its host; without one it cannot wait.
            None => self.drop_unstarted(item)?,
        }
        Ok(())
    }

    /// A target that will not be tried (again): its last failure is its record, if it has one.
    pub(super) fn drop_unstarted(&mut self, mut item: Item) -> Result<(), Halt> {
        match item.trail.failed.take() {
            Some(record) => {
                let text = text_of(&item.target);
                self.done(*record, item.trail, text)
            }
            None => {
                self.state.never_started += 1;
                Ok(())
            }
        }
    }

    pub(super) fn done(
        &mut self,
        mut record: Record,
        trail: Trail,
        text: usize,
    ) -> Result<(), Halt> {
        self.state.text -= text;
        record.attempts = trail.attempts;
        Ok(self.report.record(record, trail.place)?)
    }
}
