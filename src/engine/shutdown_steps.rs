//! What the coordinator does when the run must stop.

use std::time::{Duration, Instant};

use super::coordinator::Coordinator;
use super::shutdown::Step;

/// How long a stalled reader may keep the coordinator from learning of a signal.
const STALL: Duration = Duration::from_millis(100);

impl Coordinator<'_> {
    /// Takes the reasons to stop, and does what the shutdown asks for, except [`Step::GiveUp`].
    pub(super) fn shutdown_step(&mut self) -> Step {
        let was_stopping = self.shutdown.is_stopping();
        let now = self.take_stops();
        let step = self.shutdown.step(now);
        if self.shutdown.is_stopping() && !was_stopping {
            self.begin_shutdown(now);
        }
        if step == Step::Cut {
            self.shared.client.cancel();
        }
        step
    }

    /// Passes reasons to stop from the mailbox to the shutdown. Returns the time.
    pub(super) fn take_stops(&mut self) -> Instant {
        let stops = self.shared.mailbox.take_stops();
        let now = Instant::now();
        for event in stops {
            self.shutdown.stop(event, now);
        }
        if self.state.archive_failed {
            self.shutdown.fail(now);
        }
        now
    }

    fn begin_shutdown(&mut self, now: Instant) {
        // First, so that no cut worker starts another job.
        self.shared.mailbox.stop_starting();
        if let Some(what) = self.shutdown.announcement() {
            let running = self.running() + self.schedule.begun();
            self.report.tell(format!("{what} ({running} in flight)"));
        }
        // These records cannot be written to a closed output, and must not change the exit status.
        if !self.shutdown.is_output_closed() {
            self.cut_contacts();
        }
        for item in self.schedule.drain(now) {
            self.drop_unstarted(item);
        }
    }

    /// Writes the queued records, and takes mail while their reader is slow. False if the run must end and the reader
    /// has stalled.
    pub(super) fn flush(&mut self) -> anyhow::Result<bool> {
        let mut now = Instant::now();
        let (mut taken, mut since) = (None, now);
        while !self.report.flush_by(now + STALL)? {
            self.take_mail();
            self.shutdown_step();
            now = Instant::now();
            let taken_by_now = Some(self.report.writer.out.taken());
            if taken_by_now > taken {
                (taken, since) = (taken_by_now, now);
            }
            if !self.shutdown.waits_for_reader(since, now) {
                return Ok(false);
            }
        }
        Ok(true)
    }
}
