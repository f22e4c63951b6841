//! Handles a job's result: records it or returns its target to the schedule, which learns what the host replied.

use std::mem;
use std::time::Instant;

use crate::fetch::Outcome;
use crate::host;
use crate::output::Record;
use crate::schedule::{HostKey, Reply};
use crate::span::Span;

use super::coordinator::Coordinator;
use super::jobs::{Item, JobContext};
use super::mail::{JobResult, Kept};
use super::retrying::{asked_pause, reply_of, retry_at};
use super::to_record;

impl Coordinator<'_> {
    /// Takes the result of the job in `slot`. Ignored if the job was given up.
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
        let started = item.context.started.unwrap_or(now);
        let (reply, refused_by) = self.reply_to(&result, &item.context.host, now);
        self.schedule
            .finished(&item.context.host, started, reply, now);
        self.heard_of_host(&item, &result, now);
        if let Some(host) = refused_by {
            // A retry waits for the host that refused.
            item.context.host = host;
        }
        match result {
            JobResult::Attempted { outcome, kept } => {
                self.attempted(item, outcome, kept, worker, now);
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

    /// The reply of the item's host `home`, and the host that refused the request or asked for a pause, which is the
    /// last one after redirects. Applies that pause.
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

    pub(super) fn attempted(
        &mut self,
        mut item: Item,
        outcome: Box<Outcome>,
        kept: Kept,
        worker: Option<usize>,
        now: Instant,
    ) {
        self.check_archive(&outcome, &kept);
        item.context.attempts += 1;
        let attempts = item.context.attempts;
        let retries = self.schedule.options().retries;
        let again = retry_at(&outcome, attempts, retries, now);
        let Some(at) = again.filter(|_| !self.shutdown.is_stopping()) else {
            let Item { target, context } = item;
            let cut = self.shutdown.message();
            let record = to_record::attempted(target, outcome, kept, worker, cut);
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
        let record = to_record::attempted(target, outcome, kept, worker, self.shutdown.message());
        item.context.failed = Some(Box::new(record));
        self.try_again(item, at);
    }

    /// Ends the run if the archive could not be written.
    fn check_archive(&mut self, outcome: &Outcome, kept: &Kept) {
        if let (Err(failure), true) = (&outcome.result, kept.archive_failed)
            && !mem::replace(&mut self.state.archive_failed, true)
        {
            let text = failure.message();
            self.report.queue(format_args!(
                "--warc: {text}; nothing more is fetched (what -f jsonl has written, --resume goes on with)"
            ));
        }
    }

    /// Returns `item` to the schedule, to start at `at` at the earliest, unless the run is stopping.
    fn try_again(&mut self, item: Item, at: Instant) {
        if self.shutdown.is_stopping() {
            return self.drop_unstarted(item);
        }
        let attempts = item.context.attempts;
        let arrival = self.arrival(item);
        self.schedule.retry(arrival, at, attempts);
    }

    /// Ends a target that gets no further attempt. Its last failure, if any, becomes its record.
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
