//! Bytes over a socket: streams, time limits, cancelling, and differences between systems.

pub(super) mod cancel;
pub(super) mod rate_limit;
pub(super) mod stream;
pub(super) mod sys;
pub(super) mod tcp;
pub(super) mod timeouts;
