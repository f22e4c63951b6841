//! The outcome of a target becomes a record. The coordinator fills in the number of attempts.

use crate::fetch::{Failure, FailureKind, Outcome};
use crate::host;
use crate::input::Target;
use crate::output::Record;
use crate::pool::Panic;

/// The record of an attempt. `cut` is the message of one that the run itself cut.
pub(super) fn attempted(
    target: Target,
    outcome: Outcome,
    file: Option<String>,
    worker: Option<usize>,
    cut: &str,
) -> Record {
    let host = outcome.result.is_err().then(|| host::shown(&target.url));
    let mut record = Record {
        host,
        file,
        ..blank(target)
    };
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
            record.bytes = page.size;
            record.received = page.bytes;
        }
        Err(failure) if failure.kind() == FailureKind::Cancelled => {
            record.error = Some(Failure::new(FailureKind::Cancelled, cut));
        }
        Err(failure) => record.error = Some(failure),
    }
    record
}

/// The record of a job that panicked.
pub(super) fn panicked(target: Target, panic: &Panic, worker: Option<usize>) -> Record {
    let message = format!("a worker panicked: {}", panic.message());
    Record {
        worker,
        ..failed(target, Failure::new(FailureKind::Internal, message))
    }
}

/// The record of a job that the run does not wait for.
pub(super) fn left_behind(target: Target, cut: &str) -> Record {
    failed(target, Failure::new(FailureKind::Cancelled, cut))
}

fn failed(target: Target, failure: Failure) -> Record {
    Record {
        host: Some(host::shown(&target.url)),
        error: Some(failure),
        ..blank(target)
    }
}

fn blank(target: Target) -> Record {
    Record::new(target.written, target.source, target.line)
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
            written: "http://a/".into(),
            url: Url::parse("http://a/").expect("it is one"),
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
