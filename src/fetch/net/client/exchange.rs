//! What a worker, its client library and the connection lent to it know in common about the attempt
//! in context.
//!
//! Only one thread uses a context at a time; its locks are there because the library wants its parts
//! to be `Sync`, and are never contended.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::fetch::failure::{Failure, FailureKind, Phase};
use crate::fetch::net::Net;
use crate::fetch::net::http1::buffers::Buffers;
use crate::fetch::net::io::cancel::{Slot, Wait};
use crate::fetch::net::io::stream::StreamError;
use crate::fetch::net::io::timeouts::{Deadline, Timeouts, WaitError, cancelled};
use crate::fetch::net::tls::errors::{explain, explain_loss, is_refusal};
use crate::fetch::proxy::Proxy;

/// What an exchange, one request and its reply, is to be.
#[derive(Debug)]
pub(crate) struct Exchange<'a> {
    /// Scheme, host and port of the URL, as its beginning.
    pub(crate) origin: &'a str,
    pub(crate) proxy: Option<&'a Arc<Proxy>>,
    /// The head of the request.
    pub(crate) request: Vec<u8>,
    /// Whether its method is HEAD, so that the reply has no body whatever its head says.
    pub(crate) is_head: bool,
    /// Whether an idle connection may be used for it.
    pub(crate) may_reuse: bool,
}

/// The state of the attempt, and of the exchange that it is at.
#[derive(Debug)]
pub(crate) struct State {
    /// What cuts every wait of the attempt.
    pub(crate) limits: Timeouts,
    pub(crate) connect_timeout: Option<Duration>,
    /// That a name has no address is asked for anew if it was found out before this.
    pub(crate) misses_since: Option<Instant>,
    /// Under what connections for the exchange lie idle.
    pub(crate) key: String,
    pub(crate) proxy: Option<Arc<Proxy>>,
    /// Whether the proxy is handed the whole request, so that it is the proxy that replies.
    is_handed_over: bool,
    /// The head of the request, until it is sent.
    pub(crate) request: Vec<u8>,
    pub(crate) is_head: bool,
    pub(crate) may_reuse: bool,
    /// Whether an idle connection was used.
    pub(crate) reused: bool,
    /// The connection was lost, or what came over it was no reply, before any byte of one came.
    pub(crate) unanswered: bool,
    /// The reply's body is in chunks, so that its end can be told without the connection's.
    pub(crate) is_chunked: bool,
    /// Nobody will look at the bytes of the body, whose head has been read: they are only counted.
    pub(crate) is_only_counted: bool,
    /// What is being waited for.
    pub(crate) phase: Phase,
    /// When the first byte of the reply came.
    pub(crate) first_byte: Option<Instant>,
    /// Bytes read from the network in this attempt.
    pub(crate) wire_bytes: u64,
    /// The buffers, while no connection has them.
    pub(crate) buffers: Buffers,
}

/// One for each worker, made once and used for all its attempts.
#[derive(Debug)]
pub(crate) struct ExchangeContext {
    pub(crate) net: Arc<Net>,
    /// Where a cancel finds the socket that is in use.
    pub(crate) slot: Arc<Slot>,
    state: Mutex<State>,
}

impl ExchangeContext {
    pub(crate) fn new(net: Arc<Net>) -> Self {
        let slot = net.cancel.slot();
        let state = State {
            limits: Timeouts::default(),
            connect_timeout: None,
            misses_since: None,
            key: String::new(),
            proxy: None,
            is_handed_over: false,
            request: Vec::new(),
            is_head: false,
            is_chunked: false,
            is_only_counted: false,
            may_reuse: true,
            reused: false,
            unanswered: false,
            phase: Phase::Dns,
            first_byte: None,
            wire_bytes: 0,
            buffers: Buffers::default(),
        };
        Self {
            net,
            slot,
            state: Mutex::new(state),
        }
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        // Plain fields: a panic leaves nothing half done in them.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins an attempt.
    pub(crate) fn begin(&self, limits: Timeouts, connect_timeout: Option<Duration>) {
        let mut state = self.state();
        state.limits = limits;
        state.connect_timeout = connect_timeout;
        state.wire_bytes = 0;
        state.phase = Phase::Dns;
    }

    /// Begins an exchange.
    pub(crate) fn aim(&self, aim: Exchange<'_>) {
        let mut state = self.state();
        state.key.clear();
        if let Some(proxy) = aim.proxy {
            state.key.push_str(&proxy.key);
        }
        let is_handed_over = aim.proxy.is_some_and(|p| p.takes_requests_for(aim.origin));
        // A proxy that is handed whole requests takes them for any origin over one connection.
        if !is_handed_over {
            state.key.push_str(aim.origin);
        }
        state.is_handed_over = is_handed_over;
        state.proxy = aim.proxy.cloned();
        state.request = aim.request;
        state.is_head = aim.is_head;
        state.is_chunked = false;
        state.is_only_counted = false;
        state.may_reuse = aim.may_reuse;
        state.reused = false;
        state.unanswered = false;
        state.first_byte = None;
        state.phase = Phase::Dns;
    }

    /// The limits of opening a connection that began at `began`.
    pub(crate) fn connect_limits(&self, began: Instant) -> Timeouts {
        let state = self.state();
        state
            .limits
            .within(Deadline::after(began, state.connect_timeout))
    }

    /// Gives the attempt back the time that it waited for its turn.
    pub(crate) fn pause(&self, waited: Duration) {
        let mut state = self.state();
        state.limits = state.limits.paused(waited);
    }

    /// The failure of a connection before the reply's head was whole. When it is a proxy that was to
    /// reply, that is named.
    pub(crate) fn no_reply(&self, failure: Failure) -> Failure {
        let state = self.state();
        let proxy = state.proxy.as_ref().filter(|_| state.is_handed_over);
        match proxy {
            Some(proxy) if failure.kind() != FailureKind::Cancelled => {
                Failure::new(failure.kind(), proxy.name_in(failure.message()))
            }
            _ => failure,
        }
    }

    /// A wait with these limits.
    pub(in crate::fetch::net) fn wait(&self, limits: Timeouts) -> Wait<'_> {
        Wait {
            limits,
            cancel: &self.net.cancel,
        }
    }

    pub(crate) fn enter(&self, phase: Phase) {
        self.state().phase = phase;
    }

    /// Fails when the attempt is to go on no longer, for work that waits for nothing.
    pub(crate) fn check(&self) -> Result<(), Failure> {
        let now = Instant::now();
        let left = self.state().limits.left(now, now);
        match left {
            Err(cut) => Err(self.cut(cut, FailureKind::Body)),
            Ok(_) if self.net.cancel.is_cancelled() => Err(cancelled()),
            Ok(_) => Ok(()),
        }
    }

    /// The failure that `cut` is at this point; `lost` is the kind of a connection that fails here.
    pub(crate) fn cut(&self, cut: WaitError, lost: FailureKind) -> Failure {
        if self.net.cancel.is_cancelled() {
            return cancelled();
        }
        cut.into_failure(self.state().phase, lost)
    }

    /// The same for a connection that may have TLS; `truncated` says what an end without notice is
    /// here. A broken session is a lost connection, unless it is a refusal.
    pub(crate) fn layer_cut(
        &self,
        error: StreamError,
        lost: FailureKind,
        truncated: &str,
    ) -> Failure {
        if self.net.cancel.is_cancelled() {
            return cancelled();
        }
        let state = self.state();
        match error {
            StreamError::WaitError(cut) => cut.into_failure(state.phase, lost),
            StreamError::Truncated => Failure::new(lost, truncated),
            StreamError::Tls(error) => {
                let in_handshake = state.phase == Phase::Tls;
                let nothing_came = state.first_byte.is_none();
                if is_refusal(&error, in_handshake, nothing_came) {
                    Failure::new(FailureKind::Tls, explain(&error))
                } else {
                    Failure::new(lost, explain_loss(&error))
                }
            }
        }
    }
}
