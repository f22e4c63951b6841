//! Bytes over a socket: TCP and TLS streams, time limits, cancelling, and what the systems do differently.

pub(super) mod cancel;
pub(super) mod stream;
pub(super) mod sys;
pub(super) mod tcp;
pub(super) mod timeouts;
