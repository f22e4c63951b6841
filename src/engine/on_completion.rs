//! What becomes of a job that has come back: a record, another attempt later, or nothing if it was never begun. The
//! schedule learns what its host answered.

use std::time::Instant;

use crate::fetch::Outcome;
use crate::host;
use crate::output::Record;
use crate::schedule::{HostKey, Reply};
use crate::span::Span;

use super::coordinator::{Coordinator, Halt};
use super::jobs::{Item, JobContext};
use super::messages::{Finished, JobResult};
use super::retrying::{asked_pause, reply_of};
use super::to_record;

impl Coordinator<'_> {
    pub(super) fn finish(&mut self, finished: Finished, now: Instant) -> Result<(), Halt> {
        let Finished { worker, result, .. } = finished;
        let Some(mut item) = self.state.in_flight.take(finished.slot) else {
            return Ok(());
        };
        if let Some(host) = &item.context.host {
            let started = item.context.started.unwrap_or(now);
            let reply = self.reply_to(&result, host, now);
            self.schedule.finished(host, started, reply, now);
        }
        match result {
            JobResult::Attempted { outcome, file } => {
                self.attempted(item, outcome, file, worker, now)?;
            }
            JobResult::Panicked(panic) => {
                item.context.attempts += 1;
                let record = to_record::panicked(item.target, &panic, worker);
                self.done(record, item.context)?;
            }
            JobResult::Paused(until) if !self.shutdown.is_stopping() => {
                self.try_again(item, until)?;
            }
            JobResult::Paused(_) => self.drop_unstarted(item)?,
            JobResult::NotStarted => {
                self.state.refused = true;
                self.drop_unstarted(item)?;
            }
        }
        Ok(())
    }

    /// What `result` says of its item's host `home`. Pauses the host that asked for it, which is the one at the end of the
    /// redirects.
    fn reply_to(&mut self, result: &JobResult, home: &HostKey, now: Instant) -> Reply {
        let JobResult::Attempted { outcome, .. } = result else {
            return Reply::None;
        };
        if !self.retrying.is_on() {
            return Reply::None;
        }
        let (reply, asked) = (reply_of(outcome), asked_pause(outcome));
        if asked.is_none() && reply != Reply::Refused {
            return reply;
        }
        let host = host::with_port(&outcome.final_url);
        if let Some(wait) = asked {
            // The worker has paused the jobs that were queued by then.
            self.schedule.pause_host(&host, now + wait, now);
        }
        if host == *home { reply } else { Reply::Served }
    }

    fn attempted(
        &mut self,
        mut item: Item,
        outcome: Outcome,
        file: Option<String>,
        worker: Option<usize>,
        now: Instant,
    ) -> Result<(), Halt> {
        item.context.attempts += 1;
        let attempts = item.context.attempts;
        let again = self.retrying.again(&outcome, attempts, now);
        if let Some(at) = again.filter(|_| !self.shutdown.is_stopping()) {
            if let (Err(failure), true) = (&outcome.result, log::log_enabled!(log::Level::Debug)) {
                let wait = Span(at.saturating_duration_since(now));
                log::debug!(
                    "{}: {failure}; retry {attempts} of {} in {wait}",
                    outcome.final_url,
                    self.retrying.most()
                );
            }
            if reply_of(&outcome) == Reply::Refused || asked_pause(&outcome).is_some() {
                // The retry waits at the host that refused it: the one at the end of the redirects.
                item.context.host = item
                    .context
                    .host
                    .map(|_| host::with_port(&outcome.final_url));
            }
            let target = item.target.clone();
            let message = self.shutdown.message();
            let record = to_record::attempted(target, outcome, file, worker, message);
            item.context.failed = Some(Box::new(record));
            return self.try_again(item, at);
        }
        let Item { target, context } = item;
        let record = to_record::attempted(target, outcome, file, worker, self.shutdown.message());
        self.done(record, context)
    }

    fn try_again(&mut self, item: Item, at: Instant) -> Result<(), Halt> {
        match item.context.host.clone() {
            Some(host) => {
                let attempts = item.context.attempts;
                self.schedule.retry(item, host, at, attempts);
            }
            // Does not occur: with retries every item has its host.
            None => self.drop_unstarted(item)?,
        }
        Ok(())
    }

    /// Ends a target that is not tried (again): its last failure is its record, if it has one.
    pub(super) fn drop_unstarted(&mut self, mut item: Item) -> Result<(), Halt> {
        match item.context.failed.take() {
            Some(record) => self.done(*record, item.context),
            None => {
                self.state.never_started += 1;
                Ok(())
            }
        }
    }

    pub(super) fn done(&mut self, mut record: Record, context: JobContext) -> Result<(), Halt> {
        self.state.taken -= context.bytes;
        record.attempts = context.attempts;
        Ok(self.report.record(record, context.place)?)
    }
}
