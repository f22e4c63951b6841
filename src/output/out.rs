//! Streams that can be given up on, and what is gathered for one of them.
//!
//! Nothing here blocks for longer than it is told to. After an error nothing is ever written again, so that a torn line is
//! never followed by another.

use std::io;
use std::time::Instant;

/// Enough for a write to cost nothing beside its lines; the size of a Linux pipe.
pub(super) const BUFFER: usize = 64 * 1024;

/// A stream that can be given up on: writing to it ends by a given time.
pub(crate) trait Out: Send {
    /// Writes some of `bytes` and says how many; 0 if that was not possible before `until`.
    ///
    /// # Errors
    ///
    /// Those of the stream.
    fn write_by(&mut self, bytes: &[u8], until: Option<Instant>) -> io::Result<usize>;

    /// How many of the bytes that were written the reader has not read yet, where the system tells; else 0.
    fn unread(&self) -> usize {
        0
    }
}

/// Bytes that are on their way to a stream. Dropping it writes nothing.
pub(crate) struct Outgoing {
    out: Box<dyn Out>,
    buffer: Vec<u8>,
    /// How much of the buffer has been written.
    sent: usize,
    /// The last byte that was written did not end a line.
    is_mid_line: bool,
    failed: Option<io::ErrorKind>,
}

impl Outgoing {
    /// Nothing yet, on its way to `out`, which should not buffer by itself.
    pub(crate) fn new(out: Box<dyn Out>) -> Self {
        Self {
            out,
            buffer: Vec::new(),
            sent: 0,
            is_mid_line: false,
            failed: None,
        }
    }

    /// Where more is gathered, for the next flush. What has been written of it must stay.
    ///
    /// # Errors
    ///
    /// If an earlier flush failed: every call after that fails with its kind.
    pub(crate) fn buffer(&mut self) -> io::Result<&mut Vec<u8>> {
        self.check()?;
        Ok(&mut self.buffer)
    }

    /// How much is gathered, with what has been written of it.
    pub(super) fn len(&self) -> usize {
        self.buffer.len()
    }

    /// How much is gathered and not yet written.
    pub(crate) fn left(&self) -> usize {
        self.buffer.len() - self.sent
    }

    /// Forgets what has been written, for a reader who is never done with what is gathered.
    pub(crate) fn forget_sent(&mut self) {
        // So that no byte is moved more than a few times.
        if self.sent > self.left() {
            self.buffer.drain(..self.sent);
            self.sent = 0;
        }
    }

    /// Leaves out whole lines that have not been begun, the oldest first, until no more than about `most` bytes are left. Gives
    /// their number.
    pub(crate) fn leave_out(&mut self, most: usize) -> usize {
        let line_end = |from: usize| {
            let end = self.buffer[from..].iter().position(|byte| *byte == b'\n');
            end.map_or(self.buffer.len(), |end| from + end + 1)
        };
        let begin = if self.is_mid_line {
            line_end(self.sent)
        } else {
            self.sent
        };
        if self.buffer.len() - begin <= most {
            return 0;
        }
        let end = line_end(self.buffer.len() - most);
        let left_out = self.buffer.drain(begin..end);
        left_out.filter(|byte| *byte == b'\n').count()
    }

    /// Puts `bytes` before all that has not been written.
    pub(crate) fn put_first(&mut self, bytes: &[u8]) {
        self.buffer
            .splice(self.sent..self.sent, bytes.iter().copied());
    }

    /// Whether the reader has a line without its end, which is still to come: nobody else may write there.
    pub(crate) fn is_mid_line(&self) -> bool {
        self.is_mid_line
    }

    /// Gives up what has not been written.
    pub(crate) fn give_up(&mut self) {
        self.empty();
    }

    /// Whether nothing waits to be flushed.
    pub(crate) fn is_flushed(&self) -> bool {
        self.buffer.is_empty()
    }

    /// What is gathered and not yet written, but for the first `most` bytes that were gathered.
    pub(super) fn left_after(&self, most: usize) -> &[u8] {
        &self.buffer[self.sent.max(most)..]
    }

    /// How many bytes have not reached the reader, as far as is known: between two calls with nothing gathered in between
    /// it falls if the reader reads, and in no other case. Takes a system call.
    pub(crate) fn unread(&self) -> usize {
        self.left() + self.out.unread()
    }

    /// Writes out what is gathered, waiting for a slow reader until `until` at the latest (`None`: for ever). False
    /// if something is left then; the next call goes on with it.
    ///
    /// # Errors
    ///
    /// Those of the stream; after one of them every call fails with its kind.
    pub(crate) fn flush_by(&mut self, until: Option<Instant>) -> io::Result<bool> {
        self.write_out(self.buffer.len(), until)
    }

    /// As [`flush_by`](Self::flush_by), but no further than to the end of the line that has been begun. False if that did
    /// not come out.
    pub(crate) fn end_line_by(&mut self, until: Option<Instant>) -> io::Result<bool> {
        let left = &self.buffer[self.sent..];
        let line = left.iter().position(|byte| *byte == b'\n');
        let end = line.map_or(self.buffer.len(), |end| self.sent + end + 1);
        self.write_out(end, until)
    }

    /// As [`flush_by`](Self::flush_by), with `before` and `after` round the lines, which leave with them in one write if the
    /// stream takes all. False if not all lines came out: then `after` did not either.
    pub(crate) fn flush_between(
        &mut self,
        before: &[u8],
        after: &[u8],
        until: Instant,
    ) -> io::Result<bool> {
        // What is left of an earlier try follows its own `before`.
        if self.sent == 0 {
            self.put_first(before);
        }
        let end = self.buffer.len();
        self.buffer.extend_from_slice(after);
        self.write_out(self.buffer.len(), Some(until))?;
        if self.buffer.is_empty() {
            return Ok(true);
        }
        if self.sent >= end {
            // A part of `after` does no harm: its row is erased before anything else is written.
            self.empty();
            return Ok(true);
        }
        self.buffer.truncate(end);
        Ok(false)
    }

    fn write_out(&mut self, end: usize, until: Option<Instant>) -> io::Result<bool> {
        self.check()?;
        while self.sent < end {
            match self.out.write_by(&self.buffer[self.sent..end], until) {
                Ok(0) => return Ok(false),
                Ok(amount) => {
                    self.sent += amount;
                    self.is_mid_line = self.buffer[self.sent - 1] != b'\n';
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    self.failed = Some(error.kind());
                    self.empty();
                    return Err(error);
                }
            }
        }
        if self.sent == self.buffer.len() {
            self.empty();
        }
        Ok(true)
    }

    /// Writes `text` behind what is gathered, waiting until `until` at the latest (`None`: for ever). Nobody may be there to
    /// read it, and then it is lost.
    pub(crate) fn say(&mut self, text: &[u8], until: Option<Instant>) {
        if let Ok(buffer) = self.buffer() {
            buffer.extend(text);
            // There is nobody else to tell.
            let _ = self.flush_by(until);
        }
    }

    fn empty(&mut self) {
        self.sent = 0;
        self.is_mid_line = false;
        self.buffer.clear();
        // One very long line must not be paid for until the end of the run.
        self.buffer.shrink_to(2 * BUFFER);
    }

    fn check(&self) -> io::Result<()> {
        self.failed.map_or(Ok(()), |kind| Err(kind.into()))
    }
}

/// Standard output without a buffer of its own: what is written goes out in one piece.
///
/// # Errors
///
/// When the descriptor cannot be duplicated, because descriptors have run out.
pub(crate) fn stdout() -> io::Result<Box<dyn Out>> {
    #[cfg(unix)]
    {
        use std::os::fd::AsFd as _;
        let stdout = io::stdout();
        Ok(Box::new(match patient::reopened(&stdout) {
            Some(terminal) => Patient::nonblocking(terminal),
            None => Patient::new(stdout.as_fd().try_clone_to_owned()?.into()),
        }))
    }
    #[cfg(not(unix))]
    {
        // Its line buffer passes whole lines through in one write; on a console it also translates to UTF-16.
        Ok(Box::new(Blocking(io::stdout())))
    }
}

/// Standard error.
pub(crate) fn stderr() -> Box<dyn Out> {
    #[cfg(unix)]
    {
        match patient::reopened(&io::stderr()) {
            Some(terminal) => Box::new(Patient::nonblocking(terminal)),
            None => Box::new(Patient::new(io::stderr())),
        }
    }
    #[cfg(not(unix))]
    {
        Box::new(Blocking(io::stderr()))
    }
}

/// Writes `text` to standard error, waiting for its reader until `until` at the latest (`None`: for ever). Nobody may be
/// there to read it, and then it is lost.
pub(crate) fn say(text: &[u8], until: Option<Instant>) {
    Outgoing::new(stderr()).say(text, until);
}

/// Waits until standard error takes something, but no longer than until `until`, and says whether it does; true where
/// that cannot be found out.
#[cfg(unix)]
pub(super) fn stderr_takes_by(until: Instant) -> bool {
    patient::is_ready_by(&io::stderr(), Some(until)).unwrap_or(true)
}

/// A stream that is waited for however long it takes.
#[cfg(any(test, not(unix)))]
pub(crate) struct Blocking<W>(pub(crate) W);

#[cfg(any(test, not(unix)))]
impl<W: io::Write + Send> Out for Blocking<W> {
    fn write_by(&mut self, bytes: &[u8], _until: Option<Instant>) -> io::Result<usize> {
        let amount = self.0.write(bytes)?;
        self.0.flush()?;
        if amount == 0 {
            return Err(io::ErrorKind::WriteZero.into());
        }
        Ok(amount)
    }
}

#[cfg(unix)]
mod patient;
#[cfg(unix)]
use patient::Patient;

#[cfg(all(test, unix))]
mod tests;
