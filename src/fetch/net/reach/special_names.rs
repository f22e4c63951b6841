//! Special-use names (RFC 6761) that are never looked up. Pure.
//!
//! A look-up would reveal the name, and a wrong answer or a search domain could send a request for this machine
//! elsewhere.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Both loopback addresses. IPv4 comes first, against RFC 6724: more servers listen there, and a SOCKS proxy is given
/// only one address.
const LOOPBACK: [IpAddr; 2] = [
    IpAddr::V4(Ipv4Addr::LOCALHOST),
    IpAddr::V6(Ipv6Addr::LOCALHOST),
];

/// The addresses of a special-use name; `None` for other names. Case and a final dot do not matter.
///
/// `localhost` and all names under it are this machine (RFC 6761, 6.3). `invalid` and all names under it do not exist
/// (6.4).
pub(super) fn known(name: &str) -> Option<&'static [IpAddr]> {
    let name = name.strip_suffix('.').unwrap_or(name);
    let last = name.rsplit('.').next().unwrap_or_default();
    if last.eq_ignore_ascii_case("localhost") {
        Some(&LOOPBACK)
    } else if last.eq_ignore_ascii_case("invalid") {
        Some(&[])
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn special_names_are_known_and_no_others() {
        for name in ["localhost", "LocalHost", "localhost.", "a.b.localhost"] {
            assert_eq!(known(name), Some(&LOOPBACK[..]), "{name}");
        }
        for name in ["invalid", "nowhere.INVALID", "a.b.invalid."] {
            assert_eq!(known(name), Some(&[][..]), "{name}");
        }
        for name in [
            "localhost.example.com",
            "notlocalhost",
            "local",
            "localhost..",
            "invalid.test",
            "notinvalid",
            "",
        ] {
            assert_eq!(known(name), None, "{name}");
        }
    }
}
