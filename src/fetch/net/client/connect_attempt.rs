//! The steps of opening a connection, within the attempt's timeouts.
//!
//! `reach` looks names up and opens the connection; this thread waits for it. Waiting for a descriptor does not use up the
//! timeouts.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustls::ClientConfig;

use super::context::ExchangeContext;
use crate::fetch::failure::{Failure, FailureKind, Phase};
use crate::fetch::net::idle::{Connection, first_key};
use crate::fetch::net::io::cancel::Wait;
use crate::fetch::net::io::stream::{Stream, StreamError};
use crate::fetch::net::io::timeouts::{Deadline, cancelled};
use crate::fetch::net::reach::budget::Permit;
use crate::fetch::net::reach::{ReachError, Request};
use crate::fetch::net::tls::errors::TlsConfigError;
use crate::fetch::net::tls::session::Session;
use crate::fetch::resolve::bare;
use crate::span::Span;

/// A server may give up a connection that has carried nothing for so long.
const LONG_IDLE: Duration = Duration::from_secs(1);

pub(super) struct ConnectAttempt<'a> {
    pub(super) context: &'a ExchangeContext,
    /// The origin's host, also if a proxy leads there.
    pub(super) host: &'a str,
    pub(super) port: u16,
    /// When it began, plus the waits for descriptors.
    pub(super) began: Instant,
    pub(super) phase: Phase,
    /// How often it tried to open a descriptor in a shortage.
    tries: u32,
    /// Of the connection that [`connect`](Self::connect) opened.
    pub(super) permit: Option<Permit>,
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

    /// A wait within the attempt's timeouts. It borrows only the context.
    pub(super) fn wait(&self) -> Wait<'a> {
        let attempt = &self.context.state().attempt;
        let deadline = Deadline::after(self.began, attempt.connect_timeout);
        self.context.wait(attempt.timeouts.within(deadline))
    }

    pub(super) fn failure(
        &self,
        error: impl Into<StreamError>,
        lost: FailureKind,
        closed: &str,
    ) -> Failure {
        self.context.failure(error, self.phase, lost, closed)
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
        self.take(opened.into_connection(""))
    }

    /// The connection to the origin that was opened ahead, if there is one. It was opened within this attempt's time.
    pub(super) fn first_connection(&mut self) -> Option<Result<Box<dyn Stream>, Failure>> {
        let context = self.context;
        let key = first_key(self.host, self.port);
        let now = Instant::now();
        let connection = context.net.idle.first.take(&key, now)?;
        let mut state = context.state();
        state.reply.is_reused = state.request.may_reuse && connection.was_idle(now) > LONG_IDLE;
        drop(state);
        let spans = [connection.info.dns, connection.info.connect];
        let took: Duration = spans.into_iter().flatten().sum();
        self.began = self.began.checked_sub(took).unwrap_or(self.began);
        Some(self.take(connection))
    }

    fn take(&mut self, connection: Connection) -> Result<Box<dyn Stream>, Failure> {
        self.permit = connection.permit;
        self.context.state().attempt.connection = connection.info;
        self.context.register(connection.stream.socket())?;
        Ok(connection.stream)
    }

    /// The addresses of the origin, at least one.
    pub(super) fn addresses(&mut self) -> Result<Vec<IpAddr>, Failure> {
        let request = self.request(self.host, self.port, false)?;
        let found = self.context.net.reach.resolve_blocking(request);
        found.map_err(|error| self.reach_failure(error))
    }

    fn request(&self, host: &str, port: u16, is_proxy: bool) -> Result<Request, Failure> {
        let deadline = self.wait().limits.deadline();
        let limit = deadline.map(|deadline| deadline.left(Instant::now()));
        let failed = |error| self.failure(error, FailureKind::Connect, "");
        Ok(Request {
            host: host.into(),
            port,
            limit: limit.transpose().map_err(failed)?,
            misses_since: self.context.state().attempt.misses_since,
            is_proxy,
        })
    }

    fn reach_failure(&mut self, error: ReachError) -> Failure {
        let deadline = self.wait().limits.deadline();
        self.pause(error.waited);
        error.into_failure(deadline.map(Deadline::span).unwrap_or_default())
    }

    /// Adds time that does not count.
    fn pause(&mut self, waited: Duration) {
        self.context.pause(waited);
        self.began += waited;
    }

    /// Waits after the system refused a descriptor. Fails if no connection can be closed.
    fn need_descriptor(&mut self) -> Result<(), Failure> {
        let net = &*self.context.net;
        if net.idle.evict() {
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

    /// The first call reads the root store.
    pub(super) fn tls_config(&mut self) -> Result<Arc<ClientConfig>, Failure> {
        let kind = FailureKind::Tls;
        self.phase = Phase::Tls;
        loop {
            match self.context.net.trust.config() {
                Ok(config) => return Ok(config),
                Err(TlsConfigError::Unusable(reason)) => return Err(Failure::new(kind, reason)),
                Err(TlsConfigError::NoDescriptor) => self.need_descriptor()?,
            }
        }
    }

    /// Starts TLS over `stream` with `host`, the origin or a proxy.
    pub(super) fn start_tls(
        &mut self,
        host: &str,
        stream: Box<dyn Stream>,
    ) -> Result<Box<dyn Stream>, Failure> {
        let config = self.tls_config()?;
        let since = Instant::now();
        let (tls, wait) = (&self.context.net.trust, self.wait());
        let session = tls
            .server_name(bare(host))
            .map_err(StreamError::Tls)
            .and_then(|name| Session::start(config, &tls.sessions, name, stream, &wait));
        match session {
            Ok(session) => {
                let spent = &mut self.context.state().attempt.connection.tls;
                *spent = Some(spent.unwrap_or_default() + since.elapsed());
                Ok(Box::new(session))
            }
            Err(error) => {
                // A server that hangs up may cause an end or a reset.
                let error = if error.is_hang_up() {
                    StreamError::Truncated
                } else {
                    error
                };
                let closed = "the server closed the connection during the TLS handshake";
                Err(self.failure(error, FailureKind::Connect, closed))
            }
        }
    }
}
