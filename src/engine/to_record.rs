//! Turns outcomes into records. The coordinator fills in the number of attempts.

use crate::fetch::{Failure, FailureKind, Outcome};
use crate::host;
use crate::input::Target;
use crate::output::{Body, Record};
use crate::pool::Panic;

use super::mail::Kept;

/// The record of an attempt. `cut_message` is for one that the run cut.
pub(super) fn attempted(
    target: Target,
    outcome: Outcome,
    kept: Kept,
    worker: Option<usize>,
    cut_message: &str,
) -> Record {
    let mut record = match outcome.result {
        Ok(page) => Record {
            ok: true,
            bytes: page.size,
            received: page.bytes,
            ..record(target)
        },
        Err(failure) if failure.kind() == FailureKind::Cancelled => cut(target, cut_message),
        Err(failure) => failed(target, failure),
    };
    record.file = kept.file;
    record.unchanged = kept.unchanged;
    record.is_recorded = kept.is_recorded;
    record.body = kept.body.map(Body::from);
    record.warc = kept.warc;
    record.method = Some(outcome.method);
    record.etag = outcome.etag;
    record.last_modified = outcome.last_modified;
    record.resumed_from = outcome.resumed_from;
    record.sha256 = outcome.sha256;
    record.hops = Some(outcome.hops);
    record.headers = outcome.headers;
    record.status = outcome.status;
    record.content_type = outcome.content_type;
    record.final_url = Some(outcome.final_url.into());
    record.elapsed = Some(outcome.elapsed);
    record.ttfb = outcome.ttfb;
    record.started_at = Some(outcome.started_at);
    record.worker = worker;
    let connection = outcome.connection;
    record.remote_ip = connection.remote_ip;
    record.reused = connection.remote_ip.map(|_| connection.is_reused);
    record.dns = connection.dns;
    record.connect = connection.connect;
    record.tls = connection.tls;
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
        ..record(target)
    }
}

/// The record of a target, without a result.
pub(super) fn record(target: Target) -> Record {
    Record {
        input: target.row.and_then(|row| row.input),
        ..Record::new(target.written, target.source, target.line)
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
            written: "http://a/".into(),
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
