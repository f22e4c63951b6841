//! What becomes of a job that has come back: a record, or a return to the schedule. The schedule learns what the host
//! replied.

use std::time::Instant;

use crate::fetch::Outcome;
use crate::host;
use crate::output::Record;
use crate::schedule::{HostKey, Reply};
use crate::span::Span;

use super::coordinator::Coordinator;
use super::jobs::{Item, JobContext};
use super::mail::JobResult;
use super::retrying::{asked_pause, reply_of, retry_at};
use super::to_record;

impl Coordinator<'_> {
    /// Takes the job of `slot` back. Ignored if it was given up.
    pub(super) fn finish(
        &mut self,
        slot: usize,
        worker: Option<usize>,
        result: JobResult,
        now: Instant,
    ) {
        let Some(mut item) = self.state.in_flight.take(slot) else {
            return;
        };
        if let Some(host) = &item.context.host {
            let started = item.context.started.unwrap_or(now);
            let (reply, refused_by) = self.reply_to(&result, host, now);
            self.schedule.finished(host, started, reply, now);
            if refused_by.is_some() {
                // A retry waits for the host that refused.
                item.context.host = refused_by;
            }
        }
        match result {
            JobResult::Attempted { outcome, file } => {
                self.attempted(item, outcome, file, worker, now);
            }
            JobResult::Panicked(panic) => {
                item.context.attempts += 1;
                let record = to_record::panicked(item.target, &panic, worker);
                self.done(record, item.context);
            }
            JobResult::Paused => self.try_again(item, now),
            JobResult::NotStarted => {
                self.state.refused = true;
                self.drop_unstarted(item);
            }
        }
    }

    /// What `result` says of the item's host `home`; and the host that refused the request, which is the one at the end of
    /// the redirects. Pauses that host if it asked for a pause.
    fn reply_to(
        &mut self,
        result: &JobResult,
        home: &HostKey,
        now: Instant,
    ) -> (Reply, Option<HostKey>) {
        let (JobResult::Attempted { outcome, .. }, Some(pauses)) = (result, &self.shared.pauses)
        else {
            return (Reply::None, None);
        };
        let (reply, asked) = (reply_of(outcome), asked_pause(outcome));
        if asked.is_none() && reply != Reply::Refused {
            return (reply, None);
        }
        let host = host::with_port(&outcome.final_url);
        if let Some(wait) = asked {
            self.schedule.pause_host(&host, now + wait, now);
            pauses.learned(&host);
        }
        let reply = if host == *home { reply } else { Reply::Served };
        (reply, Some(host))
    }

    fn attempted(
        &mut self,
        mut item: Item,
        outcome: Outcome,
        file: Option<String>,
        worker: Option<usize>,
        now: Instant,
    ) {
        item.context.attempts += 1;
        let attempts = item.context.attempts;
        let retries = self.schedule.options().retries;
        let again = retry_at(&outcome, attempts, retries, now);
        let Some(at) = again.filter(|_| !self.shutdown.is_stopping()) else {
            let Item { target, context } = item;
            let cut = self.shutdown.message();
            let record = to_record::attempted(target, outcome, file, worker, cut);
            return self.done(record, context);
        };
        if let Err(failure) = &outcome.result {
            let wait = Span(at.saturating_duration_since(now));
            log::debug!(
                "{}: {failure}; retry {attempts} of {} in {wait}",
                outcome.final_url,
                retries.most
            );
        }
        let target = item.target.clone();
        let record = to_record::attempted(target, outcome, file, worker, self.shutdown.message());
        item.context.failed = Some(Box::new(record));
        self.try_again(item, at);
    }

    /// Returns `item` to the schedule, which starts it at `at` at the earliest, unless the run is stopping.
    fn try_again(&mut self, item: Item, at: Instant) {
        match item.context.host.clone() {
            // With retries every item has its host.
            Some(host) if !self.shutdown.is_stopping() => {
                let attempts = item.context.attempts;
                self.schedule.retry(item, host, at, attempts);
            }
            _ => self.drop_unstarted(item),
        }
    }

    /// Ends a target that is not tried (again): its last failure is its record, if it has one.
    pub(super) fn drop_unstarted(&mut self, mut item: Item) {
        match item.context.failed.take() {
            Some(record) => self.done(*record, item.context),
            None => self.state.never_started += 1,
        }
    }

    pub(super) fn done(&mut self, mut record: Record, context: JobContext) {
        self.state.taken -= context.bytes;
        record.attempts = context.attempts;
        self.report.record(record, context.list_index);
    }
}
