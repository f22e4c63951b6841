//! Which failures pass, and when such an attempt is made again.

use std::time::{Duration, Instant, SystemTime};

use crate::fetch::{FailureKind, Outcome};
use crate::schedule::retry::{Jitter, Retries, parse_retry_after};

/// Statuses that say "not now" rather than "no".
const PASSING: [u16; 7] = [408, 425, 429, 500, 502, 503, 504];

/// What is to be done about a failed attempt.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Verdict {
    /// When to try again; `None` makes the failure final.
    pub(super) again: Option<Instant>,
    /// Until when its host is to be left alone.
    pub(super) hold_host: Option<Instant>,
}

/// Decides about retries for a whole run.
pub(super) struct Retrying {
    retries: Retries,
    jitter: Jitter,
}

impl Retrying {
    /// `seed` makes the waits of one run differ from those of another.
    pub(super) fn new(retries: Retries, seed: u64) -> Self {
        Retrying {
            retries,
            jitter: Jitter::new(seed),
        }
    }

    /// True if nothing is ever tried again.
    pub(super) fn is_off(&self) -> bool {
        self.retries.most == 0
    }

    /// What to do after the attempt number `attempts`, which came to `outcome` at `now`.
    pub(super) fn verdict(
        &mut self,
        outcome: &Outcome,
        attempts: u32,
        now: Instant,
        wall_clock: SystemTime,
    ) -> Verdict {
        if self.is_off() || !passes(outcome) {
            return Verdict::default();
        }
        let asked = asked_pause(outcome, wall_clock);
        let back_off = self.retries.delay(attempts, &mut self.jitter);
        let at = |wait: Duration| now + wait;
        Verdict {
            again: back_off.map(|back_off| at(asked.unwrap_or(back_off))),
            hold_host: asked.map(at),
        }
    }
}

/// How long the server of a passing failure wants its host to be left alone, by the wall clock
/// `now`.
pub(super) fn asked_pause(outcome: &Outcome, now: SystemTime) -> Option<Duration> {
    let value = outcome.retry_after.as_deref()?;
    let wait = parse_retry_after(value, now)?;
    (!wait.is_zero() && passes(outcome)).then_some(wait)
}

fn passes(outcome: &Outcome) -> bool {
    let Err(failure) = &outcome.result else {
        return false;
    };
    match failure.kind() {
        FailureKind::Dns | FailureKind::Connect | FailureKind::Timeout(_) | FailureKind::Body => {
            true
        }
        FailureKind::HttpStatus => outcome
            .status
            .is_some_and(|status| PASSING.contains(&status)),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fetch::{Failure, Page, Phase, Url};

    fn outcome(result: Result<Page, Failure>, status: Option<u16>, after: Option<&str>) -> Outcome {
        Outcome {
            result,
            status,
            content_type: None,
            retry_after: after.map(str::to_owned),
            final_url: Url::parse("http://example.com/").expect("a URL"),
            redirects: 0,
            started_at: SystemTime::UNIX_EPOCH,
            elapsed: Duration::ZERO,
            ttfb: None,
            wire_bytes: 0,
        }
    }

    fn failed(kind: FailureKind, status: Option<u16>, after: Option<&str>) -> Outcome {
        outcome(Err(Failure::new(kind, "x")), status, after)
    }

    fn verdict(
        most: u32,
        attempts: u32,
        outcome: &Outcome,
    ) -> (Option<Duration>, Option<Duration>) {
        let retries = Retries {
            most,
            first_delay: Duration::from_secs(1),
        };
        let now = Instant::now();
        let verdict = Retrying::new(retries, 1).verdict(outcome, attempts, now, SystemTime::now());
        let wait = |at: Option<Instant>| at.map(|at| at - now);
        (wait(verdict.again), wait(verdict.hold_host))
    }

    #[test]
    fn passing_failures_are_tried_again_and_others_are_final() {
        let passing = [
            (FailureKind::Dns, None),
            (FailureKind::Connect, None),
            (FailureKind::Timeout(Phase::Body), None),
            (FailureKind::Body, Some(200)),
            (FailureKind::HttpStatus, Some(408)),
            (FailureKind::HttpStatus, Some(425)),
            (FailureKind::HttpStatus, Some(429)),
            (FailureKind::HttpStatus, Some(500)),
            (FailureKind::HttpStatus, Some(502)),
            (FailureKind::HttpStatus, Some(503)),
            (FailureKind::HttpStatus, Some(504)),
        ];
        for (kind, status) in passing {
            let (again, hold) = verdict(1, 1, &failed(kind, status, None));
            assert!(again.is_some() && hold.is_none(), "{kind:?} {status:?}");
        }
        let lasting = [
            (FailureKind::HttpStatus, Some(404)),
            (FailureKind::HttpStatus, Some(501)),
            (FailureKind::HttpStatus, Some(302)),
            (FailureKind::Tls, None),
            (FailureKind::Protocol, None),
            (FailureKind::Cancelled, None),
            (FailureKind::Write, Some(200)),
            (FailureKind::TooLarge, Some(200)),
        ];
        for (kind, status) in lasting {
            let failed = failed(kind, status, Some("5"));
            assert_eq!(verdict(9, 1, &failed), (None, None), "{kind:?} {status:?}");
        }
    }

    #[test]
    fn attempts_end_and_without_retries_there_are_none() {
        let failed = failed(FailureKind::Dns, None, None);
        assert!(verdict(2, 2, &failed).0.is_some());
        assert!(verdict(2, 3, &failed).0.is_none());
        assert!(verdict(0, 1, &failed).0.is_none());
    }

    #[test]
    fn retry_after_takes_the_place_of_the_back_off_and_holds_the_host() {
        let asked = Duration::from_secs(7);
        let busy = failed(FailureKind::HttpStatus, Some(503), Some("7"));
        assert_eq!(verdict(1, 1, &busy), (Some(asked), Some(asked)));
        assert_eq!(
            verdict(1, 2, &busy),
            (None, Some(asked)),
            "even after the last attempt"
        );
        assert_eq!(
            verdict(0, 1, &busy),
            (None, None),
            "but not without retries"
        );
        let now = failed(FailureKind::HttpStatus, Some(503), Some("0"));
        let (again, hold) = verdict(1, 1, &now);
        assert!(again >= Some(Duration::from_millis(500)) && hold.is_none());
    }

    #[test]
    fn a_page_is_never_tried_again() {
        let page = outcome(
            Ok(Page {
                bytes: 1,
                size: Some(1),
            }),
            Some(200),
            Some("7"),
        );
        assert_eq!(verdict(9, 1, &page), (None, None));
    }
}
