//! The record: the result of one target. [`fields`](super::fields) says how it is written.

use std::sync::Arc;
#[cfg(test)]
use std::time::{Duration, UNIX_EPOCH};

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

#[cfg(test)]
use crate::fetch::{ConnectionInfo, FailureKind, Method};
use crate::fetch::{Failure, Outcome, Redirect};

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
    pub(crate) bytes: Option<u64>,
    pub(crate) attempts: u32,
    pub(crate) worker: Option<usize>,
    pub(crate) file: Option<String>,
    /// `None` exactly if `ok` is true or `dry_run` is there.
    pub(crate) error: Option<Failure>,
    /// With `--update`, of a page: the server said that it has not changed.
    pub(crate) unchanged: Option<bool>,
    /// The last attempt, whose result is in `ok`, `bytes` and `error`. `None` without one.
    pub(crate) outcome: Option<Box<Outcome>>,
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

    /// The status of the last attempt.
    pub(super) fn status(&self) -> Option<u16> {
        self.outcome.as_ref()?.status
    }

    /// Bytes of its texts, its lists and its body.
    pub(crate) fn held_bytes(&self) -> usize {
        let message = self.error.as_ref().map_or(0, |error| error.message().len());
        let file = self.file.as_ref().map_or(0, String::len);
        let input = self.input.as_ref().map_or(0, |input| input.get().len());
        let body = self.body.as_ref().map_or(0, Body::len);
        let outcome = self.outcome.as_deref().map_or(0, held_by);
        self.url.len() + message + file + input + body + outcome
    }
}

/// Bytes of its texts and lists.
fn held_by(outcome: &Outcome) -> usize {
    let texts = [&outcome.content_type, &outcome.etag, &outcome.last_modified];
    let texts = texts.into_iter().flatten().map(String::len);
    let hops = outcome.hops.iter();
    let hops = hops.map(|hop| size_of::<Redirect>() + hop.url.as_str().len());
    let headers = outcome.headers.iter().flatten().map(|(name, values)| {
        let values = values.iter().map(|value| size_of::<String>() + value.len());
        size_of::<(String, Vec<String>)>() + name.len() + values.sum::<usize>()
    });
    let lists = hops.sum::<usize>() + headers.sum::<usize>();
    outcome.final_url.as_str().len() + texts.sum::<usize>() + lists
}

#[cfg(test)]
impl Record {
    /// A page of `bytes` bytes.
    pub(crate) fn page(url: &str, bytes: u64) -> Self {
        let page = Self {
            ok: true,
            bytes: Some(bytes),
            received: bytes,
            ..Self::attempted(url)
        };
        page.with(|outcome| {
            outcome.status = Some(200);
            outcome.content_type = Some("text/html".into());
            outcome.ttfb = Some(Duration::from_millis(38));
            outcome.connection = ConnectionInfo {
                remote_ip: Some([192, 0, 2, 7].into()),
                is_reused: false,
                dns: Some(Duration::from_micros(12_500)),
                connect: Some(Duration::from_millis(9)),
                tls: Some(Duration::from_millis(10)),
            };
            outcome.etag = Some("\"84238dfc\"".into());
            outcome.last_modified = Some("Mon, 13 Jan 2025 20:11:20 GMT".into());
        })
    }

    /// A page with a value in every field that can have one.
    pub(super) fn whole(url: &str) -> Self {
        let hop = Redirect {
            url: url::Url::parse("http://example.com/a,b").expect("it is a URL"),
            status: 301,
        };
        let input = "{\"id\":1.50,\"note\":\"a \\\"b\\\", \u{2028}\"}".to_owned();
        let page = Self {
            file: Some("pages/x.html".into()),
            input: Some(RawValue::from_string(input).expect("it is JSON")),
            body: Some(Body::Text("hé".into())),
            ..Self::page(url, 3)
        };
        page.with(|outcome| {
            outcome.sha256 = Some(std::array::from_fn(|n| n as u8 * 7));
            outcome.hops = vec![hop];
            outcome.headers = Some(vec![
                ("server".into(), vec!["a".into(), "b\t\u{e9}".into()]),
                ("x-none".into(), Vec::new()),
            ]);
        })
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
        let final_url = url::Url::parse(url).or_else(|_| url::Url::parse("http://x/"));
        let started_at = UNIX_EPOCH + Duration::from_millis(1_769_853_600_123);
        let outcome = Outcome {
            elapsed: Duration::from_micros(41_200),
            ..Outcome::begun(&final_url.expect("it is a URL"), &Method::GET, started_at)
        };
        Self {
            attempts: 1,
            worker: Some(2),
            outcome: Some(outcome.into()),
            ..Self::new(url.into(), "urls.txt".into(), 3)
        }
    }

    /// The record with another outcome.
    pub(super) fn with(mut self, change: impl FnOnce(&mut Outcome)) -> Self {
        change(self.outcome.as_mut().expect("it was attempted"));
        self
    }
}
