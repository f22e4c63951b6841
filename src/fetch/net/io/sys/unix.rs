//! Unix: `poll`, and flags of `send` and `recv`.

use std::io;
use std::net::{Shutdown, TcpStream};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::io::Errno;
use rustix::net::{RecvFlags, SendFlags};

/// Ends the waits for sockets, now and later.
#[derive(Debug)]
pub(in crate::fetch::net) struct Waker {
    /// Becomes readable when `writer` is shut down.
    reader: UnixStream,
    writer: UnixStream,
}

impl Waker {
    pub(in crate::fetch::net) fn new() -> io::Result<Self> {
        let (reader, writer) = UnixStream::pair()?;
        Ok(Self { reader, writer })
    }

    pub(in crate::fetch::net) fn wake(&self) {
        // An error means that it is shut down already.
        let _ = self.writer.shutdown(Shutdown::Both);
    }

    /// Waits until `stream` may take more, for [`wake`](Self::wake), or for `left`. A signal ends the wait early.
    pub(in crate::fetch::net) fn wait_writable(
        &self,
        stream: &TcpStream,
        left: Option<Duration>,
    ) -> io::Result<()> {
        let writable = PollFd::new(stream, PollFlags::OUT);
        let woken = PollFd::new(&self.reader, PollFlags::IN);
        poll(&mut [writable, woken], left).map(drop)
    }
}

/// Whether one of `fds` is ready; false if the time is over or a signal came.
fn poll(fds: &mut [PollFd<'_>], left: Option<Duration>) -> io::Result<bool> {
    // A span beyond the range of a timespec is endless.
    let left = left.and_then(|left| Timespec::try_from(left).ok());
    match rustix::event::poll(fds, left.as_ref()) {
        Ok(ready) => Ok(ready > 0),
        Err(Errno::INTR) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// Waits for something to read, or for `left`. May return early, with false.
pub(in crate::fetch::net) fn wait_readable(
    stream: &TcpStream,
    left: Option<Duration>,
) -> io::Result<bool> {
    poll(&mut [PollFd::new(stream, PollFlags::IN)], left)
}

/// Discards up to `buf`'s length of received bytes without copying them out of the kernel (`MSG_TRUNC` in tcp(7)): the
/// copy is the most expensive part of a large body.
#[cfg(any(target_os = "linux", target_os = "android"))]
pub(in crate::fetch::net) fn discard(stream: &TcpStream, buf: &mut [u8]) -> io::Result<usize> {
    let (_, amount) = rustix::net::recv(stream, buf, RecvFlags::TRUNC)?;
    Ok(amount)
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
pub(in crate::fetch::net) fn discard(mut stream: &TcpStream, buf: &mut [u8]) -> io::Result<usize> {
    io::Read::read(&mut stream, buf)
}

/// Writes what the socket takes at once; `WouldBlock` if it takes nothing.
pub(in crate::fetch::net) fn try_send(stream: &TcpStream, buf: &[u8]) -> io::Result<usize> {
    Ok(rustix::net::send(stream, buf, send_flags())?)
}

fn send_flags() -> SendFlags {
    // Apple's systems lack NOSIGNAL; the standard library sets SO_NOSIGPIPE there.
    #[cfg(not(target_vendor = "apple"))]
    return SendFlags::DONTWAIT | SendFlags::NOSIGNAL;
    #[cfg(target_vendor = "apple")]
    return SendFlags::DONTWAIT;
}

/// Whether the connection is open and has nothing to read.
pub(in crate::fetch::net) fn is_silent(stream: &TcpStream) -> bool {
    let flags = RecvFlags::PEEK | RecvFlags::DONTWAIT;
    let peeked = rustix::net::recv(stream, &mut [0], flags);
    matches!(peeked, Err(Errno::AGAIN))
}
