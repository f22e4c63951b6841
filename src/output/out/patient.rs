//! Streams of Unix, which are written to only when they are ready.

use std::fs::File;
use std::io::{self, IsTerminal};
use std::os::fd::AsFd;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{FileType, OFlags, fstat};
use rustix::io::Errno;

use super::Out;

/// A pipe takes at least this much at once when it is said to be writable.
const PIECE: usize = rustix::pipe::PIPE_BUF;

/// How long is waited at one time: systems differ in how long they can.
const LONGEST: Duration = Duration::from_secs(3600);

/// A file, or a pipe, socket or terminal that is written to only when it is ready, so that a reader that has stalled
/// holds up nobody for longer than was agreed. Works as well if another program has left it non-blocking.
pub(super) struct Patient<F> {
    file: F,
    kind: Option<FileType>,
    /// A write takes what there is room for and waits for nothing.
    never_waits: bool,
}

/// Waits until `stream` takes something or fails at once, but no longer than until `until`, and says whether it does.
pub(super) fn is_ready_by(stream: &impl AsFd, until: Option<Instant>) -> io::Result<bool> {
    let mut fds = [PollFd::new(stream, PollFlags::OUT)];
    loop {
        let left = until.map(|until| until.saturating_duration_since(Instant::now()));
        let wait = left.map(|left| left.min(LONGEST));
        let timeout = wait.and_then(|wait| Timespec::try_from(wait).ok());
        match poll(&mut fds, timeout.as_ref()) {
            // By a signal, which says nothing about the stream.
            Err(Errno::INTR) => {}
            Ok(0) if wait < left => {}
            ready => return Ok(ready? > 0),
        }
    }
}

/// The terminal that `stream` is, opened once more so that a write does not wait: one that is said to be ready may have
/// room for a byte, and a write that waits would wait for the room of all of them. What others write there waits as it
/// did. `None` if it is no terminal, or cannot be opened.
pub(super) fn reopened(stream: &(impl AsFd + IsTerminal)) -> Option<File> {
    if !stream.is_terminal() {
        return None;
    }
    let path = name_of(stream)?;
    let flags = OFlags::NONBLOCK | OFlags::NOCTTY;
    let flags = i32::try_from(flags.bits()).ok()?;
    let opened = File::options().write(true).custom_flags(flags).open(path);
    opened.ok().filter(File::is_terminal)
}

/// A name that opens the terminal `stream` anew.
#[cfg(target_os = "linux")]
#[expect(
    clippy::unnecessary_wraps,
    reason = "elsewhere a terminal may have no name"
)]
fn name_of(stream: &impl AsFd) -> Option<PathBuf> {
    use std::os::fd::AsRawFd as _;
    Some(format!("/dev/fd/{}", stream.as_fd().as_raw_fd()).into())
}

/// A name that opens the terminal `stream` anew. One below `/dev/fd` would only duplicate the descriptor.
#[cfg(not(target_os = "linux"))]
fn name_of(stream: &impl AsFd) -> Option<PathBuf> {
    use std::os::unix::ffi::OsStringExt as _;
    let name = rustix::termios::ttyname(stream, Vec::new()).ok()?;
    Some(std::ffi::OsString::from_vec(name.into_bytes()).into())
}

impl<F: AsFd> Patient<F> {
    pub(super) fn new(file: F) -> Self {
        let kind = fstat(&file).map(|stat| FileType::from_raw_mode(stat.st_mode));
        Patient {
            kind: kind.ok(),
            file,
            never_waits: false,
        }
    }

    /// For a terminal that [`reopened`] has given.
    pub(super) fn nonblocking(file: F) -> Self {
        Patient {
            never_waits: true,
            ..Self::new(file)
        }
    }
}

impl<F: AsFd + io::Write + Send> Out for Patient<F> {
    fn write_by(&mut self, bytes: &[u8], until: Option<Instant>) -> io::Result<usize> {
        if self.kind == Some(FileType::RegularFile) {
            return match self.file.write(bytes)? {
                0 => Err(io::ErrorKind::WriteZero.into()),
                amount => Ok(amount),
            };
        }
        loop {
            if !is_ready_by(&self.file, until)? {
                return Ok(0);
            }
            let piece = if self.never_waits {
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
        // Of a socket or a terminal this would be what there is to be read by us.
        if self.kind != Some(FileType::Fifo) {
            return 0;
        }
        let bytes = rustix::io::ioctl_fionread(&self.file).unwrap_or(0);
        usize::try_from(bytes).unwrap_or(usize::MAX)
    }
}

/// As many whole lines of `bytes` as fit into a piece, or a piece of a longer line: if the rest is never written,
/// nothing is torn that need not be.
fn piece(bytes: &[u8]) -> &[u8] {
    let most = &bytes[..bytes.len().min(PIECE)];
    match most.iter().rposition(|byte| *byte == b'\n') {
        Some(end) => &most[..=end],
        None => most,
    }
}
