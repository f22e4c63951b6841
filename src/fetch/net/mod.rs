//! The network under the client library, built on its extension points and confined to this module: those
//! points are outside semver, and so the library's version is pinned.
//!
//! The library speaks HTTP over connections that it is lent, one exchange at a time. Everything below that is
//! here: names, connecting, TLS, idle connections, buffers, time limits and cancelling. Nothing here knows of
//! redirects, statuses or bodies.

mod buffers;
mod cancel;
mod chunked;
mod connection;
mod descriptors;
mod dial;
mod flight;
mod head;
mod idle;
mod limits;
mod reply;
mod resolver;
mod tls;
mod transport;
mod wire;

use std::io;
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::sync::{Arc, OnceLock};
use std::time::Instant;

use ureq::Agent;
use ureq::config::{AutoHeaderValue, Config};
use ureq::http::{Uri, uri::Scheme};
use ureq::unversioned::resolver::{ResolvedSocketAddrs, Resolver as ClientResolver};
use ureq::unversioned::transport::{ConnectionDetails, Connector, NextTimeout};

use self::cancel::Cancel;
use self::connection::Connection;
use self::descriptors::{Descriptors, Ticket};
use self::dial::{DialError, dial, interleave};
use self::idle::IdlePool;
use self::resolver::{LookupError, Resolver};
use self::tls::Session;
use self::transport::Lent;
use self::wire::Wire;
use super::failure::{Failure, FailureKind, Phase};

pub(crate) use self::flight::Flight;
pub(crate) use self::limits::{Deadline, Limits};

/// What all workers of a client share.
#[derive(Debug)]
pub(crate) struct Net {
    cancel: Cancel,
    idle: IdlePool,
    resolver: Resolver,
    descriptors: Arc<Descriptors>,
    /// Built when the first https URL is met.
    tls: OnceLock<Result<Arc<rustls::ClientConfig>, String>>,
}

impl Net {
    pub(crate) fn new(idle_connections: usize) -> io::Result<Self> {
        Ok(Self {
            cancel: Cancel::new()?,
            idle: IdlePool::new(idle_connections),
            resolver: Resolver::new(),
            descriptors: Arc::default(),
            tls: OnceLock::new(),
        })
    }

    /// Cuts off everything that is in flight, and whatever is started later.
    pub(crate) fn cancel(&self) {
        self.cancel.throw();
        self.resolver.wake();
        self.descriptors.wake();
    }

    pub(crate) fn is_cancelled(&self) -> bool {
        self.cancel.is_thrown()
    }
}

/// A client library for one worker, whose connections come from `flight`.
pub(crate) fn agent(flight: &Arc<Flight>) -> Agent {
    let config = Config::builder()
        .http_status_as_error(false)
        .max_redirects(0)
        .max_redirects_will_error(false)
        .max_idle_connections(0)
        .allow_non_standard_methods(true)
        .max_response_header_size(2 * head::HEAD_LIMIT)
        .user_agent(AutoHeaderValue::None)
        .accept(AutoHeaderValue::None)
        .accept_encoding(AutoHeaderValue::None)
        .proxy(None)
        .build();
    Agent::with_parts(
        config,
        Lender {
            flight: Arc::clone(flight),
        },
        NoResolver,
    )
}

/// The library asks for addresses before it asks for a connection; only a new connection needs them, and it
/// finds them itself.
#[derive(Debug)]
struct NoResolver;

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

/// Lends the library an idle connection, or a new one.
#[derive(Debug)]
struct Lender {
    flight: Arc<Flight>,
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
        let flight = &self.flight;
        let lent = Lent::new(Arc::clone(flight), connection);
        Ok(Some(lent))
    }
}

impl Lender {
    fn idle(&self) -> Option<Connection> {
        let mut state = self.flight.state();
        if !state.may_reuse {
            return None;
        }
        let connection = self.flight.net.idle.take(&state.origin, Instant::now())?;
        state.reused = true;
        drop(state);
        self.hold(connection.stream()).ok()?;
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
        let limits = flight.connect_limits();
        let is_tls = uri.scheme() == Some(&Scheme::HTTPS);
        let host = uri.host().unwrap_or_default();
        let port = uri.port_u16().unwrap_or(if is_tls { 443 } else { 80 });

        let addresses = self.addresses(host, port, &limits)?;
        flight.enter(Phase::Connect);
        let ticket = flight.net.descriptors.ticket();
        let mut wire = Wire::new(self.dial(&addresses, &limits, &ticket)?);
        self.hold(wire.stream())?;
        let tls = if is_tls {
            Some(Box::new(self.secure(host, &mut wire, &limits)?))
        } else {
            None
        };
        let origin = flight.state().origin.clone();
        Ok(Connection::new(&origin, wire, tls, ticket))
    }

    fn addresses(
        &self,
        host: &str,
        port: u16,
        limits: &Limits,
    ) -> Result<Vec<SocketAddr>, Failure> {
        let flight = &self.flight;
        flight.enter(Phase::Dns);
        if let Ok(address) = bare(host).parse::<IpAddr>() {
            return Ok(vec![SocketAddr::new(address, port)]);
        }
        match flight
            .net
            .resolver
            .resolve(host, limits, &flight.net.cancel)
        {
            Ok(found) => Ok(interleave(&found, port)),
            Err(LookupError::NoAddress) => Err(Failure::new(
                FailureKind::Dns,
                format!("no address for {host}"),
            )),
            Err(LookupError::Cut(cut)) => Err(flight.cut(cut, FailureKind::Dns)),
        }
    }

    /// Connects; when no descriptor is left, gives up idle connections or waits until one is.
    fn dial(
        &self,
        addresses: &[SocketAddr],
        limits: &Limits,
        ticket: &Ticket,
    ) -> Result<TcpStream, Failure> {
        let flight = &self.flight;
        let net = &flight.net;
        let cut = |cut| flight.cut(cut, FailureKind::Connect);
        loop {
            match dial(addresses, limits, &net.cancel) {
                Ok(stream) => return Ok(stream),
                Err(DialError::Refused(text)) => {
                    return Err(Failure::new(FailureKind::Connect, text));
                }
                Err(DialError::Cut(why)) => return Err(cut(why)),
                Err(DialError::NoDescriptor(error)) => {
                    let freed = net.idle.evict().is_some();
                    if !freed && !ticket.wait(limits, &net.cancel).map_err(cut)? {
                        return Err(Failure::new(
                            FailureKind::Connect,
                            super::failure::os_text(&error),
                        ));
                    }
                }
            }
        }
    }

    fn secure(&self, host: &str, wire: &mut Wire, limits: &Limits) -> Result<Session, Failure> {
        let flight = &self.flight;
        flight.enter(Phase::Tls);
        let config = flight.net.tls.get_or_init(tls::config).clone();
        let config = config.map_err(|reason| Failure::new(FailureKind::Tls, reason))?;
        Session::start(config, bare(host), wire, limits, &flight.net.cancel).map_err(|error| {
            flight.tls_cut(
                error,
                FailureKind::Tls,
                "the server closed the connection in the handshake",
            )
        })
    }
}

/// A host without the brackets that an IPv6 address has in a URL.
fn bare(host: &str) -> &str {
    host.strip_prefix('[')
        .and_then(|h| h.strip_suffix(']'))
        .unwrap_or(host)
}
