//! One TCP connection, with time limits that rarely cost a system call.
//!
//! A read blocks within the socket's receive timeout, which is changed only if it is longer than the time left. If it
//! expires early, a poll waits exactly for the rest: the kernel rounds a socket's timeout up by as much as an eighth. A
//! write does not block, and polls only when the socket is full.

use std::io::{self, Read};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::cancel::Wait;
use super::stream::{Stream, StreamError};
use super::sys;
use super::timeouts::{Timeouts, WaitError};

/// The shortest receive timeout that is set: zero would mean none.
const SHORTEST: Duration = Duration::from_millis(1);

#[derive(Debug)]
pub(in crate::fetch::net) struct Tcp {
    socket: Arc<TcpStream>,
    /// The socket's receive timeout.
    read_timeout: Option<Duration>,
}

impl Tcp {
    /// Takes over a connected, blocking socket without a receive timeout.
    pub(in crate::fetch::net) fn new(socket: TcpStream) -> Self {
        Self {
            socket: Arc::new(socket),
            read_timeout: None,
        }
    }

    fn read_with(
        &mut self,
        read: fn(&TcpStream, &mut [u8]) -> io::Result<usize>,
        buf: &mut [u8],
        wait: &Wait<'_>,
    ) -> Result<usize, StreamError> {
        let since = Instant::now();
        self.prepare_wait(wait.limits.left(since, since)?)?;
        loop {
            match read(&self.socket, buf) {
                // A cancel ends the connection too.
                Ok(0) if wait.cancel.is_cancelled() => return Err(WaitError::Cancelled.into()),
                Ok(amount) => return Ok(amount),
                Err(error) => match error.kind() {
                    io::ErrorKind::Interrupted => {}
                    io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => {
                        self.wait_readable(since, &wait.limits)?;
                    }
                    _ => return Err(WaitError::Io(error).into()),
                },
            }
        }
    }

    fn wait_readable(&self, since: Instant, limits: &Timeouts) -> Result<(), WaitError> {
        loop {
            let left = limits.left(since, Instant::now())?;
            if sys::wait_readable(&self.socket, left).map_err(WaitError::Io)? {
                return Ok(());
            }
        }
    }

    /// Makes a read return within `left`. A new timeout is half of that, so that it serves the next reads too.
    fn prepare_wait(&mut self, left: Option<Duration>) -> Result<(), WaitError> {
        let timeout = match (left, self.read_timeout) {
            (Some(left), Some(set)) if set <= left => return Ok(()),
            (None, None) => return Ok(()),
            (left, _) => left.map(|left| (left / 2).max(SHORTEST)),
        };
        self.socket
            .set_read_timeout(timeout)
            .map_err(WaitError::Io)?;
        self.read_timeout = timeout;
        Ok(())
    }
}

impl Stream for Tcp {
    fn recv(&mut self, buf: &mut [u8], wait: &Wait<'_>) -> Result<usize, StreamError> {
        self.read_with(|mut socket, buf| socket.read(buf), buf, wait)
    }

    fn discard(&mut self, buf: &mut [u8], wait: &Wait<'_>) -> Result<usize, StreamError> {
        self.read_with(sys::discard, buf, wait)
    }

    fn send(&mut self, mut buf: &[u8], wait: &Wait<'_>) -> Result<(), StreamError> {
        let mut since = None;
        while !buf.is_empty() {
            match sys::try_send(&self.socket, buf) {
                Ok(amount) => {
                    buf = &buf[amount..];
                    since = None;
                }
                Err(error) => match error.kind() {
                    io::ErrorKind::Interrupted => {}
                    io::ErrorKind::WouldBlock => {
                        let now = Instant::now();
                        let left = wait.limits.left(*since.get_or_insert(now), now)?;
                        wait.cancel.wait_writable(&self.socket, left)?;
                    }
                    _ => return Err(WaitError::Io(error).into()),
                },
            }
        }
        Ok(())
    }

    fn socket(&self) -> &Arc<TcpStream> {
        &self.socket
    }
}
