//! The addresses of one host as they become known: IPv4 and IPv6 are asked for separately (RFC 8305, section 3).

use std::net::IpAddr;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::{Sleep, sleep};

use super::private::refusal;
use super::resolver::{Addresses, Miss};
use crate::fetch::failure::{Failure, FailureKind};
use crate::fetch::options::Family;

/// "Resolution Delay" of RFC 8305, section 8: how long IPv4 waits for IPv6.
pub(super) const RESOLUTION_DELAY: Duration = Duration::from_millis(50);

/// The answer for one family.
pub(super) type Answering = Pin<Box<dyn Future<Output = Result<Addresses, Miss>>>>;

/// Yields each address that may be connected to.
pub(super) struct Lookup {
    v4: Option<Answering>,
    v6: Option<Answering>,
    prefers_v6: bool,
    delay: Option<Pin<Box<Sleep>>>,
    arrived: Vec<IpAddr>,
    family: Family,
    deny_private: bool,
    /// The first that `deny_private` refused.
    refused: Option<IpAddr>,
    miss: Option<Miss>,
}

impl Lookup {
    /// Of known addresses.
    pub(super) fn known(addresses: &[IpAddr], family: Family, deny_private: bool) -> Self {
        let mut lookup = Self {
            v4: None,
            v6: None,
            prefers_v6: true,
            delay: None,
            arrived: Vec::new(),
            family,
            deny_private,
            refused: None,
            miss: None,
        };
        lookup.take(addresses);
        lookup
    }

    pub(super) fn pending(
        [v4, v6]: [Option<Answering>; 2],
        prefers_v6: bool,
        family: Family,
        deny_private: bool,
    ) -> Self {
        Self {
            v4,
            v6,
            prefers_v6,
            ..Self::known(&[], family, deny_private)
        }
    }

    /// Whether no more addresses will come.
    pub(super) fn is_complete(&self) -> bool {
        self.v4.is_none() && self.v6.is_none() && self.arrived.is_empty()
    }

    /// The next addresses; `None` at the end.
    pub(super) async fn next(&mut self) -> Option<Vec<IpAddr>> {
        std::future::poll_fn(|context| self.poll_next(context)).await
    }

    pub(super) fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<Option<Vec<IpAddr>>> {
        for is_v6 in [true, false] {
            let pending = if is_v6 { &mut self.v6 } else { &mut self.v4 };
            let Some(Poll::Ready(answer)) = pending.as_mut().map(|p| p.as_mut().poll(context))
            else {
                continue;
            };
            *pending = None;
            match answer {
                Ok(addresses) => {
                    self.take(&addresses);
                    let last = |address: &IpAddr| address.is_ipv6() != self.prefers_v6;
                    self.arrived.sort_by_key(last);
                }
                // A failure may pass: it says more than the absence of addresses.
                Err(miss) if self.miss.is_none() || miss != Miss::NoAddress => {
                    self.miss = Some(miss);
                }
                Err(_) => {}
            }
        }
        if self.arrived.is_empty() {
            return if self.is_complete() {
                Poll::Ready(None)
            } else {
                Poll::Pending
            };
        }
        let is_early = self.v6.is_some() && self.prefers_v6;
        if is_early {
            let delay = self
                .delay
                .get_or_insert_with(|| Box::pin(sleep(RESOLUTION_DELAY)));
            if delay.as_mut().poll(context).is_pending() {
                return Poll::Pending;
            }
        }
        Poll::Ready(Some(std::mem::take(&mut self.arrived)))
    }

    fn take(&mut self, addresses: &[IpAddr]) {
        for &address in addresses {
            let is_wanted = match self.family {
                Family::Any => true,
                Family::V4 => address.is_ipv4(),
                Family::V6 => address.is_ipv6(),
            };
            if !is_wanted {
                continue;
            }
            if self.deny_private && refusal(address).is_some() {
                self.refused.get_or_insert(address);
            } else {
                self.arrived.push(address);
            }
        }
    }

    /// Why there was no address at all.
    pub(super) fn failure(&self, host: &str) -> Failure {
        if let Some((address, reason)) = self.refused.and_then(|a| Some((a, refusal(a)?))) {
            let text = if crate::fetch::resolve::bare(host).parse() == Ok(address) {
                format!("{address} is {reason}")
            } else {
                format!("{host} is at {address}, {reason}")
            };
            return Failure::new(FailureKind::BlockedAddress, text);
        }
        let text = match &self.miss {
            Some(Miss::Unknown(why)) => format!("cannot look up {host}: {why}"),
            Some(Miss::NoDescriptor) => {
                "too many open files, and none that could be closed".to_owned()
            }
            Some(Miss::NoAddress) | None => match self.family {
                Family::Any => format!("no address for {host}"),
                Family::V4 => format!("no IPv4 address for {host}"),
                Family::V6 => format!("no IPv6 address for {host}"),
            },
        };
        Failure::new(FailureKind::Dns, text)
    }
}
