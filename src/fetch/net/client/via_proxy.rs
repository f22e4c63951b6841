//! New connections through a proxy. The target's address is checked here, before the proxy is asked.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use rustls::ClientConfig;

use super::connector::{ConnectAttempt, Connector};
use crate::fetch::failure::{Failure, FailureKind, Phase};
use crate::fetch::net::io::stream::Stream;
use crate::fetch::net::proxy_handshake::{ProxyError, ProxyHandshake, ProxyTarget};
use crate::fetch::net::reach::happy_eyeballs::interleave;
use crate::fetch::proxy::{Protocol, Proxy};
use crate::fetch::resolve::bare;

impl Connector {
    /// A connection through `proxy`: to the proxy itself when that takes whole requests, else a tunnel.
    pub(in crate::fetch::net) fn via_proxy(
        &self,
        proxy: &Proxy,
        way: &ConnectAttempt<'_>,
        is_tls: bool,
        config: Option<&Arc<ClientConfig>>,
    ) -> Result<Box<dyn Stream>, Failure> {
        let target = self.target(proxy, way)?;
        self.ask(proxy, target, way, is_tls, config)
            .map_err(|failure| proxy.blame(failure))
    }

    fn ask(
        &self,
        proxy: &Proxy,
        target: ProxyTarget<'_>,
        way: &ConnectAttempt<'_>,
        is_tls: bool,
        config: Option<&Arc<ClientConfig>>,
    ) -> Result<Box<dyn Stream>, Failure> {
        let config = config.filter(|_| proxy.protocol == Protocol::Https);
        let found = self.addresses(&proxy.host, proxy.port, way)?;
        let mut stream = self.connect_first(&interleave(&found, proxy.port), way)?;
        if let Some(config) = config {
            stream = self.secure(&proxy.host, stream, way, Arc::clone(config))?;
        }
        if proxy.protocol.is_http() && !is_tls {
            return Ok(stream);
        }
        self.context.enter(Phase::Connect);
        let mut handshake = ProxyHandshake {
            proxy,
            stream: stream.as_mut(),
            wait: self.wait(way),
        };
        let made = match proxy.protocol {
            Protocol::Http | Protocol::Https => {
                handshake.connect(way.host, way.port, &self.context.net.user_agent)
            }
            Protocol::Socks4 | Protocol::Socks4a => handshake.socks4(target),
            Protocol::Socks5 | Protocol::Socks5h => handshake.socks5(target),
        };
        made.map_err(|error| match error {
            ProxyError::Refused(why) => Failure::new(FailureKind::Proxy, why),
            ProxyError::Stream(error) => {
                let closed = "it closed the connection";
                self.context.layer_cut(error, FailureKind::Proxy, closed)
            }
        })?;
        Ok(stream)
    }

    /// The target that the proxy is asked to connect to.
    fn target<'a>(
        &self,
        proxy: &Proxy,
        way: &ConnectAttempt<'a>,
    ) -> Result<ProxyTarget<'a>, Failure> {
        let is_address = bare(way.host).parse::<IpAddr>().is_ok();
        // `Client::new` refuses a proxy that looks names up together with `--deny-private`.
        if !is_address && !proxy.protocol.wants_address() {
            return Ok(ProxyTarget::Name(way.host, way.port));
        }
        let found = self.addresses(way.host, way.port, way)?;
        let found = self.allowed(way.host, found)?;
        let usable = found
            .iter()
            .find(|a| proxy.protocol != Protocol::Socks4 || a.is_ipv4());
        // `allowed` returns at least one.
        let address = usable
            .or(found.first())
            .copied()
            .unwrap_or(IpAddr::from([0, 0, 0, 0]));
        Ok(ProxyTarget::Address(SocketAddr::new(address, way.port)))
    }
}
