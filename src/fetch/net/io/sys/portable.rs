//! Other systems, with the standard library alone.
//!
//! It cannot wait for several things at once, so this polls every few milliseconds. The one thread that uses a
//! connection makes it non-blocking around each poll.

use std::io;
use std::net::TcpStream;
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// The interval of polling: shorter than opening a connection over a network.
const INTERVAL: Duration = Duration::from_millis(5);

/// Ends its own waits, from any thread and for ever.
#[derive(Debug, Default)]
pub(in crate::fetch::net) struct Waker {
    woken: Mutex<bool>,
    changed: Condvar,
}

impl Waker {
    pub(in crate::fetch::net) fn new() -> io::Result<Self> {
        Ok(Self::default())
    }

    pub(in crate::fetch::net) fn wake(&self) {
        *self.woken.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.changed.notify_all();
    }

    /// Waits until `stream` may take more, for [`wake`](Self::wake), or for `left`.
    pub(in crate::fetch::net) fn wait_writable(
        &self,
        _: &TcpStream,
        left: Option<Duration>,
    ) -> io::Result<()> {
        self.is_woken_within(left.unwrap_or(INTERVAL));
        Ok(())
    }

    /// Whether it is woken before the next poll, which is after `rest` at the latest.
    fn is_woken_within(&self, rest: Duration) -> bool {
        let woken = self.woken.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self
            .changed
            .wait_timeout_while(woken, rest.min(INTERVAL), |woken| !*woken);
        *waited.unwrap_or_else(PoisonError::into_inner).0
    }
}

/// Waits until there is something to read, or for `left`. `false` if there may be nothing: it may return early.
pub(in crate::fetch::net) fn wait_readable(
    stream: &TcpStream,
    left: Option<Duration>,
) -> io::Result<bool> {
    if !is_silent(stream) {
        return Ok(true);
    }
    std::thread::sleep(left.map_or(INTERVAL, |left| left.min(INTERVAL)));
    Ok(false)
}

/// Discards received bytes by reading them.
pub(in crate::fetch::net) fn discard(mut stream: &TcpStream, buf: &mut [u8]) -> io::Result<usize> {
    io::Read::read(&mut stream, buf)
}

/// Writes what the socket takes at once; `WouldBlock` if it takes nothing.
pub(in crate::fetch::net) fn try_send(mut stream: &TcpStream, buf: &[u8]) -> io::Result<usize> {
    unblocked(stream, || io::Write::write(&mut stream, buf))
}

/// Whether the connection is open and has nothing to read.
pub(in crate::fetch::net) fn is_silent(stream: &TcpStream) -> bool {
    let peeked = unblocked(stream, || stream.peek(&mut [0]));
    peeked.is_err_and(|error| error.kind() == io::ErrorKind::WouldBlock)
}

fn unblocked<T>(stream: &TcpStream, act: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
    stream.set_nonblocking(true)?;
    let result = act();
    stream.set_nonblocking(false)?;
    result
}
