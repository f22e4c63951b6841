//! Addresses that are not on the public internet, for `--deny-private`.
//!
//! The address of each new connection is checked, whatever URL, name or redirect led to it. An address with another one
//! inside (IPv4-mapped, NAT64, 6to4) is judged by that. Sources: the IANA special-purpose address registries (RFC 6890
//! and its updates) and the metadata addresses of the large clouds.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Why `address` is refused; `None` for one on the public internet.
pub(super) fn refusal(address: IpAddr) -> Option<&'static str> {
    match address {
        IpAddr::V4(address) => refusal_v4(address),
        IpAddr::V6(address) => match carried(address) {
            Some(inner) => refusal_v4(inner),
            None => refusal_v6(address),
        },
    }
}

fn refusal_v4(address: Ipv4Addr) -> Option<&'static str> {
    Some(match address.octets() {
        // Oracle, Alibaba and Azure keep metadata outside 169.254.0.0/16.
        [169, 254, 169, 254] | [192, 0, 0, 192] | [100, 100, 100, 200] | [168, 63, 129, 16] => {
            "a metadata service"
        }
        [0, ..] => "this network",
        [127, ..] => "a loopback address",
        [10, ..] | [172, 16..=31, ..] | [192, 168, ..] => "a private address",
        [100, 64..=127, ..] => "a shared address",
        [169, 254, ..] => "a link-local address",
        [224..=239, ..] => "a multicast address",
        [240..=255, ..]
        | [192, 0, 0 | 2, _]
        | [192, 88, 99, _]
        | [198, 18 | 19, ..]
        | [198, 51, 100, _]
        | [203, 0, 113, _] => "a reserved address",
        _ => return None,
    })
}

fn refusal_v6(address: Ipv6Addr) -> Option<&'static str> {
    Some(match address.segments() {
        [0, 0, 0, 0, 0, 0, 0, 1] => "a loopback address",
        [0xfc00..=0xfdff, ..] => "a unique-local address",
        [0xfe80..=0xfebf, ..] => "a link-local address",
        [0xfec0..=0xfeff, ..] => "a site-local address",
        [0xff00..=0xffff, ..] => "a multicast address",
        // Protocol assignments 2001::/23 (Teredo and others), documentation 2001:db8::/32 and 3fff::/20.
        [0x2001, 0..=0x1ff | 0xdb8, ..] | [0x3fff, 0..=0xfff, ..] => "a reserved address",
        // 2000::/3 is the public internet.
        [0x2000..=0x3fff, ..] => return None,
        _ => "a reserved address",
    })
}

/// The IPv4 address inside an IPv6 address.
fn carried(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let v4 = |high: u16, low: u16| {
        let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
        Ipv4Addr::new(a, b, c, d)
    };
    match address.segments() {
        [0, 0, 0, 0, 0, 0, 0, 0 | 1] => None,
        // IPv4-mapped, IPv4-compatible, IPv4-translated, and NAT64 (RFC 4291, RFC 2765, RFC 6052).
        [0, 0, 0, 0, 0, 0xffff | 0, high, low]
        | [0, 0, 0, 0, 0xffff, 0, high, low]
        | [0x64, 0xff9b, 0, 0, 0, 0, high, low]
        // 6to4 (RFC 3056).
        | [0x2002, high, low, ..] => Some(v4(high, low)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_on_the_public_internet_is_refused() {
        for (address, reason) in [
            ("0.0.0.0", "this network"),
            ("0.1.2.3", "this network"),
            ("10.0.0.1", "a private address"),
            ("100.64.0.1", "a shared address"),
            ("100.127.255.255", "a shared address"),
            ("100.100.100.200", "a metadata service"),
            ("127.0.0.1", "a loopback address"),
            ("127.255.255.254", "a loopback address"),
            ("168.63.129.16", "a metadata service"),
            ("169.254.169.254", "a metadata service"),
            ("169.254.1.1", "a link-local address"),
            ("172.16.0.1", "a private address"),
            ("172.31.255.255", "a private address"),
            ("192.0.0.192", "a metadata service"),
            ("192.0.2.1", "a reserved address"),
            ("192.168.1.1", "a private address"),
            ("198.19.0.1", "a reserved address"),
            ("224.0.0.1", "a multicast address"),
            ("239.255.255.255", "a multicast address"),
            ("240.0.0.1", "a reserved address"),
            ("255.255.255.255", "a reserved address"),
            ("::", "a reserved address"),
            ("::1", "a loopback address"),
            ("::ffff:127.0.0.1", "a loopback address"),
            ("::127.0.0.1", "a loopback address"),
            ("::ffff:0:10.0.0.1", "a private address"),
            ("64:ff9b::169.254.169.254", "a metadata service"),
            ("64:ff9b:1::1", "a reserved address"),
            ("2002:7f00:1::", "a loopback address"),
            ("2001:0:1::", "a reserved address"),
            ("2001:db8::1", "a reserved address"),
            ("100::1", "a reserved address"),
            ("fc00::1", "a unique-local address"),
            ("fd00:ec2::254", "a unique-local address"),
            ("fe80::1", "a link-local address"),
            ("fec0::1", "a site-local address"),
            ("ff02::1", "a multicast address"),
        ] {
            assert_eq!(refusal(address.parse().unwrap()), Some(reason), "{address}");
        }
    }

    #[test]
    fn what_is_on_it_is_not() {
        for address in [
            "1.1.1.1",
            "9.255.255.255",
            "11.0.0.1",
            "100.63.255.255",
            "100.128.0.0",
            "126.0.0.1",
            "128.0.0.1",
            "172.15.0.1",
            "172.32.0.1",
            "192.167.0.1",
            "192.169.0.1",
            "223.255.255.255",
            "2606:4700::1111",
            "2001:4860:4860::8888",
            "::ffff:1.1.1.1",
            "64:ff9b::1.1.1.1",
            "2002:101:101::",
        ] {
            assert_eq!(refusal(address.parse().unwrap()), None, "{address}");
        }
    }
}
