//! The record: the result of one target. [`fields`](super::fields) says how it is written.

use std::net::IpAddr;
use std::sync::Arc;
#[cfg(test)]
use std::time::UNIX_EPOCH;
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

#[cfg(test)]
use crate::fetch::FailureKind;
use crate::fetch::{Failure, Method, Redirect};

/// A body in its record.
#[derive(Clone, Debug)]
pub(crate) enum Body {
    Text(String),
    /// It is not UTF-8.
    Binary(Vec<u8>),
}

impl From<Vec<u8>> for Body {
    fn from(bytes: Vec<u8>) -> Self {
        String::from_utf8(bytes).map_or_else(|error| Self::Binary(error.into_bytes()), Self::Text)
    }
}

impl Body {
    fn len(&self) -> usize {
        match self {
            Self::Text(text) => text.len(),
            Self::Binary(bytes) => bytes.len(),
        }
    }
}

/// Where a reply is in an archive.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct WarcPlace {
    /// As given.
    pub(crate) file: Arc<str>,
    pub(crate) offset: u64,
    /// Bytes of the compressed record.
    pub(crate) length: u64,
}

/// What a run would do with a target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DryRun {
    Fetch,
    SkipFetchedBefore,
    SkipRepeated,
}

impl DryRun {
    /// The name in records.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Fetch => "fetch",
            Self::SkipFetchedBefore => "skip: fetched before",
            Self::SkipRepeated => "skip: repeated",
        }
    }
}

/// A page, or the reason why there is none.
#[derive(Clone, Debug, Default)]
pub(crate) struct Record {
    pub(crate) url: Box<str>,
    pub(crate) source: Arc<str>,
    pub(crate) line: u64,
    pub(crate) ok: bool,
    pub(crate) status: Option<u16>,
    pub(crate) bytes: Option<u64>,
    pub(crate) content_type: Option<String>,
    pub(crate) final_url: Option<String>,
    pub(crate) attempts: u32,
    pub(crate) elapsed: Option<Duration>,
    pub(crate) ttfb: Option<Duration>,
    pub(crate) worker: Option<usize>,
    pub(crate) started_at: Option<SystemTime>,
    pub(crate) file: Option<String>,
    /// `None` exactly if `ok` is true or `dry_run` is there.
    pub(crate) error: Option<Failure>,
    pub(crate) remote_ip: Option<IpAddr>,
    pub(crate) reused: Option<bool>,
    pub(crate) dns: Option<Duration>,
    pub(crate) connect: Option<Duration>,
    pub(crate) tls: Option<Duration>,
    pub(crate) method: Option<Method>,
    pub(crate) etag: Option<String>,
    pub(crate) last_modified: Option<String>,
    /// With `--update`, of a page: the server said that it has not changed.
    pub(crate) unchanged: Option<bool>,
    /// Where the last attempt went on with the body.
    pub(crate) resumed_from: Option<u64>,
    pub(crate) sha256: Option<[u8; 32]>,
    /// `None` without an attempt.
    pub(crate) hops: Option<Vec<Redirect>>,
    pub(crate) headers: Option<Vec<(String, Vec<String>)>>,
    /// The columns of its row that have no meaning, a JSON object.
    pub(crate) input: Option<Box<RawValue>>,
    /// With `--warc`: where the last reply is.
    pub(crate) warc: Option<WarcPlace>,
    /// With `--body`.
    pub(crate) body: Option<Body>,
    /// With `--dry-run`: what a run would do.
    pub(crate) dry_run: Option<DryRun>,
    /// With `--update`: an earlier run has recorded the page, for the summary.
    pub(crate) is_recorded: bool,
    /// Bytes of the body that were received, for the summary: 0 with HEAD.
    pub(crate) received: u64,
    /// The host that failed, for the summary.
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

    /// Bytes of its texts, its lists and its body.
    pub(crate) fn held_bytes(&self) -> usize {
        let optional = [
            &self.final_url,
            &self.content_type,
            &self.file,
            &self.etag,
            &self.last_modified,
        ];
        let texts = optional.into_iter().flatten().map(String::len);
        let message = self.error.as_ref().map_or(0, |error| error.message().len());
        let hops = self.hops.iter().flatten();
        let hops = hops.map(|hop| size_of::<Redirect>() + hop.url.as_str().len());
        let headers = self.headers.iter().flatten().map(|(name, values)| {
            let values = values.iter().map(|value| size_of::<String>() + value.len());
            size_of::<(String, Vec<String>)>() + name.len() + values.sum::<usize>()
        });
        let input = self.input.as_ref().map_or(0, |input| input.get().len());
        let body = self.body.as_ref().map_or(0, Body::len);
        let lists = hops.sum::<usize>() + headers.sum::<usize>();
        self.url.len() + message + texts.sum::<usize>() + lists + input + body
    }
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
            hops: Some(Vec::new()),
            ttfb: Some(Duration::from_millis(38)),
            remote_ip: Some([192, 0, 2, 7].into()),
            reused: Some(false),
            dns: Some(Duration::from_micros(12_500)),
            connect: Some(Duration::from_millis(9)),
            tls: Some(Duration::from_millis(10)),
            etag: Some("\"84238dfc\"".into()),
            last_modified: Some("Mon, 13 Jan 2025 20:11:20 GMT".into()),
            received: bytes,
            ..Self::attempted(url)
        }
    }

    /// A page with a value in every field that can have one.
    pub(super) fn whole(url: &str) -> Self {
        let hop = Redirect {
            url: url::Url::parse("http://example.com/a,b").expect("it is a URL"),
            status: 301,
        };
        let input = "{\"id\":1.50,\"note\":\"a \\\"b\\\", \u{2028}\"}".to_owned();
        Self {
            file: Some("pages/x.html".into()),
            sha256: Some(std::array::from_fn(|n| n as u8 * 7)),
            hops: Some(vec![hop]),
            headers: Some(vec![
                ("server".into(), vec!["a".into(), "b\t\u{e9}".into()]),
                ("x-none".into(), Vec::new()),
            ]),
            input: Some(RawValue::from_string(input).expect("it is JSON")),
            body: Some(Body::Text("hé".into())),
            ..Self::page(url, 3)
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
            method: Some(Method::GET),
            hops: Some(Vec::new()),
            ..Self::new(url.into(), "urls.txt".into(), 3)
        }
    }
}
