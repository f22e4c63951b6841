//! A connection that requests can be sent over: TCP, with or without TLS, to one origin.

use std::net::TcpStream;
use std::sync::Arc;

use super::cancel::Cancel;
use super::descriptors::Ticket;
use super::limits::{Cut, Limits};
use super::tls::{Session, TlsError};
use super::wire::Wire;

#[derive(Debug)]
pub(crate) struct Connection {
    /// Scheme, host and port, as the beginning of a URL: the key under which it lies idle.
    origin: Box<str>,
    wire: Wire,
    tls: Option<Box<Session>>,
    /// Given back when the descriptor is closed: after `wire`, as fields are dropped in order.
    _ticket: Ticket,
}

impl Connection {
    pub(crate) fn new(origin: &str, wire: Wire, tls: Option<Box<Session>>, ticket: Ticket) -> Self {
        Self {
            origin: origin.into(),
            wire,
            tls,
            _ticket: ticket,
        }
    }

    #[cfg(test)]
    pub(crate) fn for_tests(origin: &str, stream: TcpStream) -> Self {
        Self::new(
            origin,
            Wire::new(stream),
            None,
            Arc::<super::descriptors::Descriptors>::default().ticket(),
        )
    }

    pub(crate) fn origin(&self) -> &str {
        &self.origin
    }

    pub(crate) fn stream(&self) -> &Arc<TcpStream> {
        self.wire.stream()
    }

    pub(crate) fn is_tls(&self) -> bool {
        self.tls.is_some()
    }

    /// Lends the connection a buffer for TLS records, or takes it back.
    pub(crate) fn swap_records(&mut self, records: &mut Vec<u8>) {
        if let Some(tls) = &mut self.tls {
            tls.swap_records(records);
        }
    }

    /// Whether it has nothing left over from the last reply.
    pub(crate) fn is_clean(&self) -> bool {
        self.tls.as_ref().is_none_or(|tls| tls.is_clean())
    }

    /// Whether it is open and silent, as an idle connection should be.
    pub(crate) fn is_quiet(&self) -> bool {
        self.wire.is_quiet()
    }

    pub(crate) fn recv(
        &mut self,
        buf: &mut [u8],
        limits: &Limits,
        cancel: &Cancel,
    ) -> Result<usize, TlsError> {
        let amount = match &mut self.tls {
            None => self.wire.recv(buf, limits)?,
            Some(tls) => tls.recv(&mut self.wire, buf, limits, cancel)?,
        };
        // A cancel ends a blocked read by shutting the socket down, which looks like an end.
        if amount == 0 && cancel.is_thrown() {
            Err(Cut::Cancelled.into())
        } else {
            Ok(amount)
        }
    }

    pub(crate) fn send(
        &mut self,
        buf: &[u8],
        limits: &Limits,
        cancel: &Cancel,
    ) -> Result<(), TlsError> {
        match &mut self.tls {
            None => Ok(self.wire.send(buf, limits, cancel)?),
            Some(tls) => tls.send(&self.wire, buf, limits, cancel),
        }
    }
}
