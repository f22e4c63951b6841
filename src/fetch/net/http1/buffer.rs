//! The bytes that a connection brings for one exchange.
//!
//! The buffer grows, from 16 KiB, only while reads fill it, and a large one is freed after the exchange:
//! hundreds of workers cost what their traffic needs, not what the worst page would.

/// The first allocation: head and body of most pages in one read.
const SMALLEST: usize = 16 * 1024;
/// The largest size. Larger reads are not faster, and no larger head is accepted.
pub(in crate::fetch::net) const LARGEST: usize = 256 * 1024;
/// A larger buffer is freed after the exchange.
pub(in crate::fetch::net) const KEPT: usize = 64 * 1024;

#[derive(Debug, Default)]
pub(in crate::fetch::net) struct InputBuffer {
    bytes: Vec<u8>,
    start: usize,
    end: usize,
    /// The last read filled all the space it was given.
    is_filled: bool,
}

impl InputBuffer {
    /// The space for the next read; empty when the buffer has its largest size and all is unread.
    pub(in crate::fetch::net) fn space(&mut self) -> &mut [u8] {
        if self.start == self.end {
            self.start = 0;
            self.end = 0;
        } else if self.start > 0 && self.end == self.bytes.len() {
            self.bytes.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
        }
        let len = self.bytes.len();
        if (self.is_filled || self.end == len) && len < LARGEST {
            self.bytes.resize((len * 2).clamp(SMALLEST, LARGEST), 0);
            self.is_filled = false;
        }
        &mut self.bytes[self.end..]
    }

    /// Adds the first `amount` bytes of [`space`](Self::space), which a read has filled.
    pub(in crate::fetch::net) fn filled(&mut self, amount: usize) {
        self.end += amount;
        self.is_filled = self.end == self.bytes.len();
    }

    pub(in crate::fetch::net) fn unread(&self) -> &[u8] {
        &self.bytes[self.start..self.end]
    }

    pub(in crate::fetch::net) fn is_empty(&self) -> bool {
        self.start == self.end
    }

    /// Drops the first `amount` unread bytes.
    pub(in crate::fetch::net) fn skip(&mut self, amount: usize) {
        self.start = self.end.min(self.start + amount);
    }

    /// The unread bytes from `at` on, for changing them in place.
    pub(in crate::fetch::net) fn unread_from(&mut self, at: usize) -> &mut [u8] {
        &mut self.bytes[self.start + at..self.end]
    }

    /// Drops the last `amount` unread bytes.
    pub(in crate::fetch::net) fn drop_last(&mut self, amount: usize) {
        self.end = self.start.max(self.end - amount);
    }

    /// Replaces the first `old` unread bytes by `new`, which must not be longer.
    pub(in crate::fetch::net) fn replace_first(&mut self, old: usize, new: &[u8]) {
        let end = self.start + old;
        self.start = end - new.len();
        self.bytes[self.start..end].copy_from_slice(new);
    }

    /// Drops all bytes: the next exchange begins.
    pub(in crate::fetch::net) fn recycle(&mut self) {
        self.start = 0;
        self.end = 0;
        self.is_filled = false;
        if self.bytes.len() > KEPT {
            self.bytes = Vec::new();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn receive(buffer: &mut InputBuffer, bytes: &[u8]) {
        buffer.space()[..bytes.len()].copy_from_slice(bytes);
        buffer.filled(bytes.len());
    }

    #[test]
    fn the_input_grows_only_while_reads_fill_it() {
        let mut buffer = InputBuffer::default();
        let mut sizes = Vec::new();
        for _ in 0..6 {
            let room = buffer.space().len();
            sizes.push(room / 1024);
            buffer.filled(room);
            buffer.skip(room);
        }
        assert_eq!(sizes, [16, 32, 64, 128, 256, 256]);
        buffer.recycle();
        for _ in 0..3 {
            assert_eq!(buffer.space().len(), SMALLEST);
            buffer.filled(100);
            buffer.skip(100);
        }
    }

    #[test]
    fn unread_bytes_survive_growth_and_moving() {
        let mut buffer = InputBuffer::default();
        let all: Vec<u8> = (0..SMALLEST).map(|i| i as u8).collect();
        receive(&mut buffer, &all);
        buffer.skip(10_000);
        receive(&mut buffer, b"tail");
        let mut expected = all[10_000..].to_vec();
        expected.extend_from_slice(b"tail");
        assert_eq!(buffer.unread(), expected);
    }

    #[test]
    fn a_full_buffer_that_is_not_read_offers_no_space() {
        let mut buffer = InputBuffer::default();
        loop {
            let room = buffer.space().len();
            if room == 0 {
                break;
            }
            buffer.filled(room);
        }
        assert_eq!(buffer.unread().len(), LARGEST);
    }
}
