//! Which failures are tried again, and when.

use std::hash::{BuildHasher, RandomState};
use std::time::{Duration, Instant};

use crate::fetch::{FailureKind, Outcome};
use crate::schedule::Reply;
use crate::schedule::retry::Retries;

/// Statuses of temporary failures.
const PASSING: [u16; 7] = [408, 425, 429, 500, 502, 503, 504];

/// When to retry after attempt number `attempts`, which ended with `outcome` at `now`; `None` if it is final.
pub(super) fn retry_at(
    outcome: &Outcome,
    attempts: u32,
    retries: Retries,
    now: Instant,
) -> Option<Instant> {
    if !passes(outcome) {
        return None;
    }
    let back_off = retries.delay(attempts, random_fraction())?;
    Some(now + asked_pause(outcome).unwrap_or(back_off))
}

/// A random number from 0 to 1: the standard library gives each hasher another key.
fn random_fraction() -> f64 {
    let random = RandomState::new().hash_one(0);
    // An f64 has 53 bits of fraction.
    (random >> 11) as f64 / (1_u64 << 53) as f64
}

/// The pause that the server asks for, if the failure is temporary.
pub(super) fn asked_pause(outcome: &Outcome) -> Option<Duration> {
    outcome
        .retry_after
        .filter(|wait| !wait.is_zero() && passes(outcome))
}

/// What `outcome` says of its host.
pub(super) fn reply_of(outcome: &Outcome) -> Reply {
    match outcome.status {
        Some(429) if outcome.result.is_err() => Reply::Refused,
        None => Reply::None,
        Some(_) if passes(outcome) => Reply::None,
        Some(_) => Reply::Served,
    }
}

/// Whether the failure is temporary.
pub(super) fn passes(outcome: &Outcome) -> bool {
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
    use std::time::SystemTime;

    use crate::fetch::{Failure, Method, Page, Phase, Url};

    fn outcome(result: Result<Page, Failure>, status: Option<u16>, after: Option<u64>) -> Outcome {
        let url = Url::parse("http://example.com/").expect("a URL");
        Outcome {
            result,
            status,
            retry_after: after.map(Duration::from_secs),
            ..Outcome::begun(&url, &Method::GET, SystemTime::UNIX_EPOCH)
        }
    }

    fn failed(kind: FailureKind, status: Option<u16>, after: Option<u64>) -> Outcome {
        outcome(Err(Failure::new(kind, "x")), status, after)
    }

    /// How long after the attempt the next one is, and the pause of its host.
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
        let again = retry_at(outcome, attempts, retries, now);
        (again.map(|at| at - now), asked_pause(outcome))
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
            let (again, pause) = verdict(1, 1, &failed(kind, status, None));
            assert!(again.is_some() && pause.is_none(), "{kind:?} {status:?}");
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
            let failed = failed(kind, status, Some(5));
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
    fn retry_after_takes_the_place_of_the_back_off_and_pauses_the_host() {
        let asked = Duration::from_secs(7);
        let busy = failed(FailureKind::HttpStatus, Some(503), Some(7));
        assert_eq!(verdict(1, 1, &busy), (Some(asked), Some(asked)));
        assert_eq!(
            verdict(1, 2, &busy),
            (None, Some(asked)),
            "even after the last attempt"
        );
        assert_eq!(verdict(0, 1, &busy).0, None, "but not without retries");
        let now = failed(FailureKind::HttpStatus, Some(503), Some(0));
        let (again, pause) = verdict(1, 1, &now);
        assert!(again >= Some(Duration::from_millis(500)) && pause.is_none());
    }

    #[test]
    fn a_reply_serves_or_refuses_or_tells_nothing() {
        // Any status may be accepted.
        for status in [200, 429, 503] {
            let page = Page {
                bytes: 1,
                size: Some(1),
            };
            let page = outcome(Ok(page), Some(status), None);
            assert_eq!(reply_of(&page), Reply::Served, "{status}");
        }
        for (kind, status, reply) in [
            (FailureKind::HttpStatus, Some(404), Reply::Served),
            (FailureKind::TooLarge, Some(200), Reply::Served),
            (FailureKind::HttpStatus, Some(429), Reply::Refused),
            (FailureKind::HttpStatus, Some(503), Reply::None),
            (FailureKind::HttpStatus, Some(500), Reply::None),
            (FailureKind::Timeout(Phase::Body), Some(200), Reply::None),
            (FailureKind::Connect, None, Reply::None),
            (FailureKind::Cancelled, None, Reply::None),
        ] {
            assert_eq!(
                reply_of(&failed(kind, status, None)),
                reply,
                "{kind:?} {status:?}"
            );
        }
    }

    #[test]
    fn a_page_is_never_tried_again() {
        let page = outcome(
            Ok(Page {
                bytes: 1,
                size: Some(1),
            }),
            Some(200),
            Some(7),
        );
        assert_eq!(verdict(9, 1, &page), (None, None));
    }
}
