//! The bytes of one exchange on their way in and out.
//!
//! They belong to a worker and are lent to one connection at a time, so an idle connection holds
//! none. The input grows, from 16 KiB, only while reads fill it, and what grew large is given up
//! again: hundreds of workers cost what their traffic needs, not what the worst page would.

use ureq::unversioned::transport::Buffers as ClientBuffers;

/// The first allocation: head and body of most pages in one read.
const SMALLEST: usize = 16 * 1024;
/// The largest: beyond it a read gains nothing. It is also more than the largest head that is
/// taken.
pub(crate) const LARGEST: usize = 256 * 1024;
/// A larger input is not kept for the next exchange.
const KEPT: usize = 64 * 1024;

#[derive(Debug, Default)]
pub(crate) struct Buffers {
    input: Vec<u8>,
    start: usize,
    end: usize,
    /// The last read filled all the room it was offered.
    filled: bool,
    /// The client library's last look at the input used some of it.
    progress: bool,
    output: Vec<u8>,
    /// TLS records as they came, for a connection that needs it.
    pub(crate) records: Vec<u8>,
}

impl Buffers {
    /// Makes room for the request of `size` bytes that the client library writes, all at once.
    pub(crate) fn reserve_output(&mut self, size: usize) {
        if self.output.len() < size {
            self.output.resize(size, 0);
        }
    }

    /// The room for the next read; empty when a full-grown input holds nothing but unread bytes.
    pub(crate) fn space(&mut self) -> &mut [u8] {
        if self.start == self.end {
            self.start = 0;
            self.end = 0;
        } else if self.start > 0 && self.end == self.input.len() {
            self.input.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
        }
        let len = self.input.len();
        if (self.filled || self.end == len) && len < LARGEST {
            self.input.resize((len * 2).clamp(SMALLEST, LARGEST), 0);
            self.filled = false;
        }
        &mut self.input[self.end..]
    }

    /// Takes over `amount` bytes that were written into [`space`](Self::space).
    pub(crate) fn take_in(&mut self, amount: usize) {
        self.end += amount;
        self.filled = self.end == self.input.len();
    }

    /// What has come and is not used yet.
    pub(crate) fn unread(&self) -> &[u8] {
        &self.input[self.start..self.end]
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.start == self.end
    }

    /// Drops the first `amount` unread bytes.
    pub(crate) fn skip(&mut self, amount: usize) {
        self.start = self.end.min(self.start + amount);
    }

    /// The unread bytes from `at` on, for changing them in place.
    pub(crate) fn unread_from(&mut self, at: usize) -> &mut [u8] {
        &mut self.input[self.start + at..self.end]
    }

    /// Drops the last `amount` unread bytes.
    pub(crate) fn drop_last(&mut self, amount: usize) {
        self.end = self.start.max(self.end - amount);
    }

    /// Puts `new` in the place of the first `old` unread bytes; it is no longer than those.
    pub(crate) fn replace_first(&mut self, old: usize, new: &[u8]) {
        let end = self.start + old;
        self.start = end - new.len();
        self.input[self.start..end].copy_from_slice(new);
    }

    /// Makes them ready for the next exchange.
    pub(crate) fn recycle(&mut self) {
        self.start = 0;
        self.end = 0;
        self.filled = false;
        self.progress = false;
        if self.input.len() > KEPT {
            self.input = Vec::new();
        }
        if self.output.len() > KEPT {
            self.output = Vec::new();
        }
    }
}

impl ClientBuffers for Buffers {
    fn output(&mut self) -> &mut [u8] {
        &mut self.output
    }

    fn input(&self) -> &[u8] {
        self.unread()
    }

    fn input_append_buf(&mut self) -> &mut [u8] {
        self.space()
    }

    fn input_appended(&mut self, amount: usize) {
        self.take_in(amount);
    }

    fn input_consume(&mut self, amount: usize) {
        self.progress = amount > 0;
        self.skip(amount);
    }

    fn tmp_and_output(&mut self) -> (&mut [u8], &mut [u8]) {
        let end = self.end;
        (&mut self.input[end..], &mut self.output)
    }

    fn can_use_input(&self) -> bool {
        self.progress && !self.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn receive(buffers: &mut Buffers, bytes: &[u8]) {
        buffers.space()[..bytes.len()].copy_from_slice(bytes);
        buffers.take_in(bytes.len());
    }

    #[test]
    fn the_input_grows_only_while_reads_fill_it() {
        let mut buffers = Buffers::default();
        let mut sizes = Vec::new();
        for _ in 0..6 {
            let room = buffers.space().len();
            sizes.push(room / 1024);
            buffers.take_in(room);
            buffers.skip(room);
        }
        assert_eq!(sizes, [16, 32, 64, 128, 256, 256]);
        buffers.recycle();
        for _ in 0..3 {
            assert_eq!(buffers.space().len(), SMALLEST);
            buffers.take_in(100);
            buffers.skip(100);
        }
    }

    #[test]
    fn unread_bytes_survive_growth_and_moving() {
        let mut buffers = Buffers::default();
        let all: Vec<u8> = (0..SMALLEST).map(|i| i as u8).collect();
        receive(&mut buffers, &all);
        buffers.skip(10_000);
        receive(&mut buffers, b"tail");
        let mut expected = all[10_000..].to_vec();
        expected.extend_from_slice(b"tail");
        assert_eq!(buffers.unread(), expected);
    }

    #[test]
    fn a_full_input_that_nobody_reads_offers_no_room() {
        let mut buffers = Buffers::default();
        loop {
            let room = buffers.space().len();
            if room == 0 {
                break;
            }
            buffers.take_in(room);
        }
        assert_eq!(buffers.unread().len(), LARGEST);
    }
}
