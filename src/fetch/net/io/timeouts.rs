//! Time limits of an attempt, and what ends a wait. Pure: `now` is always an argument.
//!
//! A wait ends at the attempt's deadline, at the deadline of connecting, or after too long a silence. The client library
//! has no timeouts of its own.

use std::io;
use std::time::{Duration, Instant};

use crate::fetch::failure::{Failure, FailureKind, Phase};
use crate::span::Span;
use crate::system::os_text;

/// A point in time, and the span for the message.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Deadline {
    at: Instant,
    span: Duration,
}

impl Deadline {
    /// `span` after `start`; `None` if that is zero or beyond the clock's range.
    pub(crate) fn after(start: Instant, span: Option<Duration>) -> Option<Self> {
        let span = span.filter(|s| !s.is_zero())?;
        Some(Self {
            at: start.checked_add(span)?,
            span,
        })
    }

    /// How long it was set for.
    pub(crate) fn span(&self) -> Duration {
        self.span
    }

    /// How long it is away from `now`.
    pub(crate) fn left(&self, now: Instant) -> Result<Duration, WaitError> {
        let left = self.at.checked_duration_since(now);
        let left = left.filter(|left| !left.is_zero());
        left.ok_or(WaitError::TimedOut(self.span))
    }
}

/// The time limits of a wait.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Timeouts {
    deadline: Option<Deadline>,
    stall: Option<Duration>,
}

impl Timeouts {
    pub(crate) fn new(deadline: Option<Deadline>, stall: Option<Duration>) -> Self {
        Self {
            deadline,
            stall: stall.filter(|s| !s.is_zero()),
        }
    }

    pub(crate) fn deadline(&self) -> Option<Deadline> {
        self.deadline
    }

    /// Adds a deadline.
    pub(crate) fn within(self, other: Option<Deadline>) -> Self {
        let deadline = match (self.deadline, other) {
            (Some(a), Some(b)) => Some(if b.at < a.at { b } else { a }),
            (a, b) => a.or(b),
        };
        Self { deadline, ..self }
    }

    /// Moves the deadline by `pause`, which does not count.
    pub(crate) fn paused(self, pause: Duration) -> Self {
        let deadline = self.deadline.and_then(|d| {
            Some(Deadline {
                at: d.at.checked_add(pause)?,
                ..d
            })
        });
        Self { deadline, ..self }
    }

    /// How long a wait that began at `since` may go on at `now`; `None` is without limit.
    pub(crate) fn left(&self, since: Instant, now: Instant) -> Result<Option<Duration>, WaitError> {
        let mut left = None;
        if let Some(deadline) = self.deadline {
            left = Some(deadline.left(now)?);
        }
        if let Some(stall) = self.stall {
            match stall.checked_sub(now.saturating_duration_since(since)) {
                Some(rest) if !rest.is_zero() => left = Some(left.map_or(rest, |l| l.min(rest))),
                _ => return Err(WaitError::Stalled(stall)),
            }
        }
        Ok(left)
    }
}

/// What ended a wait or a transfer.
#[derive(Debug)]
pub(crate) enum WaitError {
    /// A deadline passed, this long after it was set.
    TimedOut(Duration),
    /// Nothing was received for this long.
    Stalled(Duration),
    /// The client was cancelled.
    Cancelled,
    /// The connection failed.
    Io(io::Error),
}

impl WaitError {
    /// The failure of an attempt in `phase`; `lost` is the kind if the connection failed.
    pub(crate) fn into_failure(self, phase: Phase, lost: FailureKind) -> Failure {
        match self {
            Self::TimedOut(span) => {
                let what = match phase {
                    Phase::Dns => "no answer from name resolution",
                    Phase::Connect => "no connection",
                    Phase::Tls => "no end of the TLS handshake",
                    Phase::FirstByte => "no reply",
                    Phase::Body => "no end of the body",
                };
                Failure::new(
                    FailureKind::Timeout(phase),
                    format!("{what} within {}", Span(span)),
                )
            }
            Self::Stalled(span) => Failure::new(
                FailureKind::Timeout(phase),
                format!("nothing was heard for {}", Span(span)),
            ),
            Self::Cancelled => cancelled(),
            Self::Io(error) => Failure::new(lost, os_text(&error)),
        }
    }
}

/// The failure of a cancelled attempt.
pub(crate) fn cancelled() -> Failure {
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
