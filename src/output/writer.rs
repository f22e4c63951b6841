//! The one owner of standard output: records go in, whole lines come out.
//!
//! Lines are gathered in one buffer and leave in one write when the caller flushes, as it should when nothing else is
//! ready or [`Writer::is_full`] says so. An error is returned as it came ([`io::ErrorKind::BrokenPipe`] among them) and
//! ends the writer: what was gathered is dropped and nothing is ever written again, so that a torn line is never followed by another. Dropping the writer
//! writes nothing: whoever owns it flushes it.

use std::io;
use std::time::Instant;

use super::csv::{self, Delimiter};
use super::record::Record;
use super::{jsonl, text};

/// Enough for a write to cost nothing beside its lines; the size of a Linux pipe.
const BUFFER: usize = 64 * 1024;

/// How records are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    /// The lines of the Python documentation's example, for people.
    Text,
    /// One JSON object a line.
    Jsonl,
    /// Comma-separated values under a header line.
    Csv,
    /// Tab-separated values under a header line.
    Tsv,
}

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

/// Writes records to one stream, in one format.
pub(crate) struct Writer {
    out: Box<dyn Out>,
    format: Format,
    color: bool,
    buffer: Vec<u8>,
    /// How much of the buffer has been written.
    sent: usize,
    /// How much of the buffer is no record: a header, the end of a torn line.
    preamble: usize,
    failed: Option<io::ErrorKind>,
}

impl Writer {
    /// A writer to `out`, which should not buffer by itself. `color` counts for [`Format::Text`] alone. The header
    /// line of a format that has one leaves with the first flush, whether or not there are records.
    pub(crate) fn new(out: Box<dyn Out>, format: Format, color: bool) -> Self {
        let mut buffer = Vec::with_capacity(BUFFER);
        match format {
            Format::Csv => csv::push_header(&mut buffer, Delimiter::Comma),
            Format::Tsv => csv::push_header(&mut buffer, Delimiter::Tab),
            Format::Text | Format::Jsonl => {}
        }
        Self {
            out,
            format,
            color,
            preamble: buffer.len(),
            buffer,
            sent: 0,
            failed: None,
        }
    }

    /// Ends the torn line that an earlier run has left where the records go.
    pub(crate) fn begin_a_line(&mut self) {
        self.buffer.push(b'\n');
        self.preamble = self.buffer.len();
    }

    /// Takes `record`. Never blocks: nothing is written before [`flush_by`](Self::flush_by).
    ///
    /// # Errors
    ///
    /// If an earlier flush failed: every call after that fails with its kind.
    pub(crate) fn write(&mut self, record: &Record) -> io::Result<()> {
        self.check()?;
        match self.format {
            Format::Text => text::push(&mut self.buffer, record, self.color)?,
            Format::Jsonl => jsonl::push(&mut self.buffer, record)?,
            Format::Csv => csv::push(&mut self.buffer, record, Delimiter::Comma)?,
            Format::Tsv => csv::push(&mut self.buffer, record, Delimiter::Tab)?,
        }
        Ok(())
    }

    /// Whether so much is gathered that it should be flushed before more is written.
    pub(crate) fn is_full(&self) -> bool {
        self.buffer.len() >= BUFFER
    }

    /// Whether nothing waits to be flushed.
    pub(crate) fn is_flushed(&self) -> bool {
        self.buffer.is_empty()
    }

    /// How many records are gathered and have not been written, or not to their end.
    pub(crate) fn unwritten(&self) -> usize {
        let left = &self.buffer[self.sent.max(self.preamble)..];
        left.iter().filter(|byte| **byte == b'\n').count()
    }

    /// How many bytes have not reached the reader, as far as is known: between two calls with no record in between it
    /// falls if the reader reads, and in no other case. Takes a system call.
    pub(crate) fn unread(&self) -> usize {
        self.buffer.len() - self.sent + self.out.unread()
    }

    /// Writes out what is gathered, waiting for a slow reader until `until` at the latest (`None`: for ever). False
    /// if something is left then; the next call goes on with it.
    ///
    /// # Errors
    ///
    /// Those of the stream; after one of them every call fails with its kind.
    pub(crate) fn flush_by(&mut self, until: Option<Instant>) -> io::Result<bool> {
        self.check()?;
        while self.sent < self.buffer.len() {
            match self.out.write_by(&self.buffer[self.sent..], until) {
                Ok(0) => return Ok(false),
                Ok(amount) => self.sent += amount,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    self.failed = Some(error.kind());
                    self.empty();
                    return Err(error);
                }
            }
        }
        self.empty();
        Ok(true)
    }

    fn empty(&mut self) {
        (self.sent, self.preamble) = (0, 0);
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
        let file = std::fs::File::from(io::stdout().as_fd().try_clone_to_owned()?);
        Ok(Box::new(Patient::new(file)))
    }
    #[cfg(not(unix))]
    {
        // Its line buffer passes whole lines through in one write; on a console it also translates to UTF-16.
        Ok(Box::new(Blocking(io::stdout())))
    }
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

/// A pipe takes at least this much at once when it is said to be writable (POSIX's PIPE_BUF, on Linux one page).
#[cfg(unix)]
const PIECE: usize = 4096;

/// A file, or a pipe, socket or terminal that is written to only when it is ready, so that a reader that has stalled
/// holds up nobody for longer than was agreed. Works as well if another program has left it non-blocking.
#[cfg(unix)]
struct Patient {
    file: std::fs::File,
    is_file: bool,
    is_pipe: bool,
}

#[cfg(unix)]
impl Out for Patient {
    fn write_by(&mut self, bytes: &[u8], until: Option<Instant>) -> io::Result<usize> {
        use std::io::Write as _;
        if self.is_file {
            return match self.file.write(bytes)? {
                0 => Err(io::ErrorKind::WriteZero.into()),
                amount => Ok(amount),
            };
        }
        loop {
            if !self.is_ready_by(until)? {
                return Ok(0);
            }
            match self.file.write(piece(bytes)) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                written => return written,
            }
        }
    }

    fn unread(&self) -> usize {
        // Of a socket or a terminal this would be what there is to be read by us.
        if !self.is_pipe {
            return 0;
        }
        let bytes = rustix::io::ioctl_fionread(&self.file).unwrap_or(0);
        usize::try_from(bytes).unwrap_or(usize::MAX)
    }
}

#[cfg(unix)]
impl Patient {
    fn new(file: std::fs::File) -> Self {
        let kind = file.metadata().map(|metadata| metadata.file_type());
        Patient {
            is_file: kind.as_ref().is_ok_and(std::fs::FileType::is_file),
            is_pipe: kind
                .as_ref()
                .is_ok_and(std::os::unix::fs::FileTypeExt::is_fifo),
            file,
        }
    }

    fn is_ready_by(&self, until: Option<Instant>) -> io::Result<bool> {
        use rustix::event::{PollFd, PollFlags, Timespec, poll};
        let left = until.map(|until| until.saturating_duration_since(Instant::now()));
        // A time too long for the system is as good as none.
        let left = left.and_then(|left| Timespec::try_from(left).ok());
        match poll(
            &mut [PollFd::new(&self.file, PollFlags::OUT)],
            left.as_ref(),
        ) {
            Ok(ready) => Ok(ready > 0),
            Err(error) => Err(error.into()),
        }
    }
}

/// As many whole lines of `bytes` as fit into a piece, or a piece of a longer line: if the rest is never written,
/// nothing is torn that need not be.
#[cfg(unix)]
fn piece(bytes: &[u8]) -> &[u8] {
    let most = &bytes[..bytes.len().min(PIECE)];
    match most.iter().rposition(|byte| *byte == b'\n') {
        Some(end) => &most[..=end],
        None => most,
    }
}

#[cfg(test)]
mod tests;
