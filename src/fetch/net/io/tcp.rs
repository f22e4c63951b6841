//! One TCP connection, blocking, with deadlines that cost a system call only when one is needed.
//!
//! Reading relies on the socket's own receive timeout. That is left alone as long as it is no
//! longer than what the deadline leaves; when it runs out early, the rest is waited for by a poll,
//! whose clock is exact: the kernel rounds a socket's timeout up by as much as an eighth. Writing is
//! tried without blocking and polls only when the socket is full. A cancelled client shuts the socket
//! down, which ends a blocked read; whoever reads must therefore ask the client whether an end of
//! file is a real one.

use std::io::{self, Read};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::cancel::Cancel;
use super::sys;
use super::timeouts::{Timeouts, WaitError};

/// The shortest receive timeout that is set: zero would mean none.
const SHORTEST: Duration = Duration::from_millis(1);

#[derive(Debug)]
pub(crate) struct Tcp {
    stream: Arc<TcpStream>,
    /// What the socket's receive timeout is set to.
    read_timeout: Option<Duration>,
}

impl Tcp {
    /// Takes over a connected, blocking socket without a receive timeout.
    pub(crate) fn new(stream: TcpStream) -> Self {
        Self {
            stream: Arc::new(stream),
            read_timeout: None,
        }
    }

    pub(crate) fn stream(&self) -> &Arc<TcpStream> {
        &self.stream
    }

    /// Reads what is there, waiting for the first byte of it; 0 is the end.
    pub(crate) fn recv(&mut self, buf: &mut [u8], limits: &Timeouts) -> Result<usize, WaitError> {
        self.take(buf, limits, |mut stream, buf| stream.read(buf))
    }

    /// The same for what nobody will look at: what is in `buf` afterwards is of no meaning.
    pub(crate) fn discard(
        &mut self,
        buf: &mut [u8],
        limits: &Timeouts,
    ) -> Result<usize, WaitError> {
        self.take(buf, limits, sys::discard)
    }

    fn take(
        &mut self,
        buf: &mut [u8],
        limits: &Timeouts,
        read: fn(&TcpStream, &mut [u8]) -> io::Result<usize>,
    ) -> Result<usize, WaitError> {
        let since = Instant::now();
        self.prepare_wait(limits.left(since, since)?)?;
        loop {
            match read(&self.stream, buf) {
                Ok(amount) => return Ok(amount),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error)
                    if matches!(
                        error.kind(),
                        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut
                    ) =>
                {
                    self.wait_readable(since, limits)?;
                }
                Err(error) => return Err(WaitError::Io(error)),
            }
        }
    }

    /// Waits until there is something to read, by the exact clock.
    fn wait_readable(&self, since: Instant, limits: &Timeouts) -> Result<(), WaitError> {
        loop {
            let left = limits.left(since, Instant::now())?;
            if sys::wait_readable(&self.stream, left).map_err(WaitError::Io)? {
                return Ok(());
            }
        }
    }

    /// Makes sure that a read comes back before `left` is over. Half of it is set, so that the next
    /// reads find a timeout that is still short enough and need no system call.
    fn prepare_wait(&mut self, left: Option<Duration>) -> Result<(), WaitError> {
        match (left, self.read_timeout) {
            (Some(left), Some(set)) if set <= left => Ok(()),
            (Some(left), _) => self.set_read_timeout(Some((left / 2).max(SHORTEST))),
            (None, None) => Ok(()),
            (None, Some(_)) => self.set_read_timeout(None),
        }
    }

    fn set_read_timeout(&mut self, timeout: Option<Duration>) -> Result<(), WaitError> {
        self.stream
            .set_read_timeout(timeout)
            .map_err(WaitError::Io)?;
        self.read_timeout = timeout;
        Ok(())
    }

    /// Writes the whole of `buf`.
    pub(crate) fn send(
        &self,
        mut buf: &[u8],
        limits: &Timeouts,
        cancel: &Cancel,
    ) -> Result<(), WaitError> {
        let mut since = None;
        while !buf.is_empty() {
            match sys::try_send(&self.stream, buf) {
                Ok(amount) => {
                    buf = &buf[amount..];
                    since = None;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    let now = Instant::now();
                    let left = limits.left(*since.get_or_insert(now), now)?;
                    cancel.wait_writable(&self.stream, left)?;
                }
                Err(error) => return Err(WaitError::Io(error)),
            }
        }
        Ok(())
    }

    /// Whether an idle connection is still good: open, and with nothing to read. A byte that nobody
    /// asked for is the remains of an earlier reply, or the end.
    pub(crate) fn is_quiet(&self) -> bool {
        sys::is_quiet(&self.stream)
    }
}
