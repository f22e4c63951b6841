//! What one attempt came to. Plain data: nothing here does anything.

use std::time::{Duration, SystemTime};

use url::Url;

use super::Failure;

/// A page that was fetched: a final 2xx status and a whole body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Page {
    /// Size of the body in bytes, as it was handed to the sink (decoded, if it was compressed); 0
    /// for HEAD.
    pub bytes: u64,
}

/// What one attempt at one URL came to.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// The page, or why there is none.
    pub result: Result<Page, Failure>,
    /// The last status that a server gave, also when the attempt failed after it.
    pub status: Option<u16>,
    /// The `Content-Type` that came with `status`.
    pub content_type: Option<String>,
    /// The `Retry-After` that came with `status`, as the server wrote it.
    pub retry_after: Option<String>,
    /// The URL of the last request, after redirects; never with credentials.
    pub final_url: Url,
    /// How many redirects were followed.
    pub redirects: u32,
    /// When the attempt began, by the wall clock.
    pub started_at: SystemTime,
    /// From the beginning to the end of the attempt.
    pub elapsed: Duration,
    /// From the beginning of the attempt to the first byte of the final reply.
    pub ttfb: Option<Duration>,
    /// Bytes read from the network for this attempt: heads, redirects and, for https, TLS records
    /// included.
    pub wire_bytes: u64,
}
