//! New connections through a proxy. The address of the origin is checked before the proxy is asked to connect to it.

use std::net::{IpAddr, SocketAddr};

use super::connect_attempt::ConnectAttempt;
use crate::fetch::failure::{Failure, FailureKind, Phase};
use crate::fetch::net::io::stream::Stream;
use crate::fetch::net::proxy_handshake::{ProxyError, ProxyHandshake, ProxyTarget};
use crate::fetch::proxy::{Protocol, Proxy};
use crate::fetch::resolve::bare;

impl<'a> ConnectAttempt<'a> {
    /// A connection to the proxy if it takes whole requests for the origin, else a tunnel.
    pub(super) fn via_proxy(
        &mut self,
        proxy: &Proxy,
        is_tls: bool,
    ) -> Result<Box<dyn Stream>, Failure> {
        let target = self.proxy_target(proxy)?;
        let needs_tunnel = is_tls || !proxy.protocol.is_http();
        let stream = self.connect_to_proxy(proxy).and_then(|stream| {
            if needs_tunnel {
                self.open_tunnel(proxy, target, stream)
            } else {
                Ok(stream)
            }
        });
        stream.map_err(|failure| proxy.blame(failure))
    }

    fn connect_to_proxy(&mut self, proxy: &Proxy) -> Result<Box<dyn Stream>, Failure> {
        let stream = self.connect(&proxy.host, proxy.port, true)?;
        if proxy.protocol == Protocol::Https {
            self.start_tls(&proxy.host, stream)
        } else {
            Ok(stream)
        }
    }

    fn open_tunnel(
        &mut self,
        proxy: &Proxy,
        target: ProxyTarget<'_>,
        mut stream: Box<dyn Stream>,
    ) -> Result<Box<dyn Stream>, Failure> {
        self.phase = Phase::Connect;
        let mut handshake = ProxyHandshake {
            proxy,
            stream: stream.as_mut(),
            wait: self.wait(),
        };
        let user_agent = &self.context.net.user_agent;
        let result = match proxy.protocol {
            Protocol::Http | Protocol::Https => handshake.connect(self.host, self.port, user_agent),
            Protocol::Socks4 | Protocol::Socks4a => handshake.socks4(target),
            Protocol::Socks5 | Protocol::Socks5h => handshake.socks5(target),
        };
        let kind = FailureKind::Proxy;
        match result {
            Ok(()) => Ok(stream),
            Err(ProxyError::Refused(why)) => Err(Failure::new(kind, why)),
            Err(ProxyError::Stream(error)) => {
                Err(self.failure(error, kind, "it closed the connection"))
            }
        }
    }

    fn proxy_target(&mut self, proxy: &Proxy) -> Result<ProxyTarget<'a>, Failure> {
        let is_address = bare(self.host).parse::<IpAddr>().is_ok();
        // A name cannot be checked here, so `Client::new` refuses `deny_private` with such a proxy.
        if !is_address && !proxy.protocol.wants_address() {
            return Ok(ProxyTarget::Name(self.host, self.port));
        }
        let addresses = self.addresses()?;
        let is_usable = |a: &&IpAddr| proxy.protocol != Protocol::Socks4 || a.is_ipv4();
        let &address = addresses.iter().find(is_usable).unwrap_or(&addresses[0]);
        Ok(ProxyTarget::Address(SocketAddr::new(address, self.port)))
    }
}
