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
use ureq::unversioned::transport::{ConnectionDetails, Connector, NextTimeout};

use super::cancel::Slot;
use super::connection::Connection;
use super::descriptors::{LastTries, Ticket, Turn};
use super::dial::{DialError, Race, interleave};
use super::flight::Flight;
use super::layer::{Layer, LayerError};
use super::limits::Limits;
use super::seats::Seat;
use super::tls::Session;
use super::transport::Lent;
use super::trust::TrustError;
use super::wire::Wire;
use crate::fetch::failure::{Failure, FailureKind, Phase};
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
pub(crate) struct Lender {
    pub(crate) flight: Arc<Flight>,
}

impl Connector for Lender {
    type Out = Lent;

    fn connect(
        &self,
        details: &ConnectionDetails<'_>,
        _: Option<()>,
    ) -> Result<Option<Lent>, ureq::Error> {
        let connection = match self.idle() {
            Some(connection) => connection,
            None => self.open(details.uri)?,
        };
        Ok(Some(Lent::new(Arc::clone(&self.flight), connection)))
    }
}

/// What a new connection leads to.
pub(super) struct Way<'a> {
    pub(super) host: &'a str,
    pub(super) port: u16,
    /// When it began, less the time that it waited for descriptors.
    began: Cell<Instant>,
    last_tries: Cell<LastTries>,
    ticket: Ticket,
    /// Who looks the name up holds it as well, until there is an answer.
    pub(super) seat: Arc<Seat>,
}

/// The socket that a cancel can find while its connection is being opened. A failure lets go of it,
/// and so closes it.
struct Held<'a>(&'a Slot);

impl Held<'_> {
    /// The connection is open, and [`Lent`] lets go of the socket.
    fn hand_over(self) {
        std::mem::forget(self);
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        self.0.clear();
    }
}

impl Lender {
    fn idle(&self) -> Option<Connection> {
        let mut state = self.flight.state();
        if !state.may_reuse {
            return None;
        }
        let connection = self.flight.net.idle.take(&state.key, Instant::now())?;
        state.reused = true;
        drop(state);
        self.hold(connection.layer.wire().stream()).ok()?;
        Some(connection)
    }

    /// Lets a cancel find the socket.
    fn hold(&self, stream: &Arc<TcpStream>) -> Result<(), Failure> {
        let flight = &self.flight;
        flight
            .net
            .cancel
            .hold(&flight.slot, stream)
            .map_err(|cut| flight.cut(cut, FailureKind::Connect))
    }

    fn open(&self, uri: &Uri) -> Result<Connection, Failure> {
        let flight = &self.flight;
        let is_tls = uri.scheme() == Some(&Scheme::HTTPS);
        let (proxy, key) = {
            let state = flight.state();
            (state.proxy.clone(), state.key.clone())
        };
        let seat = Arc::new(self.seat()?);
        let way = Way {
            host: uri.host().unwrap_or_default(),
            port: uri.port_u16().unwrap_or(if is_tls { 443 } else { 80 }),
            began: Cell::new(Instant::now()),
            last_tries: Cell::default(),
            ticket: flight.net.descriptors.ticket(),
            seat,
        };
        // Dropped before the ticket: the descriptor is closed when that is given back.
        let held = Held(&flight.slot);
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
        let net = &self.flight.net;
        if let Some(seat) = net.seats.try_take() {
            return Ok(seat);
        }
        let since = Instant::now();
        let make_room = || net.idle.evict().is_some();
        let taken = net.seats.take(&make_room, &net.cancel);
        self.flight.pause(since.elapsed());
        taken.map_err(|cut| self.flight.cut(cut, FailureKind::Connect))
    }

    fn direct(&self, way: &Way<'_>) -> Result<Layer, Failure> {
        let found = self.addresses(way.host, way.port, way)?;
        let addresses = interleave(&self.allowed(way.host, found)?, way.port);
        self.dial(&addresses, way)
    }

    /// The limits of opening the connection.
    pub(super) fn limits(&self, way: &Way<'_>) -> Limits {
        self.flight.connect_limits(way.began.get())
    }

    /// Gives up an idle connection for its descriptor, or waits until somebody else gives one back.
    /// `before` is the turn before the attempt that found none left. That there is none to be had is
    /// a failure of this kind.
    ///
    /// To wait here is to wait in the queue still, for a place that the number of jobs promised and
    /// the system does not have: no clock runs.
    pub(super) fn need_descriptor(
        &self,
        way: &Way<'_>,
        before: Turn,
        kind: FailureKind,
    ) -> Result<(), Failure> {
        let net = &self.flight.net;
        if net.idle.evict().is_some() {
            return Ok(());
        }
        let since = Instant::now();
        let mut last = way.last_tries.get();
        let end = way.ticket.wait(before, &mut last, &net.cancel);
        way.last_tries.set(last);
        let waited = since.elapsed();
        self.flight.pause(waited);
        way.began.set(way.began.get() + waited);
        match end {
            Ok(true) => Ok(()),
            Ok(false) => {
                let text = "too many open files, and none that could be closed";
                Err(Failure::new(kind, text))
            }
            Err(cut) => Err(self.flight.cut(cut, kind)),
        }
    }

    /// Connects; when no descriptor is left, gives up idle connections or waits until one is.
    pub(super) fn dial(&self, addresses: &[SocketAddr], way: &Way<'_>) -> Result<Layer, Failure> {
        let kind = FailureKind::Connect;
        let flight = &self.flight;
        let net = &flight.net;
        flight.enter(Phase::Connect);
        let make_room = || net.idle.evict().is_some();
        // Begun anew behind each wait, it would never get past a first address that does not answer.
        let mut race = Race::new(addresses, &net.seats);
        loop {
            let turn = net.descriptors.turn();
            match race.run(&self.limits(way), &net.cancel, &make_room) {
                Ok(stream) => {
                    let wire = Wire::new(stream);
                    self.hold(wire.stream())?;
                    return Ok(Layer::Tcp(wire));
                }
                Err(DialError::Refused(text)) => return Err(Failure::new(kind, text)),
                Err(DialError::Cut(cut)) => return Err(flight.cut(cut, kind)),
                Err(DialError::NoDescriptor) => self.need_descriptor(way, turn, kind)?,
            }
        }
    }

    fn tls_config(&self, way: &Way<'_>) -> Result<Arc<ClientConfig>, Failure> {
        self.flight.enter(Phase::Tls);
        loop {
            let turn = self.flight.net.descriptors.turn();
            match self.flight.net.trust.config() {
                Ok(config) => return Ok(config),
                Err(TrustError::Unusable(reason)) => {
                    return Err(Failure::new(FailureKind::Tls, reason));
                }
                Err(TrustError::NoDescriptor) => {
                    self.need_descriptor(way, turn, FailureKind::Tls)?;
                }
            }
        }
    }

    pub(super) fn secure(
        &self,
        host: &str,
        layer: Layer,
        way: &Way<'_>,
        config: Arc<ClientConfig>,
    ) -> Result<Layer, Failure> {
        let flight = &self.flight;
        flight.enter(Phase::Tls);
        let trust = &flight.net.trust;
        let (limits, cancel) = (self.limits(way), &flight.net.cancel);
        let name = trust.server_name(bare(host));
        let session = name
            .map_err(LayerError::Tls)
            .and_then(|name| Session::start(config, &trust.sessions, name, layer, &limits, cancel));
        let session = session.map_err(|error| {
            // Whether an end or a reset is seen is a matter of chance.
            let error = if error.is_hang_up() {
                LayerError::Truncated
            } else {
                error
            };
            flight.layer_cut(error, FailureKind::Connect, CLOSED_IN_HANDSHAKE)
        })?;
        Ok(Layer::Tls(Box::new(session)))
    }
}
