//! Where records go: the writer, the bar and the summary, which must agree; and, if the list's
//! order is asked for, the buffer that restores it.

use std::fmt::Display;
use std::time::{Duration, Instant};

use anyhow::Context;

use crate::escape::printable;
use crate::output::{Counts, Outgoing, Progress, Record, Summary, Writer};
use crate::schedule::ordered::{Ordered, Place};

const WRITE_FAILED: &str = "the records could not be written to standard output";

/// See the module's head.
pub(super) struct Report<'a> {
    pub(super) writer: Writer,
    /// Lines for a person, on their way to standard error.
    pub(super) notices: Outgoing,
    /// How many of them there was no room for.
    pub(super) unsaid: u64,
    pub(super) progress: Progress,
    /// `None` if nobody wants it.
    pub(super) summary: Option<&'a mut Summary>,
    pub(super) counts: Counts,
    /// `None`: in the order of completion.
    pub(super) ordered: Option<Ordered<Record>>,
    /// Bytes of text of the records that wait for their turn.
    pub(super) parked: usize,
}

/// How many bytes of text may wait for the record whose turn it is before the list is left alone.
const MOST_PARKED: usize = 4 << 20;

/// How many bytes for a person wait at most for a reader who takes none.
const MOST_NOTICES: usize = 1 << 20;

/// How often such a reader is tried again while nothing else happens.
const BETWEEN_TRIES: Duration = Duration::from_millis(100);

impl Report<'_> {
    /// How many targets may be taken from the list now, as far as the output's order is concerned.
    pub(super) fn room(&self) -> usize {
        match &self.ordered {
            None => usize::MAX,
            Some(_) if self.parked >= MOST_PARKED => 0,
            Some(ordered) => ordered.room(),
        }
    }

    /// The place of the next target of the list, if order matters.
    pub(super) fn take_place(&mut self) -> Option<Place> {
        self.ordered.as_mut().map(Ordered::take_place)
    }

    /// Takes a final record; it is gathered for the next flush when its turn has come.
    pub(super) fn record(&mut self, record: Record, place: Option<Place>) -> anyhow::Result<()> {
        self.count(&record);
        match (&mut self.ordered, place) {
            (Some(ordered), Some(place)) => {
                self.parked += record.text();
                ordered.put(place, record);
            }
            _ => return self.write(&record),
        }
        while let Some(record) = self.ordered.as_mut().and_then(Ordered::next) {
            self.parked -= record.text();
            self.write(&record)?;
        }
        Ok(())
    }

    /// Counts a record that nobody is there to read.
    pub(super) fn count(&mut self, record: &Record) {
        self.counts.done += 1;
        self.counts.failed += u64::from(!record.ok);
        if let Some(summary) = &mut self.summary {
            summary.add(record);
        }
    }

    /// Gathers what waited for records that will not come.
    pub(super) fn give_up_order(&mut self) -> anyhow::Result<()> {
        let Some(mut ordered) = self.ordered.take() else {
            return Ok(());
        };
        ordered.drain().try_for_each(|record| self.write(&record))
    }

    fn write(&mut self, record: &Record) -> anyhow::Result<()> {
        self.writer.write(record).context(WRITE_FAILED)
    }

    /// Writes out the records that have been gathered, as far as their reader takes them before
    /// `until`, and what was told, as far as its reader takes it at once. True if no record is left.
    pub(super) fn flush_by(&mut self, until: Instant) -> anyhow::Result<bool> {
        let is_flushed = self.flush_records_by(until);
        self.flush_notices_by(Instant::now());
        is_flushed
    }

    fn flush_records_by(&mut self, until: Instant) -> anyhow::Result<bool> {
        if self.writer.is_flushed() {
            return Ok(true);
        }
        if self.records_must_wait() && !self.notices.end_line_by(Some(until)).unwrap_or(true) {
            return Ok(false);
        }
        if !self.progress.shares_terminal() {
            return self.writer.flush_by(Some(until)).context(WRITE_FAILED);
        }
        let Some((erase, bar)) = self.progress.around(until) else {
            return Ok(false);
        };
        let flushed = self.writer.flush_between(erase, &bar, until);
        if !matches!(flushed, Ok(true)) {
            self.progress.erased();
        }
        flushed.context(WRITE_FAILED)
    }

    /// How many bytes have not reached the reader of the records, as far as is known: of what is before them on its
    /// terminal, too. Takes a system call.
    pub(super) fn unread(&self) -> usize {
        let before = if self.progress.shares_terminal() {
            self.notices.left()
        } else {
            0
        };
        self.writer.unread() + before
    }

    /// Gives up the records that their reader has not taken, and says how many.
    pub(super) fn give_up_records(&mut self) -> usize {
        let left = self.writer.unwritten();
        if self.notices_must_wait() {
            self.notices.put_first(b"\n");
        }
        self.writer.give_up();
        left
    }

    /// Draws the bar, if that is due, but into nobody's line.
    pub(super) fn show_progress(&mut self) {
        let is_free = !self.notices.is_mid_line() && !self.notices_must_wait();
        self.progress.update(&self.counts, is_free);
    }

    /// Whether a line of what was told is on the terminal of the records without its end.
    fn records_must_wait(&self) -> bool {
        self.progress.shares_terminal() && self.notices.is_mid_line()
    }

    /// Whether a record is on the terminal of what is told without its end.
    fn notices_must_wait(&self) -> bool {
        self.progress.shares_terminal() && self.writer.is_mid_line()
    }

    /// Prints a line about the run, for a person.
    pub(super) fn tell(&mut self, what: &dyn Display) {
        self.tell_all(&[what]);
    }

    /// Prints lines for a person. What their reader does not take at once is kept for a later flush,
    /// as far as there is room.
    pub(super) fn tell_all(&mut self, lines: &[impl Display]) {
        for line in lines {
            if self.notices.left() > MOST_NOTICES {
                self.unsaid += 1;
            } else {
                self.gather(line);
            }
        }
        self.flush_notices_by(Instant::now());
    }

    fn gather(&mut self, line: &dyn Display) {
        self.notices.forget_sent();
        // Nobody may be there to read it.
        if let Ok(text) = self.notices.buffer() {
            let line = printable(&line.to_string());
            text.extend([b"fetchpool: ", line.as_bytes(), b"\n"].concat());
        }
    }

    /// When what was told is to be flushed again; `None` if nothing is left of it.
    pub(super) fn notices_due(&self) -> Option<Instant> {
        (!self.notices.is_flushed()).then(|| Instant::now() + BETWEEN_TRIES)
    }

    /// Writes out what was told, as far as its reader takes it before `until`. True if nothing is left,
    /// or if nobody is there to read it.
    pub(super) fn flush_notices_by(&mut self, until: Instant) -> bool {
        loop {
            if !self.flush_gathered_by(until) {
                return false;
            }
            match std::mem::take(&mut self.unsaid) {
                0 => return true,
                unsaid => self.gather(&format_args!("({unsaid} lines left out)")),
            }
        }
    }

    fn flush_gathered_by(&mut self, until: Instant) -> bool {
        if self.notices.is_flushed() {
            return true;
        }
        if self.notices_must_wait() {
            return false;
        }
        let Some((erase, bar)) = self.progress.around(until) else {
            return false;
        };
        let flushed = self.notices.flush_between(erase, &bar, until);
        if !matches!(flushed, Ok(true)) {
            self.progress.erased();
        }
        flushed.unwrap_or(true)
    }
}

#[cfg(test)]
mod tests;
