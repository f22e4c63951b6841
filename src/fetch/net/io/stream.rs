//! What TCP and a TLS session have in common. TLS runs over TLS in a tunnel through an `https` proxy.

use std::fmt::Debug;
use std::io;
use std::net::TcpStream;
use std::sync::Arc;

use super::cancel::Wait;
use super::timeouts::WaitError;

pub(in crate::fetch::net) trait Stream: Debug + Send + Sync {
    /// Waits for a byte, and reads what has come; 0 is the end.
    fn recv(&mut self, buf: &mut [u8], wait: &Wait<'_>) -> Result<usize, StreamError>;

    /// Reads like [`recv`](Self::recv), but leaves `buf` with unspecified content.
    fn discard(&mut self, buf: &mut [u8], wait: &Wait<'_>) -> Result<usize, StreamError> {
        self.recv(buf, wait)
    }

    fn send(&mut self, buf: &[u8], wait: &Wait<'_>) -> Result<(), StreamError>;

    fn socket(&self) -> &Arc<TcpStream>;

    fn is_tls(&self) -> bool {
        false
    }

    /// Whether nothing is left over from the last reply.
    fn is_clean(&mut self) -> bool {
        true
    }

    /// Lends a TLS session the buffer for its records.
    fn lend_records(&mut self, _: &mut Vec<u8>) {}

    fn take_records(&mut self, _: &mut Vec<u8>) {}
}

#[derive(Debug)]
pub(in crate::fetch::net) enum StreamError {
    WaitError(WaitError),
    /// TLS ended without `close_notify`: the stream may have been cut.
    Truncated,
    /// The TLS protocol was broken, or the certificate is not trusted.
    Tls(rustls::Error),
}

impl StreamError {
    /// Whether the connection failed. A time limit or a cancel is no loss.
    pub(in crate::fetch::net) fn is_loss(&self) -> bool {
        matches!(
            self,
            Self::Truncated | Self::Tls(_) | Self::WaitError(WaitError::Io(_))
        )
    }

    /// Whether the other side closed or reset the connection.
    pub(in crate::fetch::net) fn is_hang_up(&self) -> bool {
        match self {
            Self::Truncated => true,
            Self::WaitError(WaitError::Io(error)) => matches!(
                error.kind(),
                io::ErrorKind::ConnectionReset
                    | io::ErrorKind::ConnectionAborted
                    | io::ErrorKind::BrokenPipe
            ),
            _ => false,
        }
    }
}

impl From<WaitError> for StreamError {
    fn from(error: WaitError) -> Self {
        Self::WaitError(error)
    }
}

impl From<rustls::Error> for StreamError {
    fn from(error: rustls::Error) -> Self {
        Self::Tls(error)
    }
}
