//! The options of requests and of security.

use super::header::{HeaderSource, header};
use super::value::{Secret, plain};
use crate::cli::units::{method, size, whole};
use crate::fetch::{Credentials, HeaderValue, Method, Resolve, StatusSet, header_value};
use clap::{ArgAction, Args, ValueHint};
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;

#[derive(Debug, Args)]
#[command(next_help_heading = "Request")]
pub(in crate::cli) struct RequestArgs {
    #[arg(short = 'X', long, value_name = "M", value_parser = plain(method))]
    #[arg(help = "The method, in capitals; requests have no body [default: GET]")]
    pub(in crate::cli) method: Option<Method>,
    /// Request only the head
    #[arg(
        short = 'I',
        long,
        conflicts_with = "method",
        long_help = "Request only the head, with the method HEAD. The size is the one that the server declares, if \
        any"
    )]
    pub(in crate::cli) head: bool,
    /// Set a header, 'Name: value', or those of @FILE
    #[arg(short = 'H', long, value_name = "N: V", action = ArgAction::Append, value_parser = Secret(header))]
    #[arg(
        long_help = "Set a header, repeatable. It replaces a default header, and is not sent to another origin after \
        a redirect. 'Name;' sends an empty value, 'Name:' leaves a default header out. Headers that frame a message, \
        like Content-Length and Connection, are refused. @FILE holds a header a line, so that a secret is in no \
        argument; its blank lines and those that begin with # are skipped"
    )]
    pub(in crate::cli) header: Vec<HeaderSource>,
    #[arg(short = 'A', long, value_name = "S", value_parser = plain(header_value))]
    #[arg(help = "The User-Agent header; '' sends none [default: fetchpool/VERSION]")]
    pub(in crate::cli) user_agent: Option<HeaderValue>,
    /// Basic authentication
    #[arg(short, long, value_name = "USER[:PASS]", value_parser = Secret(str::parse::<Credentials>))]
    #[arg(
        long_help = "Basic authentication at the origin of each URL, not at another after a redirect. It overrides a \
        user and password in the URL. Without :PASS the password is empty"
    )]
    pub(in crate::cli) user: Option<Credentials>,
    /// Users and passwords by host, from FILE or ~/.netrc
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    #[arg(num_args = 0..=1, require_equals = true)]
    #[arg(
        long_help = "Take users and passwords by host from FILE [default: ~/.netrc], also after a redirect, and over \
        http as over https. -H, -u and a user in the URL override it"
    )]
    pub(in crate::cli) netrc: Option<Option<PathBuf>>,
    /// Send the cookies of a Netscape cookie file
    #[arg(short = 'b', long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    #[arg(
        long_help = "Send the cookies of FILE, a Netscape cookie file, to the hosts that they are for. Cookies that a \
        server sets with a redirect are sent within that attempt, with or without this option"
    )]
    pub(in crate::cli) cookies: Option<PathBuf>,
    #[arg(long, value_name = "N", default_value = "10", value_parser = plain(whole::<0, 1000>))]
    #[arg(help = "Redirects to follow, up to 1000; with 0 a redirect is the final answer")]
    pub(in crate::cli) max_redirects: u32,
    #[arg(long, value_name = "SET", value_parser = plain(str::parse::<StatusSet>))]
    #[arg(
        help = "Final statuses that make a page, like 200-299,404,3xx; any other is a failure [default: 2xx]"
    )]
    pub(in crate::cli) accept: Option<StatusSet>,
    /// Only ask whether the page is there
    #[arg(long, conflicts_with_all = ["output_dir", "body", "head", "method"])]
    #[arg(
        long_help = "Only ask whether the page is there: with HEAD, and with GET where that is refused, of which at \
        most 64 KiB of the body are read. The size is the one that the server declares, if any"
    )]
    pub(in crate::cli) check: bool,
    /// Fail a larger body; 0 = no limit
    #[arg(long, value_name = "SIZE", value_parser = plain(size))]
    #[arg(long_help = "Fail a larger body as soon as its size is known; 0 = no limit")]
    pub(in crate::cli) max_size: Option<u64>,
    /// Ask for compressed bodies
    #[arg(long)]
    #[arg(
        long_help = "Ask for gzip, deflate, br or zstd, and decode the body; its size is that after decoding. A body \
        in another coding stays encoded"
    )]
    pub(in crate::cli) compressed: bool,
    /// Use a proxy
    #[arg(long, value_name = "URL", value_parser = Secret(str::parse::<String>))]
    #[arg(
        long_help = "Use a proxy: http, https, socks4, socks4a, socks5 or socks5h; '' uses none [default: from \
        http_proxy, https_proxy, all_proxy and no_proxy]"
    )]
    pub(in crate::cli) proxy: Option<String>,
    /// Use IPv4 only
    #[arg(short = '4', long, conflicts_with = "ipv6")]
    pub(in crate::cli) ipv4: bool,
    /// Use IPv6 only
    #[arg(short = '6', long)]
    pub(in crate::cli) ipv6: bool,
    /// Give a host's address
    #[arg(long, value_name = "RULE", action = ArgAction::Append, value_parser = plain(str::parse::<Resolve>))]
    #[arg(
        long_help = "HOST:PORT:ADDR[,ADDR]..., repeatable: connect to ADDR instead of looking HOST up; HOST may be *"
    )]
    pub(in crate::cli) resolve: Vec<Resolve>,
    /// Ask these name servers
    #[arg(long, value_name = "ADDRS", value_parser = plain(dns_servers))]
    #[arg(
        long_help = "ADDR[:PORT],...: ask these name servers, in this order, instead of the system's"
    )]
    pub(in crate::cli) dns_servers: Option<DnsServers>,
}

/// At least one.
#[derive(Debug, Clone)]
pub(in crate::cli) struct DnsServers(pub(in crate::cli) Vec<SocketAddr>);

#[derive(Debug, Args)]
#[command(next_help_heading = "Safety")]
pub(in crate::cli) struct SafetyArgs {
    /// Accept any certificate
    #[arg(short = 'k', long)]
    #[arg(
        long_help = "Accept any certificate: connections are encrypted, but the server may be an impostor"
    )]
    pub(in crate::cli) insecure: bool,
    /// Trust more certificates
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    #[arg(
        long_help = "Trust the certificates in FILE (PEM) besides the system's, or besides those of SSL_CERT_FILE \
        and SSL_CERT_DIR"
    )]
    pub(in crate::cli) cacert: Option<PathBuf>,
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    #[arg(help = "Client certificate (PEM) for servers that ask for one; needs --key")]
    pub(in crate::cli) cert: Option<PathBuf>,
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    #[arg(help = "Key of the client certificate (PEM, not encrypted); may be the same file")]
    pub(in crate::cli) key: Option<PathBuf>,
    /// Refuse private addresses
    #[arg(long)]
    #[arg(
        long_help = "Refuse loopback, private, link-local, unique-local, multicast and metadata addresses, however \
        they are written, also after a redirect; the address of each connection is checked"
    )]
    pub(in crate::cli) deny_private: bool,
}

/// Reads the addresses of name servers. The brackets of an IPv6 address are optional without a port.
fn dns_servers(text: &str) -> Result<DnsServers, String> {
    let server = |text: &str| {
        let inner = text
            .strip_prefix('[')
            .and_then(|text| text.strip_suffix(']'));
        let address = match inner {
            Some(inner) => inner.parse::<Ipv6Addr>().map(IpAddr::V6),
            None => text.parse::<IpAddr>(),
        };
        let server = address.map(|address| SocketAddr::new(address, 53));
        let server = server.or_else(|_| text.parse::<SocketAddr>());
        server.ok().filter(|server| server.port() > 0)
    };
    let servers = text.split(',').map(server).collect::<Option<_>>();
    servers.map(DnsServers).ok_or_else(|| {
        "an address is not valid: write ADDR[:PORT],..., like 9.9.9.9 or [2620:fe::fe]:53"
            .to_owned()
    })
}
