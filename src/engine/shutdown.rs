//! How a run ends before its list does: what a reason to stop sets off, and when.
//!
//! Pure: it is told the time, and answers what to do. A signal lets what is in flight finish for
//! a while and then cuts it; a deadline cuts at once; a closed output or a second signal ends the
//! run where it stands.

use std::time::{Duration, Instant};

use crate::cli::Exit;
use crate::signals::{Event, Signal};

/// How long a signal lets requests in flight go on before they are cut.
const GRACE: Duration = Duration::from_secs(2);

/// How long a cut request may take to come back before the run ends without it. A cut wakes every
/// wait of ours at once; what may remain is a system call that cannot be woken.
const GIVE_UP: Duration = Duration::from_millis(500);

/// How long whoever reads the records may take nothing before a run that must end gives up on it.
const READER: Duration = Duration::from_secs(2);

/// What the coordinator must do now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Go on as before.
    GoOn,
    /// Cut what is in flight.
    Cut,
    /// End without what has not come back.
    GiveUp,
}

/// The state of a run's ending.
#[derive(Debug)]
pub(super) struct Shutdown {
    deadline: Option<Instant>,
    reason: Option<Reason>,
    cut_at: Option<Instant>,
    give_up_at: Option<Instant>,
    /// The run ends where it stands.
    at_once: bool,
    /// The reader's time has begun.
    waits_for_reader: bool,
}

/// Why nothing new starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reason {
    Signal(Signal),
    /// The reader of standard output has gone.
    OutputClosed,
    Deadline,
}

impl Shutdown {
    /// A run that has no reason to end yet, but must at `deadline`.
    pub(super) fn new(deadline: Option<Instant>) -> Self {
        Shutdown {
            deadline,
            reason: None,
            cut_at: None,
            give_up_at: None,
            at_once: false,
            waits_for_reader: false,
        }
    }

    /// Takes note of `event`, which came at `now`.
    pub(super) fn stop(&mut self, event: Event, now: Instant) {
        let second = !matches!(self.reason, None | Some(Reason::Deadline));
        if !second {
            self.reason = Some(match event {
                Event::Signal(signal) => Reason::Signal(signal),
                Event::OutputClosed => Reason::OutputClosed,
            });
        }
        if second || event == Event::OutputClosed {
            self.give_up_at = Some(now);
            self.at_once = true;
        } else if self.give_up_at.is_none() {
            self.cut_at = Some(now + GRACE);
        }
    }

    /// What is to be done at `now`. Each cut is answered once.
    pub(super) fn step(&mut self, now: Instant) -> Step {
        if self.deadline.is_some_and(|at| at <= now) {
            self.deadline = None;
            self.reason.get_or_insert(Reason::Deadline);
            if self.give_up_at.is_none() {
                self.cut_at = Some(now);
            }
        }
        if self.give_up_at.is_some_and(|at| at <= now) {
            return Step::GiveUp;
        }
        if self.cut_at.is_some_and(|at| at <= now) {
            self.cut_at = None;
            self.give_up_at = Some(now + GIVE_UP);
            return Step::Cut;
        }
        Step::GoOn
    }

    /// Takes note that the reader of the records is reading, at `now`: the time in which the run is
    /// given up begins again, if it had begun and the run does not end where it stands.
    pub(super) fn put_off(&mut self, now: Instant) {
        if let Some(at) = &mut self.give_up_at
            && !self.at_once
        {
            *at = now + READER;
        }
    }

    /// Takes note that the reader of the records keeps the run waiting, at `now`: it has its time.
    pub(super) fn wait_for_reader(&mut self, now: Instant) {
        if !self.waits_for_reader {
            self.waits_for_reader = self.may_be_put_off();
            self.put_off(now);
        }
    }

    /// True once the time in which the run is given up has begun, and something may put it off.
    pub(super) fn may_be_put_off(&self) -> bool {
        self.give_up_at.is_some() && !self.at_once
    }

    /// The next time at which [`Shutdown::step`] may answer something else.
    pub(super) fn wake_at(&self) -> Option<Instant> {
        let times = [self.deadline, self.cut_at, self.give_up_at];
        times.into_iter().flatten().min()
    }

    /// True once nothing new may start.
    pub(super) fn stopping(&self) -> bool {
        self.reason.is_some()
    }

    /// What a person is told when the ending begins.
    pub(super) fn announcement(&self) -> Option<String> {
        match self.reason? {
            Reason::Signal(signal) => Some(format!(
                "{}: what is in flight gets 2 s to finish, a second signal ends at once",
                signal.past_tense()
            )),
            Reason::Deadline => {
                Some("the deadline has passed: what is in flight is cut".to_owned())
            }
            Reason::OutputClosed => None,
        }
    }

    /// Why a request was cut, for its record.
    pub(super) fn message(&self) -> &'static str {
        match self.reason {
            Some(Reason::Signal(signal)) => signal.cut_message(),
            Some(Reason::OutputClosed) => "nobody reads the records",
            Some(Reason::Deadline) => "cut by the run's --deadline",
            None => "cut short",
        }
    }

    /// The exit status of a run in which `failed` says whether a URL failed.
    pub(super) fn exit(&self, failed: bool) -> Exit {
        match self.reason {
            Some(Reason::Signal(signal)) => Exit::Stopped(signal),
            Some(Reason::Deadline) => Exit::SomeFailed,
            Some(Reason::OutputClosed) | None if failed => Exit::SomeFailed,
            Some(Reason::OutputClosed) | None => Exit::Success,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(start: Instant, ms: u64) -> Instant {
        start + Duration::from_millis(ms)
    }

    #[test]
    fn a_signal_gives_two_seconds_then_cuts_then_gives_up() {
        let start = Instant::now();
        let mut ending = Shutdown::new(None);
        assert_eq!(ending.step(start), Step::GoOn);
        ending.stop(Event::Signal(Signal::Interrupt), start);
        assert!(ending.stopping());
        assert_eq!(ending.wake_at(), Some(after(start, 2000)));
        assert_eq!(ending.step(after(start, 1999)), Step::GoOn);
        assert_eq!(ending.step(after(start, 2000)), Step::Cut);
        assert_eq!(ending.step(after(start, 2001)), Step::GoOn);
        assert_eq!(ending.step(after(start, 2500)), Step::GiveUp);
        assert_eq!(ending.exit(true), Exit::Stopped(Signal::Interrupt));
    }

    #[test]
    fn a_second_signal_ends_at_once_with_the_status_of_the_first() {
        let start = Instant::now();
        let mut ending = Shutdown::new(None);
        ending.stop(Event::Signal(Signal::Terminate), start);
        ending.stop(Event::Signal(Signal::Interrupt), after(start, 10));
        assert_eq!(ending.step(after(start, 10)), Step::GiveUp);
        assert_eq!(ending.exit(false), Exit::Stopped(Signal::Terminate));
    }

    #[test]
    fn a_deadline_cuts_at_once_and_fails_the_run() {
        let start = Instant::now();
        let mut ending = Shutdown::new(Some(after(start, 100)));
        assert_eq!(ending.wake_at(), Some(after(start, 100)));
        assert_eq!(ending.step(after(start, 99)), Step::GoOn);
        assert!(!ending.stopping());
        assert_eq!(ending.step(after(start, 100)), Step::Cut);
        assert!(ending.stopping());
        assert_eq!(ending.wake_at(), Some(after(start, 600)));
        assert_eq!(ending.exit(false), Exit::SomeFailed);
    }

    #[test]
    fn a_deadline_shortens_the_grace_of_a_signal_and_keeps_its_status() {
        let start = Instant::now();
        let mut ending = Shutdown::new(Some(after(start, 100)));
        ending.stop(Event::Signal(Signal::Interrupt), start);
        assert_eq!(ending.step(after(start, 100)), Step::Cut);
        assert_eq!(ending.exit(false), Exit::Stopped(Signal::Interrupt));
    }

    #[test]
    fn a_signal_after_the_deadline_has_a_status_of_its_own_and_no_new_grace() {
        let start = Instant::now();
        let mut ending = Shutdown::new(Some(start));
        assert_eq!(ending.step(start), Step::Cut);
        ending.stop(Event::Signal(Signal::Interrupt), after(start, 1));
        assert_eq!(ending.exit(false), Exit::Stopped(Signal::Interrupt));
        assert_eq!(ending.step(after(start, 500)), Step::GiveUp);
    }

    #[test]
    fn a_closed_output_ends_at_once_with_what_is_known() {
        let start = Instant::now();
        let mut ending = Shutdown::new(None);
        ending.stop(Event::OutputClosed, start);
        assert_eq!(ending.step(start), Step::GiveUp);
        assert_eq!(ending.exit(false), Exit::Success);
        assert_eq!(ending.exit(true), Exit::SomeFailed);
    }

    #[test]
    fn a_reader_that_reads_puts_off_the_end_of_a_run_that_was_cut() {
        let start = Instant::now();
        let mut ending = Shutdown::new(Some(after(start, 100)));
        ending.put_off(start);
        assert_eq!(ending.wake_at(), Some(after(start, 100)));
        assert!(!ending.may_be_put_off());
        assert_eq!(ending.step(after(start, 100)), Step::Cut);
        assert!(ending.may_be_put_off());
        ending.put_off(after(start, 500));
        assert_eq!(ending.step(after(start, 2499)), Step::GoOn);
        assert_eq!(ending.step(after(start, 2500)), Step::GiveUp);
        // Even so late.
        ending.put_off(after(start, 2600));
        assert_eq!(ending.step(after(start, 4599)), Step::GoOn);
        assert_eq!(ending.step(after(start, 4600)), Step::GiveUp);
    }

    #[test]
    fn a_reader_has_its_time_once() {
        let start = Instant::now();
        let mut ending = Shutdown::new(Some(start));
        ending.wait_for_reader(start);
        assert_eq!(ending.step(start), Step::Cut);
        ending.wait_for_reader(after(start, 100));
        ending.wait_for_reader(after(start, 200));
        assert_eq!(ending.step(after(start, 2099)), Step::GoOn);
        assert_eq!(ending.step(after(start, 2100)), Step::GiveUp);
    }

    #[test]
    fn nothing_puts_off_a_run_that_ends_where_it_stands() {
        let start = Instant::now();
        for events in [
            &[
                Event::Signal(Signal::Interrupt),
                Event::Signal(Signal::Terminate),
            ][..],
            &[Event::OutputClosed],
        ] {
            let mut ending = Shutdown::new(None);
            for event in events {
                ending.stop(*event, start);
            }
            assert!(!ending.may_be_put_off());
            ending.put_off(start);
            ending.wait_for_reader(start);
            assert_eq!(ending.step(start), Step::GiveUp);
        }
    }
}
