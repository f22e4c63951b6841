//! What the user sees of a run: records, messages, the progress bar and the summary, which must agree.

use std::fmt::Display;
use std::time::{Duration, Instant};

use anyhow::Context;

use crate::escape::printable;
use crate::fetch::Outcome;
use crate::output::{Counts, Downloads, Outgoing, Progress, Record, Summary, Writer};
use crate::schedule::ordered::{ListIndex, Ordered};

use super::budgets::{MESSAGE_BYTES, RECORD_BYTES_AHEAD, SPARE_OUTCOMES};

/// How often to retry a stalled reader of messages while nothing else happens.
const BETWEEN_TRIES: Duration = Duration::from_millis(100);

pub(super) struct Report<'a> {
    pub(super) writer: Writer,
    /// Where messages and the bar go. `None`: to `writer`, which shares its terminal with them.
    stderr: Option<Outgoing>,
    pub(super) progress: Option<Progress>,
    pub(super) summary: Option<&'a mut Summary>,
    pub(super) counts: Counts,
    ordered: Option<Ordered<Record>>,
    /// Bytes of text of the records in `ordered`.
    ordered_bytes: usize,
    /// Outcomes of written records, whose memory further attempts use.
    #[expect(clippy::vec_box, reason = "attempts take the boxes")]
    pub(super) spare: Vec<Box<Outcome>>,
    /// Messages dropped since the last queued one.
    dropped: u64,
    /// Why a record could not be queued; the next flush returns it.
    failed: Option<anyhow::Error>,
}

impl<'a> Report<'a> {
    pub(super) fn new(
        writer: Writer,
        stderr: Option<Outgoing>,
        progress: Option<Progress>,
        summary: Option<&'a mut Summary>,
        ordered: Option<Ordered<Record>>,
    ) -> Self {
        Report {
            writer,
            stderr,
            progress,
            summary,
            counts: Counts::default(),
            ordered,
            ordered_bytes: 0,
            spare: Vec::new(),
            dropped: 0,
            failed: None,
        }
    }

    /// How many targets to take from the list now: `--ordered` limits them.
    pub(super) fn room(&self) -> usize {
        match &self.ordered {
            None => usize::MAX,
            Some(_) if self.ordered_bytes >= RECORD_BYTES_AHEAD => 0,
            Some(ordered) => ordered.room(),
        }
    }

    pub(super) fn next_index(&mut self) -> Option<ListIndex> {
        self.ordered.as_mut().map(Ordered::reserve)
    }

    /// Counts a final record, and queues it in its turn.
    pub(super) fn record(&mut self, record: Record, index: Option<ListIndex>) {
        self.counts.done += 1;
        self.counts.failed += u64::from(!record.ok);
        if let Some(summary) = &mut self.summary {
            summary.add(&record);
        }
        let (Some(ordered), Some(index)) = (&mut self.ordered, index) else {
            return self.write(record);
        };
        self.ordered_bytes += record.held_bytes();
        ordered.put(index, record);
        while let Some(record) = self.ordered.as_mut().and_then(Ordered::next) {
            self.ordered_bytes -= record.held_bytes();
            self.write(record);
        }
    }

    /// Queues the waiting records although earlier ones are missing.
    pub(super) fn give_up_order(&mut self) {
        if let Some(mut ordered) = self.ordered.take() {
            ordered.drain().for_each(|record| self.write(record));
        }
    }

    fn write(&mut self, record: Record) {
        if let Err(error) = written(self.writer.write(&record)) {
            self.failed = Some(error);
        }
        // Headers and redirects may be large.
        let outcome = record.outcome.filter(|outcome| {
            let is_small = outcome.headers.is_none() && outcome.hops.is_empty();
            is_small && self.spare.len() < SPARE_OUTCOMES
        });
        self.spare.extend(outcome);
    }

    /// Whether [`flush_by`](Self::flush_by) should be called before more is queued.
    pub(super) fn must_flush(&self) -> bool {
        self.failed.is_some() || self.writer.is_full()
    }

    /// Writes the records, waiting for their reader until `until`, and the messages that their reader takes at once.
    /// True if no record is left.
    pub(super) fn flush_by(&mut self, until: Instant) -> anyhow::Result<bool> {
        if let Some(error) = self.failed.take() {
            return Err(error);
        }
        let is_flushed = written(self.writer.out.flush_by(Some(until)));
        self.flush_messages();
        is_flushed
    }

    /// Draws the bar, of `downloads` if there are any.
    pub(super) fn draw_progress(&mut self, downloads: Option<&Downloads>) {
        let (progress, now) = (self.progress.as_mut(), Instant::now());
        if let Some(bar) = progress.and_then(|bar| bar.row(&self.counts, downloads, now)) {
            self.messages().draw(bar);
        }
    }

    pub(super) fn finish_progress(&mut self) {
        self.progress = None;
        self.messages().remove_bar();
    }

    /// Queues a message and writes what its reader takes at once.
    pub(super) fn tell(&mut self, message: impl Display) {
        self.queue(message);
        self.flush_messages();
    }

    /// Queues a message for the next flush. Drops it if too much is queued.
    pub(super) fn queue(&mut self, message: impl Display) {
        if self.messages().left() > MESSAGE_BYTES {
            self.dropped += 1;
            return;
        }
        let line = printable(&message.to_string());
        let line = [b"fetchpool: ", line.as_bytes(), b"\n"].concat();
        self.messages().line(&line);
    }

    pub(super) fn flush_messages(&mut self) {
        while !self.messages().is_empty() {
            // Ignore errors: on a shared terminal the records report them.
            let _ = self.messages().flush_by(Some(Instant::now()));
            if self.dropped == 0 || !self.messages().is_empty() {
                return;
            }
            let dropped = std::mem::take(&mut self.dropped);
            self.queue(format_args!("({dropped} lines left out)"));
        }
    }

    /// When to flush messages again; `None` if the queue is empty.
    pub(super) fn messages_due(&self) -> Option<Instant> {
        let out = self.stderr.as_ref().unwrap_or(&self.writer.out);
        (!out.is_empty()).then(|| Instant::now() + BETWEEN_TRIES)
    }

    fn messages(&mut self) -> &mut Outgoing {
        self.stderr.as_mut().unwrap_or(&mut self.writer.out)
    }

    /// The messages not yet written.
    pub(super) fn into_messages(self) -> Outgoing {
        self.stderr.unwrap_or(self.writer.out)
    }
}

pub(super) fn written<T>(result: std::io::Result<T>) -> anyhow::Result<T> {
    result.context("the records could not be written to standard output")
}

#[cfg(test)]
mod tests;
