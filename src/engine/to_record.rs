//! Turns outcomes into records. The coordinator fills in the number of attempts.

use std::mem;

use crate::fetch::{Failure, FailureKind, Outcome, Page};
use crate::host;
use crate::input::Target;
use crate::output::{Body, Record};
use crate::pool::Panic;

use super::mail::Kept;

/// The record of an attempt. `cut_message` is for one that the run cut.
pub(super) fn attempted(
    target: Target,
    mut outcome: Box<Outcome>,
    kept: Kept,
    worker: Option<usize>,
    cut_message: &str,
) -> Record {
    let none = Ok(Page {
        bytes: 0,
        size: None,
    });
    let mut record = match mem::replace(&mut outcome.result, none) {
        Ok(page) => Record {
            ok: true,
            bytes: page.size,
            received: page.bytes,
            ..target.into_record()
        },
        Err(failure) if failure.kind() == FailureKind::Cancelled => cut(target, cut_message),
        Err(failure) => failed(target, failure),
    };
    record.file = kept.file;
    record.unchanged = kept.unchanged;
    record.is_recorded = kept.is_recorded;
    record.body = kept.body.map(Body::from);
    record.warc = kept.warc;
    record.worker = worker;
    record.outcome = Some(outcome);
    record
}

pub(super) fn panicked(target: Target, panic: &Panic, worker: Option<usize>) -> Record {
    let message = format!("a worker panicked: {}", panic.message());
    Record {
        worker,
        ..failed(target, Failure::new(FailureKind::Internal, message))
    }
}

/// The record of an attempt that the run cut.
pub(super) fn cut(target: Target, message: &str) -> Record {
    failed(target, Failure::new(FailureKind::Cancelled, message))
}

pub(super) fn failed(target: Target, failure: Failure) -> Record {
    Record {
        host: Some(host::shown(&target.url)),
        error: Some(failure),
        ..target.into_record()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fetch::Url;
    use crate::pool::{JobError, ThreadPool};

    #[test]
    fn a_panic_is_the_record_of_its_target() {
        let pool = ThreadPool::new(1).expect("a thread can be started");
        let job = pool.submit(|| -> () { panic!("no such thing") });
        let Err(JobError::Panicked(panic)) = job.expect("the pool is open").result() else {
            panic!("a job that panics has a panic for a result");
        };
        let target = Target {
            source: "urls.txt".into(),
            line: 7,
            written: None,
            url: Url::parse("http://a/").expect("it is one"),
            row: None,
        };
        let record = panicked(target, &panic, Some(3));
        let error = record.error.expect("it failed");
        assert_eq!((error.kind(), record.ok), (FailureKind::Internal, false));
        assert!(error.message().contains("no such thing"), "{error}");
        assert_eq!(
            (&*record.url, &*record.source, record.line, record.worker),
            ("http://a/", "urls.txt", 7, Some(3))
        );
    }
}
