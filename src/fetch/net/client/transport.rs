//! One connection while an exchange uses it.
//!
//! It sends our head of the request in place of the library's, reduces the head of the reply to what is
//! asked for, takes the chunked coding off the body, and turns errors into a [`Failure`]. The library
//! sees a body in chunks as one that ends with the connection. When it is dropped behind a whole reply,
//! the connection becomes idle.

use std::sync::Arc;
use std::time::Instant;

use ureq::unversioned::transport::{Buffers, NextTimeout, Transport as ClientTransport};

use super::buffers::ExchangeBuffers;
use super::context::ExchangeContext;
use crate::fetch::failure::{Failure, FailureKind, Phase};
use crate::fetch::net::connection::Connection;
use crate::fetch::net::http1::chunked::Chunked;
use crate::fetch::net::http1::head::{HeadScanner, HeadStatus, begins_like_http};
use crate::fetch::net::http1::reply::{self, Framing};
use crate::fetch::net::io::stream::StreamError;

/// By how much the library's head of a request may be longer than ours, without the host.
const AROUND: usize = 128;

#[derive(Debug)]
pub(super) struct Transport {
    context: Arc<ExchangeContext>,
    /// `None` once it was given back.
    connection: Option<Connection>,
    buffers: ExchangeBuffers,
    /// The head of the request, until it is sent.
    request: Vec<u8>,
    is_head: bool,
    /// Finds the end of the reply's head; `None` once the library has that.
    head: Option<HeadScanner>,
    framing: Framing,
    /// What is wrong with the chunks that came with the head.
    bad_body: Option<&'static str>,
    /// Bytes came behind a body in chunks.
    is_overrun: bool,
    /// The library has said that the reply ended cleanly.
    ended_cleanly: bool,
}

impl Transport {
    pub(super) fn new(context: Arc<ExchangeContext>, mut connection: Connection) -> Self {
        let mut state = context.state();
        let request = std::mem::take(&mut state.request.head);
        let mut buffers = std::mem::take(&mut state.buffers);
        buffers.reserve_output(request.len() + state.request.key.len() + AROUND);
        let is_head = state.request.is_head;
        drop(state);
        connection.stream.lend_records(&mut buffers.records);
        Self {
            context,
            connection: Some(connection),
            buffers,
            request,
            is_head,
            head: Some(HeadScanner::default()),
            framing: Framing::default(),
            bad_body: None,
            is_overrun: false,
            ended_cleanly: false,
        }
    }

    /// Reads once into the buffers; 0 is the end.
    fn receive(&mut self) -> Result<usize, StreamError> {
        let (timeouts, discards_body) = {
            let state = self.context.state();
            (state.attempt.timeouts, state.reply.discards_body)
        };
        let wait = self.context.wait(timeouts);
        let Some(connection) = &mut self.connection else {
            return Ok(0);
        };
        let space = self.buffers.input.space();
        let amount = if discards_body && self.framing.chunked.is_none() {
            connection.stream.discard(space, &wait)?
        } else {
            connection.stream.recv(space, &wait)?
        };
        self.buffers.input.filled(amount);
        let mut state = self.context.state();
        state.attempt.wire_bytes += amount as u64;
        if amount > 0 && state.reply.first_byte.is_none() {
            state.reply.first_byte = Some(Instant::now());
        }
        Ok(amount)
    }

    /// Reads until the head is whole, and reduces it to one that the library accepts.
    fn receive_head(&mut self, mut scanner: HeadScanner) -> Result<(), Failure> {
        let protocol = |reason| Failure::new(FailureKind::Protocol, reason);
        let mut has_begun = false;
        loop {
            let status = match self.buffers.input.unread() {
                [] => HeadStatus::Partial,
                unread => scanner.scan(unread),
            };
            match status {
                HeadStatus::Whole(size) => return self.accept_head(size).map_err(protocol),
                HeadStatus::Skip(amount) => {
                    // An interim reply belongs to this request; an empty line may not.
                    has_begun |= self.buffers.input.unread().starts_with(b"HTTP/");
                    self.buffers.input.skip(amount);
                }
                HeadStatus::Bad(reason) => {
                    // Over a reused connection these bytes are the remains of the last reply, unless they
                    // begin like a reply (RFC 9112, 9.3.1). This request then has none yet.
                    has_begun |= begins_like_http(self.buffers.input.unread());
                    self.context.state().reply.is_unanswered = !has_begun;
                    return Err(protocol(reason));
                }
                HeadStatus::Partial => match self.receive() {
                    Ok(0) => return Err(self.no_reply(StreamError::Truncated)),
                    Ok(_) => {}
                    Err(error) => return Err(self.no_reply(error)),
                },
            }
        }
    }

    fn accept_head(&mut self, size: usize) -> Result<(), String> {
        let input = &mut self.buffers.input;
        let inspected = reply::inspect(&input.unread()[..size])?;
        input.replace_first(size, &inspected.reduced);
        self.framing = inspected.framing;
        if self.is_head || matches!(&inspected.reduced[9..12], b"204" | b"304") {
            self.framing.chunked = None;
        }
        self.context.state().reply.is_chunked = self.framing.chunked.is_some();
        // The first bytes of the body. An error in them is told when the body is read.
        let amount = input.unread().len() - inspected.reduced.len();
        if let Err(reason) = self.decode(amount) {
            self.buffers.input.drop_last(amount);
            self.bad_body = Some(reason);
        }
        Ok(())
    }

    /// Takes the chunked coding off the last `amount` bytes that came.
    fn decode(&mut self, amount: usize) -> Result<(), &'static str> {
        let input = &mut self.buffers.input;
        if let Some(chunked) = &mut self.framing.chunked {
            let at = input.unread().len() - amount;
            let (kept, behind) = chunked.decode(input.unread_from(at))?;
            input.drop_last(amount - kept);
            self.is_overrun |= behind > 0;
        }
        Ok(())
    }

    /// The failure of a connection before the head was whole.
    fn no_reply(&mut self, error: StreamError) -> Failure {
        let mut state = self.context.state();
        let nothing_came = state.reply.first_byte.is_none();
        // A timeout is no loss: the server may be working on the request.
        state.reply.is_unanswered = nothing_came && error.is_loss();
        drop(state);
        let closed = if nothing_came {
            "the server closed the connection without a reply"
        } else {
            "the server closed the connection in the middle of the reply's head"
        };
        let (phase, lost) = (Phase::FirstByte, FailureKind::Connect);
        let failure = self.context.failure(error, phase, lost, closed);
        self.context.name_replying_proxy(failure)
    }

    /// Reads more of the body; `false` is its end, or the connection's.
    fn receive_body(&mut self) -> Result<bool, Failure> {
        if self.buffers.input.space().is_empty() {
            let what = "the client library left a quarter of a megabyte unread";
            return Err(Failure::new(FailureKind::Internal, what));
        }
        let protocol = |reason| Failure::new(FailureKind::Protocol, reason);
        if let Some(reason) = self.bad_body {
            return Err(protocol(reason));
        }
        while !self.has_ended() {
            let amount = self.receive().map_err(|error| {
                let closed = "the connection was cut without TLS saying so";
                let (phase, lost) = (Phase::Body, FailureKind::Body);
                self.context.failure(error, phase, lost, closed)
            })?;
            if amount == 0 {
                return self.end_of_connection();
            }
            self.decode(amount).map_err(protocol)?;
            if !self.buffers.input.is_empty() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Whether a body in chunks has ended.
    fn has_ended(&self) -> bool {
        self.framing
            .chunked
            .as_ref()
            .is_some_and(Chunked::has_ended)
    }

    /// The library knows whether the body is cut, except for a body in chunks.
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
        ended && self.buffers.input.is_empty()
    }
}

impl ClientTransport for Transport {
    fn buffers(&mut self) -> &mut dyn Buffers {
        &mut self.buffers
    }

    fn transmit_output(&mut self, _: usize, _: NextTimeout) -> Result<(), ureq::Error> {
        // Once the head is sent there is nothing more: no request has a body.
        let request = std::mem::take(&mut self.request);
        let Some(connection) = self.connection.as_mut().filter(|_| !request.is_empty()) else {
            return Ok(());
        };
        let timeouts = self.context.state().attempt.timeouts;
        let sent = connection
            .stream
            .send(&request, &self.context.wait(timeouts));
        sent.map_err(|error| self.no_reply(error).into())
    }

    fn await_input(&mut self, _: NextTimeout) -> Result<bool, ureq::Error> {
        Ok(match self.head.take() {
            Some(scanner) => self.receive_head(scanner).map(|()| true)?,
            None => self.receive_body()?,
        })
    }

    /// The library asks when a reply has ended cleanly, and never otherwise.
    fn is_open(&mut self) -> bool {
        self.ended_cleanly = true;
        // The connection becomes idle when this is dropped; the library's own pool is switched off.
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
                if net.budget.has_waiters() {
                    drop(net.idle.evict());
                }
            }
        }
        self.buffers.recycle();
        self.context.state().buffers = std::mem::take(&mut self.buffers);
    }
}
