//! The steps of opening a connection, within the attempt's timeouts.
//!
//! A step without a free descriptor waits for one and tries again. That wait does not use up the timeouts.

use std::cell::Cell;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

use rustls::ClientConfig;

use super::context::ExchangeContext;
use crate::fetch::failure::{Failure, FailureKind, Phase};
use crate::fetch::net::io::cancel::Wait;
use crate::fetch::net::io::stream::{Stream, StreamError};
use crate::fetch::net::io::tcp::Tcp;
use crate::fetch::net::io::timeouts::{Deadline, cancelled};
use crate::fetch::net::reach::budget::Permit;
use crate::fetch::net::reach::happy_eyeballs::{ConnectError, HappyEyeballs, interleave};
use crate::fetch::net::tls::errors::TlsConfigError;
use crate::fetch::net::tls::session::Session;
use crate::fetch::resolve::bare;

pub(super) struct ConnectAttempt<'a> {
    pub(super) context: &'a ExchangeContext,
    /// The origin's host, also if a proxy leads there.
    pub(super) host: &'a str,
    pub(super) port: u16,
    /// When it began, plus the waits for descriptors.
    pub(super) began: Instant,
    pub(super) phase: Phase,
    /// How often it tried to get a descriptor in a shortage.
    tries: Cell<u32>,
    /// A look-up shares it until it is answered.
    pub(super) permit: Arc<Permit>,
}

impl<'a> ConnectAttempt<'a> {
    pub(super) fn new(
        context: &'a ExchangeContext,
        host: &'a str,
        port: u16,
    ) -> Result<Self, Failure> {
        let net = &context.net;
        let permit = match net.budget.try_acquire() {
            Some(permit) => permit,
            None => {
                let since = Instant::now();
                let permit = net.budget.acquire(&|| net.idle.evict(), &net.cancel);
                context.pause(since.elapsed());
                // Only a cancel ends the wait.
                permit.map_err(|_| cancelled())?
            }
        };
        Ok(Self {
            context,
            host,
            port,
            began: Instant::now(),
            phase: Phase::Dns,
            tries: Cell::default(),
            permit: Arc::new(permit),
        })
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

    /// Waits after the system refused a descriptor. Fails with `kind` if no connection can be closed.
    pub(super) fn need_descriptor(&mut self, kind: FailureKind) -> Result<(), Failure> {
        let net = &*self.context.net;
        if net.idle.evict() {
            return Ok(());
        }
        let since = Instant::now();
        let goes_on = self.permit.wait_out_shortage(&self.tries);
        let waited = since.elapsed();
        self.context.pause(waited);
        self.began += waited;
        if net.cancel.is_cancelled() {
            return Err(cancelled());
        }
        if !goes_on {
            let text = "too many open files, and none that could be closed";
            return Err(Failure::new(kind, text));
        }
        Ok(())
    }

    pub(super) fn connect(
        &mut self,
        addresses: &[IpAddr],
        port: u16,
    ) -> Result<Box<dyn Stream>, Failure> {
        let kind = FailureKind::Connect;
        let net = &*self.context.net;
        self.phase = Phase::Connect;
        let addresses = interleave(addresses, port);
        // Resume after each shortage: a new attempt would start with a silent first address again.
        let mut happy_eyeballs = HappyEyeballs::new(&addresses, &net.budget);
        loop {
            match happy_eyeballs.run(&self.wait(), &|| net.idle.evict()) {
                Ok(socket) => {
                    let tcp = Tcp::new(socket);
                    self.context.register(tcp.socket())?;
                    return Ok(Box::new(tcp));
                }
                Err(ConnectError::Refused(text)) => return Err(Failure::new(kind, text)),
                Err(ConnectError::WaitError(error)) => return Err(self.failure(error, kind, "")),
                Err(ConnectError::NoDescriptor) => self.need_descriptor(kind)?,
            }
        }
    }

    /// The first call reads the root store.
    pub(super) fn tls_config(&mut self) -> Result<Arc<ClientConfig>, Failure> {
        let kind = FailureKind::Tls;
        self.phase = Phase::Tls;
        loop {
            match self.context.net.trust.config() {
                Ok(config) => return Ok(config),
                Err(TlsConfigError::Unusable(reason)) => return Err(Failure::new(kind, reason)),
                Err(TlsConfigError::NoDescriptor) => self.need_descriptor(kind)?,
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
        let (tls, wait) = (&self.context.net.trust, self.wait());
        let session = tls
            .server_name(bare(host))
            .map_err(StreamError::Tls)
            .and_then(|name| Session::start(config, &tls.sessions, name, stream, &wait));
        match session {
            Ok(session) => Ok(Box::new(session)),
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
