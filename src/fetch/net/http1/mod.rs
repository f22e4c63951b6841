//! HTTP/1.1 replies as bytes: the head, the chunked coding, and the buffer both are read into.

pub(super) mod buffer;
pub(super) mod chunked;
pub(super) mod head;
pub(super) mod reply;
