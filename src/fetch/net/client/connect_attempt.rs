//! Opens one connection, step by step, within the attempt's timeouts.
//!
//! `reach` looks names up and opens the connection; this thread waits for it.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustls::ClientConfig;

use super::context::ExchangeContext;
use crate::fetch::failure::{Failure, FailureKind, Phase};
use crate::fetch::net::connection::Connection;
use crate::fetch::net::io::cancel::Wait;
use crate::fetch::net::io::stream::{Stream, StreamError};
use crate::fetch::net::io::tcp::Tcp;
use crate::fetch::net::io::timeouts::{WaitError, cancelled};
use crate::fetch::net::reach::budget::Permit;
use crate::fetch::net::reach::{ReachError, Request};
use crate::fetch::net::tls::config::TlsConfigError;
use crate::fetch::net::tls::session::Session;
use crate::fetch::resolve::bare;
use crate::span::Span;

const CLOSED_IN_HANDSHAKE: &str = "the server closed the connection during the TLS handshake";

pub(super) struct ConnectAttempt<'a> {
    pub(super) context: &'a ExchangeContext,
    /// What the connection leads to, behind a proxy if there is one.
    pub(super) host: &'a str,
    pub(super) port: u16,
    /// When it began, plus the time that it waited for descriptors.
    pub(super) began: Instant,
    pub(super) phase: Phase,
    /// Tries to open a descriptor in a shortage.
    tries: u32,
    /// Of the connection that [`connect`](Self::connect) opened.
    permit: Option<Permit>,
}

impl<'a> ConnectAttempt<'a> {
    pub(super) fn new(context: &'a ExchangeContext, host: &'a str, port: u16) -> Self {
        Self {
            context,
            host,
            port,
            began: Instant::now(),
            phase: Phase::Dns,
            tries: 0,
            permit: None,
        }
    }

    /// A wait within the timeouts of the attempt. It borrows only the context.
    pub(super) fn wait(&self) -> Wait<'a> {
        let timeouts = self.context.connect_timeouts(self.began);
        self.context.wait(timeouts)
    }

    /// The failure of a wait in this phase. A failed connection has the kind `lost`.
    pub(super) fn wait_failure(&self, error: WaitError, lost: FailureKind) -> Failure {
        self.context.failure(error, self.phase, lost, "")
    }

    /// The failure of a connection in this phase: see [`ExchangeContext::failure`].
    pub(super) fn stream_failure(
        &self,
        error: StreamError,
        lost: FailureKind,
        closed: &str,
    ) -> Failure {
        let phase = self.phase;
        self.context.failure(error, phase, lost, closed)
    }

    /// `stream` leads through the connection that was opened last.
    pub(super) fn into_connection(self, key: &str, stream: Box<dyn Stream>) -> Connection {
        Connection::new(key, stream, self.permit)
    }

    /// Opens a TCP connection to a host, the origin or a proxy.
    pub(super) fn connect(
        &mut self,
        host: &str,
        port: u16,
        is_proxy: bool,
    ) -> Result<Box<dyn Stream>, Failure> {
        let request = self.request(host, port, is_proxy)?;
        let opened = self.context.net.reach.open_blocking(request);
        let opened = opened.map_err(|error| self.reach_failure(error))?;
        self.pause(opened.waited);
        self.phase = Phase::Connect;
        log::trace!(
            "{host}:{port}: {}, connection in {}",
            opened.dns.map_or_else(
                || "no look-up".to_owned(),
                |took| format!("look-up in {}", Span(took))
            ),
            Span(opened.connect)
        );
        self.permit = Some(opened.permit);
        let tcp = Tcp::new(opened.tcp);
        self.context.register(tcp.socket())?;
        Ok(Box::new(tcp))
    }

    /// The addresses of the origin, at least one.
    pub(super) fn addresses(&mut self) -> Result<Vec<IpAddr>, Failure> {
        let request = self.request(self.host, self.port, false)?;
        let found = self.context.net.reach.resolve_blocking(request);
        found.map_err(|error| self.reach_failure(error))
    }

    fn request(&self, host: &str, port: u16, is_proxy: bool) -> Result<Request, Failure> {
        let (deadline, now) = (self.wait().limits.deadline(), Instant::now());
        let limit = deadline.map(|deadline| deadline.left(now)).transpose();
        let failed = |error| self.wait_failure(error, FailureKind::Connect);
        Ok(Request {
            host: host.into(),
            port,
            limit: limit.map_err(failed)?,
            misses_since: self.context.state().attempt.misses_since,
            is_proxy,
        })
    }

    fn reach_failure(&mut self, error: ReachError) -> Failure {
        let span = self
            .wait()
            .limits
            .deadline()
            .map(|deadline| deadline.span());
        self.pause(error.waited);
        error.into_failure(span.unwrap_or_default())
    }

    /// Time that does not count.
    fn pause(&mut self, waited: Duration) {
        self.context.pause(waited);
        self.began += waited;
    }

    /// Makes room for a descriptor that the system refused: closes an idle connection, or waits until
    /// another thread returns one. If none can, that is a failure.
    fn need_descriptor(&mut self) -> Result<(), Failure> {
        let net = &*self.context.net;
        if net.idle.evict().is_some() {
            return Ok(());
        }
        let since = Instant::now();
        let goes_on = net.budget.block_out_shortage(&mut self.tries);
        self.pause(since.elapsed());
        if net.cancel.is_cancelled() {
            return Err(cancelled());
        }
        if !goes_on {
            let text = "too many open files, and none that could be closed";
            return Err(Failure::new(FailureKind::Tls, text));
        }
        Ok(())
    }

    /// The TLS configuration of the client. The first call reads the root store.
    pub(super) fn tls_config(&mut self) -> Result<Arc<ClientConfig>, Failure> {
        let net = &*self.context.net;
        self.phase = Phase::Tls;
        loop {
            match net.trust.config() {
                Ok(config) => return Ok(config),
                Err(TlsConfigError::Unusable(reason)) => {
                    return Err(Failure::new(FailureKind::Tls, reason));
                }
                Err(TlsConfigError::NoDescriptor) => self.need_descriptor()?,
            }
        }
    }

    /// Starts TLS with `host`, the origin or a proxy, over `stream`.
    pub(super) fn start_tls(
        &mut self,
        host: &str,
        stream: Box<dyn Stream>,
        config: Arc<ClientConfig>,
    ) -> Result<Box<dyn Stream>, Failure> {
        self.phase = Phase::Tls;
        let net = &*self.context.net;
        let (tls, wait) = (&net.trust, self.wait());
        let session = tls
            .server_name(bare(host))
            .map_err(StreamError::Tls)
            .and_then(|name| Session::start(config, &tls.sessions, name, stream, &wait));
        let session = session.map_err(|error| {
            // A server that hangs up shows as an end or as a reset, by chance.
            let error = if error.is_hang_up() {
                StreamError::Truncated
            } else {
                error
            };
            self.stream_failure(error, FailureKind::Connect, CLOSED_IN_HANDSHAKE)
        })?;
        Ok(Box::new(session))
    }
}
