//! Copies the bytes of one exchange as they come, and finds out whether its reply is whole.
//!
//! Bytes behind the end of a reply are not part of it. An exchange without a reply's head is dropped.

use std::io;
use std::sync::Arc;

use super::context::{ContextState, ExchangeContext};
use crate::fetch::capture::{Capture, Captured, Truncated};
use crate::fetch::net::io::stream::StreamError;
use crate::fetch::net::io::timeouts::WaitError;

#[derive(Debug)]
pub(super) struct Recorder {
    capture: Arc<Capture>,
    exchange: Captured,
    is_whole: bool,
    /// An exchange that could not be kept. The run ends.
    has_failed: bool,
}

impl Recorder {
    /// `None` if exchanges are not captured.
    pub(super) fn new(state: &mut ContextState, request: &[u8]) -> Option<Self> {
        let url = state.request.captured_url.take()?;
        let capture = Arc::clone(state.attempt.capture.as_ref()?);
        Some(Self {
            exchange: capture.begin(url, state.attempt.connection.remote_ip, request),
            capture,
            is_whole: false,
            has_failed: false,
        })
    }

    /// Takes the reply's head.
    pub(super) fn head(&mut self, head: &[u8]) {
        self.exchange.head_len = head.len() as u64;
        self.push(head);
    }

    /// Takes bytes of the body, with their framing.
    pub(super) fn body(&mut self, bytes: &[u8]) {
        self.push(bytes);
    }

    /// Notes that the last bytes were decoded, of which `behind` came after the end of the body.
    pub(super) fn decoded(&mut self, has_ended: bool, behind: usize) {
        self.is_whole |= has_ended;
        if behind > 0 {
            self.keep(|exchange| exchange.drop_last(behind));
        }
    }

    /// Takes what a read brought: the last bytes of `input`. `has_all_data`: the connection may close now.
    pub(super) fn received(
        &mut self,
        received: &Result<usize, StreamError>,
        input: &[u8],
        has_all_data: bool,
    ) {
        match received {
            Ok(0) if has_all_data => self.is_whole = true,
            Ok(0) => self.exchange.truncated = Some(Truncated::Disconnect),
            Ok(amount) => self.body(&input[input.len() - amount..]),
            Err(error) => self.exchange.truncated = Some(reason(error)),
        }
    }

    /// Hands the exchange over. `is_limited`: a larger body was not wanted.
    pub(super) fn finish(mut self, is_limited: bool) {
        if self.exchange.head_len == 0 || self.has_failed {
            return;
        }
        let other = if is_limited {
            Truncated::Length
        } else {
            Truncated::Unspecified
        };
        let reason = self.exchange.truncated.unwrap_or(other);
        self.exchange.truncated = (!self.is_whole).then_some(reason);
        self.capture.add(self.exchange);
    }

    fn push(&mut self, bytes: &[u8]) {
        self.keep(|exchange| exchange.push(bytes));
    }

    /// Changes what is kept, until the first error.
    fn keep(&mut self, change: impl FnOnce(&mut Captured) -> io::Result<()>) {
        if !self.has_failed
            && let Err(error) = change(&mut self.exchange)
        {
            self.has_failed = true;
            self.capture.failed(error);
        }
    }
}

impl ExchangeContext {
    /// Drops the last captured exchange, which is made again.
    pub(super) fn forget_captured(&self) {
        if let Some(capture) = &self.state().attempt.capture {
            capture.forget_last();
        }
    }
}

fn reason(error: &StreamError) -> Truncated {
    match error {
        StreamError::WaitError(WaitError::TimedOut(_) | WaitError::Stalled(_)) => Truncated::Time,
        error if error.is_loss() => Truncated::Disconnect,
        _ => Truncated::Unspecified,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_recorder_does_nothing_more_after_an_error() {
        let dir = tempfile::tempdir().unwrap().path().to_owned();
        let capture = Arc::new(Capture::new(dir, 40));
        let mut recorder = Recorder {
            exchange: capture.begin("http://a.test/".to_owned(), None, b"GET / HTTP/1.1\r\n\r\n"),
            capture: Arc::clone(&capture),
            is_whole: false,
            has_failed: false,
        };
        recorder.head(b"HTTP/1.1 200 OK\r\n\r\n");
        // The temporary file cannot be made.
        recorder.body(&[b'x'; 100]);
        recorder.decoded(true, 90);
        recorder.body(b"more");
        recorder.finish(false);
        assert!(capture.take().is_err());
    }
}
