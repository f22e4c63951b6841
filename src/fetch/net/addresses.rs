//! The addresses that a new connection may go to: given, written in the URL, known or looked up, of
//! the wanted family, and not refused.

use std::net::IpAddr;

use super::lender::{Lender, Way};
use super::lookup::Miss;
use super::names::known;
use super::private::refusal;
use super::resolver::LookupError;
use crate::fetch::failure::{Failure, FailureKind, Phase};
use crate::fetch::options::Family;
use crate::fetch::resolve::{Resolve, bare};

impl Lender {
    /// The addresses of a host in the wanted family: at least one.
    pub(super) fn addresses(
        &self,
        host: &str,
        port: u16,
        way: &Way<'_>,
    ) -> Result<Vec<IpAddr>, Failure> {
        let flight = &self.flight;
        let net = &flight.net;
        flight.enter(Phase::Dns);
        let mut found = if let Some(rule) = Resolve::of(&net.resolve, host, port) {
            rule.addresses.clone()
        } else if let Ok(address) = bare(host).parse() {
            vec![address]
        } else if let Some(known) = known(host) {
            known.to_vec()
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
            let turn = net.descriptors.turn();
            let (limits, misses_since) = (self.limits(way), self.flight.state().misses_since);
            let (resolver, cancel) = (&net.resolver, &net.cancel);
            match resolver.resolve(host, &limits, cancel, &way.seat, misses_since) {
                Ok(found) => return Ok(found.to_vec()),
                Err(LookupError::Missed(Miss::NoAddress)) => return Ok(Vec::new()),
                Err(LookupError::Missed(Miss::Unknown(why))) => {
                    let text = format!("cannot look up {host}: {why}");
                    return Err(Failure::new(FailureKind::Dns, text));
                }
                Err(LookupError::Missed(Miss::NoDescriptor)) => {
                    self.need_descriptor(way, turn, FailureKind::Dns)?;
                }
                Err(LookupError::Cut(cut)) => return Err(self.flight.cut(cut, FailureKind::Dns)),
            }
        }
    }

    /// Those that may be connected to: at least one.
    pub(super) fn allowed(
        &self,
        host: &str,
        mut found: Vec<IpAddr>,
    ) -> Result<Vec<IpAddr>, Failure> {
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
}
