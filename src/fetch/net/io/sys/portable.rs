//! What the standard library alone can do, for systems that have no file of their own here.
//!
//! It has no way to wait for several things at once, so this looks again every few milliseconds: all
//! promises are kept, at the price of that delay and of waking up for nothing. The one thread that
//! uses a connection switches it to non-blocking and back around each look.

use std::io;
use std::net::TcpStream;
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use socket2::Socket;

use super::Opened;

/// How often it is looked. A connection over a network takes longer than that.
const LOOK: Duration = Duration::from_millis(5);

/// Ends every wait that is given it, from any thread, once and for all.
#[derive(Debug, Default)]
pub(crate) struct Waker {
    rung: Mutex<bool>,
    changed: Condvar,
}

impl Waker {
    /// Takes no descriptor, and does not fail.
    pub(crate) fn new() -> io::Result<Self> {
        Ok(Self::default())
    }

    pub(crate) fn ring(&self) {
        *self.rung.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.changed.notify_all();
    }

    /// Waits for news of one of `sockets`, for the bell, or for `left`.
    pub(crate) fn wait_opened(
        &self,
        sockets: &[&Socket],
        left: Option<Duration>,
    ) -> io::Result<Vec<Opened>> {
        let since = Instant::now();
        loop {
            let opened: Vec<Opened> = sockets.iter().copied().map(opened).collect();
            let rest = left.map_or(LOOK, |left| left.saturating_sub(since.elapsed()));
            if opened.iter().any(Option::is_some) || rest.is_zero() || self.is_rung_within(rest) {
                return Ok(opened);
            }
        }
    }

    /// Waits until `stream` may take more, for the bell, or for `left`.
    pub(crate) fn wait_writable(&self, _: &TcpStream, left: Option<Duration>) -> io::Result<()> {
        self.is_rung_within(left.unwrap_or(LOOK));
        Ok(())
    }

    /// Waits for the bell, or for `left`.
    pub(crate) fn wait(&self, left: Duration) -> io::Result<()> {
        let rung = self.rung.lock().unwrap_or_else(PoisonError::into_inner);
        let _ = self.changed.wait_timeout_while(rung, left, |rung| !*rung);
        Ok(())
    }

    /// Whether it rings before the next look, which is at the latest after `rest`.
    fn is_rung_within(&self, rest: Duration) -> bool {
        let rung = self.rung.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self
            .changed
            .wait_timeout_while(rung, rest.min(LOOK), |rung| !*rung);
        *waited.unwrap_or_else(PoisonError::into_inner).0
    }
}

fn opened(socket: &Socket) -> Opened {
    match socket.take_error() {
        Ok(None) => socket.peer_addr().is_ok().then_some(Ok(())),
        Ok(Some(error)) | Err(error) => Some(Err(error)),
    }
}

/// Waits until there is something to read, or for `left`; `false` if neither is certain.
pub(crate) fn wait_readable(stream: &TcpStream, left: Option<Duration>) -> io::Result<bool> {
    if !is_quiet(stream) {
        return Ok(true);
    }
    std::thread::sleep(left.map_or(LOOK, |left| left.min(LOOK)));
    Ok(false)
}

/// Reads what nobody will look at.
pub(crate) fn discard(mut stream: &TcpStream, buf: &mut [u8]) -> io::Result<usize> {
    io::Read::read(&mut stream, buf)
}

/// Writes what the socket takes at once; `WouldBlock` if that is nothing.
pub(crate) fn try_send(mut stream: &TcpStream, buf: &[u8]) -> io::Result<usize> {
    unblocked(stream, || io::Write::write(&mut stream, buf))
}

/// Whether a connection is open and has nothing to be read.
pub(crate) fn is_quiet(stream: &TcpStream) -> bool {
    let peeked = unblocked(stream, || stream.peek(&mut [0]));
    peeked.is_err_and(|error| error.kind() == io::ErrorKind::WouldBlock)
}

fn unblocked<T>(stream: &TcpStream, act: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
    stream.set_nonblocking(true)?;
    let result = act();
    stream.set_nonblocking(false)?;
    result
}

/// Whether a connect without blocking has begun well: that is what Windows says then.
pub(crate) fn is_in_progress(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::WouldBlock
}

/// What Windows says when no descriptor is left.
pub(crate) fn out_of_descriptors() -> io::Error {
    io::Error::from_raw_os_error(10024)
}

/// Whether the process has no descriptor left: on Windows WSAEMFILE, which the standard library has no
/// kind for. Other systems are not known well enough to wait for one.
pub(crate) fn is_out_of_descriptors(error: &io::Error) -> bool {
    cfg!(windows) && error.raw_os_error() == Some(10024)
}
