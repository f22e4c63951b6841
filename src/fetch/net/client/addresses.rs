//! Which addresses a new connection may go to.

use std::net::IpAddr;

use super::connect_attempt::ConnectAttempt;
use crate::fetch::failure::{Failure, FailureKind, Phase};
use crate::fetch::net::io::stream::Stream;
use crate::fetch::net::reach::getaddrinfo::Miss;
use crate::fetch::net::reach::private::refusal;
use crate::fetch::net::reach::resolver::LookupError;
use crate::fetch::net::reach::special_names::known;
use crate::fetch::options::Family;
use crate::fetch::resolve::{Resolve, bare};

impl ConnectAttempt<'_> {
    pub(super) fn direct(&mut self) -> Result<Box<dyn Stream>, Failure> {
        let addresses = self.allowed_addresses()?;
        self.connect(&addresses, self.port)
    }

    /// The origin's addresses that `deny_private` allows: at least one.
    pub(super) fn allowed_addresses(&mut self) -> Result<Vec<IpAddr>, Failure> {
        let host = self.host;
        let mut found = self.addresses(host, self.port)?;
        if !self.context.net.deny_private {
            return Ok(found);
        }
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
        Ok(found)
    }

    /// The addresses of `host` in the chosen family: at least one.
    pub(super) fn addresses(&mut self, host: &str, port: u16) -> Result<Vec<IpAddr>, Failure> {
        let net = &*self.context.net;
        self.phase = Phase::Dns;
        let mut found = if let Some(rule) = Resolve::of(&net.resolve, host, port) {
            rule.addresses.clone()
        } else if let Ok(address) = bare(host).parse() {
            vec![address]
        } else if let Some(known) = known(host) {
            known.to_vec()
        } else {
            self.look_up(host)?
        };
        let what = match net.family {
            Family::Any => "address",
            Family::V4 => "IPv4 address",
            Family::V6 => "IPv6 address",
        };
        found.retain(|a| net.family == Family::Any || a.is_ipv4() == (net.family == Family::V4));
        if found.is_empty() {
            let text = format!("no {what} for {host}");
            return Err(Failure::new(FailureKind::Dns, text));
        }
        Ok(found)
    }

    /// Asks the resolver. Empty: the name has no address.
    fn look_up(&mut self, host: &str) -> Result<Vec<IpAddr>, Failure> {
        let net = &*self.context.net;
        let misses_since = self.context.state().attempt.misses_since;
        let kind = FailureKind::Dns;
        loop {
            let wait = self.wait();
            match net
                .resolver
                .resolve(host, &wait, &self.permit, misses_since)
            {
                Ok(found) => return Ok(found.to_vec()),
                Err(LookupError::Missed(Miss::NoAddress)) => return Ok(Vec::new()),
                Err(LookupError::Missed(Miss::Unknown(why))) => {
                    let text = format!("cannot look up {host}: {why}");
                    return Err(Failure::new(kind, text));
                }
                Err(LookupError::Missed(Miss::NoDescriptor)) => self.need_descriptor(kind)?,
                Err(LookupError::WaitError(error)) => return Err(self.failure(error, kind, "")),
            }
        }
    }
}
