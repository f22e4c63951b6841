//! What a worker's HTTP client, connector and transport share: the HTTP library, which calls them, passes nothing
//! along.
//!
//! One thread at a time uses a context. The library requires `Sync`, hence the lock, which is never contended.

use std::net::TcpStream;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::buffers::ExchangeBuffers;
use crate::fetch::capture::Capture;
use crate::fetch::failure::{Failure, FailureKind, Phase};
use crate::fetch::net::http1::recorded::Recorded;
use crate::fetch::net::io::cancel::{Slot, Wait};
use crate::fetch::net::io::stream::StreamError;
use crate::fetch::net::io::timeouts::{Timeouts, cancelled};
use crate::fetch::net::shared::Net;
use crate::fetch::net::tls::errors::{explain, explain_loss, is_refusal};
use crate::fetch::outcome::ConnectionInfo;
use crate::fetch::proxy::Proxy;

#[derive(Debug)]
pub(super) struct ExchangeContext {
    pub(super) net: Arc<Net>,
    pub(super) slot: Arc<Slot>,
    state: Mutex<ContextState>,
}

#[derive(Debug, Default)]
pub(super) struct ContextState {
    pub(super) attempt: AttemptState,
    pub(super) request: RequestState,
    pub(super) reply: ReplyState,
    /// The reply's headers for the outcome.
    pub(super) recorded: Recorded,
    /// The buffers, unless a transport has them.
    pub(super) buffers: ExchangeBuffers,
    /// With a limit of the rate: when this worker may read again. It outlives the attempt.
    pub(super) paid_at: Option<Instant>,
}

/// Limits and counters of the attempt, over all its exchanges.
#[derive(Debug, Default)]
pub(super) struct AttemptState {
    pub(super) timeouts: Timeouts,
    pub(super) connect_timeout: Option<Duration>,
    /// A cached answer "no address" counts only if it is newer than this.
    pub(super) misses_since: Option<Instant>,
    pub(super) wire_bytes: u64,
    /// The connection that was used last.
    pub(super) connection: ConnectionInfo,
    /// Takes the bytes of the exchanges, for an archive.
    pub(super) capture: Option<Arc<Capture>>,
}

#[derive(Debug, Default, Clone)]
pub(super) struct RequestState {
    /// The key of the idle connections that fit: the proxy's key, and the origin unless the proxy itself replies.
    pub(super) key: String,
    /// The origin's, also behind a proxy.
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) is_tls: bool,
    /// The reply has no body.
    pub(super) is_head: bool,
    pub(super) proxy: Option<Arc<Proxy>>,
    /// The head as it is sent.
    pub(super) head: Vec<u8>,
    /// Its URL, if the exchange is captured.
    pub(super) captured_url: Option<String>,
    pub(super) may_reuse: bool,
}

/// What the connector and the transport find out.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct ReplyState {
    /// The connection was idle: if it is dead, an idempotent request is sent again over a new one.
    pub(super) is_reused: bool,
    /// The exchange has got a connection.
    pub(super) is_connected: bool,
    /// The connection was lost, or sent something else, before a reply began.
    pub(super) is_unanswered: bool,
    pub(super) first_byte: Option<Instant>,
    pub(super) is_chunked: bool,
    /// That of the body, if the head tells it or there is no body.
    pub(super) length: Option<u64>,
    /// That which the head tells, also if there is no body.
    pub(super) told_length: Option<u64>,
    /// The worker only counts the bytes of the body.
    pub(super) discards_body: bool,
    /// The worker wants no more of the body.
    pub(super) is_limited: bool,
}

impl ExchangeContext {
    pub(super) fn new(net: Arc<Net>) -> Self {
        Self {
            slot: net.cancel.slot(),
            net,
            state: Mutex::default(),
        }
    }

    pub(super) fn state(&self) -> MutexGuard<'_, ContextState> {
        // A panic leaves these fields valid.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn register(&self, socket: &Arc<TcpStream>) -> Result<(), Failure> {
        self.net.cancel.hold(&self.slot, socket)
    }

    pub(super) fn wait(&self, limits: Timeouts) -> Wait<'_> {
        Wait {
            limits,
            cancel: &self.net.cancel,
        }
    }

    /// Notes that `amount` bytes of a body were read, for the limit of the rate.
    pub(super) fn pay(&self, amount: usize) {
        if let Some(limit) = self.net.rate_limit.as_ref().filter(|_| amount > 0) {
            self.state().paid_at = Some(limit.pay(amount, Instant::now()));
        }
    }

    /// Extends the attempt's deadline by a wait for a descriptor.
    pub(super) fn pause(&self, waited: Duration) {
        let attempt = &mut self.state().attempt;
        attempt.timeouts = attempt.timeouts.paused(waited);
    }

    /// `error` as a failure. A lost connection or a broken TLS session has the kind `lost`; `closed` is the message if
    /// the other side closed it. A refused TLS session has the kind `tls`.
    pub(super) fn failure(
        &self,
        error: impl Into<StreamError>,
        phase: Phase,
        lost: FailureKind,
        closed: &str,
    ) -> Failure {
        if self.net.cancel.is_cancelled() {
            return cancelled();
        }
        match error.into() {
            StreamError::WaitError(error) => error.into_failure(phase, lost),
            StreamError::Truncated => Failure::new(lost, closed),
            StreamError::Tls(error) => {
                let nothing_came = self.state().reply.first_byte.is_none();
                if is_refusal(&error, phase == Phase::Tls, nothing_came) {
                    Failure::new(FailureKind::Tls, explain(&error))
                } else {
                    Failure::new(lost, explain_loss(&error))
                }
            }
        }
    }

    /// If the whole request went to a proxy, names the proxy in `failure`, which came in place of a reply.
    pub(super) fn name_replying_proxy(&self, failure: Failure) -> Failure {
        let request = &self.state().request;
        match &request.proxy {
            Some(proxy) if proxy.key == request.key && failure.kind() != FailureKind::Cancelled => {
                Failure::new(failure.kind(), proxy.name_in(failure.message()))
            }
            _ => failure,
        }
    }
}
