//! Addresses that the user gave for a host and port, as curl's `--resolve` takes them.

use std::net::IpAddr;
use std::str::FromStr;

use super::options::OptionsError;

/// A host and port whose addresses are given and not looked up.
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
    /// The host in lower case, as it stands in a URL; `*` is any.
    pub host: String,
    /// The port that the rule is for.
    pub port: u16,
    /// The addresses to use, at least one.
    pub addresses: Vec<IpAddr>,
}

impl Resolve {
    /// The rule among `rules` that holds for a host and port: one that names the host goes before
    /// one for any, and the last of the same kind before the others.
    pub(crate) fn of<'a>(rules: &'a [Self], host: &str, port: u16) -> Option<&'a Self> {
        let mut matching = rules.iter().rev().filter(|rule| rule.matches(host, port));
        let last = matching.clone().next();
        matching.find(|rule| rule.host != "*").or(last)
    }

    pub(crate) fn matches(&self, host: &str, port: u16) -> bool {
        self.port == port
            && (self.host == "*" || undotted(&self.host).eq_ignore_ascii_case(undotted(host)))
    }
}

impl FromStr for Resolve {
    type Err = OptionsError;

    /// Reads `HOST:PORT:ADDRESS[,ADDRESS]...`; an IPv6 address may be in brackets.
    fn from_str(text: &str) -> Result<Self, OptionsError> {
        let parts = || {
            let (host, rest) = match text.strip_prefix('[') {
                Some(rest) => rest.split_once("]:")?,
                None => text.split_once(':')?,
            };
            let (port, list) = rest.split_once(':')?;
            let addresses: Result<Vec<IpAddr>, _> =
                list.split(',').map(|a| bare(a.trim()).parse()).collect();
            let host = if text.starts_with('[') {
                format!("[{host}]")
            } else {
                host.to_ascii_lowercase()
            };
            (!host.is_empty()).then_some(Self {
                host,
                port: port.parse().ok()?,
                addresses: addresses.ok()?,
            })
        };
        parts().ok_or_else(|| {
            OptionsError::new(format!(
                "{text:?} is not of the form HOST:PORT:ADDRESS, for example example.com:443:127.0.0.1"
            ))
        })
    }
}

/// A host without the dot at its end, which only says that the name is whole already.
fn undotted(host: &str) -> &str {
    host.strip_suffix('.').unwrap_or(host)
}

/// An address without the brackets that IPv6 has in a URL.
pub(crate) fn bare(host: &str) -> &str {
    host.strip_prefix('[')
        .and_then(|h| h.strip_suffix(']'))
        .unwrap_or(host)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_as_curl_takes_them() {
        for (text, host, port, addresses) in [
            ("a.test:80:127.0.0.1", "a.test", 80, &["127.0.0.1"][..]),
            (
                "A.TEST:80:127.0.0.1,::1",
                "a.test",
                80,
                &["127.0.0.1", "::1"],
            ),
            ("*:443:[::1]", "*", 443, &["::1"]),
            ("[::1]:80:127.0.0.1", "[::1]", 80, &["127.0.0.1"]),
        ] {
            let rule: Resolve = text.parse().unwrap();
            assert_eq!((rule.host.as_str(), rule.port), (host, port), "{text}");
            let expected: Vec<IpAddr> = addresses.iter().map(|a| a.parse().unwrap()).collect();
            assert_eq!(rule.addresses, expected, "{text}");
        }
        for text in [
            "",
            "a",
            "a:80",
            "a:80:",
            "a:x:1.2.3.4",
            "a:80:b",
            "a:99999:1.2.3.4",
            ":80:1.2.3.4",
            "a:80:1.2.3.4,",
        ] {
            let error = text.parse::<Resolve>().expect_err(text).to_string();
            assert!(error.contains(&format!("{text:?}")), "{error}");
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
