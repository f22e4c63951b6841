//! A connection as the client library sees it, for one request and its reply.
//!
//! It gives out the head of a reply only when that is whole, applies the attempt's limits to every wait, and
//! turns what goes wrong into a [`Failure`] of the right kind. The library asks `is_open` when a reply has ended
//! cleanly and never otherwise: that is what lets the connection go back to the idle ones when this is dropped.

use std::sync::Arc;
use std::time::Instant;

use ureq::unversioned::transport::{Buffers as ClientBuffers, NextTimeout, Transport};

use super::buffers::Buffers;
use super::connection::Connection;
use super::flight::Flight;
use super::head::{HeadWatch, Sight};
use super::tls::TlsError;
use crate::fetch::failure::{Failure, FailureKind, Phase};

#[derive(Debug)]
pub(crate) struct Lent {
    flight: Arc<Flight>,
    /// `None` once it went back.
    connection: Option<Connection>,
    buffers: Buffers,
    /// Watches the head; `None` once that was given out.
    head: Option<HeadWatch>,
    ended_cleanly: bool,
}

impl Lent {
    /// Lends `connection` to the exchange that `flight` is at.
    pub(crate) fn new(flight: Arc<Flight>, mut connection: Connection) -> Self {
        let buffers = {
            let mut state = flight.state();
            state.phase = Phase::FirstByte;
            let size = state.request_size;
            state.buffers.reserve_output(size);
            std::mem::take(&mut state.buffers)
        };
        let mut lent = Self {
            flight,
            connection: None,
            buffers,
            head: Some(HeadWatch::default()),
            ended_cleanly: false,
        };
        connection.swap_records(&mut lent.buffers.records);
        lent.connection = Some(connection);
        lent
    }

    /// One read into the buffers; 0 is the end.
    fn receive(&mut self) -> Result<usize, TlsError> {
        let limits = self.flight.state().limits;
        // `Drop` alone takes the connection away.
        let Some(connection) = &mut self.connection else {
            return Ok(0);
        };
        let amount = connection.recv(self.buffers.space(), &limits, &self.flight.net.cancel)?;
        self.buffers.take_in(amount);
        let mut state = self.flight.state();
        state.wire_bytes += amount as u64;
        if amount > 0 && state.first_byte.is_none() {
            state.first_byte = Some(Instant::now());
        }
        Ok(amount)
    }

    /// Reads until the head is whole.
    fn receive_head(&mut self, mut watch: HeadWatch) -> Result<(), Failure> {
        loop {
            let sight = if self.buffers.is_empty() {
                Sight::Partial
            } else {
                watch.look(self.buffers.unread())
            };
            match sight {
                Sight::Whole => break,
                Sight::Skip(amount) => {
                    self.buffers.skip(amount);
                    continue;
                }
                Sight::Bad(reason) => return Err(Failure::new(FailureKind::Protocol, reason)),
                Sight::Partial => {}
            }
            match self.receive() {
                Ok(0) => return Err(self.lost(TlsError::Truncated)),
                Ok(_) => {}
                Err(error) => return Err(self.lost(error)),
            }
        }
        self.flight.enter(Phase::Body);
        Ok(())
    }

    /// The connection failed before the head was whole.
    fn lost(&mut self, error: TlsError) -> Failure {
        let mut state = self.flight.state();
        let nothing_came = state.first_byte.is_none();
        state.lost_early = nothing_came && !matches!(error, TlsError::Tls(_));
        drop(state);
        let truncated = if nothing_came {
            "the server closed the connection without a reply"
        } else {
            "the server closed the connection in the middle of the reply's head"
        };
        self.flight.tls_cut(error, FailureKind::Connect, truncated)
    }

    fn receive_body(&mut self) -> Result<bool, Failure> {
        if self.buffers.space().is_empty() {
            // The library has no use for a quarter of a megabyte: a chunk's head that never ends.
            return Err(Failure::new(
                FailureKind::Protocol,
                "the size line of a chunk does not end",
            ));
        }
        match self.receive() {
            Ok(amount) => Ok(amount > 0),
            Err(error) => {
                let truncated = "the connection was cut without TLS saying so";
                Err(self.flight.tls_cut(error, FailureKind::Body, truncated))
            }
        }
    }
}

impl Transport for Lent {
    fn buffers(&mut self) -> &mut dyn ClientBuffers {
        &mut self.buffers
    }

    fn transmit_output(&mut self, amount: usize, _: NextTimeout) -> Result<(), ureq::Error> {
        let limits = self.flight.state().limits;
        let Some(connection) = &mut self.connection else {
            return Ok(());
        };
        connection
            .send(
                self.buffers.request(amount),
                &limits,
                &self.flight.net.cancel,
            )
            .map_err(|error| self.lost(error).into())
    }

    fn await_input(&mut self, _: NextTimeout) -> Result<bool, ureq::Error> {
        match self.head.take() {
            Some(watch) => self.receive_head(watch).map(|()| true),
            None => self.receive_body(),
        }
        .map_err(Into::into)
    }

    fn is_open(&mut self) -> bool {
        self.ended_cleanly = true;
        // The library keeps no idle connections: it need not go on with one that it is about to drop.
        false
    }

    fn is_tls(&self) -> bool {
        self.connection.as_ref().is_some_and(Connection::is_tls)
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        let net = &self.flight.net;
        self.flight.slot.clear();
        if let Some(mut connection) = self.connection.take() {
            connection.swap_records(&mut self.buffers.records);
            if self.ended_cleanly
                && self.buffers.is_empty()
                && connection.is_clean()
                && !net.cancel.is_thrown()
            {
                net.idle.put(connection, Instant::now());
                net.descriptors.offer();
            }
        }
        self.buffers.recycle();
        self.flight.state().buffers = std::mem::take(&mut self.buffers);
    }
}
