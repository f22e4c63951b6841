//! The entries of `no_proxy`: domains with their subdomains, addresses, networks, ports, or `*`.

use std::net::IpAddr;

use crate::fetch::resolve::bare;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::fetch) enum Exception {
    All,
    /// A host and its subdomains, at one port or at any.
    Domain(String, Option<u16>),
    /// The addresses with the same first bits, at one port or at any.
    Network(IpAddr, u8, Option<u16>),
}

impl Exception {
    /// Reads a list separated by commas or spaces. As curl does, it ignores invalid entries, and `*` unless it is the
    /// whole list.
    pub(in crate::fetch) fn parse_list(list: &str) -> Vec<Self> {
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
        // What follows the last colon of an IPv6 address is no port.
        let is_address = bare(entry).parse::<IpAddr>().is_ok();
        let (host, port) = match entry.rsplit_once(':').map(|(h, p)| (h, p.parse())) {
            Some((host, Ok(port))) if !is_address => (host, Some(port)),
            _ => (entry, None),
        };
        if let Ok(address) = bare(host).parse::<IpAddr>() {
            return Some(Self::Network(address, width(address), port));
        }
        let host = host.strip_prefix('.').unwrap_or(host);
        let host = host.trim_end_matches('.').to_ascii_lowercase();
        (!host.is_empty()).then_some(Self::Domain(host, port))
    }

    /// Whether a URL with this host and port goes around the proxy.
    pub(in crate::fetch) fn matches(&self, host: &str, port: u16) -> bool {
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

/// The first `bits` bits of an address, and whether it is IPv4.
fn prefix(address: IpAddr, bits: u8) -> (bool, u128) {
    let value = match address {
        IpAddr::V4(a) => u128::from(a.to_bits()),
        IpAddr::V6(a) => a.to_bits(),
    };
    let dropped = u32::from(width(address).saturating_sub(bits));
    (address.is_ipv4(), value.checked_shr(dropped).unwrap_or(0))
}
