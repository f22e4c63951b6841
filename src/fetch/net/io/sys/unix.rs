//! Unix: `poll`, and flags of `send` and `recv`.

use std::io;
use std::net::{Shutdown, TcpStream};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::io::Errno;
use rustix::net::{RecvFlags, SendFlags};
/// Ends its own waits, from any thread and for ever.
#[derive(Debug)]
pub(in crate::fetch::net) struct Waker {
    /// Becomes readable when `writer` is shut down.
    reader: UnixStream,
    writer: UnixStream,
}

impl Waker {
    /// Takes two descriptors.
    pub(in crate::fetch::net) fn new() -> io::Result<Self> {
        let (reader, writer) = UnixStream::pair()?;
        Ok(Self { reader, writer })
    }

    pub(in crate::fetch::net) fn wake(&self) {
        // An error means that it was shut down before.
        let _ = self.writer.shutdown(Shutdown::Both);
    }

    /// Waits until `stream` may take more, for [`wake`](Self::wake), or for `left`.
    pub(in crate::fetch::net) fn wait_writable(
        &self,
        stream: &TcpStream,
        left: Option<Duration>,
    ) -> io::Result<()> {
        let fds = vec![PollFd::new(stream, PollFlags::OUT)];
        self.poll(fds, left).map(drop)
    }

    /// Which of `fds` are ready: none when the time is over or a signal came.
    fn poll<'a>(
        &'a self,
        mut fds: Vec<PollFd<'a>>,
        left: Option<Duration>,
    ) -> io::Result<Vec<bool>> {
        fds.push(PollFd::new(&self.reader, PollFlags::IN));
        match rustix::event::poll(&mut fds, timespec(left).as_ref()) {
            Ok(_) => {}
            Err(Errno::INTR) => fds.iter_mut().for_each(PollFd::clear_revents),
            Err(error) => return Err(error.into()),
        }
        fds.pop();
        Ok(fds.iter().map(|fd| !fd.revents().is_empty()).collect())
    }
}

/// A span beyond the range of a timespec is endless.
fn timespec(left: Option<Duration>) -> Option<Timespec> {
    left.and_then(|left| Timespec::try_from(left).ok())
}

/// Waits until there is something to read, or for `left`. `false` if there may be nothing: it may return early.
pub(in crate::fetch::net) fn wait_readable(
    stream: &TcpStream,
    left: Option<Duration>,
) -> io::Result<bool> {
    let mut fds = [PollFd::new(stream, PollFlags::IN)];
    match rustix::event::poll(&mut fds, timespec(left).as_ref()) {
        Ok(0) | Err(Errno::INTR) => Ok(false),
        Ok(_) => Ok(true),
        Err(error) => Err(error.into()),
    }
}

/// Discards received bytes, at most the length of `buf`, without copying them out of the kernel (`MSG_TRUNC` in
/// tcp(7)): that copy is the most expensive part of a large body.
#[cfg(any(target_os = "linux", target_os = "android"))]
pub(in crate::fetch::net) fn discard(stream: &TcpStream, buf: &mut [u8]) -> io::Result<usize> {
    let (_, amount) = rustix::net::recv(stream, buf, RecvFlags::TRUNC)?;
    Ok(amount)
}

/// Discards received bytes by reading them.
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
