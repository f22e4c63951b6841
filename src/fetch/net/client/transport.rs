//! One connection while an exchange uses it.
//!
//! It sends the head that `fetch` wrote instead of the library's, reduces the reply's head, and decodes chunks: the
//! library sees a body that ends with the connection. Dropping it after a whole reply makes the connection idle.

use std::sync::Arc;
use std::time::Instant;

use ureq::unversioned::transport::{Buffers, NextTimeout, Transport as ClientTransport};

use super::buffers::ExchangeBuffers;
use super::context::ExchangeContext;
use super::recorder::Recorder;
use crate::fetch::failure::{Failure, FailureKind, Phase};
use crate::fetch::net::http1::chunked::Chunked;
use crate::fetch::net::http1::head::{HeadScanner, HeadStatus, begins_like_http};
use crate::fetch::net::http1::recorded::wanted_headers;
use crate::fetch::net::http1::reply::inspect;
use crate::fetch::net::idle::Connection;
use crate::fetch::net::io::stream::StreamError;

/// Room for the library's own head, which is not sent.
const LIBRARY_HEAD: usize = 128;

#[derive(Debug)]
pub(super) struct Transport {
    context: Arc<ExchangeContext>,
    /// `None` once dropping has begun.
    connection: Option<Connection>,
    buffers: ExchangeBuffers,
    /// Empty once it is sent.
    request: Vec<u8>,
    /// The reply has no body, whatever its head says.
    is_head: bool,
    /// Finds the end of the reply's head; `None` after it.
    head: Option<HeadScanner>,
    chunked: Option<Chunked>,
    stays_open: bool,
    /// An error in the chunks that came with the head; reading the body returns it.
    bad_body: Option<&'static str>,
    /// Bytes came after the end of a chunked body.
    is_overrun: bool,
    /// The library has reported a clean end of the reply.
    ended_cleanly: bool,
    /// If the exchange is captured.
    recorder: Option<Box<Recorder>>,
}

impl Transport {
    pub(super) fn new(context: Arc<ExchangeContext>, mut connection: Connection) -> Self {
        let mut state = context.state();
        state.reply.is_connected = true;
        let request = std::mem::take(&mut state.request.head);
        let is_head = state.request.is_head;
        let mut buffers = std::mem::take(&mut state.buffers);
        buffers.reserve_output(LIBRARY_HEAD);
        let recorder = Recorder::new(&mut state, &request).map(Box::new);
        drop(state);
        connection.stream.lend_records(&mut buffers.records);
        Self {
            context,
            connection: Some(connection),
            buffers,
            is_head,
            request,
            head: Some(HeadScanner::default()),
            chunked: None,
            stays_open: false,
            bad_body: None,
            is_overrun: false,
            ended_cleanly: false,
            recorder,
        }
    }

    /// Reads once into the buffers, when the rate allows it; 0 is the end.
    fn receive(&mut self) -> Result<usize, StreamError> {
        let (timeouts, discards_body, paid_at) = {
            let state = self.context.state();
            let discards_body = state.reply.discards_body;
            (state.attempt.timeouts, discards_body, state.paid_at)
        };
        let wait = self.context.wait(timeouts);
        paid_at.map_or(Ok(()), |at| wait.until(at))?;
        let Some(connection) = &mut self.connection else {
            return Ok(0);
        };
        let mut space = self.buffers.input_append_buf();
        if let Some(limit) = &self.context.net.rate_limit {
            let piece = limit.piece().min(space.len());
            space = &mut space[..piece];
        }
        let amount = if discards_body && self.chunked.is_none() {
            connection.stream.discard(space, &wait)?
        } else {
            connection.stream.recv(space, &wait)?
        };
        self.buffers.input_appended(amount);
        let mut state = self.context.state();
        state.attempt.wire_bytes += amount as u64;
        if amount > 0 && state.reply.first_byte.is_none() {
            state.reply.first_byte = Some(Instant::now());
        }
        Ok(amount)
    }

    /// Reads until the head is whole, and reduces it.
    fn receive_head(&mut self, mut scanner: HeadScanner) -> Result<(), Failure> {
        let protocol = |reason| Failure::new(FailureKind::Protocol, reason);
        let mut has_begun = false;
        loop {
            let status = match self.buffers.input() {
                [] => HeadStatus::Partial,
                unread => scanner.scan(unread),
            };
            match status {
                HeadStatus::Whole(size) => return self.accept_head(size).map_err(protocol),
                HeadStatus::Skip(amount) => {
                    // An interim reply belongs to this request; an empty line may not.
                    has_begun |= self.buffers.input().starts_with(b"HTTP/");
                    self.buffers.input_consume(amount);
                }
                HeadStatus::Bad(reason) => {
                    // Other bytes are the remains of an earlier reply (RFC 9112, 9.3.1).
                    has_begun |= begins_like_http(self.buffers.input());
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
        let head = &self.buffers.input()[..size];
        let mut inspected = inspect(head)?;
        inspected.recorded.headers = wanted_headers(head, &self.context.net.record_headers);
        let has_no_body = self.is_head || matches!(&inspected.reduced[9..12], b"204" | b"304");
        if let Some(recorder) = &mut self.recorder {
            let length = if has_no_body {
                Some(0)
            } else {
                inspected.length
            };
            recorder.head(head, length);
            recorder.body(&self.buffers.input()[size..]);
        }
        self.buffers.replace_first(size, &inspected.reduced);
        self.chunked = inspected.chunked.filter(|_| !has_no_body);
        self.stays_open = inspected.stays_open;
        let mut state = self.context.state();
        state.reply.is_chunked = self.chunked.is_some();
        state.recorded = inspected.recorded;
        drop(state);
        // These are the first bytes of the body.
        let amount = self.buffers.input().len() - inspected.reduced.len();
        self.context.pay(amount);
        if let Err(reason) = self.decode(amount) {
            self.buffers.drop_last(amount);
            self.bad_body = Some(reason);
        }
        Ok(())
    }

    /// Decodes the last `amount` bytes if the body is chunked.
    fn decode(&mut self, amount: usize) -> Result<(), &'static str> {
        if let Some(chunked) = &mut self.chunked {
            let at = self.buffers.input().len() - amount;
            let (kept, behind) = chunked.decode(self.buffers.unread_from(at))?;
            self.buffers.drop_last(amount - kept);
            self.is_overrun |= behind > 0;
            if let Some(recorder) = &mut self.recorder {
                recorder.decoded(chunked.has_ended(), behind);
            }
        }
        Ok(())
    }

    /// The failure of a connection before the whole head came.
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

    /// Reads more of the body; false at its end or the connection's.
    fn receive_body(&mut self) -> Result<bool, Failure> {
        if self.buffers.input_append_buf().is_empty() {
            let what = "the client library left a quarter of a megabyte unread";
            return Err(Failure::new(FailureKind::Internal, what));
        }
        let protocol = |reason| Failure::new(FailureKind::Protocol, reason);
        if let Some(reason) = self.bad_body {
            return Err(protocol(reason));
        }
        while !self.has_ended() {
            let received = self.receive();
            let has_all_data = self.has_all_data();
            if let Some(recorder) = &mut self.recorder {
                recorder.received(&received, self.buffers.input(), has_all_data);
            }
            let amount = received.map_err(|error| {
                let closed = "the connection was cut without TLS saying so";
                let (phase, lost) = (Phase::Body, FailureKind::Body);
                self.context.failure(error, phase, lost, closed)
            })?;
            if amount == 0 && !has_all_data {
                return Err(Failure::new(FailureKind::Body, "the connection was closed"));
            }
            if amount == 0 {
                return Ok(false);
            }
            self.context.pay(amount);
            self.decode(amount).map_err(protocol)?;
            if !self.buffers.input().is_empty() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn has_ended(&self) -> bool {
        self.chunked.as_ref().is_some_and(Chunked::has_ended)
    }

    /// Whether the connection may close now. Without chunks, the library knows.
    fn has_all_data(&self) -> bool {
        self.chunked.as_ref().is_none_or(Chunked::has_all_data)
    }

    /// Whether the reply has ended, nothing came after it, and the connection stays open.
    fn is_reusable(&self) -> bool {
        let ended = self.ended_cleanly || self.has_ended() && self.stays_open && !self.is_overrun;
        ended && self.buffers.input().is_empty()
    }
}

impl ClientTransport for Transport {
    fn buffers(&mut self) -> &mut dyn Buffers {
        &mut self.buffers
    }

    fn transmit_output(&mut self, _: usize, _: NextTimeout) -> Result<(), ureq::Error> {
        // No request has a body.
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

    /// The library calls this only when a reply has ended cleanly. `false` keeps the connection out of its own pool.
    fn is_open(&mut self) -> bool {
        self.ended_cleanly = true;
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
        if let Some(recorder) = self.recorder.take() {
            recorder.finish(self.context.state().reply.is_limited);
        }
        let is_reusable = self.is_reusable();
        if let Some(mut connection) = self.connection.take() {
            connection.stream.take_records(&mut self.buffers.records);
            if is_reusable && connection.stream.is_clean() && !net.cancel.is_cancelled() {
                net.idle.used.put(connection, Instant::now());
                if net.budget.has_waiters() {
                    net.idle.evict();
                }
            }
        }
        self.buffers.recycle();
        self.context.state().buffers = std::mem::take(&mut self.buffers);
    }
}
