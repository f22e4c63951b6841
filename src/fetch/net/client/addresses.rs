//! The addresses that a new connection may use: from `--resolve`, the URL, the special-use names or a look-up.

use std::net::IpAddr;

use super::connector::{ConnectAttempt, Connector};
use crate::fetch::failure::{Failure, FailureKind, Phase};
use crate::fetch::net::reach::getaddrinfo::Miss;
use crate::fetch::net::reach::private::refusal;
use crate::fetch::net::reach::resolver::LookupError;
use crate::fetch::net::reach::special_names::known;
use crate::fetch::options::Family;
use crate::fetch::resolve::{Resolve, bare};

impl Connector {
    /// The addresses of a host in the family of `-4` or `-6`: at least one.
    pub(in crate::fetch::net) fn addresses(
        &self,
        host: &str,
        port: u16,
        way: &ConnectAttempt<'_>,
    ) -> Result<Vec<IpAddr>, Failure> {
        let context = &self.context;
        let net = &context.net;
        context.enter(Phase::Dns);
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

    /// The addresses that the system's resolver knows, if any.
    fn look_up(&self, host: &str, way: &ConnectAttempt<'_>) -> Result<Vec<IpAddr>, Failure> {
        let net = &self.context.net;
        loop {
            let (wait, since) = (self.wait(way), self.context.state().misses_since);
            match net.resolver.resolve(host, &wait, &way.permit, since) {
                Ok(found) => return Ok(found.to_vec()),
                Err(LookupError::Missed(Miss::NoAddress)) => return Ok(Vec::new()),
                Err(LookupError::Missed(Miss::Unknown(why))) => {
                    let text = format!("cannot look up {host}: {why}");
                    return Err(Failure::new(FailureKind::Dns, text));
                }
                Err(LookupError::Missed(Miss::NoDescriptor)) => {
                    self.need_descriptor(way, FailureKind::Dns)?;
                }
                Err(LookupError::WaitError(cut)) => {
                    return Err(self.context.cut(cut, FailureKind::Dns));
                }
            }
        }
    }

    /// Those of the addresses that `--deny-private` allows: at least one.
    pub(in crate::fetch::net) fn allowed(
        &self,
        host: &str,
        mut found: Vec<IpAddr>,
    ) -> Result<Vec<IpAddr>, Failure> {
        if self.context.net.deny_private {
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
