//! New connections through a proxy. The address of the origin is checked here, before the proxy is
//! asked for a connection to it.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use rustls::ClientConfig;

use super::connect_attempt::ConnectAttempt;
use crate::fetch::failure::{Failure, FailureKind, Phase};
use crate::fetch::net::io::stream::Stream;
use crate::fetch::net::proxy_handshake::{ProxyError, ProxyHandshake, ProxyTarget};
use crate::fetch::proxy::{Protocol, Proxy};
use crate::fetch::resolve::bare;

impl<'a> ConnectAttempt<'a> {
    /// A connection to the proxy itself if it takes whole requests for the origin, else a handshake.
    /// `config` is for the origin or the proxy, whichever speaks TLS.
    pub(super) fn via_proxy(
        &mut self,
        proxy: &Proxy,
        is_tls: bool,
        config: Option<&Arc<ClientConfig>>,
    ) -> Result<Box<dyn Stream>, Failure> {
        let target = self.proxy_target(proxy)?;
        let config = config.filter(|_| proxy.protocol == Protocol::Https);
        let needs_tunnel = is_tls || !proxy.protocol.is_http();
        let stream = self.connect_to_proxy(proxy, config).and_then(|stream| {
            if needs_tunnel {
                self.open_tunnel(proxy, target, stream)
            } else {
                Ok(stream)
            }
        });
        stream.map_err(|failure| proxy.blame(failure))
    }

    fn connect_to_proxy(
        &mut self,
        proxy: &Proxy,
        config: Option<&Arc<ClientConfig>>,
    ) -> Result<Box<dyn Stream>, Failure> {
        let stream = self.connect(&proxy.host, proxy.port, true)?;
        match config {
            Some(config) => self.start_tls(&proxy.host, stream, Arc::clone(config)),
            None => Ok(stream),
        }
    }

    fn open_tunnel(
        &mut self,
        proxy: &Proxy,
        target: ProxyTarget<'_>,
        mut stream: Box<dyn Stream>,
    ) -> Result<Box<dyn Stream>, Failure> {
        self.phase = Phase::Connect;
        let net = &*self.context.net;
        let mut handshake = ProxyHandshake {
            proxy,
            stream: stream.as_mut(),
            wait: self.wait(),
        };
        let result = match proxy.protocol {
            Protocol::Http | Protocol::Https => {
                handshake.connect(self.host, self.port, &net.user_agent)
            }
            Protocol::Socks4 | Protocol::Socks4a => handshake.socks4(target),
            Protocol::Socks5 | Protocol::Socks5h => handshake.socks5(target),
        };
        result.map(|()| stream).map_err(|error| match error {
            ProxyError::Refused(why) => Failure::new(FailureKind::Proxy, why),
            ProxyError::Stream(error) => {
                self.stream_failure(error, FailureKind::Proxy, "it closed the connection")
            }
        })
    }

    /// What the proxy is to connect to.
    fn proxy_target(&mut self, proxy: &Proxy) -> Result<ProxyTarget<'a>, Failure> {
        let is_address = bare(self.host).parse::<IpAddr>().is_ok();
        // Such a proxy is never used with `deny_private`: `Client::new` refuses both together.
        if !is_address && !proxy.protocol.wants_address() {
            return Ok(ProxyTarget::Name(self.host, self.port));
        }
        let addresses = self.addresses()?;
        let usable = addresses
            .iter()
            .find(|a| proxy.protocol != Protocol::Socks4 || a.is_ipv4());
        // There is at least one.
        let address = usable
            .or(addresses.first())
            .copied()
            .unwrap_or(IpAddr::from([0, 0, 0, 0]));
        Ok(ProxyTarget::Address(SocketAddr::new(address, self.port)))
    }
}
