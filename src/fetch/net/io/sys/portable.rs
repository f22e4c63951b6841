//! Other systems, with the standard library alone. The items are those of `unix`.
//!
//! It cannot wait for several things at once: waits end after a few milliseconds, and their callers poll. The thread
//! that uses a connection makes it non-blocking around each poll.

use std::io;
use std::net::TcpStream;
use std::time::Duration;

/// The interval of polling: shorter than opening a connection over a network.
const INTERVAL: Duration = Duration::from_millis(5);

#[derive(Debug)]
pub(in crate::fetch::net) struct Waker;

impl Waker {
    pub(in crate::fetch::net) fn new() -> io::Result<Self> {
        Ok(Self)
    }

    pub(in crate::fetch::net) fn wake(&self) {}

    pub(in crate::fetch::net) fn wait_writable(
        &self,
        _: &TcpStream,
        left: Option<Duration>,
    ) -> io::Result<()> {
        pause(left);
        Ok(())
    }
}

fn pause(left: Option<Duration>) {
    std::thread::sleep(left.map_or(INTERVAL, |left| left.min(INTERVAL)));
}

pub(in crate::fetch::net) fn wait_readable(
    stream: &TcpStream,
    left: Option<Duration>,
) -> io::Result<bool> {
    let is_readable = !is_silent(stream);
    if !is_readable {
        pause(left);
    }
    Ok(is_readable)
}

pub(in crate::fetch::net) fn discard(mut stream: &TcpStream, buf: &mut [u8]) -> io::Result<usize> {
    io::Read::read(&mut stream, buf)
}

pub(in crate::fetch::net) fn try_send(mut stream: &TcpStream, buf: &[u8]) -> io::Result<usize> {
    unblocked(stream, || io::Write::write(&mut stream, buf))
}

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
