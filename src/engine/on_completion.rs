//! What becomes of a job that has come back: a record, another attempt later, or nothing if it was
//! never begun. Hosts that are to be left alone are told to the schedule on the way.

use std::time::Instant;

use crate::fetch::Outcome;
use crate::host;
use crate::output::Record;
use crate::schedule::{HostKey, Reply};

use crate::span::Span;

use super::coordinator::{Coordinator, Halt};
use super::jobs::{Item, JobContext};
use super::messages::{Finished, JobEnding};
use super::retrying::{asked_pause, reply_of};
use super::to_record;

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
        if let Some(host) = &item.context.host {
            let started = item.context.started.unwrap_or(now);
            let reply = self.told(&ending, host, now);
            self.schedule.finished(host, started, reply, now);
        }
        match ending {
            JobEnding::Attempted { outcome, file } => {
                self.attempted(item, outcome, file, worker, now)?;
            }
            JobEnding::Panicked(panic) => {
                item.context.attempts += 1;
                let text = item.target.text();
                let record = to_record::panicked(item.target, &panic, worker);
                self.done(record, item.context, text)?;
            }
            JobEnding::Pauses(until) if !self.ending.stopping() => self.try_again(item, until)?,
            JobEnding::Pauses(_) => self.drop_unstarted(item)?,
            JobEnding::NotStarted => {
                self.state.refused = true;
                self.drop_unstarted(item)?;
            }
        }
        Ok(())
    }

    /// What `ending` tells of its item's host `home`. Pauses the host that asked for it, which is that at the end of the
    /// redirects.
    fn told(&mut self, ending: &JobEnding, home: &HostKey, now: Instant) -> Reply {
        let JobEnding::Attempted { outcome, .. } = ending else {
            return Reply::None;
        };
        if self.retrying.is_off() {
            return Reply::None;
        }
        let (reply, asked) = (reply_of(outcome), asked_pause(outcome));
        if asked.is_none() && reply != Reply::Refused {
            return reply;
        }
        let host = host::with_port(&outcome.final_url);
        if let Some(wait) = asked {
            // Of what was queued by then, the worker has taken care.
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
        let text = item.target.text();
        let again = self.retrying.again(&outcome, attempts, now);
        if let Some(at) = again.filter(|_| !self.ending.stopping()) {
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
            let message = self.ending.message();
            let record = to_record::attempted(target, outcome, file, worker, message);
            item.context.failed = Some(Box::new(record));
            return self.try_again(item, at);
        }
        let Item { target, context } = item;
        let record = to_record::attempted(target, outcome, file, worker, self.ending.message());
        self.done(record, context, text)
    }

    fn try_again(&mut self, item: Item, at: Instant) -> Result<(), Halt> {
        match item.context.host.clone() {
            Some(host) => {
                let attempts = item.context.attempts;
                self.schedule.retry(item, host, at, attempts);
            }
            // With retries every item has its host; without one it cannot wait.
            None => self.drop_unstarted(item)?,
        }
        Ok(())
    }

    /// A target that will not be tried (again): its last failure is its record, if it has one.
    pub(super) fn drop_unstarted(&mut self, mut item: Item) -> Result<(), Halt> {
        match item.context.failed.take() {
            Some(record) => {
                let text = item.target.text();
                self.done(*record, item.context, text)
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
        context: JobContext,
        text: usize,
    ) -> Result<(), Halt> {
        self.state.text -= text;
        record.attempts = context.attempts;
        Ok(self.report.record(record, context.place)?)
    }
}
