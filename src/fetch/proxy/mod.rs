//! Which proxy a URL is fetched through, by curl's rules. The environment is a parameter.

mod no_proxy;
#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::Arc;

use http::HeaderValue;
use url::Url;

use super::credentials::{basic, user_and_password};
use super::failure::{Failure, FailureKind};
use super::options_error::OptionsError;

pub(super) use no_proxy::Exception;

/// The protocol of a proxy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Protocol {
    /// HTTP: a request for an http URL names the whole URL, one for https goes through a tunnel (CONNECT).
    Http,
    /// The same over TLS.
    Https,
    /// SOCKS 4: the client sends an IPv4 address.
    Socks4,
    /// SOCKS 4a: the proxy looks the name up.
    Socks4a,
    /// SOCKS 5: the client sends an address.
    Socks5,
    /// SOCKS 5: the proxy looks the name up.
    Socks5h,
}

impl Protocol {
    /// The protocol of a scheme, and its default port.
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

    pub(super) fn is_http(self) -> bool {
        matches!(self, Self::Http | Self::Https)
    }

    /// Whether the client looks the origin's name up, not the proxy.
    pub(super) fn wants_address(self) -> bool {
        matches!(self, Self::Socks4 | Self::Socks5)
    }
}

/// One proxy. `Debug` does not show its credentials.
#[derive(Clone)]
pub(super) struct Proxy {
    /// The option or variable that names it.
    source: String,
    pub(super) protocol: Protocol,
    /// A name or an address, in brackets if it is IPv6.
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) user: Vec<u8>,
    pub(super) password: Vec<u8>,
    /// The value of `Proxy-Authorization`.
    pub(super) authorization: Option<HeaderValue>,
    /// The key of its idle connections.
    pub(super) key: String,
}

/// The source of a proxy that is not from the environment.
const OPTION: &str = "--proxy";

impl Proxy {
    /// Reads `[SCHEME://][USER[:PASSWORD]@]HOST[:PORT]`; the default is http on port 1080, as with curl.
    ///
    /// Errors do not repeat `text`, which may contain a password.
    fn parse(text: &str, source: &str) -> Result<Self, OptionsError> {
        let refuse = |why: &str| {
            OptionsError::new(format!(
                "{source}: {why}: write it like http://proxy.example:3128 or socks5h://127.0.0.1:1080"
            ))
        };
        if text.contains(char::REPLACEMENT_CHARACTER) {
            return Err(refuse("it is not UTF-8"));
        }
        let (scheme, rest) = text.split_once("://").unwrap_or(("http", text));
        let scheme = scheme.to_ascii_lowercase();
        let (protocol, default_port) = Protocol::of(&scheme).ok_or_else(|| {
            refuse("a proxy is of http, https, socks4, socks4a, socks5 or socks5h")
        })?;
        // Url would drop the port 80 of http.
        let url = Url::parse(&format!("proxy://{rest}"))
            .map_err(|error| refuse(&format!("no URL of a proxy, {error}")))?;
        let host = url.host_str().unwrap_or_default().to_ascii_lowercase();
        if host.is_empty() {
            return Err(refuse("it has no host"));
        }
        let is_bare = matches!(url.path(), "" | "/") && url.query().or(url.fragment()).is_none();
        // Other programs ignore a path in a variable.
        if !is_bare && source == OPTION {
            return Err(refuse("a proxy is a host and a port, without a path"));
        }
        let port = url.port().unwrap_or(default_port);
        let credentials = user_and_password(&url);
        let authorization = credentials.as_ref().map(|(u, p)| basic(u, p));
        let (user, password) = credentials.unwrap_or_default();
        Ok(Self {
            source: source.to_owned(),
            protocol,
            key: format!("{scheme}://{host}:{port} "),
            host,
            port,
            user,
            password,
            authorization,
        })
    }

    /// Whether requests for `url` go to the proxy itself, not through a tunnel.
    pub(super) fn takes_requests_for(&self, url: &str) -> bool {
        self.protocol.is_http() && url.starts_with("http:")
    }

    /// `failure` with the proxy's name. Failures of the network get the kind `proxy`.
    pub(super) fn blame(&self, failure: Failure) -> Failure {
        let kind = match failure.kind() {
            FailureKind::Dns | FailureKind::Connect | FailureKind::Tls => FailureKind::Proxy,
            FailureKind::Cancelled | FailureKind::BlockedAddress => return failure,
            kind => kind,
        };
        Failure::new(kind, self.name_in(failure.message()))
    }

    /// `message` with the proxy's name in front.
    pub(super) fn name_in(&self, message: &str) -> String {
        let name = format!("{}:{}", self.host, self.port);
        match message.strip_prefix(&name) {
            Some(_) => format!("proxy {message}"),
            None => format!("proxy {name}: {message}"),
        }
    }
}

impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
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
/// // Empty means none.
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
    /// The proxies that curl would use: `explicit` (empty for none) for all URLs, or else `http_proxy`, `https_proxy` and
    /// `all_proxy` of the `environment`. `no_proxy` lists exceptions. An empty variable counts as not set.
    ///
    /// `HTTP_PROXY` is ignored: a CGI server sets it from a header of the request.
    ///
    /// # Errors
    ///
    /// A text is no proxy, or its protocol is not supported. The message names the variable, or `--proxy`.
    pub fn new(
        explicit: Option<&str>,
        environment: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Self, OptionsError> {
        let set = |name: &str| {
            let value = environment(name).filter(|v| !v.trim().is_empty());
            value.map(|value| (name.to_owned(), value))
        };
        let lower_then_upper = |name: &str| set(name).or_else(|| set(&name.to_ascii_uppercase()));
        let (http, https) = match explicit {
            Some(text) if text.trim().is_empty() => (None, None),
            Some(text) => {
                let given = Some((OPTION.to_owned(), text.to_owned()));
                (given.clone(), given)
            }
            None => {
                let all = || lower_then_upper("all_proxy");
                let https = lower_then_upper("https_proxy");
                (set("http_proxy").or_else(all), https.or_else(all))
            }
        };
        let parse = |given: Option<(String, String)>| {
            let proxy = given.map(|(source, text)| Proxy::parse(text.trim(), &source));
            proxy.transpose().map(|proxy| proxy.map(Arc::new))
        };
        let except = lower_then_upper("no_proxy");
        Ok(Self {
            http: parse(http)?,
            https: parse(https)?,
            except: except.map_or_else(Vec::new, |(_, list)| Exception::parse_list(&list)),
        })
    }

    /// Whether any URL goes through a proxy.
    #[must_use]
    pub fn any(&self) -> bool {
        self.http.is_some() || self.https.is_some()
    }

    /// The option or variable of a proxy that looks names up itself.
    pub(super) fn where_names_are_looked_up(&self) -> Option<&str> {
        if self.except.contains(&Exception::All) {
            return None;
        }
        let mut both = self.http.iter().chain(&self.https);
        let found = both.find(|proxy| !proxy.protocol.wants_address());
        found.map(|proxy| proxy.source.as_str())
    }

    /// The proxy that `url` is fetched through.
    pub(super) fn of(&self, url: &Url) -> Option<&Arc<Proxy>> {
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
