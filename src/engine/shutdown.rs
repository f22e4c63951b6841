//! How a run ends before its list does. Pure: the time is an argument.
//!
//! A signal cuts requests after a while, a deadline at once. A second signal or a closed output ends the run at once. A
//! run that must end waits for a slow reader, but not for a stalled one.

use std::time::{Duration, Instant};

use crate::cli::Exit;
use crate::signals::{Event, Signal};

/// How long requests go on after a signal.
const GRACE: Duration = Duration::from_secs(2);

/// How long a cut request may take to end: only an uninterruptible system call delays it.
const GIVE_UP: Duration = Duration::from_millis(500);

/// How long a stalled reader may delay the end of a run, once requests are cut.
const READER: Duration = Duration::from_secs(2);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    GoOn,
    /// Cut what is in flight.
    Cut,
    /// End without the requests that have not ended.
    GiveUp,
}

#[derive(Debug)]
pub(super) struct Shutdown {
    deadline: Option<Instant>,
    reason: Option<Reason>,
    phase: ShutdownPhase,
}

/// Why nothing new starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reason {
    Signal(Signal),
    /// The reader of standard output closed it.
    OutputClosed,
    Deadline,
    /// The archive could not be written.
    Archive,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ShutdownPhase {
    Running,
    /// Requests go on until then.
    Grace(Instant),
    /// Requests were cut at that time.
    Cut(Instant),
    AtOnce,
}

impl Shutdown {
    pub(super) fn new(deadline: Option<Instant>) -> Self {
        Shutdown {
            deadline,
            reason: None,
            phase: ShutdownPhase::Running,
        }
    }

    pub(super) fn stop(&mut self, event: Event, now: Instant) {
        let is_first = matches!(self.reason, None | Some(Reason::Deadline | Reason::Archive));
        if is_first {
            self.reason = Some(match event {
                Event::Signal(signal) => Reason::Signal(signal),
                Event::OutputClosed => Reason::OutputClosed,
            });
        }
        if !is_first || event == Event::OutputClosed {
            self.phase = ShutdownPhase::AtOnce;
        } else if self.phase == ShutdownPhase::Running {
            self.phase = ShutdownPhase::Grace(now + GRACE);
        }
    }

    /// Ends the run as the archive could not be written: requests are cut.
    pub(super) fn fail(&mut self, now: Instant) {
        self.reason.get_or_insert(Reason::Archive);
        if self.phase == ShutdownPhase::Running {
            self.phase = ShutdownPhase::Grace(now);
        }
    }

    /// What to do at `now`. Returns [`Step::Cut`] once.
    pub(super) fn step(&mut self, now: Instant) -> Step {
        if self.deadline.is_some_and(|at| at <= now) {
            self.deadline = None;
            self.reason.get_or_insert(Reason::Deadline);
            if let ShutdownPhase::Running | ShutdownPhase::Grace(_) = self.phase {
                self.phase = ShutdownPhase::Grace(now);
            }
        }
        match self.phase {
            ShutdownPhase::Grace(until) if until <= now => {
                self.phase = ShutdownPhase::Cut(now);
                Step::Cut
            }
            ShutdownPhase::Cut(at) if at + GIVE_UP <= now => Step::GiveUp,
            ShutdownPhase::AtOnce => Step::GiveUp,
            _ => Step::GoOn,
        }
    }

    /// Whether to wait at `now` for a reader that has taken nothing since `since`.
    pub(super) fn waits_for_reader(&self, since: Instant, now: Instant) -> bool {
        match self.phase {
            ShutdownPhase::Running | ShutdownPhase::Grace(_) => true,
            ShutdownPhase::Cut(at) => now < since.max(at) + READER,
            ShutdownPhase::AtOnce => false,
        }
    }

    /// When [`Shutdown::step`] may return another step.
    pub(super) fn wake_at(&self) -> Option<Instant> {
        let step_at = match self.phase {
            ShutdownPhase::Grace(until) => Some(until),
            ShutdownPhase::Cut(at) => Some(at + GIVE_UP),
            ShutdownPhase::Running | ShutdownPhase::AtOnce => None,
        };
        self.deadline.into_iter().chain(step_at).min()
    }

    pub(super) fn is_stopping(&self) -> bool {
        self.reason.is_some()
    }

    /// The message when the shutdown begins.
    pub(super) fn announcement(&self) -> Option<String> {
        match self.reason? {
            Reason::Signal(signal) => Some(format!(
                "{}: what is in flight gets 2 s to finish, a second signal ends at once",
                signal.past_tense()
            )),
            Reason::Deadline => {
                Some("the deadline has passed: what is in flight is cut".to_owned())
            }
            Reason::OutputClosed | Reason::Archive => None,
        }
    }

    /// Why a request was cut.
    pub(super) fn message(&self) -> &'static str {
        match self.reason {
            Some(Reason::Signal(signal)) => signal.cut_message(),
            Some(Reason::OutputClosed) => "standard output was closed",
            Some(Reason::Deadline) => "cut by the run's --deadline",
            Some(Reason::Archive) => "cut: the archive could not be written",
            None => "cut short",
        }
    }

    /// Whether the run stops as the reader of the records closed them.
    pub(super) fn is_output_closed(&self) -> bool {
        self.reason == Some(Reason::OutputClosed)
    }

    pub(super) fn exit(&self, failed: bool) -> Exit {
        match self.reason {
            Some(Reason::Signal(signal)) => Exit::Stopped(signal),
            Some(Reason::Deadline) => Exit::SomeFailed,
            Some(Reason::Archive) => Exit::Unusable,
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
        let mut shutdown = Shutdown::new(None);
        assert_eq!(shutdown.step(start), Step::GoOn);
        shutdown.stop(Event::Signal(Signal::Interrupt), start);
        assert!(shutdown.is_stopping());
        assert_eq!(shutdown.wake_at(), Some(after(start, 2000)));
        assert_eq!(shutdown.step(after(start, 1999)), Step::GoOn);
        assert_eq!(shutdown.step(after(start, 2000)), Step::Cut);
        assert_eq!(shutdown.step(after(start, 2001)), Step::GoOn);
        assert_eq!(shutdown.step(after(start, 2500)), Step::GiveUp);
        assert_eq!(shutdown.exit(true), Exit::Stopped(Signal::Interrupt));
    }

    #[test]
    fn a_second_signal_ends_at_once_with_the_status_of_the_first() {
        let start = Instant::now();
        let mut shutdown = Shutdown::new(None);
        shutdown.stop(Event::Signal(Signal::Terminate), start);
        shutdown.stop(Event::Signal(Signal::Interrupt), after(start, 10));
        assert_eq!(shutdown.step(after(start, 10)), Step::GiveUp);
        assert_eq!(shutdown.exit(false), Exit::Stopped(Signal::Terminate));
    }

    #[test]
    fn a_deadline_cuts_at_once_and_fails_the_run() {
        let start = Instant::now();
        let mut shutdown = Shutdown::new(Some(after(start, 100)));
        assert_eq!(shutdown.wake_at(), Some(after(start, 100)));
        assert_eq!(shutdown.step(after(start, 99)), Step::GoOn);
        assert!(!shutdown.is_stopping());
        assert_eq!(shutdown.step(after(start, 100)), Step::Cut);
        assert!(shutdown.is_stopping());
        assert_eq!(shutdown.wake_at(), Some(after(start, 600)));
        assert_eq!(shutdown.exit(false), Exit::SomeFailed);
    }

    #[test]
    fn a_deadline_shortens_the_grace_of_a_signal_and_keeps_its_status() {
        let start = Instant::now();
        let mut shutdown = Shutdown::new(Some(after(start, 100)));
        shutdown.stop(Event::Signal(Signal::Interrupt), start);
        assert_eq!(shutdown.step(after(start, 100)), Step::Cut);
        assert_eq!(shutdown.exit(false), Exit::Stopped(Signal::Interrupt));
    }

    #[test]
    fn a_signal_after_the_deadline_has_a_status_of_its_own_and_no_new_grace() {
        let start = Instant::now();
        let mut shutdown = Shutdown::new(Some(start));
        assert_eq!(shutdown.step(start), Step::Cut);
        shutdown.stop(Event::Signal(Signal::Interrupt), after(start, 1));
        assert_eq!(shutdown.exit(false), Exit::Stopped(Signal::Interrupt));
        assert_eq!(shutdown.step(after(start, 500)), Step::GiveUp);
    }

    #[test]
    fn a_closed_output_ends_at_once_with_what_is_known() {
        let start = Instant::now();
        let mut shutdown = Shutdown::new(None);
        shutdown.stop(Event::OutputClosed, start);
        assert_eq!(shutdown.step(start), Step::GiveUp);
        assert_eq!(shutdown.exit(false), Exit::Success);
        assert_eq!(shutdown.exit(true), Exit::SomeFailed);
    }

    #[test]
    fn a_reader_has_two_seconds_after_the_cut_and_after_whatever_it_took() {
        let start = Instant::now();
        let mut shutdown = Shutdown::new(Some(after(start, 100)));
        assert!(shutdown.waits_for_reader(start, after(start, 99_999)));
        assert_eq!(shutdown.step(after(start, 100)), Step::Cut);
        assert!(shutdown.waits_for_reader(start, after(start, 2099)));
        assert!(!shutdown.waits_for_reader(start, after(start, 2100)));
        assert!(shutdown.waits_for_reader(after(start, 9000), after(start, 10_999)));
        assert!(!shutdown.waits_for_reader(after(start, 9000), after(start, 11_000)));
    }

    #[test]
    fn a_run_that_ends_where_it_stands_waits_for_no_reader() {
        let start = Instant::now();
        for events in [
            &[
                Event::Signal(Signal::Interrupt),
                Event::Signal(Signal::Terminate),
            ][..],
            &[Event::OutputClosed],
        ] {
            let mut shutdown = Shutdown::new(None);
            for event in events {
                shutdown.stop(*event, start);
            }
            assert!(!shutdown.waits_for_reader(start, start));
            assert_eq!(shutdown.step(start), Step::GiveUp);
        }
    }
}
