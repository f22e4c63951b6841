//! The value of a field: as JSON, and as a cell of a table.

use std::fmt::{self, Display, Formatter};
use std::net::IpAddr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::display::Base64Display;
use base64::prelude::BASE64_STANDARD;
use serde::{Serialize, Serializer};
use serde_json::value::RawValue;

use super::record::WarcPlace;
use crate::escape::hex;
use crate::fetch::{Failure, Phase, Redirect};

/// A borrowed value of a record: making it allocates nothing.
pub(super) enum Value<'a> {
    Null,
    Bool(bool),
    Number(u64),
    Milliseconds(f64),
    Text(&'a str),
    Time(SystemTime),
    Address(IpAddr),
    Sha256(&'a [u8; 32]),
    Base64(&'a [u8]),
    Error(&'a Failure),
    Hops(&'a [Redirect]),
    Headers(&'a [(String, Vec<String>)]),
    Json(&'a RawValue),
    Warc(&'a WarcPlace),
}

impl<'a> Value<'a> {
    pub(super) fn text(text: Option<&'a str>) -> Self {
        text.map_or(Self::Null, Self::Text)
    }

    pub(super) fn number(number: Option<impl Into<u64>>) -> Self {
        number.map_or(Self::Null, |number| Self::Number(number.into()))
    }

    pub(super) fn milliseconds(span: Option<Duration>) -> Self {
        span.map_or(Self::Null, |span| Self::Milliseconds(in_milliseconds(span)))
    }
}

impl Serialize for Value<'_> {
    fn serialize<S: Serializer>(&self, out: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Null => out.serialize_unit(),
            Self::Bool(value) => out.serialize_bool(*value),
            Self::Number(number) => out.serialize_u64(*number),
            Self::Milliseconds(number) => out.serialize_f64(*number),
            Self::Text(text) => out.serialize_str(text),
            Self::Address(address) => address.serialize(out),
            Self::Time(_) | Self::Sha256(_) | Self::Base64(_) => out.collect_str(self),
            Self::Error(failure) => ErrorJson::from(*failure).serialize(out),
            Self::Hops(hops) => out.collect_seq(hops.iter().map(HopJson::from)),
            Self::Headers(headers) => {
                out.collect_map(headers.iter().map(|(name, values)| (name, values)))
            }
            Self::Json(json) => json.serialize(out),
            Self::Warc(place) => place.serialize(out),
        }
    }
}

/// Writes what is neither an array nor an object; nothing for those and for null.
impl Display for Value<'_> {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bool(value) => value.fmt(out),
            Self::Number(number) => number.fmt(out),
            Self::Milliseconds(number) => number.fmt(out),
            Self::Text(text) => out.write_str(text),
            Self::Time(time) => in_rfc3339(*time).fmt(out),
            Self::Address(address) => address.fmt(out),
            Self::Sha256(digest) => out.write_str(&hex(*digest)),
            Self::Base64(bytes) => Base64Display::new(bytes, &BASE64_STANDARD).fmt(out),
            Self::Null
            | Self::Error(_)
            | Self::Hops(_)
            | Self::Headers(_)
            | Self::Json(_)
            | Self::Warc(_) => Ok(()),
        }
    }
}

#[derive(Serialize)]
struct ErrorJson<'a> {
    kind: &'static str,
    message: &'a str,
    phase: Option<&'static str>,
}

impl<'a> From<&'a Failure> for ErrorJson<'a> {
    fn from(failure: &'a Failure) -> Self {
        Self {
            kind: failure.kind().name(),
            message: failure.message(),
            phase: failure.kind().phase().map(Phase::name),
        }
    }
}

#[derive(Serialize)]
struct HopJson<'a> {
    url: &'a str,
    status: u16,
}

impl<'a> From<&'a Redirect> for HopJson<'a> {
    fn from(redirect: &'a Redirect) -> Self {
        Self {
            url: redirect.url.as_str(),
            status: redirect.status,
        }
    }
}

/// `span` in milliseconds, with at most three decimals.
pub(crate) fn in_milliseconds(span: Duration) -> f64 {
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
