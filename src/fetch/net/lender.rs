//! Lends the client library connections: an idle one, or a new one that is opened here.
//!
//! A new one leads straight to the origin or through the proxy that was chosen for it, and never directly when a
//! proxy was chosen. Names are looked up only for new connections.

use std::net::{IpAddr, SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Instant;

use rustls::ClientConfig;
use ureq::config::Config;
use ureq::http::{Uri, uri::Scheme};
use ureq::unversioned::resolver::{ResolvedSocketAddrs, Resolver as ClientResolver};
use ureq::unversioned::transport::{ConnectionDetails, Connector, NextTimeout};

use super::connection::Connection;
use super::descriptors::Ticket;
use super::dial::{DialError, dial, interleave};
use super::flight::Flight;
use super::layer::Layer;
use super::limits::Limits;
use super::private::{name_refusal, refusal};
use super::resolver::LookupError;
use super::tls::Session;
use super::transport::Lent;
use super::trust::TrustError;
use super::tunnel::{Target, Tunnel, TunnelError};
use super::wire::Wire;
use crate::fetch::failure::{Failure, FailureKind, Phase};
use crate::fetch::options::Family;
use crate::fetch::proxy::{Protocol, Proxy};
use crate::fetch::resolve::bare;

/// Addresses of one host that are tried.
const MAX_ADDRESSES: usize = 16;

/// The library asks for addresses before it asks for a connection; only a new connection needs them, and it
/// finds them itself.
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
struct Way<'a> {
    host: &'a str,
    port: u16,
    limits: Limits,
    ticket: Ticket,
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
        let way = Way {
            host: uri.host().unwrap_or_default(),
            port: uri.port_u16().unwrap_or(if is_tls { 443 } else { 80 }),
            limits: flight.connect_limits(),
            ticket: flight.net.descriptors.ticket(),
        };
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
        let mut layer = match &proxy {
            None => self.direct(&way)?,
            Some(proxy) => self.through(proxy, &way, is_tls, config.as_ref())?,
        };
        if let Some(config) = config.filter(|_| is_tls) {
            layer = self.secure(way.host, layer, &way, config)?;
        }
        Ok(Connection::new(&key, layer, way.ticket))
    }

    fn direct(&self, way: &Way<'_>) -> Result<Layer, Failure> {
        let found = self.addresses(way.host, way.port, way)?;
        let addresses = interleave(&self.allowed(way.host, found)?, way.port);
        self.dial(&addresses, way, FailureKind::Connect, "")
    }

    /// A connection through `proxy`: to the proxy itself when whole requests are handed to it, else by a tunnel.
    fn through(
        &self,
        proxy: &Proxy,
        way: &Way<'_>,
        is_tls: bool,
        config: Option<&Arc<ClientConfig>>,
    ) -> Result<Layer, Failure> {
        let target = self.target(proxy, way)?;
        let by_name = |f: Failure| {
            Failure::new(
                FailureKind::Proxy,
                format!("proxy {}: {}", proxy.host, f.message()),
            )
        };
        let found = match self.addresses(&proxy.host, proxy.port, way) {
            Err(failure) if failure.kind() == FailureKind::Dns => return Err(by_name(failure)),
            found => found?,
        };
        let addresses = interleave(&found, proxy.port);
        let mut layer = self.dial(&addresses, way, FailureKind::Proxy, "proxy ")?;
        if let Some(config) = config.filter(|_| proxy.protocol == Protocol::Https) {
            layer = self.secure(&proxy.host, layer, way, Arc::clone(config))?;
        }
        if proxy.protocol.is_http() && !is_tls {
            return Ok(layer);
        }
        self.flight.enter(Phase::Connect);
        let net = &self.flight.net;
        let mut tunnel = Tunnel {
            proxy,
            layer: &mut layer,
            limits: &way.limits,
            cancel: &net.cancel,
        };
        let made = match proxy.protocol {
            Protocol::Http | Protocol::Https => tunnel.connect(way.host, way.port, &net.user_agent),
            Protocol::Socks4 | Protocol::Socks4a => tunnel.socks4(target),
            Protocol::Socks5 | Protocol::Socks5h => tunnel.socks5(target),
        };
        match made {
            Ok(()) => Ok(layer),
            Err(TunnelError::Refused(why)) => {
                let text = format!("proxy {}:{}: {why}", proxy.host, proxy.port);
                Err(Failure::new(FailureKind::Proxy, text))
            }
            Err(TunnelError::Layer(error)) => {
                let closed = format!("proxy {}:{} closed the connection", proxy.host, proxy.port);
                Err(self.flight.layer_cut(error, FailureKind::Proxy, &closed))
            }
        }
    }

    /// What the proxy is asked to connect to.
    fn target<'a>(&self, proxy: &Proxy, way: &Way<'a>) -> Result<Target<'a>, Failure> {
        let is_address = bare(way.host).parse::<IpAddr>().is_ok();
        if self.flight.net.deny_private && !is_address && !proxy.protocol.wants_address() {
            let text = format!(
                "a proxy looks {} up, so its address cannot be checked",
                way.host
            );
            return Err(Failure::new(FailureKind::BlockedAddress, text));
        }
        if !is_address && !proxy.protocol.wants_address() {
            return Ok(Target::Name(way.host, way.port));
        }
        let found = self.addresses(way.host, way.port, way)?;
        let found = self.allowed(way.host, found)?;
        let usable = found
            .iter()
            .find(|a| proxy.protocol != Protocol::Socks4 || a.is_ipv4());
        // `allowed` gives one at least.
        let address = usable
            .or(found.first())
            .copied()
            .unwrap_or(IpAddr::from([0, 0, 0, 0]));
        Ok(Target::Address(SocketAddr::new(address, way.port)))
    }

    /// The addresses of a host in the wanted family: at least one.
    fn addresses(&self, host: &str, port: u16, way: &Way<'_>) -> Result<Vec<IpAddr>, Failure> {
        let flight = &self.flight;
        let net = &flight.net;
        flight.enter(Phase::Dns);
        let mut found = if let Some(rule) = net.resolve.iter().rev().find(|r| r.matches(host, port))
        {
            rule.addresses.clone()
        } else if let Ok(address) = bare(host).parse() {
            vec![address]
        } else if net.deny_private && name_refusal(host).is_some() {
            // Asking for it would only tell what is known: see `allowed`.
            vec![IpAddr::from([127, 0, 0, 1])]
        } else {
            self.look_up(host, way)?
        };
        let what = match net.family {
            Family::Any => "address",
            Family::V4 => "IPv4 address",
            Family::V6 => "IPv6 address",
        };
        found.retain(|a| net.family == Family::Any || a.is_ipv4() == (net.family == Family::V4));
        if found.is_empty() {
            return Err(Failure::new(
                FailureKind::Dns,
                format!("no {what} for {host}"),
            ));
        }
        Ok(found)
    }

    /// What the system knows of a name; nothing if it knows no address.
    fn look_up(&self, host: &str, way: &Way<'_>) -> Result<Vec<IpAddr>, Failure> {
        let net = &self.flight.net;
        loop {
            match net.resolver.resolve(host, &way.limits, &net.cancel) {
                Ok(found) => return Ok(found.to_vec()),
                Err(LookupError::NoAddress) => return Ok(Vec::new()),
                Err(LookupError::Cut(cut)) => return Err(self.flight.cut(cut, FailureKind::Dns)),
                Err(LookupError::NoDescriptor) => {
                    self.wait_for_descriptor(way, FailureKind::Dns)?;
                }
            }
        }
    }

    /// Gives up an idle connection for its descriptor, or waits until somebody else gives one back.
    fn wait_for_descriptor(&self, way: &Way<'_>, kind: FailureKind) -> Result<(), Failure> {
        let net = &self.flight.net;
        if net.idle.evict().is_some() {
            return Ok(());
        }
        match way.ticket.wait(&way.limits, &net.cancel) {
            Ok(true) => Ok(()),
            Ok(false) => Err(Failure::new(
                kind,
                "too many open files, and none that could be closed",
            )),
            Err(cut) => Err(self.flight.cut(cut, kind)),
        }
    }

    /// Those that may be connected to: at least one.
    fn allowed(&self, host: &str, mut found: Vec<IpAddr>) -> Result<Vec<IpAddr>, Failure> {
        if self.flight.net.deny_private {
            let first = found.first().and_then(|&a| Some((a, refusal(a)?)));
            found.retain(|&a| refusal(a).is_none());
            if let (true, Some((address, reason))) = (found.is_empty(), first) {
                let text = if bare(host).parse() == Ok(address) {
                    format!("{address} is {reason}")
                } else {
                    format!("{host} is at {address}, {reason}")
                };
                return Err(Failure::new(FailureKind::BlockedAddress, text));
            }
        }
        Ok(found)
    }

    /// Connects; when no descriptor is left, gives up idle connections or waits until one is. A failure is of
    /// this kind, and its message begins with `who`.
    fn dial(
        &self,
        addresses: &[SocketAddr],
        way: &Way<'_>,
        kind: FailureKind,
        who: &str,
    ) -> Result<Layer, Failure> {
        let flight = &self.flight;
        let net = &flight.net;
        flight.enter(Phase::Connect);
        let addresses = &addresses[..addresses.len().min(MAX_ADDRESSES)];
        let failure = |text: &str| Failure::new(kind, format!("{who}{text}"));
        loop {
            match dial(addresses, &way.limits, &net.cancel) {
                Ok(stream) => {
                    let wire = Wire::new(stream);
                    self.hold(wire.stream())?;
                    return Ok(Layer::Tcp(wire));
                }
                Err(DialError::Refused(text)) => return Err(failure(&text)),
                Err(DialError::Cut(cut)) => return Err(flight.cut(cut, kind)),
                Err(DialError::NoDescriptor) => self.wait_for_descriptor(way, kind)?,
            }
        }
    }

    fn tls_config(&self, way: &Way<'_>) -> Result<Arc<ClientConfig>, Failure> {
        self.flight.enter(Phase::Tls);
        loop {
            match self.flight.net.trust.config() {
                Ok(config) => return Ok(config),
                Err(TrustError::Unusable(reason)) => {
                    return Err(Failure::new(FailureKind::Tls, reason));
                }
                Err(TrustError::NoDescriptor) => self.wait_for_descriptor(way, FailureKind::Tls)?,
            }
        }
    }

    fn secure(
        &self,
        host: &str,
        layer: Layer,
        way: &Way<'_>,
        config: Arc<ClientConfig>,
    ) -> Result<Layer, Failure> {
        let flight = &self.flight;
        flight.enter(Phase::Tls);
        let session = Session::start(config, bare(host), layer, &way.limits, &flight.net.cancel)
            .map_err(|error| {
                flight.layer_cut(
                    error,
                    FailureKind::Tls,
                    "the server closed the connection in the handshake",
                )
            })?;
        Ok(Layer::Tls(Box::new(session)))
    }
}
