//! The buffers of one exchange, as the HTTP library uses them.
//!
//! A worker owns them and lends them to one connection at a time, so idle connections hold none. The input grows, from
//! 16 KiB, only while reads fill it. Large buffers are freed after the exchange.

use ureq::unversioned::transport::Buffers;

use crate::fetch::net::http1::head::HEAD_LIMIT;

/// The first size of the input: head and body of most pages in one read.
const SMALLEST: usize = 16 * 1024;
/// The largest size of the input: a whole head must fit. Larger reads are not faster.
const LARGEST: usize = HEAD_LIMIT;
/// A larger buffer is freed after the exchange.
const KEPT: usize = 64 * 1024;

#[derive(Debug, Default)]
pub(super) struct ExchangeBuffers {
    /// Bytes received, of which `start..end` are unread.
    input: Vec<u8>,
    start: usize,
    end: usize,
    /// The last read filled all the space it was given.
    is_filled: bool,
    /// The library used some of the input when it looked at it last.
    made_progress: bool,
    /// Where the library writes its head of a request, which is not sent.
    output: Vec<u8>,
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

    pub(super) fn unread_from(&mut self, at: usize) -> &mut [u8] {
        &mut self.input[self.start + at..self.end]
    }

    pub(super) fn drop_last(&mut self, amount: usize) {
        self.end = self.start.max(self.end - amount);
    }

    /// Replaces the first `old` unread bytes by `new`, which must not be longer.
    pub(super) fn replace_first(&mut self, old: usize, new: &[u8]) {
        let end = self.start + old;
        self.start = end - new.len();
        self.input[self.start..end].copy_from_slice(new);
    }

    pub(super) fn recycle(&mut self) {
        (self.start, self.end) = (0, 0);
        self.is_filled = false;
        self.made_progress = false;
        for buffer in [&mut self.input, &mut self.output] {
            if buffer.len() > KEPT {
                *buffer = Vec::new();
            }
        }
    }
}

impl Buffers for ExchangeBuffers {
    fn output(&mut self) -> &mut [u8] {
        &mut self.output
    }

    fn input(&self) -> &[u8] {
        &self.input[self.start..self.end]
    }

    /// The space for the next read; empty when the input has its largest size and all is unread.
    fn input_append_buf(&mut self) -> &mut [u8] {
        if self.start == self.end {
            (self.start, self.end) = (0, 0);
        } else if self.start > 0 && self.end == self.input.len() {
            self.input.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
        }
        let len = self.input.len();
        if (self.is_filled || self.end == len) && len < LARGEST {
            self.input.resize((len * 2).clamp(SMALLEST, LARGEST), 0);
            self.is_filled = false;
        }
        &mut self.input[self.end..]
    }

    fn input_appended(&mut self, amount: usize) {
        self.end += amount;
        self.is_filled = self.end == self.input.len();
    }

    fn input_consume(&mut self, amount: usize) {
        self.made_progress = amount > 0;
        self.start = self.end.min(self.start + amount);
    }

    fn tmp_and_output(&mut self) -> (&mut [u8], &mut [u8]) {
        // The first part is for a body to send; no request has one.
        (&mut [], &mut self.output)
    }

    fn can_use_input(&self) -> bool {
        self.made_progress && !self.input().is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn receive(buffer: &mut ExchangeBuffers, bytes: &[u8]) {
        buffer.input_append_buf()[..bytes.len()].copy_from_slice(bytes);
        buffer.input_appended(bytes.len());
    }

    #[test]
    fn the_input_grows_only_while_reads_fill_it() {
        let mut buffer = ExchangeBuffers::default();
        let mut sizes = Vec::new();
        for _ in 0..6 {
            let room = buffer.input_append_buf().len();
            sizes.push(room / 1024);
            buffer.input_appended(room);
            buffer.input_consume(room);
        }
        assert_eq!(sizes, [16, 32, 64, 128, 256, 256]);
        buffer.recycle();
        for _ in 0..3 {
            assert_eq!(buffer.input_append_buf().len(), SMALLEST);
            buffer.input_appended(100);
            buffer.input_consume(100);
        }
    }

    #[test]
    fn unread_bytes_survive_growth_and_moving() {
        let mut buffer = ExchangeBuffers::default();
        let all: Vec<u8> = (0..SMALLEST).map(|i| i as u8).collect();
        receive(&mut buffer, &all);
        buffer.input_consume(10_000);
        receive(&mut buffer, b"tail");
        let mut expected = all[10_000..].to_vec();
        expected.extend_from_slice(b"tail");
        assert_eq!(buffer.input(), expected);
    }

    #[test]
    fn a_full_buffer_that_is_not_read_offers_no_space() {
        let mut buffer = ExchangeBuffers::default();
        loop {
            let room = buffer.input_append_buf().len();
            if room == 0 {
                break;
            }
            buffer.input_appended(room);
        }
        assert_eq!(buffer.input().len(), LARGEST);
    }
}
