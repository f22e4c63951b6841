//! What `no_proxy` excepts: domains with all that is under them, addresses, networks, ports, or
//! everything.

use std::net::IpAddr;

use crate::fetch::resolve::bare;

/// One entry of `no_proxy`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Exception {
    All,
    /// A host and everything under it, at this port or at any.
    Domain(String, Option<u16>),
    /// Addresses that begin with this many bits of this one.
    Network(IpAddr, u8, Option<u16>),
}

impl Exception {
    /// Reads a list whose entries are parted by commas or spaces; what is no entry is passed over,
    /// as curl does. An asterisk is everything where it stands alone, and has no meaning elsewhere.
    pub(crate) fn parse_list(list: &str) -> Vec<Self> {
        if list.trim() == "*" {
            return vec![Self::All];
        }
        list.split([',', ' ', '\t'])
            .filter(|e| !e.is_empty())
            .filter_map(Self::parse)
            .collect()
    }

    fn parse(entry: &str) -> Option<Self> {
        if let Some((address, bits)) = entry.split_once('/') {
            let address: IpAddr = bare(address).parse().ok()?;
            let bits = bits.parse().ok().filter(|&b| b <= width(address))?;
            return Some(Self::Network(address, bits, None));
        }
        if let Ok(address) = bare(entry).parse::<IpAddr>() {
            return Some(Self::Network(address, width(address), None));
        }
        let (host, port) = match entry.rsplit_once(':').map(|(h, p)| (h, p.parse())) {
            Some((host, Ok(port))) => (host, Some(port)),
            _ => (entry, None),
        };
        if let Ok(address) = bare(host).parse::<IpAddr>() {
            return Some(Self::Network(address, width(address), port));
        }
        let host = host.strip_prefix('.').unwrap_or(host);
        let host = host.trim_end_matches('.').to_ascii_lowercase();
        (!host.is_empty()).then_some(Self::Domain(host, port))
    }

    /// Whether it holds for a host as it stands in a URL.
    pub(crate) fn matches(&self, host: &str, port: u16) -> bool {
        match self {
            Self::All => true,
            Self::Domain(..) if bare(host).parse::<IpAddr>().is_ok() => false,
            Self::Domain(domain, at) => {
                let under = host.trim_end_matches('.').strip_suffix(domain.as_str());
                let is_under = under.is_some_and(|rest| rest.is_empty() || rest.ends_with('.'));
                is_under && at.is_none_or(|at| at == port)
            }
            Self::Network(network, bits, at) => {
                let address = bare(host).parse::<IpAddr>();
                at.is_none_or(|at| at == port)
                    && address.is_ok_and(|a| prefix(a, *bits) == prefix(*network, *bits))
            }
        }
    }
}

fn width(address: IpAddr) -> u8 {
    if address.is_ipv4() { 32 } else { 128 }
}

/// The first bits of an address, and which family it is of.
fn prefix(address: IpAddr, bits: u8) -> (bool, u128) {
    let (value, width) = match address {
        IpAddr::V4(a) => (u128::from(a.to_bits()), 32),
        IpAddr::V6(a) => (a.to_bits(), 128),
    };
    // A shift by the whole width would be an overflow; no bits are left then.
    (
        width == 32,
        value
            .checked_shr(width - u32::from(bits).min(width))
            .unwrap_or(0),
    )
}
