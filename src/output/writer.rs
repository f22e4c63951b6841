//! The one owner of standard output: records go in, whole lines come out.
//!
//! Lines are gathered in one buffer and leave in one write when the caller flushes, as it should when nothing else is
//! ready or [`Writer::is_full`] says so. An error is returned as it came ([`io::ErrorKind::BrokenPipe`] among them) and ends the writer: what was gathered is
//! dropped and nothing is ever written again, so that a torn line is never followed by another. Dropping the writer
//! writes nothing: whoever owns it flushes it.

use std::io;

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
}

/// Writes records to one stream, in one format.
pub(crate) struct Writer {
    out: Box<dyn io::Write + Send>,
    format: Format,
    color: bool,
    buffer: Vec<u8>,
    failed: Option<io::ErrorKind>,
}

impl Writer {
    /// A writer to `out`, which should not buffer by itself. `color` counts for [`Format::Text`] alone.
    pub(crate) fn new(out: Box<dyn io::Write + Send>, format: Format, color: bool) -> Self {
        Self {
            out,
            format,
            color,
            buffer: Vec::with_capacity(BUFFER),
            failed: None,
        }
    }

    /// Takes `record`. Never blocks: nothing is written before [`flush`](Self::flush).
    ///
    /// # Errors
    ///
    /// If an earlier flush failed: every call after that fails with its kind.
    pub(crate) fn write(&mut self, record: &Record) -> io::Result<()> {
        self.check()?;
        match self.format {
            Format::Text => text::push(&mut self.buffer, record, self.color)?,
            Format::Jsonl => jsonl::push(&mut self.buffer, record)?,
        }
        Ok(())
    }

    /// Whether so much is gathered that it should be flushed before more is written.
    pub(crate) fn is_full(&self) -> bool {
        self.buffer.len() >= BUFFER
    }

    /// Writes out what is gathered; blocks while the reader is slow.
    ///
    /// # Errors
    ///
    /// Those of the stream; after one of them every call fails with its kind.
    pub(crate) fn flush(&mut self) -> io::Result<()> {
        self.check()?;
        if self.buffer.is_empty() {
            Ok(())
        } else {
            self.send()
        }
    }

    /// Whether nothing waits to be flushed.
    pub(crate) fn is_flushed(&self) -> bool {
        self.buffer.is_empty()
    }

    fn check(&self) -> io::Result<()> {
        self.failed.map_or(Ok(()), |kind| Err(kind.into()))
    }

    fn send(&mut self) -> io::Result<()> {
        let sent = self
            .out
            .write_all(&self.buffer)
            .and_then(|()| self.out.flush());
        self.buffer.clear();
        // One very long line must not be paid for until the end of the run.
        self.buffer.shrink_to(2 * BUFFER);
        sent.inspect_err(|error| self.failed = Some(error.kind()))
    }
}

/// Standard output without a buffer of its own: what is written goes out in one piece.
///
/// It also waits where the stream was left non-blocking by another program that shares it.
///
/// # Errors
///
/// When the descriptor cannot be duplicated, because descriptors have run out.
pub(crate) fn stdout() -> io::Result<Box<dyn io::Write + Send>> {
    #[cfg(unix)]
    {
        use std::os::fd::AsFd as _;
        let descriptor = io::stdout().as_fd().try_clone_to_owned()?;
        Ok(Box::new(Patient(descriptor.into())))
    }
    #[cfg(not(unix))]
    {
        // Its line buffer passes whole lines through in one write; on a console it also translates to UTF-16.
        Ok(Box::new(io::stdout()))
    }
}

/// A file that waits until it can be written to.
#[cfg(unix)]
struct Patient(std::fs::File);

#[cfg(unix)]
impl io::Write for Patient {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        use rustix::event::{PollFd, PollFlags, poll};
        loop {
            match self.0.write(bytes) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                done => return done,
            }
            match poll(&mut [PollFd::new(&self.0, PollFlags::OUT)], None) {
                Ok(_) | Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;
    use std::sync::{Arc, Mutex};

    use super::*;

    /// Keeps each write apart; fails once `room` bytes were taken.
    #[derive(Clone)]
    struct Stream {
        writes: Arc<Mutex<Vec<Vec<u8>>>>,
        room: usize,
    }

    impl Stream {
        fn new(room: usize) -> Self {
            Self {
                writes: Arc::default(),
                room,
            }
        }

        fn writes(&self) -> Vec<Vec<u8>> {
            self.writes.lock().unwrap().clone()
        }
    }

    impl io::Write for Stream {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let taken = bytes.len().min(self.room);
            if taken == 0 {
                return Err(io::ErrorKind::BrokenPipe.into());
            }
            self.room -= taken;
            self.writes.lock().unwrap().push(bytes[..taken].to_vec());
            Ok(taken)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn text_to(stream: &Stream) -> Writer {
        Writer::new(Box::new(stream.clone()), Format::Text, false)
    }

    #[test]
    fn lines_leave_when_told_and_in_one_write() {
        let stream = Stream::new(usize::MAX);
        let mut writer = text_to(&stream);
        writer.write(&Record::page("http://a/", 1)).unwrap();
        writer.write(&Record::page("http://b/", 2)).unwrap();
        assert!(stream.writes().is_empty() && !writer.is_flushed());
        writer.flush().unwrap();
        writer.flush().unwrap();
        assert!(writer.is_flushed());
        assert_eq!(
            stream.writes(),
            [b"'http://a/' page is 1 bytes\n'http://b/' page is 2 bytes\n"]
        );
    }

    #[test]
    fn a_full_buffer_leaves_in_whole_lines() {
        let stream = Stream::new(usize::MAX);
        let mut writer = text_to(&stream);
        let long = "x".repeat(10 * BUFFER);
        let short = "http://example.com/";
        for url in std::iter::repeat_n(short, 5000).chain([long.as_str()]) {
            writer.write(&Record::page(url, 7)).unwrap();
            if writer.is_full() {
                writer.flush().unwrap();
            }
        }
        assert!(writer.is_flushed() && writer.buffer.capacity() <= 2 * BUFFER);
        let writes = stream.writes();
        assert!((3..=5).contains(&writes.len()), "{} writes", writes.len());
        assert!(
            writes
                .iter()
                .all(|lines| lines.len() >= BUFFER && lines.ends_with(b"\n"))
        );
        assert_eq!(
            writes
                .concat()
                .iter()
                .filter(|byte| **byte == b'\n')
                .count(),
            5001
        );
    }

    #[test]
    fn dropping_writes_nothing() {
        let stream = Stream::new(usize::MAX);
        text_to(&stream)
            .write(&Record::page("http://a/", 1))
            .unwrap();
        assert!(stream.writes().is_empty());
    }

    #[test]
    fn after_an_error_nothing_is_ever_written() {
        let mut stream = Stream::new(10);
        let mut writer = text_to(&stream);
        writer.write(&Record::page("http://a/", 1)).unwrap();
        assert_eq!(
            writer.flush().unwrap_err().kind(),
            io::ErrorKind::BrokenPipe
        );
        stream.room = usize::MAX;
        assert!(writer.is_flushed());
        for _ in 0..2 {
            let again = writer.write(&Record::page("http://b/", 2));
            assert_eq!(again.unwrap_err().kind(), io::ErrorKind::BrokenPipe);
            assert_eq!(
                writer.flush().unwrap_err().kind(),
                io::ErrorKind::BrokenPipe
            );
        }
        drop(writer);
        assert_eq!(stream.writes(), [b"'http://a/"]);
    }

    #[cfg(unix)]
    #[test]
    fn a_stream_left_non_blocking_is_waited_for() {
        use std::os::fd::OwnedFd;
        let (mut reader, end) = io::pipe().unwrap();
        rustix::io::ioctl_fionbio(&end, true).unwrap();
        let patient = Patient(OwnedFd::from(end).into());
        let writing = std::thread::spawn(move || {
            let mut writer = Writer::new(Box::new(patient), Format::Jsonl, false);
            for n in 0..5000 {
                writer
                    .write(&Record::page("http://example.com/", n))
                    .unwrap();
            }
            writer.flush().unwrap();
        });
        let mut got = String::new();
        reader.read_to_string(&mut got).unwrap();
        writing.join().unwrap();
        assert_eq!(got.lines().count(), 5000);
    }
}
