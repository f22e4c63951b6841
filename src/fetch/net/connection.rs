//! A connection that sends one request after another.

use super::io::stream::Stream;
use super::io::sys::is_silent;
use super::reach::budget::Permit;

#[derive(Debug)]
pub(super) struct Connection {
    key: Box<str>,
    pub(super) stream: Box<dyn Stream>,
    /// Returned after the descriptor is closed: fields are dropped in order.
    _permit: Option<Permit>,
}

impl Connection {
    pub(super) fn new(key: &str, stream: Box<dyn Stream>, permit: Option<Permit>) -> Self {
        Self {
            key: key.into(),
            stream,
            _permit: permit,
        }
    }

    /// What it may be reused for: scheme, host and port as the beginning of a URL, and the proxy in front of them.
    pub(super) fn key(&self) -> &str {
        &self.key
    }

    /// Whether it is open and has nothing to read. An unexpected byte is the remains of an earlier reply, or the end.
    pub(super) fn is_silent(&self) -> bool {
        is_silent(self.stream.socket())
    }
}
