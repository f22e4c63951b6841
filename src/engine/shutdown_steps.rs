//! How the coordinator hears of reasons to stop, between two turns and while it waits for whoever
//! reads the records or what it tells a person, and what it does about them.
//!
//! A reader that stalls never keeps a run from ending; one that reads, however slowly, is waited for.

use std::time::{Duration, Instant};

use super::coordinator::{Coordinator, Halt};
use super::shutdown::Step;

/// How long a reader of the records may keep the coordinator from hearing of a signal.
const STALL: Duration = Duration::from_millis(100);

impl Coordinator<'_> {
    /// Takes note of the reasons to stop, and does what the run's ending asks for now.
    pub(super) fn check_ending(&mut self) -> Result<(), Halt> {
        let was_stopping = self.ending.stopping();
        let now = self.hear_of_stops();
        let step = self.ending.step(now);
        if self.ending.stopping() && !was_stopping {
            self.begin_ending(now)?;
        }
        match step {
            Step::GoOn => {}
            Step::Cut => self.shared.client.cancel(),
            Step::GiveUp => return Err(Halt::GivenUp),
        }
        Ok(())
    }

    /// Tells the ending of the reasons to stop that have come by now, which is what it gives.
    pub(super) fn hear_of_stops(&mut self) -> Instant {
        let stops = self.shared.mailbox.take_stops();
        let now = Instant::now();
        for event in stops {
            self.ending.stop(event, now);
        }
        now
    }

    fn begin_ending(&mut self, now: Instant) -> Result<(), Halt> {
        // Before anything is cut, or a worker that is freed would start the next job.
        self.shared.mailbox.stop_starting();
        if let Some(what) = self.ending.announcement() {
            let running = self.running();
            self.report
                .tell(&format_args!("{what} ({running} in flight)"));
        }
        let waiting = self.schedule.drain(now);
        waiting
            .into_iter()
            .try_for_each(|item| self.drop_unstarted(item))
    }

    /// Writes out what has been gathered. While the reader stalls, the run may still be ended; as
    /// long as it reads, however slowly, it is waited for.
    pub(super) fn flush(&mut self) -> Result<(), Halt> {
        let mut unread = self.unread_at_the_end();
        loop {
            let is_flushed = self.report.flush_by(Instant::now() + STALL)?;
            let still_unread = self.unread_at_the_end();
            if still_unread.is_some() && still_unread < unread {
                self.ending.put_off(Instant::now());
            }
            unread = still_unread;
            if is_flushed {
                return Ok(());
            }
            self.ending.wait_for_reader(Instant::now());
            self.check_ending().map_err(|halt| match halt {
                Halt::GivenUp => Halt::Stalled,
                halt => halt,
            })?;
        }
    }

    /// What the reader has not read, once that matters.
    fn unread_at_the_end(&self) -> Option<usize> {
        let matters = self.ending.may_be_put_off();
        matters.then(|| self.report.unread())
    }
}
