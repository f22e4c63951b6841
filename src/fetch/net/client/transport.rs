//! A connection as the client library sees it, for one request and its reply.
//!
//! It gives out the head of a reply only when that is whole, applies the attempt's limits to every
//! wait, and turns what goes wrong into a [`Failure`] of the right kind. The library asks `is_open`
//! when a reply has ended cleanly and never otherwise: that is what lets the connection go back to
//! the idle ones when this is dropped. The one exception is a body in chunks. This takes the coding
//! off itself and shows the library one that ends with the connection.

use std::sync::Arc;
use std::time::Instant;

use ureq::unversioned::transport::{
    Buffers as ClientBuffers, NextTimeout, Transport as ClientTransport,
};

use super::exchange::ExchangeContext;
use crate::fetch::failure::{Failure, FailureKind, Phase};
use crate::fetch::net::connection::Connection;
use crate::fetch::net::http1::buffers::Buffers;
use crate::fetch::net::http1::chunked::Chunked;
use crate::fetch::net::http1::head::{HeadStatus, HeadWatch, begins_like_http};
use crate::fetch::net::http1::reply::{self, Framing};
use crate::fetch::net::io::stream::StreamError;

/// What the client library's head of a request has beyond what is in ours, but for the host.
const AROUND: usize = 128;

#[derive(Debug)]
pub(crate) struct Transport {
    context: Arc<ExchangeContext>,
    /// `None` once it went back.
    connection: Option<Connection>,
    buffers: Buffers,
    /// Watches the head; `None` once that was given out.
    head: Option<HeadWatch>,
    framing: Framing,
    /// What is wrong with the chunks that came with the head.
    bad_body: Option<&'static str>,
    /// Something came behind a body in chunks.
    is_overrun: bool,
    /// The library says so.
    ended_cleanly: bool,
}

impl Transport {
    /// Lends `connection` to the exchange that `context` is at.
    pub(crate) fn new(context: Arc<ExchangeContext>, mut connection: Connection) -> Self {
        let buffers = {
            let mut state = context.state();
            state.phase = Phase::FirstByte;
            let size = state.request.len() + state.key.len() + AROUND;
            state.buffers.reserve_output(size);
            std::mem::take(&mut state.buffers)
        };
        let mut lent = Self {
            context,
            connection: None,
            buffers,
            head: Some(HeadWatch::default()),
            framing: Framing::default(),
            bad_body: None,
            is_overrun: false,
            ended_cleanly: false,
        };
        connection.stream.lend_records(&mut lent.buffers.records);
        lent.connection = Some(connection);
        lent
    }

    /// One read into the buffers; 0 is the end.
    fn receive(&mut self) -> Result<usize, StreamError> {
        let (wait, is_only_counted) = {
            let state = self.context.state();
            (
                self.context.wait(state.limits),
                state.is_only_counted && !state.is_chunked,
            )
        };
        // `Drop` alone takes the connection away.
        let Some(connection) = &mut self.connection else {
            return Ok(0);
        };
        let space = self.buffers.space();
        let amount = if is_only_counted {
            connection.stream.discard(space, &wait)?
        } else {
            connection.stream.recv(space, &wait)?
        };
        self.buffers.take_in(amount);
        let mut state = self.context.state();
        state.wire_bytes += amount as u64;
        if amount > 0 && state.first_byte.is_none() {
            state.first_byte = Some(Instant::now());
        }
        Ok(amount)
    }

    /// Reads until the head is whole, and makes it one that the library can take.
    fn receive_head(&mut self, mut watch: HeadWatch) -> Result<(), Failure> {
        let mut is_answered = false;
        let size = loop {
            let nothing_new = self.buffers.is_empty();
            match if nothing_new {
                HeadStatus::Partial
            } else {
                watch.look(self.buffers.unread())
            } {
                HeadStatus::Whole(size) => break size,
                HeadStatus::Skip(amount) => {
                    // An interim reply is to this request; empty lines are to none.
                    is_answered |= self.buffers.unread().starts_with(b"HTTP/");
                    self.buffers.skip(amount);
                }
                HeadStatus::Bad(reason) => {
                    // Over a connection that was used before, it is what came late behind the last reply.
                    // No reply begins so: this request has none yet, as if the connection had been closed
                    // (RFC 9112, 9.3.1), and whoever reads on would read that reply's remains.
                    is_answered |= begins_like_http(self.buffers.unread());
                    self.context.state().unanswered = !is_answered;
                    return Err(Failure::new(FailureKind::Protocol, reason));
                }
                HeadStatus::Partial => match self.receive() {
                    Ok(0) => return Err(self.lost(StreamError::Truncated)),
                    Ok(_) => {}
                    Err(error) => return Err(self.lost(error)),
                },
            }
        };
        self.accept_head(size)
            .map_err(|reason| Failure::new(FailureKind::Protocol, reason))?;
        self.context.enter(Phase::Body);
        Ok(())
    }

    fn accept_head(&mut self, size: usize) -> Result<(), String> {
        let inspected = reply::inspect(&self.buffers.unread()[..size])?;
        self.buffers.replace_first(size, &inspected.reduced);
        let size = inspected.reduced.len();
        let mut state = self.context.state();
        self.framing = inspected.framing;
        if state.is_head || matches!(&self.buffers.unread()[9..12], b"204" | b"304") {
            self.framing.chunked = None;
        }
        state.is_chunked = self.framing.chunked.is_some();
        drop(state);
        // What came of the body with the head. If that is bad, whoever reads the body is told so.
        let came = self.buffers.unread().len() - size;
        if let Err(reason) = self.decode(came) {
            self.buffers.drop_last(came);
            self.bad_body = Some(reason);
        }
        Ok(())
    }

    /// Takes the transfer coding off the last `amount` bytes that came.
    fn decode(&mut self, amount: usize) -> Result<(), &'static str> {
        if let Some(chunked) = &mut self.framing.chunked {
            let at = self.buffers.unread().len() - amount;
            let (kept, behind) = chunked.decode(self.buffers.unread_from(at))?;
            self.buffers.drop_last(amount - kept);
            self.is_overrun |= behind > 0;
        }
        Ok(())
    }

    /// The connection failed before the head was whole.
    fn lost(&mut self, error: StreamError) -> Failure {
        let mut state = self.context.state();
        let nothing_came = state.first_byte.is_none();
        // A server that is silent is not lost: the request may be in its hands, and time has run out for it.
        state.unanswered = nothing_came && error.is_loss();
        drop(state);
        let truncated = if nothing_came {
            "the server closed the connection without a reply"
        } else {
            "the server closed the connection in the middle of the reply's head"
        };
        let failure = self
            .context
            .layer_cut(error, FailureKind::Connect, truncated);
        self.context.no_reply(failure)
    }

    /// Reads more of the body; `false` is its end, or the connection's.
    fn receive_body(&mut self) -> Result<bool, Failure> {
        if self.buffers.space().is_empty() {
            let what = "the client library left a quarter of a megabyte unread";
            return Err(Failure::new(FailureKind::Internal, what));
        }
        if let Some(reason) = self.bad_body {
            return Err(Failure::new(FailureKind::Protocol, reason));
        }
        while !self.has_ended() {
            let amount = self.receive().map_err(|error| {
                let truncated = "the connection was cut without TLS saying so";
                self.context.layer_cut(error, FailureKind::Body, truncated)
            })?;
            if amount == 0 {
                return self.end_of_connection();
            }
            self.decode(amount)
                .map_err(|reason| Failure::new(FailureKind::Protocol, reason))?;
            if !self.buffers.is_empty() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Whether the end of a body that tells its own end has come.
    fn has_ended(&self) -> bool {
        self.framing
            .chunked
            .as_ref()
            .is_some_and(Chunked::has_ended)
    }

    /// The library knows whether a body with a length is whole; of one in chunks it does not know.
    fn end_of_connection(&self) -> Result<bool, Failure> {
        match &self.framing.chunked {
            Some(chunked) if !chunked.has_all_data() => {
                Err(Failure::new(FailureKind::Body, "the connection was closed"))
            }
            _ => Ok(false),
        }
    }

    /// Whether the reply has ended, nothing came behind it, and the connection stays open.
    fn is_reusable(&self) -> bool {
        let ended =
            self.ended_cleanly || self.has_ended() && self.framing.stays_open && !self.is_overrun;
        ended && self.buffers.is_empty()
    }
}

impl ClientTransport for Transport {
    fn buffers(&mut self) -> &mut dyn ClientBuffers {
        &mut self.buffers
    }

    fn transmit_output(&mut self, _: usize, _: NextTimeout) -> Result<(), ureq::Error> {
        let (wait, request) = {
            let mut state = self.context.state();
            let wait = self.context.wait(state.limits);
            (wait, std::mem::take(&mut state.request))
        };
        let Some(connection) = &mut self.connection else {
            return Ok(());
        };
        // Behind the head there is nothing to send: no request has a body.
        if request.is_empty() {
            return Ok(());
        }
        let sent = connection.stream.send(&request, &wait);
        sent.map_err(|error| self.lost(error).into())
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
        // The library keeps no idle connections: it need not go on with one that it is about to
        // drop.
        false
    }

    fn is_tls(&self) -> bool {
        self.connection.as_ref().is_some_and(|c| c.stream.is_tls())
    }
}

impl Drop for Transport {
    fn drop(&mut self) {
        let net = &self.context.net;
        self.context.slot.clear();
        let is_reusable = self.is_reusable();
        if let Some(mut connection) = self.connection.take() {
            connection.stream.take_records(&mut self.buffers.records);
            if is_reusable && connection.stream.is_clean() && !net.cancel.is_cancelled() {
                net.idle.put(connection, Instant::now());
                net.budget.offer();
            }
        }
        self.buffers.recycle();
        self.context.state().buffers = std::mem::take(&mut self.buffers);
    }
}
