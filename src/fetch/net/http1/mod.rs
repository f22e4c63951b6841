//! HTTP/1.1 replies as bytes: the head and the chunked coding.

mod chunked;
pub(super) mod framing;
#[cfg(any(test, feature = "fuzzing"))]
pub(in crate::fetch) mod fuzzing;
pub(super) mod head;
mod lines;
pub(super) mod recorded;
pub(super) mod reply;
