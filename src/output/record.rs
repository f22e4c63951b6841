//! The record: the final word on one target, and the closed schema of every machine-readable format.
//!
//! The order of the fields is the order in which they are written, and every one is in every row. A field may be
//! added in a release, none is taken away or renamed. Nothing here decides what happened: the engine fills it in.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Serialize, Serializer};

/// One finished target: a page, or the reason why there is none.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Record {
    /// The URL as the user wrote it.
    pub(crate) url: Box<str>,
    /// The list it came from: the list's name as given, `-`, or `argument`.
    #[serde(serialize_with = "shared_text")]
    pub(crate) source: Arc<str>,
    /// Its line there, from 1.
    pub(crate) line: u64,
    /// Whether the page was fetched: a final 2xx, read (and saved, if asked) to its end.
    pub(crate) ok: bool,
    /// The last HTTP status, if a server gave one.
    pub(crate) status: Option<u16>,
    /// Length of the body in bytes, after decoding; with HEAD, the length that the server told.
    pub(crate) bytes: Option<u64>,
    /// The `Content-Type` header as the server sent it.
    pub(crate) content_type: Option<String>,
    /// The address that gave the last reply, after redirects.
    pub(crate) final_url: Option<String>,
    /// Redirects that were followed.
    pub(crate) redirects: Option<u32>,
    /// Attempts that were made, the last one included.
    pub(crate) attempts: u32,
    /// From a worker taking the job to its end, of the last attempt.
    #[serde(rename = "elapsed_ms", serialize_with = "milliseconds")]
    pub(crate) elapsed: Option<Duration>,
    /// From a worker taking the job to the first byte of the last reply, of the last attempt.
    #[serde(rename = "ttfb_ms", serialize_with = "milliseconds")]
    pub(crate) ttfb: Option<Duration>,
    /// Number of the worker that made the last attempt, from 0.
    pub(crate) worker: Option<usize>,
    /// When a worker took the job, of the last attempt.
    #[serde(serialize_with = "timestamp")]
    pub(crate) started_at: Option<SystemTime>,
    /// Where the body was saved.
    pub(crate) file: Option<String>,
    /// Why there is no page; `None` exactly where `ok` is true.
    pub(crate) error: Option<RecordError>,
    /// Bytes of the page's body that came, which is told by the summary alone: none with HEAD.
    #[serde(skip)]
    pub(crate) received: u64,
}

/// Why a target has no page.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct RecordError {
    /// One of the closed list of kinds.
    pub(crate) kind: &'static str,
    /// What went wrong, for a person.
    pub(crate) message: String,
    /// For a `timeout`: what it was waiting for.
    pub(crate) phase: Option<&'static str>,
}

/// `span` in milliseconds, to the microsecond: a number with at most three decimals.
pub(super) fn in_milliseconds(span: Duration) -> f64 {
    // Rounded as an integer first: whole microseconds divided by 1000 print with three decimals at most.
    ((span.as_nanos() + 500) / 1000) as f64 / 1000.0
}

/// `time` as RFC 3339 in UTC, to the millisecond. A clock set before 1970 or after 9999 is shown as that limit.
pub(super) fn in_rfc3339(time: SystemTime) -> humantime::Rfc3339Timestamp {
    const LAST: Duration = Duration::from_secs(253_402_300_799);
    let since = time
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
        .min(LAST);
    humantime::format_rfc3339_millis(UNIX_EPOCH + since)
}

// serde hands the `Option`s over by reference.
fn milliseconds<S: Serializer>(span: &Option<Duration>, out: S) -> Result<S::Ok, S::Error> {
    span.map(in_milliseconds).serialize(out)
}

fn timestamp<S: Serializer>(time: &Option<SystemTime>, out: S) -> Result<S::Ok, S::Error> {
    match time {
        Some(time) => out.collect_str(&in_rfc3339(*time)),
        None => out.serialize_none(),
    }
}

fn shared_text<S: Serializer>(text: &Arc<str>, out: S) -> Result<S::Ok, S::Error> {
    out.serialize_str(text)
}

#[cfg(test)]
impl Record {
    /// A page of `bytes` bytes, as a run of one line gives it.
    pub(crate) fn page(url: &str, bytes: u64) -> Self {
        Self {
            url: url.into(),
            source: "urls.txt".into(),
            line: 3,
            ok: true,
            status: Some(200),
            bytes: Some(bytes),
            content_type: Some("text/html".into()),
            final_url: Some(url.into()),
            redirects: Some(0),
            attempts: 1,
            elapsed: Some(Duration::from_micros(41_200)),
            ttfb: Some(Duration::from_millis(38)),
            worker: Some(2),
            started_at: Some(UNIX_EPOCH + Duration::from_millis(1_769_853_600_123)),
            file: None,
            error: None,
            received: bytes,
        }
    }

    /// A target that failed before anything was heard from a server.
    pub(super) fn failure(url: &str, kind: &'static str, message: &str) -> Self {
        Self {
            ok: false,
            status: None,
            bytes: None,
            content_type: None,
            final_url: None,
            redirects: None,
            ttfb: None,
            error: Some(RecordError {
                kind,
                message: message.into(),
                phase: None,
            }),
            ..Self::page(url, 0)
        }
    }
}
