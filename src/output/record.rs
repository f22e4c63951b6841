//! The record: the result of one target, and the schema of every machine-readable format.
//!
//! Every row has all fields, in this order; docs/OUTPUT.md describes them. A release may add a field; it removes and
//! renames none.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::ser::SerializeStruct;
use serde::{Serialize, Serializer};

#[cfg(test)]
use crate::fetch::FailureKind;
use crate::fetch::{Failure, Phase};

/// A page, or the reason why there is none.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Record {
    pub(crate) url: Box<str>,
    pub(crate) source: Arc<str>,
    pub(crate) line: u64,
    pub(crate) ok: bool,
    pub(crate) status: Option<u16>,
    pub(crate) bytes: Option<u64>,
    pub(crate) content_type: Option<String>,
    pub(crate) final_url: Option<String>,
    pub(crate) redirects: Option<u32>,
    pub(crate) attempts: u32,
    #[serde(rename = "elapsed_ms", serialize_with = "milliseconds")]
    pub(crate) elapsed: Option<Duration>,
    #[serde(rename = "ttfb_ms", serialize_with = "milliseconds")]
    pub(crate) ttfb: Option<Duration>,
    pub(crate) worker: Option<usize>,
    #[serde(serialize_with = "timestamp")]
    pub(crate) started_at: Option<SystemTime>,
    pub(crate) file: Option<String>,
    /// `None` exactly if `ok` is true.
    #[serde(serialize_with = "failure")]
    pub(crate) error: Option<Failure>,
    pub(crate) remote_ip: Option<IpAddr>,
    pub(crate) reused: Option<bool>,
    #[serde(rename = "dns_ms", serialize_with = "milliseconds")]
    pub(crate) dns: Option<Duration>,
    #[serde(rename = "connect_ms", serialize_with = "milliseconds")]
    pub(crate) connect: Option<Duration>,
    #[serde(rename = "tls_ms", serialize_with = "milliseconds")]
    pub(crate) tls: Option<Duration>,
    /// Bytes of the body that were received, for the summary: 0 with HEAD.
    #[serde(skip)]
    pub(crate) received: u64,
    /// The host that failed, for the summary.
    #[serde(skip)]
    pub(crate) host: Option<Box<str>>,
}

impl Record {
    pub(crate) fn new(url: Box<str>, source: Arc<str>, line: u64) -> Self {
        Self {
            url,
            source,
            line,
            ..Self::default()
        }
    }

    /// Bytes of its texts.
    pub(crate) fn text(&self) -> usize {
        let optional = [&self.final_url, &self.content_type, &self.file];
        let texts = optional.into_iter().flatten().map(String::len);
        let message = self.error.as_ref().map_or(0, |error| error.message().len());
        self.url.len() + message + texts.sum::<usize>()
    }
}

/// `span` in milliseconds, with at most three decimals.
pub(super) fn in_milliseconds(span: Duration) -> f64 {
    // Whole microseconds over 1000 print with at most three decimals.
    ((span.as_nanos() + 500) / 1000) as f64 / 1000.0
}

/// `time` in UTC, between 1970 and 9999.
pub(super) fn in_rfc3339(time: SystemTime) -> humantime::Rfc3339Timestamp {
    const LAST: Duration = Duration::from_secs(253_402_300_799);
    let since = time
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
        .min(LAST);
    humantime::format_rfc3339_millis(UNIX_EPOCH + since)
}

fn milliseconds<S: Serializer>(span: &Option<Duration>, out: S) -> Result<S::Ok, S::Error> {
    span.map(in_milliseconds).serialize(out)
}

fn timestamp<S: Serializer>(time: &Option<SystemTime>, out: S) -> Result<S::Ok, S::Error> {
    match time {
        Some(time) => out.collect_str(&in_rfc3339(*time)),
        None => out.serialize_none(),
    }
}

fn failure<S: Serializer>(failure: &Option<Failure>, out: S) -> Result<S::Ok, S::Error> {
    let Some(failure) = failure else {
        return out.serialize_none();
    };
    let mut fields = out.serialize_struct("error", 3)?;
    fields.serialize_field("kind", failure.kind().name())?;
    fields.serialize_field("message", failure.message())?;
    fields.serialize_field("phase", &failure.kind().phase().map(Phase::name))?;
    fields.end()
}

#[cfg(test)]
impl Record {
    /// A page of `bytes` bytes.
    pub(crate) fn page(url: &str, bytes: u64) -> Self {
        Self {
            ok: true,
            status: Some(200),
            bytes: Some(bytes),
            content_type: Some("text/html".into()),
            final_url: Some(url.into()),
            redirects: Some(0),
            ttfb: Some(Duration::from_millis(38)),
            remote_ip: Some([192, 0, 2, 7].into()),
            reused: Some(false),
            dns: Some(Duration::from_micros(12_500)),
            connect: Some(Duration::from_millis(9)),
            tls: Some(Duration::from_millis(10)),
            received: bytes,
            ..Self::attempted(url)
        }
    }

    /// A target that failed before a server replied.
    pub(super) fn failure(url: &str, kind: FailureKind, message: &str) -> Self {
        let parsed = url::Url::parse(url).ok();
        Self {
            error: Some(Failure::new(kind, message)),
            host: parsed.map(|url| crate::host::shown(&url)),
            ..Self::attempted(url)
        }
    }

    /// One attempt at a target, without its result.
    fn attempted(url: &str) -> Self {
        Self {
            attempts: 1,
            elapsed: Some(Duration::from_micros(41_200)),
            worker: Some(2),
            started_at: Some(UNIX_EPOCH + Duration::from_millis(1_769_853_600_123)),
            ..Self::new(url.into(), "urls.txt".into(), 3)
        }
    }
}
