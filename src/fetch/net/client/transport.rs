//! One connection while an exchange uses it.
//!
//! It sends the head that `fetch` wrote instead of the library's, reduces the reply's head, and frames the body: the library
//! sees one that ends with the connection. Dropping it after a whole reply makes the connection idle.

use std::sync::Arc;
use std::time::Instant;

use ureq::unversioned::transport::{Buffers, NextTimeout, Transport as ClientTransport};

use super::buffers::ExchangeBuffers;
use super::context::ExchangeContext;
use super::recorder::Recorder;
use crate::fetch::failure::{Failure, FailureKind, Phase};
use crate::fetch::net::http1::framing::Framing;
use crate::fetch::net::http1::head::{HeadReader, HeadStatus};
use crate::fetch::net::http1::recorded::wanted_headers;
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
    /// The library has not asked for the reply's head yet.
    has_new_head: bool,
    framing: Framing,
    stays_open: bool,
    /// An error in the chunks that came with the head; reading the body returns it.
    bad_body: Option<&'static str>,
    /// Bytes came after the end of the body.
    is_overrun: bool,
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
            has_new_head: true,
            framing: Framing::Close,
            stays_open: false,
            bad_body: None,
            is_overrun: false,
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
        let spare = &self.context.net.spare;
        let mut space = self.buffers.space(spare, !self.has_new_head);
        if let Some(limit) = &self.context.net.rate_limit {
            let piece = limit.piece().min(space.len());
            space = &mut space[..piece];
        }
        let amount = if discards_body && !self.framing.is_chunked() {
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

    /// Sends the request, and receives the head of the reply.
    pub(super) fn receive_reply(&mut self) -> Result<(), Failure> {
        self.send()?;
        self.receive_head()
    }

    fn send(&mut self) -> Result<(), Failure> {
        let request = std::mem::take(&mut self.request);
        let timeouts = self.context.state().attempt.timeouts;
        let Some(connection) = &mut self.connection else {
            return Ok(());
        };
        let sent = connection
            .stream
            .send(&request, &self.context.wait(timeouts));
        sent.map_err(|error| self.no_reply(error))
    }

    /// Reads until the head is whole, and reduces it.
    fn receive_head(&mut self) -> Result<(), Failure> {
        let keeps_raw = self.recorder.is_some() || !self.context.net.record_headers.is_none();
        let mut head = HeadReader::new(self.buffers.take_head(), keeps_raw);
        let protocol = |reason| Failure::new(FailureKind::Protocol, reason);
        loop {
            match self.receive() {
                Ok(0) => return Err(self.no_reply(StreamError::Truncated)),
                Ok(_) => {}
                Err(error) => return Err(self.no_reply(error)),
            }
            let (amount, status) = head.read(self.buffers.input());
            self.buffers.input_consume(amount);
            match status {
                HeadStatus::Partial => {}
                HeadStatus::Whole => return self.accept_head(head).map_err(protocol),
                HeadStatus::Bad(reason) => {
                    // Other bytes are the remains of an earlier reply (RFC 9112, 9.3.1).
                    self.context.state().reply.is_unanswered = !head.has_begun;
                    return Err(protocol(reason));
                }
            }
        }
    }

    // Inlined, it would make the stack of each worker that waits for a reply larger.
    #[inline(never)]
    fn accept_head(&mut self, head: HeadReader) -> Result<(), String> {
        let (mut inspected, raw) = head.finish()?;
        let raw = raw.unwrap_or_default();
        inspected.recorded.headers = wanted_headers(&raw, &self.context.net.record_headers);
        let has_no_body =
            self.is_head || matches!(&inspected.reduced[9..12], b"101" | b"204" | b"304");
        if let Some(recorder) = &mut self.recorder {
            recorder.head(&raw);
            recorder.body(self.buffers.input());
        }
        self.framing = if has_no_body {
            Framing::Length(0)
        } else {
            inspected.framing
        };
        // What follows 101 is another protocol.
        self.stays_open = inspected.stays_open && inspected.reduced[9] != b'1';
        let mut state = self.context.state();
        state.reply.is_chunked = self.framing.is_chunked();
        state.reply.told_length = inspected.length;
        state.reply.length = if has_no_body {
            Some(0)
        } else {
            inspected.length
        };
        state.recorded = inspected.recorded;
        drop(state);
        // These are the first bytes of the body.
        let amount = self.buffers.input().len();
        self.context.pay(amount);
        if let Err(reason) = self.decode(amount) {
            self.buffers.drop_last(amount);
            self.bad_body = Some(reason);
        }
        self.buffers.set_head(inspected.reduced);
        Ok(())
    }

    /// Decodes the last `amount` bytes.
    fn decode(&mut self, amount: usize) -> Result<(), &'static str> {
        let at = self.buffers.input().len() - amount;
        let (kept, behind) = self.framing.decode(self.buffers.unread_from(at))?;
        self.buffers.drop_last(amount - kept);
        self.is_overrun |= behind > 0;
        if let Some(recorder) = &mut self.recorder {
            recorder.decoded(self.framing.has_ended(), behind);
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
        let protocol = |reason| Failure::new(FailureKind::Protocol, reason);
        if let Some(reason) = self.bad_body {
            return Err(protocol(reason));
        }
        while !self.framing.has_ended() {
            let spare = &self.context.net.spare;
            if self.buffers.space(spare, true).is_empty() {
                let what = "the client library left a quarter of a megabyte unread";
                return Err(Failure::new(FailureKind::Internal, what));
            }
            let received = self.receive();
            let has_all_data = self.framing.has_all_data();
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

    /// Whether the reply has ended and was read, nothing came after it, and the connection stays open.
    fn is_reusable(&self) -> bool {
        self.framing.has_ended()
            && self.stays_open
            && !self.is_overrun
            && self.buffers.input().is_empty()
    }
}

impl ClientTransport for Transport {
    fn buffers(&mut self) -> &mut dyn Buffers {
        &mut self.buffers
    }

    /// Sends nothing: the reply has come.
    fn transmit_output(&mut self, _: usize, _: NextTimeout) -> Result<(), ureq::Error> {
        Ok(())
    }

    fn await_input(&mut self, _: NextTimeout) -> Result<bool, ureq::Error> {
        if std::mem::take(&mut self.has_new_head) {
            return Ok(true);
        }
        Ok(self.receive_body()?)
    }

    /// `false` keeps the connection out of the library's own pool.
    fn is_open(&mut self) -> bool {
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
        self.buffers.recycle(&net.spare);
        self.context.state().buffers = std::mem::take(&mut self.buffers);
    }
}
