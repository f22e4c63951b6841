//! Which proxy stands in front of a URL, by curl's rules. Pure decisions; the environment is an argument.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use ureq::http::HeaderValue;
use url::Url;

use super::credentials::{basic, user_and_password};
use super::options::OptionsError;
use super::resolve::bare;

/// How a proxy is spoken to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Protocol {
    /// HTTP: whole URLs in requests for http, a tunnel by CONNECT for https.
    Http,
    /// The same over TLS.
    Https,
    /// SOCKS 4: it is given an IPv4 address.
    Socks4,
    /// SOCKS 4a: it looks the name up.
    Socks4a,
    /// SOCKS 5: it is given an address.
    Socks5,
    /// SOCKS 5: it looks the name up.
    Socks5h,
}

impl Protocol {
    pub(crate) fn is_http(self) -> bool {
        matches!(self, Self::Http | Self::Https)
    }

    /// Whether the name of the origin is looked up here and not by the proxy.
    pub(crate) fn wants_address(self) -> bool {
        matches!(self, Self::Socks4 | Self::Socks5)
    }
}

/// One proxy.
#[derive(Clone)]
pub(crate) struct Proxy {
    pub(crate) protocol: Protocol,
    /// A name, or an address with the brackets that IPv6 has in a URL.
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) user: Vec<u8>,
    pub(crate) password: Vec<u8>,
    /// The value of `Proxy-Authorization`.
    pub(crate) authorization: Option<HeaderValue>,
    /// What tells its connections from others.
    pub(crate) key: String,
}

impl Proxy {
    /// Reads `[SCHEME://][USER[:PASSWORD]@]HOST[:PORT]`; the default is http on port 1080, as curl has it.
    /// `source` is the option or variable that the text comes from: the message names that and not the text,
    /// which may hold a password.
    fn parse(text: &str, source: &str) -> Result<Self, OptionsError> {
        let refuse = |why: &str| {
            OptionsError::new(format!(
                "{source} {why}; it should be like http://proxy.example:3128"
            ))
        };
        let (scheme, rest) = text.split_once("://").unwrap_or(("http", text));
        let (protocol, default_port) = match scheme.to_ascii_lowercase().as_str() {
            "http" => (Protocol::Http, 1080),
            "https" => (Protocol::Https, 443),
            "socks4" | "socks" => (Protocol::Socks4, 1080),
            "socks4a" => (Protocol::Socks4a, 1080),
            "socks5" => (Protocol::Socks5, 1080),
            "socks5h" => (Protocol::Socks5h, 1080),
            _ => {
                return Err(refuse(
                    "is not a proxy that can be used (http, https, socks4, socks4a, socks5, socks5h)",
                ));
            }
        };
        // Under a scheme that is not special, an explicit :80 stays what it is.
        let url =
            Url::parse(&format!("proxy://{rest}")).map_err(|_| refuse("is no URL of a proxy"))?;
        let host = url
            .host_str()
            .filter(|h| !h.is_empty())
            .ok_or_else(|| refuse("names no host"))?;
        let (host, port) = (
            host.to_ascii_lowercase(),
            url.port().unwrap_or(default_port),
        );
        let credentials = user_and_password(&url);
        let authorization = credentials.as_ref().and_then(|(u, p)| basic(u, p));
        let (user, password) = credentials.unwrap_or_default();
        let key = format!("{}://{host}:{port} ", scheme.to_ascii_lowercase());
        Ok(Self {
            protocol,
            host,
            port,
            user,
            password,
            authorization,
            key,
        })
    }
}

impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Not the credentials.
        f.debug_struct("Proxy")
            .field("key", &self.key)
            .finish_non_exhaustive()
    }
}

/// Which URLs go through which proxy. The default is none.
///
/// ```
/// use fetchpool::fetch::Proxies;
///
/// let environment = |name: &str| (name == "https_proxy").then(|| "http://proxy.example:3128".to_owned());
/// let proxies = Proxies::new(None, &environment)?;
/// assert!(proxies.any());
/// // An explicit one goes before the environment, and an empty one means: none.
/// assert!(!Proxies::new(Some(""), &environment)?.any());
/// # Ok::<(), fetchpool::fetch::OptionsError>(())
/// ```
#[derive(Debug, Clone, Default)]
pub struct Proxies {
    http: Option<Arc<Proxy>>,
    https: Option<Arc<Proxy>>,
    except: Vec<Exception>,
}

impl Proxies {
    /// The proxies that curl would use: `explicit` (its `--proxy`) for all URLs, or else what `environment` says in
    /// `http_proxy` (in lower case only: a server's CGI environment may hold `HTTP_PROXY` of a stranger's choice),
    /// `https_proxy`, `all_proxy` and, for both, `no_proxy`.
    ///
    /// # Errors
    ///
    /// What was given is no proxy, or one of a kind that is not supported. The message names the variable.
    pub fn new(
        explicit: Option<&str>,
        environment: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Self, OptionsError> {
        let lower_then_upper = |name: &str| {
            environment(name).map(|v| (name.to_owned(), v)).or_else(|| {
                let name = name.to_ascii_uppercase();
                environment(&name).map(|v| (name, v))
            })
        };
        let parse = |given: Option<(String, String)>| match given {
            Some((source, text)) if !text.trim().is_empty() => {
                Proxy::parse(text.trim(), &source).map(|p| Some(Arc::new(p)))
            }
            _ => Ok(None),
        };
        let all = || lower_then_upper("all_proxy");
        let (http, https) = match explicit {
            Some(text) => {
                let one = parse(Some(("--proxy".to_owned(), text.to_owned())))?;
                (one.clone(), one)
            }
            None => {
                let http = environment("http_proxy").map(|v| ("http_proxy".to_owned(), v));
                (
                    parse(http.or_else(all))?,
                    parse(lower_then_upper("https_proxy").or_else(all))?,
                )
            }
        };
        let except = lower_then_upper("no_proxy")
            .map_or_else(Vec::new, |(_, list)| Exception::parse_list(&list));
        Ok(Self {
            http,
            https,
            except,
        })
    }

    /// Whether any URL goes through a proxy.
    #[must_use]
    pub fn any(&self) -> bool {
        self.http.is_some() || self.https.is_some()
    }

    /// The proxy in front of `url`.
    pub(crate) fn of(&self, url: &Url) -> Option<&Arc<Proxy>> {
        let proxy = if url.scheme() == "https" {
            &self.https
        } else {
            &self.http
        }
        .as_ref()?;
        let (host, port) = (url.host_str()?, url.port_or_known_default()?);
        (!self.except.iter().any(|e| e.matches(host, port))).then_some(proxy)
    }
}

/// One entry of `no_proxy`.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Exception {
    All,
    /// A host and everything under it, at this port or at any.
    Domain(String, Option<u16>),
    /// Addresses that begin with this many bits of this one.
    Network(IpAddr, u8, Option<u16>),
}

impl Exception {
    fn parse_list(list: &str) -> Vec<Self> {
        list.split([',', ' ', '\t'])
            .filter(|e| !e.is_empty())
            .filter_map(Self::parse)
            .collect()
    }

    fn parse(entry: &str) -> Option<Self> {
        if entry == "*" {
            return Some(Self::All);
        }
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
        let host = host
            .strip_prefix("*.")
            .or(host.strip_prefix('.'))
            .unwrap_or(host);
        let host = host.trim_end_matches('.').to_ascii_lowercase();
        (!host.is_empty()).then_some(Self::Domain(host, port))
    }

    fn matches(&self, host: &str, port: u16) -> bool {
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

#[cfg(test)]
mod tests {
    use super::*;

    fn of(proxies: &Proxies, url: &str) -> Option<String> {
        proxies
            .of(&Url::parse(url).unwrap())
            .map(|p| p.key.trim().to_owned())
    }

    fn from_env(pairs: &[(&str, &str)]) -> Result<Proxies, OptionsError> {
        Proxies::new(None, &|name| {
            pairs
                .iter()
                .find(|(n, _)| *n == name)
                .map(|(_, v)| (*v).to_owned())
        })
    }

    #[test]
    fn the_environment_by_curls_rules() {
        let (http, https) = ("http://a.test/", "https://a.test/");
        for (pairs, for_http, for_https) in [
            (&[][..], None, None),
            (&[("http_proxy", "p:1")], Some("http://p:1"), None),
            (&[("HTTP_PROXY", "p:1")], None, None),
            (&[("https_proxy", "p:1")], None, Some("http://p:1")),
            (&[("HTTPS_PROXY", "p:1")], None, Some("http://p:1")),
            (
                &[("HTTPS_PROXY", "p:1"), ("https_proxy", "q:1")],
                None,
                Some("http://q:1"),
            ),
            (
                &[("all_proxy", "p:1")],
                Some("http://p:1"),
                Some("http://p:1"),
            ),
            (
                &[("ALL_PROXY", "p:1"), ("http_proxy", "")],
                None,
                Some("http://p:1"),
            ),
            (&[("all_proxy", "p:1"), ("no_proxy", "*")], None, None),
            (&[("all_proxy", "p:1"), ("NO_PROXY", "a.test")], None, None),
        ] {
            let proxies = from_env(pairs).unwrap();
            assert_eq!(of(&proxies, http).as_deref(), for_http, "{pairs:?}");
            assert_eq!(of(&proxies, https).as_deref(), for_https, "{pairs:?}");
        }
    }

    #[test]
    fn an_explicit_proxy_goes_before_the_environment_but_not_before_its_exceptions() {
        let environment = |name: &str| match name {
            "http_proxy" => Some("env:1".to_owned()),
            "no_proxy" => Some("b.test".to_owned()),
            _ => None,
        };
        let proxies = Proxies::new(Some("socks5h://p"), &environment).unwrap();
        assert_eq!(
            of(&proxies, "http://a.test/").as_deref(),
            Some("socks5h://p:1080")
        );
        assert_eq!(
            of(&proxies, "https://a.test/").as_deref(),
            Some("socks5h://p:1080")
        );
        assert_eq!(of(&proxies, "https://b.test/"), None);
        assert!(!Proxies::new(Some(""), &environment).unwrap().any());
    }

    #[test]
    fn proxies_as_they_are_written() {
        for (text, key, protocol) in [
            ("p", "http://p:1080", Protocol::Http),
            ("p:3128", "http://p:3128", Protocol::Http),
            ("http://p:80", "http://p:80", Protocol::Http),
            ("HTTP://P.Test:80/", "http://p.test:80", Protocol::Http),
            ("https://p", "https://p:443", Protocol::Https),
            ("socks4://p", "socks4://p:1080", Protocol::Socks4),
            ("socks4a://p:9", "socks4a://p:9", Protocol::Socks4a),
            ("socks5://[::1]:9", "socks5://[::1]:9", Protocol::Socks5),
            ("http://us%65r:p%40ss@p:1", "http://p:1", Protocol::Http),
        ] {
            let proxy = Proxy::parse(text, "--proxy").unwrap();
            assert_eq!(
                (proxy.key.trim(), proxy.protocol),
                (key, protocol),
                "{text}"
            );
        }
        let proxy = Proxy::parse("socks5://us%65r:p%40ss@p", "--proxy").unwrap();
        assert_eq!(
            (proxy.user.as_slice(), proxy.password.as_slice()),
            (&b"user"[..], &b"p@ss"[..])
        );
        for text in [
            "ftp://p",
            "http://",
            "http://p:x",
            "http://:80",
            "quic://user:hunter2@p",
            "http://user:hunter2@p:99999",
        ] {
            let error = Proxy::parse(text, "https_proxy")
                .expect_err(text)
                .to_string();
            assert!(
                error.contains("https_proxy") && !error.contains("hunter2"),
                "{error}"
            );
        }
    }

    #[test]
    fn exceptions_by_domain_address_network_and_port() {
        for (list, host, port, is_excepted) in [
            ("a.test", "a.test", 80, true),
            ("a.test", "www.a.test", 80, true),
            ("a.test", "nota.test", 80, false),
            (".a.test", "a.test", 80, true),
            (".a.test", "www.a.test", 80, true),
            ("*.a.test", "www.a.test", 80, true),
            ("A.TEST.", "a.test", 80, true),
            ("a.test", "a.test.", 80, true),
            ("www.a.test", "a.test", 80, false),
            ("a.test:8080", "a.test", 8080, true),
            ("a.test:8080", "a.test", 80, false),
            ("b.test, a.test", "a.test", 80, true),
            ("b.test a.test", "a.test", 80, true),
            (",,", "a.test", 80, false),
            ("*", "anything", 1, true),
            ("127.0.0.1", "127.0.0.1", 80, true),
            ("127.0.0.1:81", "127.0.0.1", 80, false),
            ("10.0.0.0/8", "10.200.1.2", 80, true),
            ("10.0.0.0/8", "11.0.0.1", 80, false),
            ("0.0.0.0/0", "1.2.3.4", 80, true),
            ("0.0.0.0/0", "[::1]", 80, false),
            ("10.0.0.0/33", "10.0.0.1", 80, false),
            ("::1", "[::1]", 80, true),
            ("[::1]:80", "[::1]", 80, true),
            ("fd00::/8", "[fd12::1]", 80, true),
            ("0.1", "127.0.0.1", 80, false),
        ] {
            let got = Exception::parse_list(list)
                .iter()
                .any(|e| e.matches(host, port));
            assert_eq!(got, is_excepted, "{list:?} and {host}:{port}");
        }
    }
}
