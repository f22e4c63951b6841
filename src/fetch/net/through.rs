//! New connections through a proxy. What the proxy is to connect to is judged here before it is asked.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use rustls::ClientConfig;

use super::dial::interleave;
use super::layer::Layer;
use super::lender::{Lender, Way};
use super::tunnel::{Target, Tunnel, TunnelError};
use crate::fetch::failure::{Failure, FailureKind, Phase};
use crate::fetch::proxy::{Protocol, Proxy};
use crate::fetch::resolve::bare;

impl Lender {
    /// A connection through `proxy`: to the proxy itself when whole requests are handed to it, else
    /// by a tunnel.
    pub(super) fn through(
        &self,
        proxy: &Proxy,
        way: &Way<'_>,
        is_tls: bool,
        config: Option<&Arc<ClientConfig>>,
    ) -> Result<Layer, Failure> {
        let target = self.target(proxy, way)?;
        self.ask(proxy, target, way, is_tls, config)
            .map_err(|failure| proxy.blame(failure))
    }

    fn ask(
        &self,
        proxy: &Proxy,
        target: Target<'_>,
        way: &Way<'_>,
        is_tls: bool,
        config: Option<&Arc<ClientConfig>>,
    ) -> Result<Layer, Failure> {
        let config = config.filter(|_| proxy.protocol == Protocol::Https);
        let found = self.addresses(&proxy.host, proxy.port, way)?;
        let mut layer = self.dial(&interleave(&found, proxy.port), way)?;
        if let Some(config) = config {
            layer = self.secure(&proxy.host, layer, way, Arc::clone(config))?;
        }
        if proxy.protocol.is_http() && !is_tls {
            return Ok(layer);
        }
        self.flight.enter(Phase::Connect);
        let (net, limits) = (&self.flight.net, self.limits(way));
        let mut tunnel = Tunnel {
            proxy,
            layer: &mut layer,
            limits: &limits,
            cancel: &net.cancel,
        };
        let made = match proxy.protocol {
            Protocol::Http | Protocol::Https => tunnel.connect(way.host, way.port, &net.user_agent),
            Protocol::Socks4 | Protocol::Socks4a => tunnel.socks4(target),
            Protocol::Socks5 | Protocol::Socks5h => tunnel.socks5(target),
        };
        made.map_err(|error| match error {
            TunnelError::Refused(why) => Failure::new(FailureKind::Proxy, why),
            TunnelError::Layer(error) => {
                let closed = "it closed the connection";
                self.flight.layer_cut(error, FailureKind::Proxy, closed)
            }
        })?;
        Ok(layer)
    }

    /// What the proxy is asked to connect to.
    fn target<'a>(&self, proxy: &Proxy, way: &Way<'a>) -> Result<Target<'a>, Failure> {
        let is_address = bare(way.host).parse::<IpAddr>().is_ok();
        // With addresses to be refused there is no such proxy: `Client::new` sees to that.
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
}
