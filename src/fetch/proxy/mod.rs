//! Which proxy stands in front of a URL, by curl's rules. Pure decisions; the environment is an
//! argument.

pub(super) mod no_proxy;

use std::fmt;
use std::sync::Arc;

use http::HeaderValue;
use url::Url;

use super::credentials::{basic, user_and_password};
use super::failure::{Failure, FailureKind};
use super::options::OptionsError;
use super::proxy::no_proxy::Exception;

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
    /// The protocol that a scheme names, and its port where none is given.
    fn of(scheme: &str) -> Option<(Self, u16)> {
        Some(match scheme {
            "http" => (Self::Http, 1080),
            "https" => (Self::Https, 443),
            "socks4" | "socks" => (Self::Socks4, 1080),
            "socks4a" => (Self::Socks4a, 1080),
            "socks5" => (Self::Socks5, 1080),
            "socks5h" => (Self::Socks5h, 1080),
            _ => return None,
        })
    }

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
    /// The option or variable that it was named by.
    source: String,
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
    /// Reads `[SCHEME://][USER[:PASSWORD]@]HOST[:PORT]`; the default is http on port 1080, as curl
    /// has it. `source` is the option or variable that the text comes from: the message names that
    /// and not the text, which may hold a password.
    fn parse(text: &str, source: &str) -> Result<Self, OptionsError> {
        let refuse = |why: &str| {
            OptionsError::new(format!(
                "{source} {why}; it should be like http://proxy.example:3128"
            ))
        };
        let (scheme, rest) = text.split_once("://").unwrap_or(("http", text));
        let scheme = scheme.to_ascii_lowercase();
        let known = "http, https, socks4, socks4a, socks5, socks5h";
        let (protocol, default_port) = Protocol::of(&scheme)
            .ok_or_else(|| refuse(&format!("is not of a kind that can be used ({known})")))?;
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
        let key = format!("{scheme}://{host}:{port} ");
        Ok(Self {
            source: source.to_owned(),
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

impl Proxy {
    /// Whether it is handed the whole request for `url`, so that it is the proxy that replies.
    pub(crate) fn takes_requests_for(&self, url: &str) -> bool {
        self.protocol.is_http() && url.starts_with("http:")
    }

    /// The failure of a connection to this proxy, which it names: what is of the network is then the
    /// proxy's. What is not its doing stays as it is.
    pub(crate) fn blame(&self, failure: Failure) -> Failure {
        let kind = match failure.kind() {
            FailureKind::Dns | FailureKind::Connect | FailureKind::Tls => FailureKind::Proxy,
            FailureKind::Cancelled | FailureKind::BlockedAddress => return failure,
            kind => kind,
        };
        Failure::new(kind, self.name_in(failure.message()))
    }

    /// `message` with the proxy's name in front, if that is not there already.
    pub(crate) fn name_in(&self, message: &str) -> String {
        let name = format!("{}:{}", self.host, self.port);
        match message.strip_prefix(&name) {
            Some(_) => format!("proxy {message}"),
            None => format!("proxy {name}: {message}"),
        }
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
    /// The proxies that curl would use: `explicit` (its `--proxy`) for all URLs, or else what
    /// `environment` says in `http_proxy` (in lower case only: a server's CGI environment may hold
    /// `HTTP_PROXY` of a stranger's choice), `https_proxy`, `all_proxy` and, for both, `no_proxy`. An
    /// empty variable is as one that is not set.
    ///
    /// # Errors
    ///
    /// What was given is no proxy, or one of a kind that is not supported. The message names the
    /// variable.
    pub fn new(
        explicit: Option<&str>,
        environment: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Self, OptionsError> {
        // An empty variable hides nothing behind it: it counts as one that is not set.
        let set = |name: &str| {
            let value = environment(name).filter(|v| !v.trim().is_empty());
            value.map(|v| (name.to_owned(), v))
        };
        let lower_then_upper = |name: &str| set(name).or_else(|| set(&name.to_ascii_uppercase()));
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
                let http = set("http_proxy").or_else(all);
                let https = lower_then_upper("https_proxy").or_else(all);
                (parse(http)?, parse(https)?)
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

    /// The option or variable of a proxy that looks names up itself, if there is one.
    pub(crate) fn where_names_are_looked_up(&self) -> Option<&str> {
        if self.except.contains(&Exception::All) {
            return None;
        }
        let mut both = self.http.iter().chain(&self.https);
        let found = both.find(|proxy| !proxy.protocol.wants_address());
        found.map(|proxy| proxy.source.as_str())
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

#[cfg(test)]
mod tests;
