//! Going on with a body that was cut: which bodies may be continued, what the request asks for, and what the reply says
//! (RFC 9110, 13.1.5, 14 and 15.5.17).
//!
//! A server that answers anything else than the rest of the same version is asked again for the whole body: no two
//! versions are ever in one file.

use std::io::{self, Read, Write};
use std::time::Duration;

use http::{HeaderMap, HeaderValue, Method, StatusCode};
use serde::{Deserialize, Serialize};
use url::{Position, Url};

use super::condition::as_sent;
use super::decode::has_coding;
use super::failure::{Failure, FailureKind};
use super::net::Recorded;
use super::range::{only_range, unsatisfied_length};
use super::redirect::Hop;

/// A sink that may have a part of the body already.
pub(crate) trait PartialBody: Write {
    /// The size of the part in bytes, and of which version it is.
    fn part(&self) -> Option<(u64, Version)>;

    /// Drops the part. The body of `version` follows; `None` if it cannot be continued.
    ///
    /// # Errors
    ///
    /// Those of the file system.
    fn begin(&mut self, version: Option<Version>) -> io::Result<()>;

    /// The bytes of the part. They must be read to their end.
    ///
    /// # Errors
    ///
    /// Those of the file system.
    fn written(&mut self) -> io::Result<Box<dyn Read + '_>>;
}

/// One version of a page, whose body can be continued.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Version {
    /// Where its reply came from, without a fragment: a validator is of no other resource.
    pub(crate) final_url: String,
    /// A strong one.
    pub(crate) etag: Option<String>,
    pub(crate) last_modified: Option<String>,
    pub(crate) content_type: Option<String>,
    /// The size of the body in bytes, if it is known.
    pub(crate) length: Option<u64>,
}

impl Version {
    /// The version of the page in a reply. `None` if its body cannot be continued: it is coded, or has no validator that
    /// is strong. A date is one only without an `ETag` and at least a second before the reply (RFC 9110, 8.8.2.2).
    pub(super) fn of(
        url: &Url,
        headers: &HeaderMap,
        recorded: &Recorded,
        length: Option<u64>,
    ) -> Option<Self> {
        if has_coding(headers) {
            return None;
        }
        let Recorded {
            content_type,
            etag,
            last_modified,
            date,
            ..
        } = recorded;
        let is_strong = match etag {
            Some(etag) => etag.len() > 1 && etag.starts_with('"') && etag.ends_with('"'),
            None => is_older(last_modified.as_deref()?, str::from_utf8(&(*date)?).ok()?),
        };
        let version = Self {
            final_url: url[..Position::AfterQuery].to_owned(),
            etag: etag.clone(),
            last_modified: last_modified.clone(),
            content_type: content_type.clone(),
            length,
        };
        Some(version).filter(|version| is_strong && version.validator().is_some())
    }

    /// The value of `If-Range`; `None` if none can be sent.
    pub(crate) fn validator(&self) -> Option<HeaderValue> {
        as_sent(self.etag.as_ref().or(self.last_modified.as_ref())?)
    }

    /// The headers with which `hop` asks for the bytes of this version from `from` on; `None` if it is another resource.
    /// An `ETag` holds for any query: links that are signed anew have another one.
    pub(super) fn range_lines(&self, hop: &Hop, from: u64) -> Option<Vec<u8>> {
        let path = |url: &str| url.split('?').next().map(str::to_owned);
        let url = &hop.url[..Position::AfterQuery];
        let is_same =
            url == self.final_url || self.etag.is_some() && path(url) == path(&self.final_url);
        if hop.method != Method::GET || !is_same {
            return None;
        }
        let mut lines = format!("Range: bytes={from}-\r\nIf-Range: ").into_bytes();
        lines.extend_from_slice(self.validator()?.as_bytes());
        lines.extend_from_slice(b"\r\n");
        Some(lines)
    }

    /// Whether a reply with `status` and these validators may be of this version. A 206 has the `ETag` of a 200 (RFC 9110,
    /// 15.3.7); it need not have the date, nor a 416 anything.
    fn may_be_of(&self, status: StatusCode, recorded: &Recorded) -> bool {
        let (ours, theirs, may_miss) = match &self.etag {
            Some(_) => (
                &self.etag,
                &recorded.etag,
                status != StatusCode::PARTIAL_CONTENT,
            ),
            None => (&self.last_modified, &recorded.last_modified, true),
        };
        ours == theirs || may_miss && theirs.is_none()
    }
}

/// What a reply to a request for the rest of a body has.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Answer {
    Rest(Rest),
    /// Something else, as if no range had been asked for.
    Other,
    /// Nothing of use: the whole body must be asked for.
    Useless,
}

/// The rest of a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Rest {
    /// Where the part ends, in bytes.
    pub(super) from: u64,
    /// Bytes of the reply in front of the rest.
    pub(super) skip: u64,
    /// Bytes of the reply.
    pub(super) length: u64,
    /// The size of the whole body.
    pub(super) whole: u64,
}

/// Reads the answer to a request for `version` from `from` on.
///
/// # Errors
///
/// The reply begins behind `from`, or has nothing that is not there already.
pub(super) fn answer(
    (from, version): &(u64, Version),
    status: StatusCode,
    headers: &HeaderMap,
    recorded: &Recorded,
) -> Result<Answer, Failure> {
    let from = *from;
    let is_whole = |length| version.length.is_none_or(|known| known == length);
    let rest = match status {
        StatusCode::RANGE_NOT_SATISFIABLE => unsatisfied_length(headers)
            .filter(|length| *length == from)
            .map(|whole| (from, from, whole)),
        StatusCode::PARTIAL_CONTENT if !has_coding(headers) => {
            let range = only_range(headers);
            range
                .and_then(|(first, last, whole)| Some((first, last + 1, whole.or(version.length)?)))
        }
        StatusCode::PARTIAL_CONTENT => None,
        _ => return Ok(Answer::Other),
    };
    let rest = rest.filter(|(_, end, whole)| end <= whole && is_whole(*whole));
    let Some((first, end, whole)) = rest.filter(|_| version.may_be_of(status, recorded)) else {
        return Ok(Answer::Useless);
    };
    let has_nothing_new = end <= from && from < whole;
    if first > from || has_nothing_new {
        let last = end.saturating_sub(1);
        let text = format!(
            "the server sent bytes {first} to {last}, and those from {from} on were asked for"
        );
        return Err(Failure::new(FailureKind::Body, text));
    }
    Ok(Answer::Rest(Rest {
        from,
        skip: from - first,
        length: end - first,
        whole,
    }))
}

/// Whether the date `last_modified` is at least a second before `date`.
fn is_older(last_modified: &str, date: &str) -> bool {
    let parse = |text| httpdate::parse_http_date(text).ok();
    let (Some(modified), Some(date)) = (parse(last_modified), parse(date)) else {
        return false;
    };
    date.duration_since(modified)
        .is_ok_and(|age| age >= Duration::from_secs(1))
}

#[cfg(test)]
mod tests;
