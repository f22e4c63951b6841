//! From what fetch knows to what the output shows: one outcome of one target becomes one record.

use crate::fetch::{Failure, FailureKind, Outcome, Phase};
use crate::input::Target;
use crate::output::{Record, RecordError};
use crate::pool::Panic;

/// The record of an attempt that was made. `cut` is the message of an attempt that the run itself
/// cut.
pub(super) fn attempted(
    target: Target,
    outcome: Outcome,
    worker: Option<usize>,
    cut: &str,
) -> Record {
    let mut record = blank(target);
    record.attempts = 1;
    record.status = outcome.status;
    record.content_type = outcome.content_type;
    record.final_url = Some(outcome.final_url.into());
    record.redirects = Some(outcome.redirects);
    record.elapsed = Some(outcome.elapsed);
    record.ttfb = outcome.ttfb;
    record.started_at = Some(outcome.started_at);
    record.worker = worker;
    match outcome.result {
        Ok(page) => {
            record.ok = true;
            record.bytes = Some(page.bytes);
        }
        Err(failure) if failure.kind() == FailureKind::Cancelled => {
            record.error = Some(error_of(&Failure::new(FailureKind::Cancelled, cut)));
        }
        Err(failure) => record.error = Some(error_of(&failure)),
    }
    record
}

/// The record of a target that is no URL to fetch.
pub(super) fn refused(target: Target, failure: &Failure) -> Record {
    let mut record = blank(target);
    record.error = Some(error_of(failure));
    record
}

/// The record of a job that panicked.
pub(super) fn panicked(target: Target, panic: &Panic, worker: Option<usize>) -> Record {
    let message = format!("a worker panicked: {}", panic.message());
    let mut record = refused(target, &Failure::new(FailureKind::Internal, message));
    record.attempts = 1;
    record.worker = worker;
    record
}

/// The record of a job that the run could not wait for.
pub(super) fn left_behind(target: Target, cut: &str) -> Record {
    let mut record = refused(target, &Failure::new(FailureKind::Cancelled, cut));
    record.attempts = 1;
    record
}

fn blank(target: Target) -> Record {
    Record {
        url: target.written,
        source: target.source,
        line: target.line,
        ok: false,
        status: None,
        bytes: None,
        content_type: None,
        final_url: None,
        redirects: None,
        attempts: 0,
        elapsed: None,
        ttfb: None,
        worker: None,
        started_at: None,
        file: None,
        error: None,
    }
}

fn error_of(failure: &Failure) -> RecordError {
    RecordError {
        kind: failure.kind().name(),
        message: failure.message().to_owned(),
        phase: failure.kind().phase().map(Phase::name),
    }
}
