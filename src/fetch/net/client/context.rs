//! What a worker's HTTP client, connector and transport share. The HTTP library, which calls them, passes nothing along.
//!
//! One thread at a time uses a context. The library requires `Sync`, hence the lock, which is never contended.

use std::net::TcpStream;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::buffers::ExchangeBuffers;
use crate::fetch::failure::{Failure, FailureKind, Phase};
use crate::fetch::net::io::cancel::{Slot, Wait};
use crate::fetch::net::io::stream::StreamError;
use crate::fetch::net::io::timeouts::{Timeouts, cancelled};
use crate::fetch::net::shared::Net;
use crate::fetch::net::tls::errors::{explain, explain_loss, is_refusal};
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
    /// The buffers, while no transport has them.
    pub(super) buffers: ExchangeBuffers,
}

/// Limits and counters of the attempt, over all its exchanges.
#[derive(Debug, Default)]
pub(super) struct AttemptState {
    pub(super) timeouts: Timeouts,
    pub(super) connect_timeout: Option<Duration>,
    /// An answer that a name has no address is taken from the cache only if it is newer than this.
    pub(super) misses_since: Option<Instant>,
    pub(super) wire_bytes: u64,
}

#[derive(Debug, Default)]
pub(super) struct RequestState {
    /// The key of the idle connections that fit: the proxy's key, and the origin unless the proxy itself replies.
    pub(super) key: String,
    pub(super) proxy: Option<Arc<Proxy>>,
    /// The head as it is sent.
    pub(super) head: Vec<u8>,
    pub(super) may_reuse: bool,
}

/// What the connector and the transport find out.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct ReplyState {
    pub(super) is_reused: bool,
    /// Before a reply began, the connection was lost or brought something else.
    pub(super) is_unanswered: bool,
    pub(super) first_byte: Option<Instant>,
    pub(super) is_chunked: bool,
    /// The worker only counts the bytes of the body.
    pub(super) discards_body: bool,
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

    /// Registers the socket in use, so that a cancel shuts it down.
    pub(super) fn register(&self, socket: &Arc<TcpStream>) -> Result<(), Failure> {
        self.net.cancel.hold(&self.slot, socket)
    }

    pub(super) fn wait(&self, limits: Timeouts) -> Wait<'_> {
        Wait {
            limits,
            cancel: &self.net.cancel,
        }
    }

    /// Extends the attempt's deadline by the time that it waited for a descriptor.
    pub(super) fn pause(&self, waited: Duration) {
        let attempt = &mut self.state().attempt;
        attempt.timeouts = attempt.timeouts.paused(waited);
    }

    /// The failure for `error` in `phase`. A failed connection has the kind `lost`, and the message `closed` if the other
    /// side closed it. A broken TLS session is a failed connection, a refused one is not.
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

    /// Names the proxy in `failure`, which came in place of a reply, if the whole request went to a proxy.
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
