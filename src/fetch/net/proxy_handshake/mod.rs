//! Asking a proxy for a tunnel: CONNECT (RFC 9110, 9.3.6), SOCKS 4 and 4a, and SOCKS 5 (RFC 1928 and RFC 1929).
//!
//! The proxy learns the target as given, its own credentials and the user agent. Nothing after its answer is read.

use std::net::SocketAddr;

use http::StatusCode;

use super::http1::head::{HeadReader, HeadStatus};
use super::http1::reply::StatusLine;
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
            request.extend([b"Proxy-Authorization: ", authorization.as_bytes(), b"\r\n"].concat());
        }
        request.extend_from_slice(b"\r\n");
        self.send(&request)?;
        let status = StatusCode::from_bytes(&self.status_line()?[9..12])
            .map_err(|_| refused("its answer has no status"))?;
        if status.is_success() {
            return Ok(());
        }
        let reason = status.canonical_reason().unwrap_or_default();
        let status = status.as_str();
        let text = format!("it refused a tunnel to {host}:{port}: {status} {reason}");
        Err(refused(text.trim_end()))
    }

    /// Reads the answer to CONNECT byte by byte: the bytes after it come from the origin.
    fn status_line(&mut self) -> Result<StatusLine, ProxyError> {
        let (mut head, mut unread) = (HeadReader::default(), Vec::new());
        loop {
            let [byte] = self.receive()?;
            unread.push(byte);
            let (amount, status) = head.read(&unread);
            unread.drain(..amount);
            match status {
                HeadStatus::Partial => {}
                HeadStatus::Whole => return Ok(head.status()),
                HeadStatus::Bad(reason) => return Err(ProxyError::Refused(reason)),
            }
        }
    }

    /// Asks a SOCKS 4 proxy; a name as the target requires 4a.
    pub(super) fn socks4(&mut self, target: ProxyTarget<'_>) -> Result<(), ProxyError> {
        let (port, address, name) = match target {
            ProxyTarget::Address(SocketAddr::V4(v4)) => (v4.port(), v4.ip().octets(), None),
            ProxyTarget::Address(_) => return Err(refused("SOCKS 4 knows no IPv6 addresses")),
            // 0.0.0.x announces a name.
            ProxyTarget::Name(name, port) => (port, [0, 0, 0, 1], Some(name)),
        };
        let user = &self.proxy.user;
        if user.contains(&0) {
            return Err(refused("SOCKS 4 knows no user with a NUL byte in the name"));
        }
        let mut request = [&[4, 1], &port.to_be_bytes()[..], &address, user, &[0]].concat();
        if let Some(name) = name {
            request.extend([name.as_bytes(), &[0]].concat());
        }
        self.send(&request)?;
        match self.receive::<8>()? {
            [0, 90, ..] => Ok(()),
            [0, code @ 91..=93, ..] => Err(no_connection(code, socks4_meaning(code), 4)),
            _ => Err(refused("its answer is not SOCKS 4")),
        }
    }

    pub(super) fn socks5(&mut self, target: ProxyTarget<'_>) -> Result<(), ProxyError> {
        self.socks5_authenticate()?;
        let (kind, address, port) = match target {
            ProxyTarget::Address(SocketAddr::V4(v4)) => (1, v4.ip().octets().to_vec(), v4.port()),
            ProxyTarget::Address(SocketAddr::V6(v6)) => (4, v6.ip().octets().to_vec(), v6.port()),
            ProxyTarget::Name(name, port) => (
                3,
                with_length(name.as_bytes(), "SOCKS 5 knows no name that long")?,
                port,
            ),
        };
        self.send(&[&[5, 1, 0, kind], &address[..], &port.to_be_bytes()].concat())?;
        let [version, code, _, kind] = self.receive()?;
        if version == 5 && code != 0 {
            return Err(no_connection(code, socks5_meaning(code), 5));
        }
        // Skip the address that the proxy connects from.
        let length = match (version, kind) {
            (5, 1) => 4,
            (5, 4) => 16,
            (5, 3) => usize::from(self.receive::<1>()?[0]),
            _ => return Err(not_socks5()),
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
            [5, 0] => return Ok(()),
            [5, 2] if has_user => {}
            [5, _] => return Err(refused("it wants another kind of authentication")),
            _ => return Err(not_socks5()),
        }
        let part = |text| with_length(text, "the user or the password is too long");
        let (user, password) = (part(&self.proxy.user)?, part(&self.proxy.password)?);
        self.send(&[&[1], &user[..], &password].concat())?;
        match self.receive()? {
            [1, 0] => Ok(()),
            [1, _] => Err(refused("it does not accept the user or the password")),
            _ => Err(not_socks5()),
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

/// `text` after a byte with its length. `too_long` is the message for more than 255.
fn with_length(text: &[u8], too_long: &str) -> Result<Vec<u8>, ProxyError> {
    let length = u8::try_from(text.len()).map_err(|_| refused(too_long))?;
    Ok([&[length], text].concat())
}

fn refused(why: &str) -> ProxyError {
    ProxyError::Refused(why.to_owned())
}

fn not_socks5() -> ProxyError {
    refused("its answer is not SOCKS 5")
}

fn no_connection(code: u8, meaning: &str, version: u8) -> ProxyError {
    refused(&format!(
        "it made no connection: {meaning} (SOCKS {version} reply {code})"
    ))
}

/// The reply codes of RFC 1928, section 6, in its words.
fn socks5_meaning(code: u8) -> &'static str {
    match code {
        1 => "general SOCKS server failure",
        2 => "connection not allowed by ruleset",
        3 => "network unreachable",
        4 => "host unreachable",
        5 => "connection refused",
        6 => "TTL expired",
        7 => "command not supported",
        8 => "address type not supported",
        _ => "a code that SOCKS 5 does not have",
    }
}

/// The reply codes of SOCKS 4, from "SOCKS: A protocol for TCP proxy across firewalls".
fn socks4_meaning(code: u8) -> &'static str {
    match code {
        92 => "it cannot reach identd on this machine",
        93 => "identd on this machine names another user",
        _ => "rejected or failed",
    }
}
