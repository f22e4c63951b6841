//! What bytes go over: TCP, or TLS over another layer (twice, when a proxy is itself spoken to in
//! TLS).

use std::io;

use super::cancel::Cancel;
use super::limits::{Cut, Limits};
use super::tls::Session;
use super::wire::Wire;

#[derive(Debug)]
pub(crate) enum Layer {
    Tcp(Wire),
    Tls(Box<Session>),
}

/// What went wrong with the bytes of a connection.
#[derive(Debug)]
pub(crate) enum LayerError {
    /// Time ran out, the client was cancelled, or TCP failed.
    Cut(Cut),
    /// The connection ended without the `close_notify` that tells an end from an interruption.
    Truncated,
    /// The TLS protocol, or the trust.
    Tls(rustls::Error),
}

impl LayerError {
    /// Whether the connection was lost, and not given up from this side.
    pub(crate) fn is_loss(&self) -> bool {
        matches!(self, Self::Truncated | Self::Tls(_) | Self::Cut(Cut::Io(_)))
    }

    /// Whether the other side gave it up, in whichever way it did.
    pub(crate) fn is_hang_up(&self) -> bool {
        match self {
            Self::Truncated => true,
            Self::Cut(Cut::Io(error)) => matches!(
                error.kind(),
                io::ErrorKind::ConnectionReset
                    | io::ErrorKind::ConnectionAborted
                    | io::ErrorKind::BrokenPipe
            ),
            _ => false,
        }
    }
}

impl From<Cut> for LayerError {
    fn from(cut: Cut) -> Self {
        Self::Cut(cut)
    }
}

impl From<rustls::Error> for LayerError {
    fn from(error: rustls::Error) -> Self {
        Self::Tls(error)
    }
}

impl Layer {
    /// Reads what is there, waiting for the first byte of it; 0 is the end.
    pub(crate) fn recv(
        &mut self,
        buf: &mut [u8],
        limits: &Limits,
        cancel: &Cancel,
    ) -> Result<usize, LayerError> {
        let amount = match self {
            Self::Tcp(wire) => wire.recv(buf, limits)?,
            Self::Tls(session) => session.recv(buf, limits, cancel)?,
        };
        unless_cancelled(amount, cancel)
    }

    /// The same for what nobody will look at: what is in `buf` afterwards is of no meaning.
    pub(crate) fn discard(
        &mut self,
        buf: &mut [u8],
        limits: &Limits,
        cancel: &Cancel,
    ) -> Result<usize, LayerError> {
        match self {
            Self::Tcp(wire) => unless_cancelled(wire.discard(buf, limits)?, cancel),
            Self::Tls(_) => self.recv(buf, limits, cancel),
        }
    }

    /// Writes the whole of `buf`.
    pub(crate) fn send(
        &mut self,
        buf: &[u8],
        limits: &Limits,
        cancel: &Cancel,
    ) -> Result<(), LayerError> {
        match self {
            Self::Tcp(wire) => Ok(wire.send(buf, limits, cancel)?),
            Self::Tls(session) => session.send(buf, limits, cancel),
        }
    }

    pub(crate) fn is_tls(&self) -> bool {
        matches!(self, Self::Tls(_))
    }

    /// Whether nothing is left over from the last reply.
    pub(crate) fn is_clean(&mut self) -> bool {
        match self {
            Self::Tcp(_) => true,
            Self::Tls(session) => session.is_clean(),
        }
    }

    pub(crate) fn wire(&self) -> &Wire {
        match self {
            Self::Tcp(wire) => wire,
            Self::Tls(session) => session.under().wire(),
        }
    }

    /// Lends TLS a buffer for records.
    pub(crate) fn lend_records(&mut self, records: &mut Vec<u8>) {
        if let Self::Tls(session) = self {
            session.lend_records(records);
        }
    }

    /// Takes the buffer back.
    pub(crate) fn take_records(&mut self, records: &mut Vec<u8>) {
        if let Self::Tls(session) = self {
            *records = session.take_records();
        }
    }
}

/// A cancel ends a blocked read by shutting the socket down, which looks like an end.
fn unless_cancelled(amount: usize, cancel: &Cancel) -> Result<usize, LayerError> {
    if amount == 0 && cancel.is_thrown() {
        Err(Cut::Cancelled.into())
    } else {
        Ok(amount)
    }
}
