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
use crate::fetch::net::io::cancel::Slot;
use crate::fetch::net::io::stream::{Stream, StreamError};
use crate::fetch::net::io::tcp::Tcp;
use crate::fetch::net::io::timeouts::Timeouts;
use crate::fetch::net::reach::descriptors::{LastTries, Ticket, Turn};
use crate::fetch::net::reach::happy_eyeballs::{ConnectError, HappyEyeballs, interleave};
use crate::fetch::net::reach::seats::Seat;
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
    /// When it began, less the time that it waited for descriptors.
    began: Cell<Instant>,
    last_tries: Cell<LastTries>,
    ticket: Ticket,
    /// Who looks the name up holds it as well, until there is an answer.
    pub(in crate::fetch::net) seat: Arc<Seat>,
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
        self.hold(connection.layer.wire().stream()).ok()?;
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
        let seat = Arc::new(self.seat()?);
        let way = ConnectAttempt {
            host: uri.host().unwrap_or_default(),
            port: uri.port_u16().unwrap_or(if is_tls { 443 } else { 80 }),
            began: Cell::new(Instant::now()),
            last_tries: Cell::default(),
            ticket: context.net.descriptors.ticket(),
            seat,
        };
        // Dropped before the ticket: the descriptor is closed when that is given back.
        let held = Held(&context.slot);
        // Read before a socket is held: who holds one must not have to wait for another descriptor.
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
        let mut layer = match &proxy {
            None => self.direct(&way)?,
            Some(proxy) => self.through(proxy, &way, is_tls, config.as_ref())?,
        };
        if let Some(config) = config.filter(|_| is_tls) {
            layer = self.secure(way.host, layer, &way, config)?;
        }
        held.hand_over();
        log::debug!(
            "{}:{}: connected to {} in {}",
            way.host,
            way.port,
            layer
                .wire()
                .stream()
                .peer_addr()
                .map_or_else(|error| error.to_string(), |peer| peer.to_string()),
            Span(way.began.get().elapsed()),
        );
        Ok(Connection::new(&key, layer, way.ticket, way.seat))
    }

    /// The right to the descriptors of a new connection. No clock runs while that is waited for, as in
    /// [`need_descriptor`](Self::need_descriptor).
    fn seat(&self) -> Result<Seat, Failure> {
        let net = &self.context.net;
        if let Some(seat) = net.seats.try_take() {
            return Ok(seat);
        }
        let since = Instant::now();
        let make_room = || net.idle.evict().is_some();
        let taken = net.seats.take(&make_room, &net.cancel);
        self.context.pause(since.elapsed());
        taken.map_err(|cut| self.context.cut(cut, FailureKind::Connect))
    }

    fn direct(&self, way: &ConnectAttempt<'_>) -> Result<Stream, Failure> {
        let found = self.addresses(way.host, way.port, way)?;
        let addresses = interleave(&self.allowed(way.host, found)?, way.port);
        self.dial(&addresses, way)
    }

    /// The limits of opening the connection.
    pub(in crate::fetch::net) fn limits(&self, way: &ConnectAttempt<'_>) -> Timeouts {
        self.context.connect_limits(way.began.get())
    }

    /// Gives up an idle connection for its descriptor, or waits until somebody else gives one back.
    /// `before` is the turn before the attempt that found none left. That there is none to be had is
    /// a failure of this kind.
    ///
    /// To wait here is to wait in the queue still, for a place that the number of jobs promised and
    /// the system does not have: no clock runs.
    pub(in crate::fetch::net) fn need_descriptor(
        &self,
        way: &ConnectAttempt<'_>,
        before: Turn,
        kind: FailureKind,
    ) -> Result<(), Failure> {
        let net = &self.context.net;
        if net.idle.evict().is_some() {
            return Ok(());
        }
        let since = Instant::now();
        let mut last = way.last_tries.get();
        let end = way.ticket.wait(before, &mut last, &net.cancel);
        way.last_tries.set(last);
        let waited = since.elapsed();
        self.context.pause(waited);
        way.began.set(way.began.get() + waited);
        match end {
            Ok(true) => Ok(()),
            Ok(false) => {
                let text = "too many open files, and none that could be closed";
                Err(Failure::new(kind, text))
            }
            Err(cut) => Err(self.context.cut(cut, kind)),
        }
    }

    /// Connects; when no descriptor is left, gives up idle connections or waits until one is.
    pub(in crate::fetch::net) fn dial(
        &self,
        addresses: &[SocketAddr],
        way: &ConnectAttempt<'_>,
    ) -> Result<Stream, Failure> {
        let kind = FailureKind::Connect;
        let context = &self.context;
        let net = &context.net;
        context.enter(Phase::Connect);
        let make_room = || net.idle.evict().is_some();
        // Begun anew behind each wait, it would never get past a first address that does not answer.
        let mut race = HappyEyeballs::new(addresses, &net.seats);
        loop {
            let turn = net.descriptors.turn();
            match race.run(&self.limits(way), &net.cancel, &make_room) {
                Ok(stream) => {
                    let wire = Tcp::new(stream);
                    self.hold(wire.stream())?;
                    return Ok(Stream::Tcp(wire));
                }
                Err(ConnectError::Refused(text)) => return Err(Failure::new(kind, text)),
                Err(ConnectError::WaitError(cut)) => return Err(context.cut(cut, kind)),
                Err(ConnectError::NoDescriptor) => self.need_descriptor(way, turn, kind)?,
            }
        }
    }

    fn tls_config(&self, way: &ConnectAttempt<'_>) -> Result<Arc<ClientConfig>, Failure> {
        self.context.enter(Phase::Tls);
        loop {
            let turn = self.context.net.descriptors.turn();
            match self.context.net.trust.config() {
                Ok(config) => return Ok(config),
                Err(TlsConfigError::Unusable(reason)) => {
                    return Err(Failure::new(FailureKind::Tls, reason));
                }
                Err(TlsConfigError::NoDescriptor) => {
                    self.need_descriptor(way, turn, FailureKind::Tls)?;
                }
            }
        }
    }

    pub(in crate::fetch::net) fn secure(
        &self,
        host: &str,
        layer: Stream,
        way: &ConnectAttempt<'_>,
        config: Arc<ClientConfig>,
    ) -> Result<Stream, Failure> {
        let context = &self.context;
        context.enter(Phase::Tls);
        let trust = &context.net.trust;
        let (limits, cancel) = (self.limits(way), &context.net.cancel);
        let name = trust.server_name(bare(host));
        let session = name
            .map_err(StreamError::Tls)
            .and_then(|name| Session::start(config, &trust.sessions, name, layer, &limits, cancel));
        let session = session.map_err(|error| {
            // Whether an end or a reset is seen is a matter of chance.
            let error = if error.is_hang_up() {
                StreamError::Truncated
            } else {
                error
            };
            context.layer_cut(error, FailureKind::Connect, CLOSED_IN_HANDSHAKE)
        })?;
        Ok(Stream::Tls(Box::new(session)))
    }
}
