//! The options of requests and of security.

use super::value::{Secret, Value};
use crate::cli::units::{size, whole};
use crate::fetch::{Credentials, CustomHeader, HeaderValue, Method, Resolve, header_value};
use clap::{ArgAction, Args, ValueHint};
use std::path::PathBuf;

#[derive(Debug, Args)]
#[command(next_help_heading = "Request")]
pub(in crate::cli) struct RequestArgs {
    /// The method: GET, DELETE, ...
    #[arg(short = 'X', long, value_name = "M", value_parser = Value(method), hide_short_help = true)]
    #[arg(
        long_help = "The method, in capitals; whichever it is, the request has no body [default: GET]"
    )]
    pub(in crate::cli) method: Option<Method>,
    /// Ask for the head only
    #[arg(
        short = 'I',
        long,
        conflicts_with = "method",
        long_help = "Ask for the head only: the method HEAD. A page has the size that the server tells, if it does"
    )]
    pub(in crate::cli) head: bool,
    /// A header of your own, 'Name: value'; repeatable
    #[arg(short = 'H', long, value_name = "N: V", action = ArgAction::Append, value_parser = Secret(str::parse::<CustomHeader>))]
    #[arg(
        long_help = "A header of your own, repeatable; replaces a default one, and is not sent to another origin \
        after a redirect. 'Name;' sends it empty, 'Name:' leaves a default one out. Those that frame a message, like Content-Length and Connection, \
        are refused"
    )]
    pub(in crate::cli) header: Vec<CustomHeader>,
    /// The User-Agent header
    #[arg(short = 'A', long, value_name = "S", value_parser = Value(header_value), hide_short_help = true)]
    #[arg(long_help = "The User-Agent header; '' sends none [default: fetchpool/VERSION]")]
    pub(in crate::cli) user_agent: Option<HeaderValue>,
    /// Basic authentication
    #[arg(short, long, value_name = "USER[:PASS]", value_parser = Secret(str::parse::<Credentials>), hide_short_help = true)]
    #[arg(
        long_help = "Basic authentication, at the origin of each URL and at no other after a redirect; goes before a user \
        and password in the URL itself. Without :PASS the password is empty"
    )]
    pub(in crate::cli) user: Option<Credentials>,
    /// Redirects to follow
    #[arg(long, value_name = "N", default_value = "10", value_parser = Value(whole::<0, 1000>), hide_short_help = true)]
    #[arg(
        long_help = "Redirects to follow, up to 1000; with 0 a redirect is the final answer, and an error"
    )]
    pub(in crate::cli) max_redirects: u32,
    /// Fail a larger body, as soon as it is seen
    #[arg(long, value_name = "SIZE", value_parser = Value(size))]
    #[arg(long_help = "Fail a larger body, as soon as it is seen; 0 = none")]
    pub(in crate::cli) max_size: Option<u64>,
    /// Ask for compressed bodies
    #[arg(long, hide_short_help = true)]
    #[arg(
        long_help = "Ask for gzip, deflate, br and zstd; sizes are of the decoded body, and a coding that was not \
        asked for leaves it as it came"
    )]
    pub(in crate::cli) compressed: bool,
    /// Through a proxy
    #[arg(long, value_name = "URL", value_parser = Secret(str::parse::<String>), hide_short_help = true)]
    #[arg(
        long_help = "Through a proxy of http, https, socks4, socks4a, socks5 or socks5h; '' for none [default: as \
        http_proxy, https_proxy, all_proxy and no_proxy say]"
    )]
    pub(in crate::cli) proxy: Option<String>,
    /// Over IPv4 only
    #[arg(short = '4', long, conflicts_with = "ipv6", hide_short_help = true)]
    pub(in crate::cli) ipv4: bool,
    /// Over IPv6 only
    #[arg(short = '6', long, hide_short_help = true)]
    pub(in crate::cli) ipv6: bool,
    /// Give a host's address
    #[arg(long, value_name = "RULE", action = ArgAction::Append, value_parser = Value(str::parse::<Resolve>))]
    #[arg(hide_short_help = true)]
    #[arg(
        long_help = "HOST:PORT:ADDR, repeatable: connect to ADDR, or one of several with commas, and look no name up; \
        HOST may be *"
    )]
    pub(in crate::cli) resolve: Vec<Resolve>,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Safety")]
pub(in crate::cli) struct SafetyArgs {
    /// Trust any certificate
    #[arg(short = 'k', long, hide_short_help = true)]
    #[arg(
        long_help = "Trust any certificate: connections are encrypted, but nobody knows with whom"
    )]
    pub(in crate::cli) insecure: bool,
    /// Trust these certificates, too
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, hide_short_help = true)]
    #[arg(
        long_help = "Trust the certificates in FILE (PEM), too, beside the system's, or those of SSL_CERT_FILE and \
        SSL_CERT_DIR"
    )]
    pub(in crate::cli) cacert: Option<PathBuf>,
    /// Show this certificate
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, hide_short_help = true, requires = "key")]
    #[arg(long_help = "Show this certificate (PEM) to servers that ask for one; with --key")]
    pub(in crate::cli) cert: Option<PathBuf>,
    /// Its key
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, hide_short_help = true, requires = "cert")]
    #[arg(long_help = "The key of that certificate (PEM, not encrypted); may be the same file")]
    pub(in crate::cli) key: Option<PathBuf>,
    /// Refuse private addresses
    #[arg(long, hide_short_help = true)]
    #[arg(
        long_help = "Refuse loopback, private, link-local, unique-local, multicast and metadata addresses, however they \
        are written, on every redirect, and checked on the address that is connected to"
    )]
    pub(in crate::cli) deny_private: bool,
}

/// Reads a method. Methods are case-sensitive; all registered ones are in capitals.
fn method(text: &str) -> Result<Method, String> {
    let method = Method::from_bytes(text.as_bytes())
        .ok()
        // A method may begin with a hyphen, but `-X -I` is a mistake.
        .filter(|_| text.starts_with(|c: char| c.is_ascii_alphabetic()))
        .ok_or("not a method: it is a word like GET, HEAD, OPTIONS or DELETE")?;
    if text.contains(|c: char| c.is_ascii_lowercase()) {
        let capitals = text.to_ascii_uppercase();
        return Err(format!("methods are written in capitals: {capitals}"));
    }
    Ok(method)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn methods() {
        for text in [
            "GET", "HEAD", "POST", "DELETE", "OPTIONS", "TRACE", "PROPFIND", "M-SEARCH", "X1",
        ] {
            assert_eq!(method(text).unwrap(), *text);
        }
        let table = [
            ("", "not a method"),
            ("GE T", "not a method"),
            ("GET\r\nEvil: x", "not a method"),
            ("GÊT", "not a method"),
            ("-I", "not a method"),
            ("get", "methods are written in capitals: GET"),
            ("Get", "methods are written in capitals: GET"),
        ];
        for (text, expected) in table {
            let error = method(text).expect_err(text);
            assert!(error.starts_with(expected), "{text:?}: {error}");
        }
    }
}
