//! Addresses that the user gives for a host and port, as curl's `--resolve` takes them.

use std::net::IpAddr;
use std::str::FromStr;

use url::Host;

use super::options_error::OptionsError;

/// The addresses of a host and port, which is then not looked up.
///
/// It is read from `HOST:PORT:ADDRESS[,ADDRESS]...`. An IPv6 address needs brackets as the host only. The host `*` is
/// any.
///
/// ```
/// use fetchpool::fetch::Resolve;
///
/// let rule: Resolve = "example.com:443:127.0.0.1,[::1]".parse()?;
/// assert_eq!(rule.addresses.len(), 2);
/// assert!("example.com:443".parse::<Resolve>().is_err());
/// # Ok::<(), fetchpool::fetch::OptionsError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resolve {
    /// As the host of a URL; `*` is any.
    pub host: String,
    /// From 1 on.
    pub port: u16,
    /// At least one.
    pub addresses: Vec<IpAddr>,
}

impl Resolve {
    /// The rule for a host and port. A rule that names the host wins over `*`, and a later one over an earlier one.
    pub(super) fn of<'a>(rules: &'a [Self], host: &str, port: u16) -> Option<&'a Self> {
        let mut matching = rules.iter().rev().filter(|rule| rule.matches(host, port));
        let last = matching.clone().next();
        matching.find(|rule| rule.host != "*").or(last)
    }

    pub(super) fn matches(&self, host: &str, port: u16) -> bool {
        self.port == port
            && (self.host == "*" || undotted(&self.host).eq_ignore_ascii_case(undotted(host)))
    }
}

const RIGHT: &str = "write HOST:PORT:ADDR, like example.com:443:127.0.0.1 or example.com:443:[::1]";

impl FromStr for Resolve {
    type Err = OptionsError;

    fn from_str(text: &str) -> Result<Self, OptionsError> {
        let refuse = |what: &str| OptionsError::new(format!("{what}: {RIGHT}"));
        // A host in brackets contains colons.
        let host_end = match text.strip_prefix('[') {
            Some(_) => text.find("]:").map(|end| end + 1),
            None => text.find(':'),
        };
        let (host, rest) = text
            .split_at_checked(host_end.unwrap_or(text.len()))
            .unwrap_or_default();
        let (port, addresses) = rest
            .strip_prefix(':')
            .and_then(|rest| rest.split_once(':'))
            .ok_or_else(|| OptionsError::new(RIGHT))?;
        let host = match Host::parse(host) {
            _ if host == "*" => host.to_owned(),
            Ok(host_in_url) if !host.starts_with(['+', '-']) => host_in_url.to_string(),
            _ => return Err(refuse("the host is not valid")),
        };
        let is_number = port.bytes().all(|byte| byte.is_ascii_digit());
        let port = port.parse().ok().filter(|&port| is_number && port > 0);
        let addresses = addresses.split(',').map(|address| {
            let bare = bare(address);
            let is_bare = bare == address || bare.contains(':');
            bare.parse().ok().filter(|_| is_bare)
        });
        Ok(Self {
            host,
            port: port.ok_or_else(|| refuse("the port is not a number from 1 to 65535"))?,
            addresses: addresses
                .collect::<Option<_>>()
                .ok_or_else(|| refuse("an address is not valid"))?,
        })
    }
}

/// A host without the dot at its end, which marks a name as absolute.
fn undotted(host: &str) -> &str {
    host.strip_suffix('.').unwrap_or(host)
}

/// An IPv6 address without the brackets that it has in a URL; any other host as it is.
pub(super) fn bare(host: &str) -> &str {
    host.strip_prefix('[')
        .and_then(|h| h.strip_suffix(']'))
        .unwrap_or(host)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_as_curl_takes_them() {
        let table = [
            ("a.test:80:127.0.0.1", "a.test", 80, &["127.0.0.1"][..]),
            (
                "A.Test:443:127.0.0.1,::1,[::2]",
                "a.test",
                443,
                &["127.0.0.1", "::1", "::2"],
            ),
            ("a.test:80:::1", "a.test", 80, &["::1"]),
            ("a.test:80:[2001:db8::1]", "a.test", 80, &["2001:db8::1"]),
            ("*:65535:[::1]", "*", 65535, &["::1"]),
            ("[::1]:80:127.0.0.1", "[::1]", 80, &["127.0.0.1"]),
            ("[0:0::1]:80:::1", "[::1]", 80, &["::1"]),
            ("127.0.0.1:80:127.0.0.2", "127.0.0.1", 80, &["127.0.0.2"]),
            (
                "bücher.example:80:127.0.0.1",
                "xn--bcher-kva.example",
                80,
                &["127.0.0.1"],
            ),
        ];
        for (text, host, port, addresses) in table {
            let expected = Resolve {
                host: host.to_owned(),
                port,
                addresses: addresses.iter().map(|text| text.parse().unwrap()).collect(),
            };
            assert_eq!(text.parse(), Ok(expected), "{text}");
        }
    }

    #[test]
    fn what_is_no_rule_says_why() {
        let table = [
            ("", "write HOST:PORT:ADDR"),
            ("a.test", "write HOST:PORT:ADDR"),
            ("a.test:80", "write HOST:PORT:ADDR"),
            ("[::1]:80", "write HOST:PORT:ADDR"),
            ("[::1", "write HOST:PORT:ADDR"),
            (":80:127.0.0.1", "the host"),
            ("a b:80:127.0.0.1", "the host"),
            ("[x]:80:127.0.0.1", "the host"),
            ("-a.test:80:127.0.0.1", "the host"),
            ("+a.test:80:127.0.0.1", "the host"),
            ("a\x1b:80:127.0.0.1", "the host"),
            ("::1:80:127.0.0.1", "the host"),
            ("a.test:0:127.0.0.1", "the port"),
            ("a.test:65536:127.0.0.1", "the port"),
            ("a.test:+80:127.0.0.1", "the port"),
            ("a.test:http:127.0.0.1", "the port"),
            ("a.test::127.0.0.1", "the port"),
            ("a.test:80:", "an address"),
            ("a.test:80:b.test", "an address"),
            ("a.test:80:127.0.0.1,", "an address"),
            ("a.test:80:127.0.0.256", "an address"),
            ("a.test:80:[127.0.0.1]", "an address"),
            ("a.test:80:127.0.0.1:81", "an address"),
        ];
        for (text, expected) in table {
            let error = text.parse::<Resolve>().expect_err(text).to_string();
            assert!(error.starts_with(expected), "{text}: {error}");
            assert!(error.contains("example.com:443:[::1]"), "{error}");
        }
    }

    #[test]
    fn a_rule_holds_for_its_host_and_port() {
        let rule: Resolve = "a.test:80:127.0.0.1".parse().unwrap();
        assert!(
            rule.matches("a.test", 80)
                && !rule.matches("a.test", 81)
                && !rule.matches("b.test", 80)
        );
        let dotted: Resolve = "a.test.:80:127.0.0.1".parse().unwrap();
        for rule in [&rule, &dotted] {
            assert!(rule.matches("a.test.", 80) && rule.matches("a.test", 80));
            assert!(!rule.matches("a.test..", 80) && !rule.matches("b.test.", 80));
        }
        let any: Resolve = "*:80:127.0.0.1".parse().unwrap();
        assert!(any.matches("b.test", 80) && !any.matches("b.test", 443));
    }
}
