//! The buffers of one exchange, as the HTTP library uses them.
//!
//! A worker owns them and hands them to one connection at a time, so idle connections hold none.

use ureq::unversioned::transport::Buffers;

use crate::fetch::net::http1::buffer::{InputBuffer, KEPT};

#[derive(Debug, Default)]
pub(super) struct ExchangeBuffers {
    pub(super) input: InputBuffer,
    /// Where the library writes its head of a request, which is not sent.
    output: Vec<u8>,
    /// The library's last look at the input used some of it.
    made_progress: bool,
    /// TLS records as they come, for a connection with TLS.
    pub(super) records: Vec<u8>,
}

impl ExchangeBuffers {
    /// Makes room for a head of `size` bytes, which the library writes at once.
    pub(super) fn reserve_output(&mut self, size: usize) {
        if self.output.len() < size {
            self.output.resize(size, 0);
        }
    }

    /// Makes the buffers ready for the next exchange.
    pub(super) fn recycle(&mut self) {
        self.made_progress = false;
        self.input.recycle();
        if self.output.len() > KEPT {
            self.output = Vec::new();
        }
    }
}

impl Buffers for ExchangeBuffers {
    fn output(&mut self) -> &mut [u8] {
        &mut self.output
    }

    fn input(&self) -> &[u8] {
        self.input.unread()
    }

    // Only a transport calls these two, and ours does not.
    fn input_append_buf(&mut self) -> &mut [u8] {
        self.input.space()
    }

    fn input_appended(&mut self, amount: usize) {
        self.input.filled(amount);
    }

    fn input_consume(&mut self, amount: usize) {
        self.made_progress = amount > 0;
        self.input.skip(amount);
    }

    fn tmp_and_output(&mut self) -> (&mut [u8], &mut [u8]) {
        // The first part is for a body to send; no request has one.
        (&mut [], &mut self.output)
    }

    fn can_use_input(&self) -> bool {
        self.made_progress && !self.input.is_empty()
    }
}
