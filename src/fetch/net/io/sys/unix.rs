//! The Unix way: `poll`, and flags of `send` and `recv`.

use std::io;
use std::net::{Shutdown, TcpStream};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::io::Errno;
use rustix::net::{RecvFlags, SendFlags};
use socket2::Socket;

use super::Opened;

/// Ends every wait that is given it, from any thread, once and for all.
#[derive(Debug)]
pub(crate) struct Waker {
    /// Becomes readable when `rope` is shut down.
    ear: UnixStream,
    rope: UnixStream,
}

impl Waker {
    /// Takes two descriptors.
    pub(crate) fn new() -> io::Result<Self> {
        let (ear, rope) = UnixStream::pair()?;
        Ok(Self { ear, rope })
    }

    pub(crate) fn ring(&self) {
        // An error of a shutdown means that it was rung before.
        let _ = self.rope.shutdown(Shutdown::Both);
    }

    /// Waits for news of one of `sockets`, for the bell, or for `left`.
    pub(crate) fn wait_opened(
        &self,
        sockets: &[&Socket],
        left: Option<Duration>,
    ) -> io::Result<Vec<Opened>> {
        let out = |&socket| PollFd::new(socket, PollFlags::OUT);
        let ready = self.poll(sockets.iter().map(out).collect(), left)?;
        let opened = |(&socket, is_ready): (&&Socket, bool)| {
            is_ready.then(|| match socket.take_error() {
                Ok(None) => Ok(()),
                Ok(Some(error)) | Err(error) => Err(error),
            })
        };
        Ok(sockets.iter().zip(ready).map(opened).collect())
    }

    /// Waits until `stream` takes more, for the bell, or for `left`.
    pub(crate) fn wait_writable(
        &self,
        stream: &TcpStream,
        left: Option<Duration>,
    ) -> io::Result<()> {
        let fds = vec![PollFd::new(stream, PollFlags::OUT)];
        self.poll(fds, left).map(drop)
    }

    /// Waits for the bell, or for `left`.
    pub(crate) fn wait(&self, left: Duration) -> io::Result<()> {
        self.poll(Vec::new(), Some(left)).map(drop)
    }

    /// Which of `fds` are ready. None being so is no error: the caller looks at its own clock.
    fn poll<'a>(
        &'a self,
        mut fds: Vec<PollFd<'a>>,
        left: Option<Duration>,
    ) -> io::Result<Vec<bool>> {
        fds.push(PollFd::new(&self.ear, PollFlags::IN));
        match rustix::event::poll(&mut fds, timespec(left).as_ref()) {
            Ok(_) => {}
            Err(Errno::INTR) => fds.iter_mut().for_each(PollFd::clear_revents),
            Err(error) => return Err(error.into()),
        }
        fds.pop();
        Ok(fds.iter().map(|fd| !fd.revents().is_empty()).collect())
    }
}

/// A span beyond the range of a timespec is for ever.
fn timespec(left: Option<Duration>) -> Option<Timespec> {
    left.and_then(|left| Timespec::try_from(left).ok())
}

/// Waits until there is something to read, or for `left`; `false` if neither is certain.
pub(crate) fn wait_readable(stream: &TcpStream, left: Option<Duration>) -> io::Result<bool> {
    let mut fds = [PollFd::new(stream, PollFlags::IN)];
    match rustix::event::poll(&mut fds, timespec(left).as_ref()) {
        Ok(0) | Err(Errno::INTR) => Ok(false),
        Ok(_) => Ok(true),
        Err(error) => Err(error.into()),
    }
}

/// Reads what nobody will look at: `buf` says how much of it at most, and may be left as it is.
///
/// Linux throws it away where it lies (`MSG_TRUNC` in tcp(7)); copying it out of the kernel is the most
/// expensive part of a large body.
#[cfg(any(target_os = "linux", target_os = "android"))]
pub(crate) fn discard(stream: &TcpStream, buf: &mut [u8]) -> io::Result<usize> {
    let (_, amount) = rustix::net::recv(stream, buf, RecvFlags::TRUNC)?;
    Ok(amount)
}

/// Reads what nobody will look at.
#[cfg(not(any(target_os = "linux", target_os = "android")))]
pub(crate) fn discard(mut stream: &TcpStream, buf: &mut [u8]) -> io::Result<usize> {
    io::Read::read(&mut stream, buf)
}

/// Writes what the socket takes at once; `WouldBlock` if that is nothing.
pub(crate) fn try_send(stream: &TcpStream, buf: &[u8]) -> io::Result<usize> {
    Ok(rustix::net::send(stream, buf, send_flags())?)
}

fn send_flags() -> SendFlags {
    // Apple's systems have no such flag; there the standard library sets SO_NOSIGPIPE on the
    // socket.
    #[cfg(not(target_vendor = "apple"))]
    return SendFlags::DONTWAIT | SendFlags::NOSIGNAL;
    #[cfg(target_vendor = "apple")]
    return SendFlags::DONTWAIT;
}

/// Whether a connection is open and has nothing to be read.
pub(crate) fn is_quiet(stream: &TcpStream) -> bool {
    let flags = RecvFlags::PEEK | RecvFlags::DONTWAIT;
    let peeked = rustix::net::recv(stream, &mut [0], flags);
    matches!(peeked, Err(Errno::AGAIN))
}

/// Whether a connect without blocking has begun well.
pub(crate) fn is_in_progress(error: &io::Error) -> bool {
    Errno::from_io_error(error) == Some(Errno::INPROGRESS)
}

/// What the system says when no descriptor is left.
pub(crate) fn out_of_descriptors() -> io::Error {
    Errno::MFILE.into()
}

/// Whether the process, or the system, has no descriptor left.
pub(crate) fn is_out_of_descriptors(error: &io::Error) -> bool {
    matches!(
        Errno::from_io_error(error),
        Some(Errno::MFILE | Errno::NFILE)
    )
}
