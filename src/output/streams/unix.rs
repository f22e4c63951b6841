//! Streams on Unix: each write waits until the stream is ready.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, IsTerminal};
use std::os::fd::{AsFd, AsRawFd as _};
use std::os::unix::ffi::OsStringExt as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{FileType, OFlags, fstat};
use rustix::io::Errno;
use rustix::termios::ttyname;

use crate::output::out::Out;

/// A pipe that is ready takes at least this much without blocking.
const PIECE: usize = rustix::pipe::PIPE_BUF;

/// The longest wait of one call to poll, whose limit differs between systems.
const LONGEST: Duration = Duration::from_secs(3600);

/// A file, pipe, socket or terminal that is written to only when it is ready.
pub(in crate::output) struct Nonblocking<F> {
    file: F,
    kind: Option<FileType>,
    /// It is non-blocking: a write of any size takes what fits.
    takes_any_size: bool,
}

/// Opens the terminal `stream` once more, non-blocking: a blocking write to a terminal with room for one byte would wait for
/// more. `stream` itself is shared with other programs. `None` if it is no terminal or cannot be opened.
pub(super) fn reopened(stream: &(impl AsFd + IsTerminal)) -> Option<File> {
    if !stream.is_terminal() {
        return None;
    }
    let path = if cfg!(target_os = "linux") {
        format!("/dev/fd/{}", stream.as_fd().as_raw_fd()).into_bytes()
    } else {
        // Opening `/dev/fd/N` would only duplicate the descriptor.
        ttyname(stream, Vec::new()).ok()?.into_bytes()
    };
    let flags = OFlags::NONBLOCK | OFlags::NOCTTY;
    let flags = i32::try_from(flags.bits()).ok()?;
    let mut options = File::options();
    let options = options.write(true).custom_flags(flags);
    let opened = options.open(OsString::from_vec(path));
    opened.ok().filter(File::is_terminal)
}

impl<F: AsFd> Nonblocking<F> {
    pub(in crate::output) fn new(file: F) -> Self {
        let kind = fstat(&file).map(|stat| FileType::from_raw_mode(stat.st_mode));
        Self {
            kind: kind.ok(),
            file,
            takes_any_size: false,
        }
    }

    /// For a terminal that [`reopened`] returned.
    pub(super) fn terminal(file: F) -> Self {
        Self {
            takes_any_size: true,
            ..Self::new(file)
        }
    }

    /// Waits until a write would take something or fail, at most until `until`. Returns whether it would.
    fn is_ready_by(&self, until: Option<Instant>) -> io::Result<bool> {
        let mut fds = [PollFd::new(&self.file, PollFlags::OUT)];
        loop {
            let left = until.map(|until| until.saturating_duration_since(Instant::now()));
            let wait = left.map(|left| left.min(LONGEST));
            let timeout = wait.and_then(|wait| Timespec::try_from(wait).ok());
            match poll(&mut fds, timeout.as_ref()) {
                Err(Errno::INTR) => {}
                Ok(0) if wait < left => {}
                ready => return Ok(ready? > 0),
            }
        }
    }
}

impl<F: AsFd + io::Write + Send> Out for Nonblocking<F> {
    fn write_by(&mut self, bytes: &[u8], until: Option<Instant>) -> io::Result<usize> {
        let is_file = self.kind == Some(FileType::RegularFile);
        loop {
            if !is_file && !self.is_ready_by(until)? {
                return Ok(0);
            }
            let piece = if is_file || self.takes_any_size {
                bytes
            } else {
                piece(bytes)
            };
            match self.file.write(piece) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    if until.is_some_and(|until| until <= Instant::now()) {
                        return Ok(0);
                    }
                }
                written => return written,
            }
        }
    }

    fn unread(&self) -> usize {
        // For a socket or a terminal FIONREAD counts what this process can read.
        if self.kind != Some(FileType::Fifo) {
            return 0;
        }
        let bytes = rustix::io::ioctl_fionread(&self.file).unwrap_or(0);
        usize::try_from(bytes).unwrap_or(usize::MAX)
    }
}

/// As many whole lines of `bytes` as fit into [`PIECE`], or that much of a longer line, so that a stalled reader gets no
/// short line in part.
fn piece(bytes: &[u8]) -> &[u8] {
    let most = &bytes[..bytes.len().min(PIECE)];
    match most.iter().rposition(|byte| *byte == b'\n') {
        Some(end) => &most[..=end],
        None => most,
    }
}
