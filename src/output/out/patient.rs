//! Streams of Unix, which are written to only when they are ready.

use std::io;
use std::os::fd::AsFd;
use std::time::Instant;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{FileType, fstat};

use super::Out;

/// A pipe takes at least this much at once when it is said to be writable (POSIX's PIPE_BUF, on Linux one page).
const PIECE: usize = 4096;

/// A file, or a pipe, socket or terminal that is written to only when it is ready, so that a reader that has stalled
/// holds up nobody for longer than was agreed. Works as well if another program has left it non-blocking.
pub(super) struct Patient<F> {
    file: F,
    kind: Option<FileType>,
}

/// Whether `stream` takes something now, or fails at once.
pub(super) fn is_ready(stream: &impl AsFd) -> bool {
    let mut fds = [PollFd::new(stream, PollFlags::OUT)];
    poll(&mut fds, Some(&Timespec::default())).is_ok_and(|ready| ready > 0)
}

impl<F: AsFd> Patient<F> {
    pub(super) fn new(file: F) -> Self {
        let kind = fstat(&file).map(|stat| FileType::from_raw_mode(stat.st_mode));
        Patient {
            kind: kind.ok(),
            file,
        }
    }

    fn is_ready_by(&self, until: Option<Instant>) -> io::Result<bool> {
        let left = until.map(|until| until.saturating_duration_since(Instant::now()));
        // A time too long for the system is as good as none.
        let left = left.and_then(|left| Timespec::try_from(left).ok());
        let mut fds = [PollFd::new(&self.file, PollFlags::OUT)];
        match poll(&mut fds, left.as_ref()) {
            Ok(ready) => Ok(ready > 0),
            Err(error) => Err(error.into()),
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
