//! The outcome of a target becomes a record. The coordinator fills in the number of attempts.

use crate::fetch::{Failure, FailureKind, Outcome, Phase, Url};
use crate::input::Target;
use crate::output::{Record, RecordError};
use crate::pool::Panic;
use crate::schedule::HostKey;

/// The name under which the schedule knows the host of `url`: host and port.
pub(super) fn host_of(url: &Url) -> HostKey {
    let host = url.host_str().unwrap_or_default();
    // A trailing dot (RFC 1034, 3.1) makes no other host.
    let host = host.strip_suffix('.').unwrap_or(host);
    let port = url.port_or_known_default().unwrap_or_default();
    format!("{host}:{port}").into()
}

/// The record of an attempt. `cut` is the message of one that the run itself cut.
pub(super) fn attempted(
    target: Target,
    outcome: Outcome,
    file: Option<String>,
    worker: Option<usize>,
    cut: &str,
) -> Record {
    let mut record = blank(target);
    record.file = file;
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
            record.error = Some(error_of(&Failure::new(failure.kind(), cut)));
        }
        Err(failure) => record.error = Some(error_of(&failure)),
    }
    record
}

/// The record of a line that is no URL to fetch.
pub(super) fn refused(target: Target, failure: &Failure) -> Record {
    let mut record = blank(target);
    record.error = Some(error_of(failure));
    record
}

/// The record of a job that panicked.
pub(super) fn panicked(target: Target, panic: &Panic, worker: Option<usize>) -> Record {
    let message = format!("a worker panicked: {}", panic.message());
    let mut record = refused(target, &Failure::new(FailureKind::Internal, message));
    record.worker = worker;
    record
}

/// The record of a job that the run does not wait for.
pub(super) fn left_behind(target: Target, cut: &str) -> Record {
    refused(target, &Failure::new(FailureKind::Cancelled, cut))
}

fn blank(target: Target) -> Record {
    Record {
        url: target.written,
        source: target.source,
        line: target.line,
        ..Record::default()
    }
}

fn error_of(failure: &Failure) -> RecordError {
    RecordError {
        kind: failure.kind().name(),
        message: failure.message().to_owned(),
        phase: failure.kind().phase().map(Phase::name),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pool::{JobError, ThreadPool};

    #[test]
    fn a_host_is_one_however_it_is_written() {
        let host = |url| host_of(&Url::parse(url).expect("it is one"));
        assert_eq!(
            host("http://example.com/"),
            host("HTTP://Example.com.:80/x")
        );
        assert_ne!(host("http://example.com/"), host("https://example.com/"));
        assert_ne!(host("http://example.com/"), host("http://example.com../"));
    }

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
            url: Ok(Url::parse("http://a/").expect("it is one")),
        };
        let record = panicked(target, &panic, Some(3));
        let error = record.error.expect("it failed");
        assert_eq!((error.kind, record.ok), ("internal", false));
        assert!(error.message.contains("no such thing"), "{}", error.message);
        assert_eq!(
            (&*record.url, &*record.source, record.line, record.worker),
            ("http://a/", "urls.txt", 7, Some(3))
        );
    }
}
