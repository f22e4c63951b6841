//! Reads what is said of connections: credentials, proxies, given addresses, certificates.
//!
//! What may hold a password is never repeated in a message. No file is opened and no name looked up
//! here; a certificate that is none is found out by whoever reads it.

use super::args::{RequestArgs, SafetyArgs};
use crate::escape::shown;
use crate::fetch::{self, Family, OptionsError, Proxies, Resolve, Tls, Url};
use std::ffi::OsString;
use std::path::PathBuf;
use url::Host;

/// How connections are made, and as whom.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct NetSettings {
    /// User and password for Basic authentication at the origin that was asked for.
    pub(crate) credentials: Option<Credentials>,
    /// Ask for gzip and br.
    pub(crate) compressed: bool,
    /// The proxy for all URLs, instead of those of the environment; if it is empty, none.
    pub(crate) proxy: Option<String>,
    /// Which addresses of a host are used.
    pub(crate) family: Family,
    /// Addresses that are given instead of being looked up.
    pub(crate) resolve: Vec<Resolve>,
    /// Refuse addresses that are not on the public internet.
    pub(crate) deny_private: bool,
    /// Whom to trust, and as whom to appear.
    pub(crate) tls: TlsSettings,
}

/// User and password.
pub(crate) type Credentials = (String, String);

/// Whom to trust, and as whom to appear, in TLS.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct TlsSettings {
    /// Trust whatever certificate a server shows.
    pub(crate) insecure: bool,
    /// A file of certificates to trust beside the system's.
    pub(crate) cacert: Option<PathBuf>,
    /// The files of the certificate to show and of its key: both or neither.
    pub(crate) identity: Option<Identity>,
}

/// The files of a certificate and of its key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Identity {
    pub(crate) cert: PathBuf,
    pub(crate) key: PathBuf,
}

/// What is taken for no proxy at all, wherever it stands.
const NO_PROXY: &str = "\0/";

impl NetSettings {
    /// Adds what is said here to `options`; the proxies that are not named here are those of the
    /// environment, of which `env` gives the variables.
    ///
    /// # Errors
    ///
    /// A variable that names no proxy.
    pub(crate) fn apply(
        self,
        options: fetch::Options,
        env: &dyn Fn(&str) -> Option<OsString>,
    ) -> Result<fetch::Options, OptionsError> {
        // What is not UTF-8 names no proxy, but one was asked for: it must neither be taken for none nor
        // become the name of another. Of a list of exceptions the others hold.
        let env = |name: &str| {
            let readable = |value: OsString| match value.into_string() {
                Ok(text) => text,
                Err(value) if name.eq_ignore_ascii_case("no_proxy") => {
                    value.to_string_lossy().into_owned()
                }
                Err(_) => NO_PROXY.to_owned(),
            };
            env(name).map(readable)
        };
        let (cert, key) = self.tls.identity.map(|own| (own.cert, own.key)).unzip();
        Ok(fetch::Options {
            credentials: self.credentials,
            compressed: self.compressed,
            family: self.family,
            resolve: self.resolve,
            deny_private: self.deny_private,
            proxies: Proxies::new(self.proxy.as_deref(), &env)?,
            tls: Tls {
                insecure: self.tls.insecure,
                cacert: self.tls.cacert,
                cert,
                key,
            },
            ..options
        })
    }
}

/// Puts together what the options say.
///
/// # Errors
///
/// A certificate without its key, or the other way round.
pub(super) fn settings(
    request: &mut RequestArgs,
    safety: SafetyArgs,
) -> Result<NetSettings, String> {
    Ok(NetSettings {
        credentials: request.user.take(),
        compressed: request.compressed,
        proxy: request.proxy.take(),
        family: match (request.ipv4, request.ipv6) {
            (true, _) => Family::V4,
            (_, true) => Family::V6,
            _ => Family::Any,
        },
        resolve: std::mem::take(&mut request.resolve),
        deny_private: safety.deny_private,
        tls: TlsSettings {
            insecure: safety.insecure,
            cacert: safety.cacert,
            identity: identity(safety.cert, safety.key)?,
        },
    })
}

pub(super) fn identity(
    cert: Option<PathBuf>,
    key: Option<PathBuf>,
) -> Result<Option<Identity>, String> {
    match (cert, key) {
        (None, None) => Ok(None),
        (Some(cert), Some(key)) => Ok(Some(Identity { cert, key })),
        (Some(cert), None) => Err(format!(
            "--cert '{}' is given without its key: add --key FILE; if one file holds both, name it twice",
            shown(&cert.to_string_lossy())
        )),
        (None, Some(key)) => Err(format!(
            "--key '{}' is given without its certificate: add --cert FILE",
            shown(&key.to_string_lossy())
        )),
    }
}

/// Reads `USER[:PASSWORD]`; without a colon the password is empty.
///
/// # Errors
///
/// What is wrong with it, without a word of it.
pub(super) fn user(text: &str) -> Result<Credentials, String> {
    if text.contains(char::is_control) {
        // RFC 7617, section 2.
        return Err("neither a user nor a password has control characters".to_owned());
    }
    let (user, password) = text.split_once(':').unwrap_or((text, ""));
    if text.is_empty() {
        return Err("it is empty: write USER:PASSWORD".to_owned());
    }
    Ok((user.to_owned(), password.to_owned()))
}

/// Reads `[SCHEME://][USER[:PASSWORD]@]HOST[:PORT]`, or nothing for no proxy.
///
/// # Errors
///
/// What is wrong with it, without a word of it.
pub(super) fn proxy(text: &str) -> Result<String, String> {
    const RIGHT: &str = "write it like http://proxy.example:3128 or socks5h://127.0.0.1:1080";
    const SCHEMES: [&str; 6] = ["http", "https", "socks4", "socks4a", "socks5", "socks5h"];
    let text = text.trim();
    if text.is_empty() {
        return Ok(String::new());
    }
    let (scheme, rest) = text.split_once("://").unwrap_or(("http", text));
    if !SCHEMES
        .iter()
        .any(|known| scheme.eq_ignore_ascii_case(known))
    {
        return Err(format!(
            "a proxy is of http, https, socks4, socks4a, socks5 or socks5h: {RIGHT}"
        ));
    }
    let url = Url::parse(&format!("proxy://{rest}"))
        .map_err(|error| format!("no URL of a proxy, {error}: {RIGHT}"))?;
    if url.host_str().is_none_or(str::is_empty) {
        return Err(format!("it has no host: {RIGHT}"));
    }
    if !matches!(url.path(), "" | "/") || url.query().is_some() || url.fragment().is_some() {
        return Err(format!(
            "a proxy is a host and a port, without a path: {RIGHT}"
        ));
    }
    Ok(text.to_owned())
}

/// Reads `HOST:PORT:ADDR[,ADDR]...`, as curl does: addresses of IPv6 may be in brackets, and must be
/// where they stand for the host; the host `*` is any.
///
/// # Errors
///
/// What is wrong with it, and what would be right.
pub(super) fn resolve(text: &str) -> Result<Resolve, String> {
    const RIGHT: &str =
        "write HOST:PORT:ADDR, like example.com:443:127.0.0.1 or example.com:443:[::1]";
    // The colons of a host in brackets are its own.
    let behind = text
        .find(']')
        .filter(|_| text.starts_with('['))
        .unwrap_or(0);
    let (port, addresses) = text[behind..]
        .split_once(':')
        .and_then(|(_, rest)| rest.split_once(':'))
        .ok_or(RIGHT)?;
    let host = &text[..text.len() - addresses.len() - port.len() - 2];
    let host = match host {
        "*" => "*".to_owned(),
        _ => Host::parse(host)
            .ok()
            .filter(|_| !host.starts_with(['+', '-']))
            .ok_or_else(|| format!("'{}' is no host: {RIGHT}", shown(host)))?
            .to_string(),
    };
    let port = port
        .parse()
        .ok()
        .filter(|number| *number > 0 && port.bytes().all(|byte| byte.is_ascii_digit()))
        .ok_or_else(|| format!("'{}' is no port from 1 to 65535: {RIGHT}", shown(port)))?;
    let address = |text: &str| {
        let bare = text
            .strip_prefix('[')
            .and_then(|text| text.strip_suffix(']'))
            .filter(|text| text.contains(':'))
            .unwrap_or(text);
        bare.parse()
            .map_err(|_| format!("'{}' is no address: {RIGHT}", shown(text)))
    };
    Ok(Resolve {
        host,
        port,
        addresses: addresses
            .split(',')
            .map(address)
            .collect::<Result<_, _>>()?,
    })
}
