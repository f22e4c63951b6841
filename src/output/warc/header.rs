//! The headers of WARC/1.1 records, and what identifies a record.

use std::fmt::{Display, Write};
use std::hash::{BuildHasher, RandomState};
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::escape::hex;
use crate::fetch::Truncated;

/// How a record of an archive begins.
pub(super) const VERSION: &str = "WARC/1.1\r\n";

/// What the records of one exchange have in common.
#[derive(Clone, Debug)]
pub(super) struct About {
    pub(super) url: String,
    /// RFC 3339.
    pub(super) date: String,
    pub(super) ip: Option<IpAddr>,
    pub(super) request_id: u128,
    pub(super) response_id: u128,
}

/// The record that a revisit refers to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Original {
    pub(super) url: String,
    /// RFC 3339.
    pub(super) date: String,
    /// Of the payload, as in the header.
    pub(super) digest: String,
}

/// Why a record is a revisit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Profile {
    IdenticalPayload,
    NotModified,
}

impl Profile {
    fn uri(self) -> &'static str {
        match self {
            Self::IdenticalPayload => {
                "http://netpreserve.org/warc/1.1/revisit/identical-payload-digest"
            }
            Self::NotModified => "http://netpreserve.org/warc/1.1/revisit/server-not-modified",
        }
    }
}

/// Numbers records: a run begins at a random number.
#[derive(Debug)]
pub(super) struct RecordIds {
    start: u128,
    count: AtomicU64,
}

impl RecordIds {
    pub(super) fn new() -> Self {
        // The keys are random numbers of the system.
        let random = RandomState::new();
        let [high, low] = [0, 1].map(|n| u128::from(random.hash_one(n)));
        Self {
            start: high << 64 | low,
            count: AtomicU64::new(0),
        }
    }

    pub(super) fn next(&self) -> u128 {
        let count = self.count.fetch_add(1, Ordering::Relaxed);
        self.start.wrapping_add(u128::from(count))
    }
}

/// A record's header lines.
pub(super) struct Header(String);

impl Header {
    pub(super) fn new(kind: &str, id: u128, date: &str) -> Self {
        let mut header = Self(String::with_capacity(1024));
        header.0.push_str(VERSION);
        header.line("WARC-Type", kind);
        header.line("WARC-Record-ID", uuid(id));
        header.line("WARC-Date", date);
        header
    }

    pub(super) fn line(&mut self, name: &str, value: impl Display) {
        // Writing to a string cannot fail.
        let _ = write!(self.0, "{name}: {value}\r\n");
    }

    pub(super) fn digest(&mut self, name: &str, sha256: &[u8; 32]) {
        self.line(name, digest_text(sha256));
    }

    /// The header with the empty line behind it.
    pub(super) fn end(mut self, content_type: &str, length: u64) -> String {
        self.line("Content-Type", content_type);
        self.line("Content-Length", length);
        self.0.push_str("\r\n");
        self.0
    }
}

impl About {
    pub(super) fn request(&self) -> Header {
        self.header("request", self.request_id, self.response_id)
    }

    pub(super) fn response(&self, truncated: Option<Truncated>) -> Header {
        let mut header = self.header("response", self.response_id, self.request_id);
        if let Some(reason) = truncated {
            header.line("WARC-Truncated", reason.name());
        }
        header
    }

    pub(super) fn revisit(&self, profile: Profile, original: &Original) -> Header {
        let mut header = self.header("revisit", self.response_id, self.request_id);
        header.line("WARC-Profile", profile.uri());
        header.line("WARC-Refers-To-Target-URI", &original.url);
        header.line("WARC-Refers-To-Date", &original.date);
        header.line("WARC-Payload-Digest", &original.digest);
        header
    }

    fn header(&self, kind: &str, id: u128, other: u128) -> Header {
        let mut header = Header::new(kind, id, &self.date);
        header.line("WARC-Target-URI", &self.url);
        header.line("WARC-Concurrent-To", uuid(other));
        if let Some(ip) = self.ip {
            header.line("WARC-IP-Address", ip);
        }
        header
    }
}

pub(super) fn digest_text(sha256: &[u8; 32]) -> String {
    format!("sha256:{}", hex(sha256))
}

/// `id` as a UUID of version 4 (RFC 9562, 5.4).
fn uuid(id: u128) -> String {
    let id = id & !(0xf << 76 | 0b11 << 62) | (4 << 76 | 0b10 << 62);
    let [a, b, c, d, e] = [
        id >> 96,
        id >> 80 & 0xffff,
        id >> 64 & 0xffff,
        id >> 48 & 0xffff,
        id & 0xffff_ffff_ffff,
    ];
    format!("<urn:uuid:{a:08x}-{b:04x}-{c:04x}-{d:04x}-{e:012x}>")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_a_uuid_of_version_4() {
        assert_eq!(uuid(0), "<urn:uuid:00000000-0000-4000-8000-000000000000>");
        assert_eq!(
            uuid(u128::MAX),
            "<urn:uuid:ffffffff-ffff-4fff-bfff-ffffffffffff>"
        );
        assert_eq!(
            uuid(0x0123_4567_89ab_cdef_0123_4567_89ab_cdef),
            "<urn:uuid:01234567-89ab-4def-8123-456789abcdef>"
        );
        let ids = RecordIds::new();
        assert_ne!(ids.next(), ids.next());
    }
}
