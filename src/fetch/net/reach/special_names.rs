//! Names whose addresses are known without asking: the special-use names of RFC 6761 that software is
//! told to answer itself. Pure.
//!
//! Asking for them would tell strangers what is nobody's business, and a name server that lies (or a
//! search domain) could send what is meant for this machine elsewhere.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Both loopback addresses. The one that more servers listen at stands first, and not the one that RFC
/// 6724 would prefer: a SOCKS proxy can be given one address only.
const LOOPBACK: [IpAddr; 2] = [
    IpAddr::V4(Ipv4Addr::LOCALHOST),
    IpAddr::V6(Ipv6Addr::LOCALHOST),
];

/// The addresses of a name that need not be looked up, whatever its case and with or without a dot at
/// its end; `None` for all others.
///
/// `localhost` and everything under it is this machine (RFC 6761, 6.3). `invalid` and everything under
/// it never exists (6.4): with no name server in reach that is still certain.
pub(in crate::fetch::net) fn known(name: &str) -> Option<&'static [IpAddr]> {
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
