//! The time limits of an attempt, and what ends a wait. Pure: `now` is an argument.
//!
//! The HTTP library's own timeouts are not used.

use std::io;
use std::time::{Duration, Instant};

use crate::fetch::failure::{Failure, FailureKind, Phase};
use crate::span::Span;
use crate::system::os_text;

/// A point in time, and for the message the span that led to it.
#[derive(Debug, Clone, Copy)]
pub(in crate::fetch) struct Deadline {
    at: Instant,
    span: Duration,
}

impl Deadline {
    /// `None` if `span` is zero or leads beyond the range of the clock.
    pub(in crate::fetch) fn after(start: Instant, span: Option<Duration>) -> Option<Self> {
        let span = span.filter(|s| !s.is_zero())?;
        Some(Self {
            at: start.checked_add(span)?,
            span,
        })
    }

    /// How long it was set for.
    pub(in crate::fetch::net) fn span(self) -> Duration {
        self.span
    }

    /// How long it is away from `now`.
    pub(in crate::fetch::net) fn left(self, now: Instant) -> Result<Duration, WaitError> {
        let left = self.at.checked_duration_since(now);
        let left = left.filter(|left| !left.is_zero());
        left.ok_or(WaitError::TimedOut(self.span))
    }
}

#[derive(Debug, Clone, Copy, Default)]
pub(in crate::fetch) struct Timeouts {
    deadline: Option<Deadline>,
    stall: Option<Duration>,
}

impl Timeouts {
    pub(in crate::fetch) fn new(deadline: Option<Deadline>, stall: Option<Duration>) -> Self {
        Self {
            deadline,
            stall: stall.filter(|s| !s.is_zero()),
        }
    }

    pub(in crate::fetch::net) fn deadline(&self) -> Option<Deadline> {
        self.deadline
    }

    pub(in crate::fetch::net) fn within(self, other: Option<Deadline>) -> Self {
        let both = self.deadline.into_iter().chain(other);
        let deadline = both.min_by_key(|deadline| deadline.at);
        Self { deadline, ..self }
    }

    pub(in crate::fetch::net) fn paused(self, pause: Duration) -> Self {
        let deadline = self.deadline.and_then(|Deadline { at, span }| {
            let at = at.checked_add(pause)?;
            Some(Deadline { at, span })
        });
        Self { deadline, ..self }
    }

    /// How long a wait that began at `since` may go on at `now`; `None` is no limit.
    pub(in crate::fetch::net) fn left(
        &self,
        since: Instant,
        now: Instant,
    ) -> Result<Option<Duration>, WaitError> {
        let mut left = None;
        if let Some(deadline) = self.deadline {
            left = Some(deadline.left(now)?);
        }
        if let Some(stall) = self.stall {
            let rest = stall.saturating_sub(now.saturating_duration_since(since));
            if rest.is_zero() {
                return Err(WaitError::Stalled(stall));
            }
            left = Some(left.map_or(rest, |left| left.min(rest)));
        }
        Ok(left)
    }
}

/// What ended a wait or a transfer.
#[derive(Debug)]
pub(in crate::fetch::net) enum WaitError {
    /// A deadline of this span passed.
    TimedOut(Duration),
    /// Nothing was received for this long.
    Stalled(Duration),
    Cancelled,
    /// The connection failed.
    Io(io::Error),
}

impl WaitError {
    /// The failure in `phase`; `lost` is the kind if the connection failed.
    pub(in crate::fetch::net) fn into_failure(self, phase: Phase, lost: FailureKind) -> Failure {
        match self {
            Self::TimedOut(span) => {
                let what = match phase {
                    Phase::Dns => "no answer from name resolution",
                    Phase::Connect => "no connection",
                    Phase::Tls => "no end of the TLS handshake",
                    Phase::FirstByte => "no reply",
                    Phase::Body => "no end of the body",
                };
                let text = format!("{what} within {}", Span(span));
                Failure::new(FailureKind::Timeout(phase), text)
            }
            Self::Stalled(span) => {
                let text = format!("nothing was heard for {}", Span(span));
                Failure::new(FailureKind::Timeout(phase), text)
            }
            Self::Cancelled => cancelled(),
            Self::Io(error) => Failure::new(lost, os_text(&error)),
        }
    }
}

pub(in crate::fetch::net) fn cancelled() -> Failure {
    Failure::new(FailureKind::Cancelled, "cut off before it was complete")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_earliest_limit_cuts() {
        let start = Instant::now();
        let second = Duration::from_secs(1);
        let limits = Timeouts::new(Deadline::after(start, Some(second * 60)), Some(second * 5));
        let cases = [
            // (wait began, now, what is left)
            (0, 0, Some(5)),
            (0, 4, Some(1)),
            (0, 5, None),
            (57, 58, Some(2)),
            (57, 60, None),
        ];
        for (since, now, left) in cases {
            let got = limits.left(start + second * since, start + second * now);
            assert_eq!(
                got.ok().flatten(),
                left.map(|l| second * l),
                "since {since}, now {now}"
            );
        }
        let connect = limits.within(Deadline::after(start, Some(second * 3)));
        assert!(
            matches!(connect.left(start + second, start + second * 3), Err(WaitError::TimedOut(s)) if s == second * 3)
        );
        let later = limits.within(Deadline::after(start, Some(second * 90)));
        assert!(
            matches!(later.left(start + second * 60, start + second * 60), Err(WaitError::TimedOut(s)) if s == second * 60)
        );
    }

    #[test]
    fn no_limit_and_a_limit_of_zero_wait_for_ever() {
        let now = Instant::now();
        for span in [None, Some(Duration::ZERO), Some(Duration::MAX)] {
            let limits = Timeouts::new(Deadline::after(now, span), None);
            assert!(matches!(limits.left(now, now), Ok(None)));
        }
        assert!(matches!(
            Timeouts::new(None, Some(Duration::ZERO)).left(now, now),
            Ok(None)
        ));
    }
}
