//! What single requests ask for in place of the client's options.

use std::time::Duration;

use http::{HeaderValue, Method};

use super::custom_header::CustomHeader;
use super::status_set::StatusSet;

/// What one request asks for in place of its client's [`Options`](super::Options), and what its body must be.
///
/// A value that is `None` leaves that of the client. A body that is not the expected one fails as
/// [`FailureKind::Mismatch`](super::FailureKind::Mismatch): at once if its length is told and wrong, else at its end.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RequestOptions {
    /// The method of the first request. It goes before [`Options::check`](super::Options::check), too.
    pub method: Option<Method>,
    /// The statuses that make a page.
    pub accept: Option<StatusSet>,
    /// Limit of the whole attempt; zero is no limit.
    pub timeout: Option<Duration>,
    /// The largest accepted body, in bytes after decoding; zero is no limit.
    pub max_size: Option<u64>,
    /// Headers that replace those of the client with the same name, its default ones too. They are sent to the same
    /// origin.
    pub headers: Vec<CustomHeader>,
    /// The size that the decoded body must have, in bytes. Where no whole body is read, as with HEAD, it is compared with
    /// the length that the server told, if it told one.
    pub size: Option<u64>,
    /// The SHA-256 that the decoded body must have. Not checked where no whole body is read.
    pub sha256: Option<[u8; 32]>,
}

impl RequestOptions {
    /// Bytes of text in it.
    pub(crate) fn text(&self) -> usize {
        let headers = self.headers.iter();
        let lengths = headers.map(|header| {
            let value = header.value.as_ref().map_or(0, HeaderValue::len);
            size_of::<CustomHeader>() + header.name.len() + value
        });
        lengths.sum()
    }
}
