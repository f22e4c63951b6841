//! What the user sees of a run: records, messages, the progress bar and the summary, which must agree; with `--ordered`,
//! also the buffer that restores the list's order.

use std::fmt::Display;
use std::time::{Duration, Instant};

use anyhow::Context;

use crate::escape::printable;
use crate::output::{Counts, Outgoing, Progress, Record, Summary, Writer};
use crate::schedule::ordered::{Ordered, Place};

use super::budgets::{MESSAGE_BYTES, RECORD_BYTES_AHEAD};

/// How often a stalled reader of messages is tried again while nothing else happens.
const BETWEEN_TRIES: Duration = Duration::from_millis(100);

/// See the module's head.
pub(super) struct Report<'a> {
    pub(super) writer: Writer,
    /// Where messages and the bar go; `None` if that is the terminal of the records.
    pub(super) stderr: Option<Outgoing>,
    /// How many messages were dropped since the last one that was queued.
    pub(super) dropped: u64,
    pub(super) progress: Option<Progress>,
    pub(super) summary: Option<&'a mut Summary>,
    pub(super) counts: Counts,
    /// `None`: in the order of completion.
    pub(super) ordered: Option<Ordered<Record>>,
    /// Bytes of text of the records that wait for their turn.
    pub(super) ordered_bytes: usize,
}

impl Report<'_> {
    /// How many targets may be taken from the list now, as far as the output's order is concerned.
    pub(super) fn room(&self) -> usize {
        match &self.ordered {
            None => usize::MAX,
            Some(_) if self.ordered_bytes >= RECORD_BYTES_AHEAD => 0,
            Some(ordered) => ordered.room(),
        }
    }

    /// The place of the next target of the list, if order matters.
    pub(super) fn take_place(&mut self) -> Option<Place> {
        self.ordered.as_mut().map(Ordered::take_place)
    }

    /// Counts a final record, and queues it for the next flush when its turn has come.
    pub(super) fn record(&mut self, record: Record, place: Option<Place>) -> anyhow::Result<()> {
        self.count(&record);
        let (Some(ordered), Some(place)) = (&mut self.ordered, place) else {
            return self.write(&record);
        };
        self.ordered_bytes += record.text();
        ordered.put(place, record);
        while let Some(record) = self.ordered.as_mut().and_then(Ordered::next) {
            self.ordered_bytes -= record.text();
            self.write(&record)?;
        }
        Ok(())
    }

    /// Counts a record without writing it.
    pub(super) fn count(&mut self, record: &Record) {
        self.counts.done += 1;
        self.counts.failed += u64::from(!record.ok);
        if let Some(summary) = &mut self.summary {
            summary.add(record);
        }
    }

    /// Queues the records that wait for their turn, which will not come.
    pub(super) fn give_up_order(&mut self) -> anyhow::Result<()> {
        let Some(mut ordered) = self.ordered.take() else {
            return Ok(());
        };
        ordered.drain().try_for_each(|record| self.write(&record))
    }

    fn write(&mut self, record: &Record) -> anyhow::Result<()> {
        written(self.writer.write(record))
    }

    /// Writes the records, waiting for their reader until `until` at the latest, and the messages that their reader takes
    /// at once. True if no record is left.
    pub(super) fn flush_by(&mut self, until: Instant) -> anyhow::Result<bool> {
        let is_flushed = written(self.writer.out.flush_by(Some(until)));
        self.flush_messages();
        is_flushed
    }

    /// Draws the bar if that is due.
    pub(super) fn draw_progress(&mut self) {
        let progress = self.progress.as_mut();
        if let Some(bar) = progress.and_then(|bar| bar.row(&self.counts, Instant::now())) {
            self.messages().draw(bar);
        }
    }

    /// Removes the bar for good.
    pub(super) fn finish_progress(&mut self) {
        self.progress = None;
        self.messages().remove_bar();
    }

    /// Prints a message.
    pub(super) fn tell(&mut self, message: &dyn Display) {
        self.tell_all(&[message]);
    }

    /// Prints messages. What their reader does not take at once waits for a later flush, as far as there is room.
    pub(super) fn tell_all(&mut self, messages: &[impl Display]) {
        for message in messages {
            if self.messages().left() > MESSAGE_BYTES {
                self.dropped += 1;
            } else {
                self.queue(message);
            }
        }
        self.flush_messages();
    }

    fn queue(&mut self, message: &dyn Display) {
        let line = printable(&message.to_string());
        let line = [b"fetchpool: ", line.as_bytes(), b"\n"].concat();
        self.messages().line(&line);
    }

    fn flush_messages(&mut self) {
        while !self.messages().is_empty() {
            // Errors of standard error are ignored; the records report those of a shared terminal.
            let _ = self.messages().flush_by(Some(Instant::now()));
            if self.dropped == 0 || !self.messages().is_empty() {
                return;
            }
            let dropped = std::mem::take(&mut self.dropped);
            self.queue(&format_args!("({dropped} lines left out)"));
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

    /// What is left of the messages.
    pub(super) fn into_messages(self) -> Outgoing {
        self.stderr.unwrap_or(self.writer.out)
    }
}

fn written<T>(result: std::io::Result<T>) -> anyhow::Result<T> {
    result.context("the records could not be written to standard output")
}

#[cfg(test)]
mod tests;
