//! Asking a proxy for a tunnel: CONNECT (RFC 9110, 9.3.6), SOCKS 4 and 4a, and SOCKS 5 (RFC 1928 and RFC 1929).
//!
//! The proxy learns the target as given here, its own credentials and the user agent. Nothing is read beyond its answer.

use std::net::{IpAddr, SocketAddr};

use http::StatusCode;

use super::http1::head::{HeadScanner, HeadStatus};
use super::http1::reply::status_line;
use super::io::cancel::Wait;
use super::io::stream::{Stream, StreamError};
use crate::fetch::proxy::Proxy;

#[derive(Debug, Clone, Copy)]
pub(super) enum ProxyTarget<'a> {
    /// An address that was looked up here.
    Address(SocketAddr),
    /// A name for the proxy to look up.
    Name(&'a str, u16),
}

#[derive(Debug)]
pub(super) enum ProxyError {
    /// The proxy refused, or gave an answer that is not of its protocol.
    Refused(String),
    Stream(StreamError),
}

impl From<StreamError> for ProxyError {
    fn from(error: StreamError) -> Self {
        Self::Stream(error)
    }
}

/// A connection to a proxy that is asked for a tunnel.
pub(super) struct ProxyHandshake<'a> {
    pub(super) proxy: &'a Proxy,
    pub(super) stream: &'a mut dyn Stream,
    pub(super) wait: Wait<'a>,
}

impl ProxyHandshake<'_> {
    /// Asks an HTTP proxy. `host` is written as in a URL.
    pub(super) fn connect(
        &mut self,
        host: &str,
        port: u16,
        user_agent: &str,
    ) -> Result<(), ProxyError> {
        let mut request = format!("CONNECT {host}:{port} HTTP/1.1\r\nHost: {host}:{port}\r\n");
        if !user_agent.is_empty() {
            request += &format!("User-Agent: {user_agent}\r\n");
        }
        let mut request = request.into_bytes();
        if let Some(authorization) = &self.proxy.authorization {
            request.extend_from_slice(b"Proxy-Authorization: ");
            request.extend_from_slice(authorization.as_bytes());
            request.extend_from_slice(b"\r\n");
        }
        request.extend_from_slice(b"\r\n");
        self.send(&request)?;
        let head = self.head()?;
        let line = head.split(|&byte| byte == b'\n').next();
        let line = line.unwrap_or_default().trim_ascii_end();
        let line = status_line(line).map_err(ProxyError::Refused)?;
        let status = std::str::from_utf8(&line[9..12])
            .ok()
            .and_then(|s| s.parse::<StatusCode>().ok());
        match status {
            Some(status) if status.is_success() => Ok(()),
            Some(status) => {
                let reason = status.canonical_reason().unwrap_or_default();
                let text = format!(
                    "it refused a tunnel to {host}:{port}: {} {reason}",
                    status.as_str()
                );
                Err(refused(text.trim_end()))
            }
            None => Err(refused("its answer has no status")),
        }
    }

    /// Reads the head of the answer to CONNECT, byte by byte: what follows is the origin's.
    fn head(&mut self) -> Result<Vec<u8>, ProxyError> {
        let (mut scanner, mut head) = (HeadScanner::default(), Vec::new());
        loop {
            let [byte] = self.receive()?;
            head.push(byte);
            match scanner.scan(&head) {
                HeadStatus::Whole(_) => return Ok(head),
                HeadStatus::Skip(amount) => drop(head.drain(..amount)),
                HeadStatus::Bad(reason) => return Err(ProxyError::Refused(reason)),
                HeadStatus::Partial => {}
            }
        }
    }

    /// Asks a SOCKS 4 proxy; a name as the target requires 4a.
    pub(super) fn socks4(&mut self, target: ProxyTarget<'_>) -> Result<(), ProxyError> {
        let (port, address, name) = match target {
            ProxyTarget::Address(SocketAddr::V4(address)) => {
                (address.port(), address.ip().octets(), None)
            }
            ProxyTarget::Address(_) => return Err(refused("SOCKS 4 knows no IPv6 addresses")),
            // 0.0.0.x announces a name.
            ProxyTarget::Name(name, port) => (port, [0, 0, 0, 1], Some(name)),
        };
        if self.proxy.user.contains(&0) {
            return Err(refused("SOCKS 4 knows no user with a NUL byte in the name"));
        }
        let [high, low] = port.to_be_bytes();
        let mut request = vec![4, 1, high, low];
        request.extend_from_slice(&address);
        request.extend_from_slice(&self.proxy.user);
        request.push(0);
        if let Some(name) = name {
            request.extend_from_slice(name.as_bytes());
            request.push(0);
        }
        self.send(&request)?;
        match self.receive::<8>()? {
            [0, 90, ..] => Ok(()),
            [0, code @ 91..=93, ..] => Err(ProxyError::Refused(socks4_reason(code))),
            _ => Err(refused("its answer is not SOCKS 4")),
        }
    }

    pub(super) fn socks5(&mut self, target: ProxyTarget<'_>) -> Result<(), ProxyError> {
        self.socks5_authenticate()?;
        let mut request = vec![5, 1, 0];
        let port = match target {
            ProxyTarget::Address(address) => {
                match address.ip() {
                    IpAddr::V4(ip) => request.extend([&[1][..], &ip.octets()].concat()),
                    IpAddr::V6(ip) => request.extend([&[4][..], &ip.octets()].concat()),
                }
                address.port()
            }
            ProxyTarget::Name(name, port) => {
                let length = u8::try_from(name.len())
                    .map_err(|_| refused("SOCKS 5 knows no name that long"))?;
                request.extend([3, length]);
                request.extend_from_slice(name.as_bytes());
                port
            }
        };
        request.extend(port.to_be_bytes());
        self.send(&request)?;
        let [version, answer, _, kind] = self.receive()?;
        if version != 5 {
            return Err(refused("its answer is not SOCKS 5"));
        }
        if answer != 0 {
            return Err(ProxyError::Refused(socks5_reason(answer)));
        }
        // Skip the address that the proxy connects from.
        let length = match kind {
            1 => 4,
            4 => 16,
            3 => usize::from(self.receive::<1>()?[0]),
            _ => return Err(refused("its answer is not SOCKS 5")),
        };
        for _ in 0..length + 2 {
            self.receive::<1>()?;
        }
        Ok(())
    }

    fn socks5_authenticate(&mut self) -> Result<(), ProxyError> {
        let has_user = !self.proxy.user.is_empty();
        self.send(if has_user { &[5, 2, 0, 2] } else { &[5, 1, 0] })?;
        match self.receive()? {
            [5, 0] => Ok(()),
            [5, 2] if has_user => {
                let part = |bytes: &[u8]| match u8::try_from(bytes.len()) {
                    Ok(length) => Ok([&[length][..], bytes].concat()),
                    Err(_) => Err(refused("the user or the password is too long")),
                };
                let (user, password) = (part(&self.proxy.user)?, part(&self.proxy.password)?);
                self.send(&[&[1][..], &user, &password].concat())?;
                match self.receive()? {
                    [1, 0] => Ok(()),
                    [1, _] => Err(refused("it does not accept the user or the password")),
                    _ => Err(refused("its answer is not SOCKS 5")),
                }
            }
            [5, _] => Err(refused("it wants another kind of authentication")),
            _ => Err(refused("its answer is not SOCKS 5")),
        }
    }

    fn send(&mut self, bytes: &[u8]) -> Result<(), ProxyError> {
        Ok(self.stream.send(bytes, &self.wait)?)
    }

    fn receive<const N: usize>(&mut self) -> Result<[u8; N], ProxyError> {
        let mut bytes = [0; N];
        let mut filled = 0;
        while filled < N {
            match self.stream.recv(&mut bytes[filled..], &self.wait)? {
                0 => return Err(StreamError::Truncated.into()),
                amount => filled += amount,
            }
        }
        Ok(bytes)
    }
}

fn refused(why: &str) -> ProxyError {
    ProxyError::Refused(why.to_owned())
}

/// The reply codes of RFC 1928, section 6, in its words.
fn socks5_reason(code: u8) -> String {
    let meaning = match code {
        1 => "general SOCKS server failure",
        2 => "connection not allowed by ruleset",
        3 => "network unreachable",
        4 => "host unreachable",
        5 => "connection refused",
        6 => "TTL expired",
        7 => "command not supported",
        8 => "address type not supported",
        _ => "a code that SOCKS 5 does not have",
    };
    format!("it made no connection: {meaning} (SOCKS 5 reply {code})")
}

/// The reply codes of SOCKS 4, from "SOCKS: A protocol for TCP proxy across firewalls".
fn socks4_reason(code: u8) -> String {
    let meaning = match code {
        92 => "it cannot reach identd on this machine",
        93 => "identd on this machine names another user",
        _ => "rejected or failed",
    };
    format!("it made no connection: {meaning} (SOCKS 4 reply {code})")
}
