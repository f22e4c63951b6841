//! Lends the client library connections: an idle one, or a new one that is opened here.
//!
//! A new one leads straight to the origin or through the proxy that was chosen for it, and never
//! directly when a proxy was chosen. Names are looked up only for new connections.

use std::cell::Cell;
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Instant;

use rustls::ClientConfig;
use ureq::config::Config;
use ureq::http::{Uri, uri::Scheme};
use ureq::unversioned::resolver::{ResolvedSocketAddrs, Resolver as ClientResolver};
use ureq::unversioned::transport::{ConnectionDetails, Connector as ClientConnector, NextTimeout};

use super::exchange::ExchangeContext;
use super::transport::Transport;
use crate::fetch::failure::{Failure, FailureKind, Phase};
use crate::fetch::net::connection::Connection;
use crate::fetch::net::io::cancel::{Slot, Wait};
use crate::fetch::net::io::stream::{Stream, StreamError};
use crate::fetch::net::io::tcp::Tcp;
use crate::fetch::net::io::timeouts::cancelled;
use crate::fetch::net::reach::budget::Permit;
use crate::fetch::net::reach::happy_eyeballs::{ConnectError, HappyEyeballs, interleave};
use crate::fetch::net::tls::config::TlsConfigError;
use crate::fetch::net::tls::session::Session;
use crate::fetch::proxy::Protocol;
use crate::fetch::resolve::bare;
use crate::span::Span;

const CLOSED_IN_HANDSHAKE: &str = "the server closed the connection during the TLS handshake";

/// The library asks for addresses before it asks for a connection; only a new connection needs
/// them, and it finds them itself.
#[derive(Debug)]
pub(crate) struct NoResolver;

impl ClientResolver for NoResolver {
    fn resolve(
        &self,
        _: &Uri,
        _: &Config,
        _: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, ureq::Error> {
        Ok(self.empty())
    }
}

/// Lends connections to the exchanges of one worker.
#[derive(Debug)]
pub(crate) struct Connector {
    pub(crate) context: Arc<ExchangeContext>,
}

impl ClientConnector for Connector {
    type Out = Transport;

    fn connect(
        &self,
        details: &ConnectionDetails<'_>,
        _: Option<()>,
    ) -> Result<Option<Transport>, ureq::Error> {
        let connection = match self.idle() {
            Some(connection) => connection,
            None => self.open(details.uri)?,
        };
        Ok(Some(Transport::new(Arc::clone(&self.context), connection)))
    }
}

/// What a new connection leads to.
pub(in crate::fetch::net) struct ConnectAttempt<'a> {
    pub(in crate::fetch::net) host: &'a str,
    pub(in crate::fetch::net) port: u16,
    /// When it began, plus the time that it waited for descriptors.
    began: Cell<Instant>,
    /// Tries to open a descriptor in a shortage.
    tries: Cell<u32>,
    /// A look-up shares it until there is an answer.
    pub(in crate::fetch::net) permit: Arc<Permit>,
}

/// The socket that a cancel can find while its connection is being opened. A failure lets go of it,
/// and so closes it.
struct Held<'a>(&'a Slot);

impl Held<'_> {
    /// The connection is open, and [`Transport`] lets go of the socket.
    fn hand_over(self) {
        std::mem::forget(self);
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        self.0.clear();
    }
}

impl Connector {
    fn idle(&self) -> Option<Connection> {
        let mut state = self.context.state();
        if !state.may_reuse {
            return None;
        }
        let connection = self.context.net.idle.take(&state.key, Instant::now())?;
        state.reused = true;
        drop(state);
        self.hold(connection.stream.socket()).ok()?;
        Some(connection)
    }

    /// Lets a cancel find the socket.
    fn hold(&self, stream: &Arc<TcpStream>) -> Result<(), Failure> {
        let context = &self.context;
        context
            .net
            .cancel
            .hold(&context.slot, stream)
            .map_err(|cut| context.cut(cut, FailureKind::Connect))
    }

    fn open(&self, uri: &Uri) -> Result<Connection, Failure> {
        let context = &self.context;
        let is_tls = uri.scheme() == Some(&Scheme::HTTPS);
        let (proxy, key) = {
            let state = context.state();
            (state.proxy.clone(), state.key.clone())
        };
        let permit = Arc::new(self.permit()?);
        let way = ConnectAttempt {
            host: uri.host().unwrap_or_default(),
            port: uri.port_u16().unwrap_or(if is_tls { 443 } else { 80 }),
            began: Cell::new(Instant::now()),
            tries: Cell::default(),
            permit,
        };
        // Dropped before the permit, so that the descriptor is closed when that is returned.
        let held = Held(&context.slot);
        // Read the trust store first: a holder of a socket must not wait for another descriptor.
        let speaks_tls = is_tls
            || proxy
                .as_ref()
                .is_some_and(|p| p.protocol == Protocol::Https);
        let config = if speaks_tls {
            Some(self.tls_config(&way)?)
        } else {
            None
        };
        // Reading the trust store is no part of connecting, and happens once.
        way.began.set(Instant::now());
        let mut stream = match &proxy {
            None => self.direct(&way)?,
            Some(proxy) => self.via_proxy(proxy, &way, is_tls, config.as_ref())?,
        };
        if let Some(config) = config.filter(|_| is_tls) {
            stream = self.secure(way.host, stream, &way, config)?;
        }
        held.hand_over();
        log::debug!(
            "{}:{}: connected to {} in {}",
            way.host,
            way.port,
            stream
                .socket()
                .peer_addr()
                .map_or_else(|error| error.to_string(), |peer| peer.to_string()),
            Span(way.began.get().elapsed()),
        );
        Ok(Connection::new(&key, stream, way.permit))
    }

    /// Waits for a permit for a new connection. Waiting does not use up the attempt's timeout.
    fn permit(&self) -> Result<Permit, Failure> {
        let net = &self.context.net;
        if let Some(permit) = net.budget.try_acquire() {
            return Ok(permit);
        }
        let since = Instant::now();
        let evict = || net.idle.evict().is_some();
        let permit = net.budget.acquire(&evict, &net.cancel);
        self.context.pause(since.elapsed());
        permit.map_err(|cut| self.context.cut(cut, FailureKind::Connect))
    }

    fn direct(&self, way: &ConnectAttempt<'_>) -> Result<Box<dyn Stream>, Failure> {
        let found = self.addresses(way.host, way.port, way)?;
        let addresses = interleave(&self.allowed(way.host, found)?, way.port);
        self.connect_first(&addresses, way)
    }

    /// A wait within the limits of opening the connection.
    pub(in crate::fetch::net) fn wait(&self, way: &ConnectAttempt<'_>) -> Wait<'_> {
        let limits = self.context.connect_limits(way.began.get());
        self.context.wait(limits)
    }

    /// Makes room for a descriptor that the system refused: evicts an idle connection, or waits. Waiting does not use
    /// up the attempt's timeout.
    ///
    /// # Errors
    ///
    /// A failure of `kind`: no other connection could return a descriptor.
    pub(in crate::fetch::net) fn need_descriptor(
        &self,
        way: &ConnectAttempt<'_>,
        kind: FailureKind,
    ) -> Result<(), Failure> {
        let net = &self.context.net;
        if net.idle.evict().is_some() {
            return Ok(());
        }
        let since = Instant::now();
        let goes_on = way.permit.wait_out_shortage(&way.tries);
        let waited = since.elapsed();
        self.context.pause(waited);
        way.began.set(way.began.get() + waited);
        if net.cancel.is_cancelled() {
            Err(cancelled())
        } else if goes_on {
            Ok(())
        } else {
            let text = "too many open files, and none that could be closed";
            Err(Failure::new(kind, text))
        }
    }

    /// Connects to the first of `addresses` that answers.
    pub(in crate::fetch::net) fn connect_first(
        &self,
        addresses: &[SocketAddr],
        way: &ConnectAttempt<'_>,
    ) -> Result<Box<dyn Stream>, Failure> {
        let kind = FailureKind::Connect;
        let context = &self.context;
        let net = &context.net;
        context.enter(Phase::Connect);
        let evict = || net.idle.evict().is_some();
        // Keep its state after a wait: starting anew would never get past a first address that does not answer.
        let mut attempts = HappyEyeballs::new(addresses, &net.budget);
        loop {
            match attempts.run(&self.wait(way), &evict) {
                Ok(stream) => {
                    let tcp = Tcp::new(stream);
                    self.hold(tcp.socket())?;
                    return Ok(Box::new(tcp));
                }
                Err(ConnectError::Refused(text)) => return Err(Failure::new(kind, text)),
                Err(ConnectError::WaitError(cut)) => return Err(context.cut(cut, kind)),
                Err(ConnectError::NoDescriptor) => self.need_descriptor(way, kind)?,
            }
        }
    }

    fn tls_config(&self, way: &ConnectAttempt<'_>) -> Result<Arc<ClientConfig>, Failure> {
        self.context.enter(Phase::Tls);
        loop {
            match self.context.net.trust.config() {
                Ok(config) => return Ok(config),
                Err(TlsConfigError::Unusable(reason)) => {
                    return Err(Failure::new(FailureKind::Tls, reason));
                }
                Err(TlsConfigError::NoDescriptor) => {
                    self.need_descriptor(way, FailureKind::Tls)?;
                }
            }
        }
    }

    pub(in crate::fetch::net) fn secure(
        &self,
        host: &str,
        stream: Box<dyn Stream>,
        way: &ConnectAttempt<'_>,
        config: Arc<ClientConfig>,
    ) -> Result<Box<dyn Stream>, Failure> {
        let context = &self.context;
        context.enter(Phase::Tls);
        let trust = &context.net.trust;
        let wait = self.wait(way);
        let name = trust.server_name(bare(host));
        let session = name
            .map_err(StreamError::Tls)
            .and_then(|name| Session::start(config, &trust.sessions, name, stream, &wait));
        let session = session.map_err(|error| {
            // Whether an end or a reset is seen is a matter of chance.
            let error = if error.is_hang_up() {
                StreamError::Truncated
            } else {
                error
            };
            context.layer_cut(error, FailureKind::Connect, CLOSED_IN_HANDSHAKE)
        })?;
        Ok(Box::new(session))
    }
}
