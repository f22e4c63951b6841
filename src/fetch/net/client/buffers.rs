//! The buffers of one exchange, as the HTTP library uses them.
//!
//! A worker owns them and lends them to one connection at a time, so idle connections hold none. The input grows while
//! reads fill it, and is small again after the exchange: workers that wait for a reply are many.

use std::mem;

use ureq::unversioned::transport::Buffers;

use crate::fetch::net::http1::head::LONG_LINE;
use crate::fetch::net::spare::{SIZE as LARGEST, SpareBuffers};

/// The first size of the input: most heads fit one read, and small pages. It is what a worker holds that waits.
const SMALLEST: usize = 4 * 1024;
/// So a long line of a head that is not read takes no larger one.
const _: () = assert!(2 * LONG_LINE <= SMALLEST);

#[derive(Debug, Default)]
pub(super) struct ExchangeBuffers {
    /// Bytes received, of which `start..end` are unread.
    input: Vec<u8>,
    /// The smallest input, while a larger one is in its place.
    smallest: Vec<u8>,
    start: usize,
    end: usize,
    /// The last read filled all the space it was given.
    is_filled: bool,
    /// The library's last call used some of the input.
    made_progress: bool,
    /// The reduced head of the reply, which the library reads before the input. Empty once it is read.
    head: Vec<u8>,
    /// Where the library writes its own head of a request, which is not sent.
    output: Vec<u8>,
    /// TLS records as they come, for a connection with TLS.
    pub(super) records: Vec<u8>,
}

impl ExchangeBuffers {
    /// Makes room for a head of `size` bytes: the library writes it at once.
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

    /// Room for a head.
    pub(super) fn take_head(&mut self) -> Vec<u8> {
        mem::take(&mut self.head)
    }

    pub(super) fn set_head(&mut self, reduced: Vec<u8>) {
        self.head = reduced;
        // The library must ask for the head first.
        self.made_progress = false;
    }

    /// The space for the next read. It grows if nothing was used of the input, and for a body if the last read filled all.
    /// Empty if the input has its largest size and is unread.
    pub(super) fn space(&mut self, spare: &SpareBuffers, is_body: bool) -> &mut [u8] {
        let len = self.input.len();
        let is_full = self.end - self.start == len;
        if (self.is_filled && is_body || is_full) && len < LARGEST {
            self.grow(spare);
        }
        self.input_append_buf()
    }

    fn grow(&mut self, spare: &SpareBuffers) {
        let mut larger = if self.input.is_empty() {
            vec![0; SMALLEST]
        } else {
            spare.take()
        };
        let unread = &self.input[self.start..self.end];
        larger[..unread.len()].copy_from_slice(unread);
        (self.start, self.end) = (0, unread.len());
        self.is_filled = false;
        self.smallest = mem::replace(&mut self.input, larger);
    }

    pub(super) fn recycle(&mut self, spare: &SpareBuffers) {
        (self.start, self.end) = (0, 0);
        self.is_filled = false;
        self.made_progress = false;
        self.head.clear();
        if self.head.capacity() > SMALLEST {
            self.head = Vec::new();
        }
        if !self.smallest.is_empty() {
            spare.give_back(mem::replace(&mut self.input, mem::take(&mut self.smallest)));
        }
    }
}

impl Buffers for ExchangeBuffers {
    fn output(&mut self) -> &mut [u8] {
        &mut self.output
    }

    fn input(&self) -> &[u8] {
        if self.head.is_empty() {
            &self.input[self.start..self.end]
        } else {
            &self.head
        }
    }

    fn input_append_buf(&mut self) -> &mut [u8] {
        if self.start == self.end {
            (self.start, self.end) = (0, 0);
        } else if self.start > 0 && self.end == self.input.len() {
            self.input.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
        }
        &mut self.input[self.end..]
    }

    fn input_appended(&mut self, amount: usize) {
        self.end += amount;
        self.is_filled = self.end == self.input.len();
    }

    fn input_consume(&mut self, amount: usize) {
        self.made_progress = amount > 0;
        if self.head.is_empty() {
            self.start = self.end.min(self.start + amount);
        } else if amount > 0 {
            // The library reads a head at once.
            self.head.clear();
        }
    }

    fn tmp_and_output(&mut self) -> (&mut [u8], &mut [u8]) {
        // The first part is for a request body; no request has one.
        (&mut [], &mut self.output)
    }

    fn can_use_input(&self) -> bool {
        self.made_progress && !self.input().is_empty()
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;
    use crate::fetch::net::http1::head::{HeadReader, HeadStatus};

    fn receive(buffer: &mut ExchangeBuffers, bytes: &[u8]) {
        buffer.space(&SpareBuffers::default(), true)[..bytes.len()].copy_from_slice(bytes);
        buffer.input_appended(bytes.len());
    }

    #[test]
    fn the_input_grows_only_while_reads_fill_it() {
        let (mut buffer, spare) = (ExchangeBuffers::default(), SpareBuffers::default());
        let mut sizes = Vec::new();
        for _ in 0..5 {
            let room = buffer.space(&spare, true).len();
            sizes.push(room / 1024);
            buffer.input_appended(room);
            buffer.input_consume(room);
        }
        assert_eq!(sizes, [4, 256, 256, 256, 256]);
        buffer.recycle(&spare);
        for _ in 0..3 {
            assert_eq!(buffer.space(&spare, true).len(), SMALLEST);
            buffer.input_appended(100);
            buffer.input_consume(100);
        }
    }

    #[test]
    fn unread_bytes_survive_growth_and_moving() {
        let mut buffer = ExchangeBuffers::default();
        let all: Vec<u8> = (0..SMALLEST).map(|i| i as u8).collect();
        receive(&mut buffer, &all);
        buffer.input_consume(1_000);
        receive(&mut buffer, b"tail");
        let mut expected = all[1_000..].to_vec();
        expected.extend_from_slice(b"tail");
        assert_eq!(buffer.input(), expected);
    }

    #[test]
    fn a_full_buffer_that_is_not_read_offers_no_space() {
        let (mut buffer, spare) = (ExchangeBuffers::default(), SpareBuffers::default());
        loop {
            let room = buffer.space(&spare, true).len();
            if room == 0 {
                break;
            }
            buffer.input_appended(room);
        }
        assert_eq!(buffer.input().len(), LARGEST);
    }

    #[test]
    fn headers_that_are_not_read_need_no_larger_buffer() {
        for line in ["x".repeat(200_000), "X: y\r\n".repeat(30_000)] {
            let (mut buffer, spare) = (ExchangeBuffers::default(), SpareBuffers::default());
            let mut reader = HeadReader::default();
            let head = format!("HTTP/1.1 200 OK\r\nX: {line}");
            let mut left = head.as_bytes();
            while !left.is_empty() {
                let amount = left.read(buffer.space(&spare, false)).unwrap();
                buffer.input_appended(amount);
                let (used, status) = reader.read(buffer.input());
                buffer.input_consume(used);
                assert_eq!(
                    (status, buffer.input.len()),
                    (HeadStatus::Partial, SMALLEST)
                );
            }
        }
    }
}
