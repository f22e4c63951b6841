//! Standard output and standard error, with a time limit for each write.

use std::io;
#[cfg(any(test, not(unix)))]
use std::time::Instant;

#[cfg(unix)]
mod unix;

use super::out::Out;
#[cfg(unix)]
pub(super) use unix::Nonblocking;

/// Standard output without a buffer of its own.
///
/// # Errors
///
/// When the descriptor cannot be duplicated, because descriptors have run out.
#[cfg(unix)]
pub(crate) fn stdout() -> io::Result<Box<dyn Out>> {
    use std::os::fd::AsFd as _;
    let stdout = io::stdout();
    Ok(Box::new(match unix::reopened(&stdout) {
        Some(terminal) => Nonblocking::terminal(terminal),
        None => Nonblocking::new(stdout.as_fd().try_clone_to_owned()?.into()),
    }))
}

/// Standard error.
#[cfg(unix)]
pub(crate) fn stderr() -> Box<dyn Out> {
    match unix::reopened(&io::stderr()) {
        Some(terminal) => Box::new(Nonblocking::terminal(terminal)),
        None => Box::new(Nonblocking::new(io::stderr())),
    }
}

/// Whether standard output and standard error, which are terminals, are the same one.
#[cfg(unix)]
pub(crate) fn is_one_terminal() -> bool {
    use rustix::{fs::fstat, termios::tcgetpgrp};
    let (out, err) = (io::stdout(), io::stderr());
    let device = |stat: rustix::fs::Stat| stat.st_rdev;
    // A process has one controlling terminal, which may be open as /dev/tty too.
    fstat(&out).map(device) == fstat(&err).map(device)
        || tcgetpgrp(&out).is_ok() && tcgetpgrp(&err).is_ok()
}

/// Standard output. Its line buffer passes whole lines on in one write, and on a console as UTF-16.
#[cfg(not(unix))]
pub(crate) fn stdout() -> io::Result<Box<dyn Out>> {
    Ok(Box::new(Blocking(io::stdout())))
}

/// Standard error.
#[cfg(not(unix))]
pub(crate) fn stderr() -> Box<dyn Out> {
    Box::new(Blocking(io::stderr()))
}

/// Assumes that a process has one terminal.
#[cfg(not(unix))]
pub(crate) fn is_one_terminal() -> bool {
    true
}

/// A stream whose writes block.
#[cfg(any(test, not(unix)))]
pub(super) struct Blocking<W>(pub(super) W);

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
