//! The queue of lines in front of a stream whose reader may be slow.
//!
//! Records, messages and the progress bar are written in their order, so that they can share a terminal without breaking
//! lines. No call blocks beyond its time limit. After an error nothing more is written.

use std::io;
use std::time::Instant;

/// The size of a Linux pipe.
pub(super) const BUFFER: usize = 64 * 1024;

/// Moves the cursor to the start of its row and erases the row (ECMA-48).
const ERASE: &[u8] = b"\r\x1b[2K";

/// A stream with a time limit for each write.
pub(crate) trait Out: Send {
    /// Writes some of `bytes` and returns how many; 0 if that was not possible before `until` (`None`: no limit).
    ///
    /// # Errors
    ///
    /// Those of the stream.
    fn write_by(&mut self, bytes: &[u8], until: Option<Instant>) -> io::Result<usize>;

    /// How many written bytes the reader has not read yet; 0 where the system does not tell.
    fn unread(&self) -> usize {
        0
    }
}

/// A queue of lines in front of a stream. Dropping it writes nothing.
pub(crate) struct Outgoing {
    out: Box<dyn Out>,
    buffer: Vec<u8>,
    /// How many bytes of `buffer` have been written.
    sent: usize,
    /// How many bytes have been written since the start. The positions below count from there too.
    written: u64,
    /// The end of the last line that a flush waits for.
    records_end: u64,
    /// The ends of the queued lines that are no records, in ascending order.
    others: Vec<u64>,
    /// The row below the last line; empty without a bar.
    bar: String,
    /// The end of the bar that was queued last.
    bar_end: Option<u64>,
    failed: Option<io::Error>,
}

impl Outgoing {
    /// An empty queue in front of `out`, which should not buffer by itself.
    pub(crate) fn new(out: Box<dyn Out>) -> Self {
        Self {
            out,
            buffer: Vec::with_capacity(BUFFER),
            sent: 0,
            written: 0,
            records_end: 0,
            others: Vec::new(),
            bar: String::new(),
            bar_end: None,
            failed: None,
        }
    }

    /// Queues the record that `push` appends.
    ///
    /// # Errors
    ///
    /// If an earlier write failed, with its error.
    pub(crate) fn record(&mut self, push: impl FnOnce(&mut Vec<u8>)) -> io::Result<()> {
        push(self.begin_line()?);
        self.records_end = self.end();
        Ok(())
    }

    /// Queues lines that a flush waits for as for records.
    pub(crate) fn preface(&mut self, lines: &[u8]) {
        self.line(lines);
        self.records_end = self.end();
    }

    /// Queues `line`, which a flush does not wait for. After an error it is dropped.
    pub(crate) fn line(&mut self, line: &[u8]) {
        if let Ok(buffer) = self.begin_line() {
            buffer.extend_from_slice(line);
            self.others.push(self.end());
        }
    }

    /// Makes `bar` the row below the last line, and draws it at once if nothing is queued.
    pub(crate) fn draw(&mut self, bar: String) {
        self.bar = bar;
        if self.is_empty() && self.failed.is_none() {
            self.buffer.extend_from_slice(ERASE);
            // The next flush or record reports an error.
            let _ = self.flush_by(Some(Instant::now()));
        }
    }

    /// Erases the bar with the next flush, and draws it no more.
    pub(crate) fn remove_bar(&mut self) {
        let _ = self.begin_line();
        self.bar.clear();
    }

    /// How many bytes are queued.
    pub(crate) fn left(&self) -> usize {
        self.buffer.len() - self.sent
    }

    /// Whether nothing is queued.
    pub(crate) fn is_empty(&self) -> bool {
        self.buffer.is_empty()
    }

    /// How many bytes the reader has read, as far as the system tells. Takes a system call.
    pub(crate) fn taken(&self) -> i128 {
        i128::from(self.written) - self.out.unread() as i128
    }

    /// Writes the queued lines and then the bar. For records it waits until `until` (`None`: no limit); other lines it
    /// writes as far as the stream takes them at once. Returns whether all records were written. The next call continues.
    ///
    /// # Errors
    ///
    /// Those of the stream; after one of them every call fails with it.
    pub(crate) fn flush_by(&mut self, until: Option<Instant>) -> io::Result<bool> {
        self.check()?;
        if !self.is_empty() && !self.bar.is_empty() && !self.ends_with_bar() {
            self.buffer.extend_from_slice(self.bar.as_bytes());
            self.bar_end = Some(self.end());
        }
        while self.left() > 0 {
            let until = if self.written < self.records_end {
                until
            } else {
                Some(Instant::now())
            };
            match self.out.write_by(&self.buffer[self.sent..], until) {
                Ok(0) => return Ok(self.written >= self.records_end),
                Ok(amount) => {
                    self.sent += amount;
                    self.written += amount as u64;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    self.failed = Some(error);
                    self.empty();
                    return self.check().map(|()| false);
                }
            }
        }
        self.empty();
        Ok(true)
    }

    /// Queues `text` and writes the whole queue, until `until` (`None`: no limit). Ignores errors.
    pub(crate) fn finish(&mut self, text: &[u8], until: Option<Instant>) {
        self.preface(text);
        let _ = self.flush_by(until);
    }

    /// Drops the records that were not completely written, and returns their number. Other lines stay.
    pub(crate) fn give_up_records(&mut self) -> usize {
        let separator = self.separator();
        let rest = self.buffer.split_off(self.sent);
        let others = std::mem::take(&mut self.others);
        let (mut end, mut given_up) = (self.written, 0);
        self.empty();
        for line in rest.split_inclusive(|byte| *byte == b'\n') {
            let is_first = end == self.written;
            end += line.len() as u64;
            if others.binary_search(&end).is_ok() {
                self.buffer.extend_from_slice(line);
            } else {
                given_up += usize::from(line.ends_with(b"\n"));
                if is_first {
                    self.buffer.extend_from_slice(separator);
                }
            }
        }
        given_up
    }

    /// Drops the oldest whole lines until about `most` bytes are left, and returns their number.
    pub(crate) fn leave_out(&mut self, most: usize) -> usize {
        let line_end = |from: usize| {
            let end = self.buffer[from..].iter().position(|byte| *byte == b'\n');
            end.map_or(self.buffer.len(), |end| from + end + 1)
        };
        let (begin, separator) = if self.is_mid_line() {
            (line_end(self.sent), &b""[..])
        } else {
            (self.sent, self.separator())
        };
        if self.buffer.len() - begin <= most {
            return 0;
        }
        let end = line_end(self.buffer.len() - most);
        let left_out = self.buffer.splice(begin..end, separator.iter().copied());
        left_out.filter(|byte| *byte == b'\n').count()
    }

    /// The end of the queue.
    fn end(&self) -> u64 {
        self.written + self.left() as u64
    }

    fn ends_with_bar(&self) -> bool {
        self.bar_end == Some(self.end())
    }

    /// The buffer to append a line to. If it ends with the bar, erases that first.
    fn begin_line(&mut self) -> io::Result<&mut Vec<u8>> {
        self.check()?;
        if self.sent > self.left() {
            // Keep the last written byte for `is_mid_line`.
            self.buffer.drain(..self.sent - 1);
            self.sent = 1;
            self.others.retain(|end| *end > self.written);
        }
        if self.ends_with_bar() {
            self.buffer.extend_from_slice(ERASE);
        }
        Ok(&mut self.buffer)
    }

    /// Whether the last line was written in part.
    fn is_mid_line(&self) -> bool {
        self.sent > 0 && self.buffer[self.sent - 1] != b'\n' && self.bar_end != Some(self.written)
    }

    /// What to write before a line that does not follow the last written byte.
    fn separator(&self) -> &'static [u8] {
        match self.bar_end {
            _ if self.is_mid_line() => b"\n",
            Some(_) => ERASE,
            None => b"",
        }
    }

    fn empty(&mut self) {
        self.sent = 0;
        self.records_end = self.written;
        self.others.clear();
        self.buffer.clear();
        // Give the memory of a very long line back.
        self.buffer.shrink_to(2 * BUFFER);
    }

    fn check(&self) -> io::Result<()> {
        match &self.failed {
            None => Ok(()),
            Some(error) => Err(error
                .raw_os_error()
                .map_or_else(|| error.kind().into(), io::Error::from_raw_os_error)),
        }
    }
}

#[cfg(all(test, unix))]
mod tests;
