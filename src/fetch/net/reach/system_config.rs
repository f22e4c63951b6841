//! How the system looks names up: `resolv.conf`, `nsswitch.conf` and the hosts file.
//!
//! Some settings can only be honoured by `getaddrinfo`. They are told as Go's resolver tells them.

use std::collections::HashMap;
use std::io::ErrorKind;
use std::net::IpAddr;
use std::{env, fs};

use resolv_conf::{Config as Resolv, ParseError, ScopedIp};

/// Who is asked for a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Source {
    /// The hosts file, and the name servers.
    NameServers,
    /// `getaddrinfo`.
    System,
}

#[derive(Debug)]
pub(super) struct SystemConfig {
    pub(super) hosts: HashMap<String, Vec<IpAddr>>,
    pub(super) resolv: Resolv,
    /// Or why only `getaddrinfo` is asked.
    sources: Result<Sources, &'static str>,
}

/// What `nsswitch.conf` names for hosts, beside `dns`.
#[derive(Debug, Default, PartialEq, Eq)]
struct Sources {
    files: bool,
    /// Answers for names under `local`.
    mdns: bool,
    /// Answers for this machine's own name.
    myhostname: bool,
}

impl SystemConfig {
    /// Reads the files. A missing one has its default.
    pub(super) fn read() -> Self {
        let (mut resolv, mut sources) = (Resolv::new(), Err("it is the resolver of this system"));
        if cfg!(all(unix, not(target_vendor = "apple"))) {
            let text = read("/etc/resolv.conf");
            sources = match &text {
                Ok(text) => parse_resolv(text, &|name| env::var(name).ok()).and_then(|parsed| {
                    resolv = parsed;
                    parse_nsswitch(&read("/etc/nsswitch.conf").unwrap_or_default())
                }),
                Err(_) => Err("resolv.conf cannot be read"),
            };
        }
        let uses_files = !matches!(&sources, Ok(sources) if !sources.files);
        let hosts = if uses_files {
            read("/etc/hosts").unwrap_or_default()
        } else {
            String::new()
        };
        Self {
            hosts: parse_hosts(&hosts),
            resolv,
            sources,
        }
    }

    pub(super) fn source_of(&self, name: &str) -> Source {
        let name = name.trim_end_matches('.');
        match &self.sources {
            Ok(sources) if sources.mdns && is_local(name) => Source::System,
            Ok(sources) if sources.myhostname && !name.contains('.') => Source::System,
            Ok(_) => Source::NameServers,
            Err(_) => Source::System,
        }
    }

    /// Who is asked for names, for a message.
    pub(super) fn description(&self) -> String {
        match self.sources {
            Ok(_) => "the hosts file and the servers of resolv.conf".to_owned(),
            Err(why) => format!("getaddrinfo: {why}"),
        }
    }
}

fn is_local(name: &str) -> bool {
    let last = name.rsplit('.').next().unwrap_or_default();
    last.eq_ignore_ascii_case("local")
}

/// A missing file is empty.
fn read(path: &str) -> Result<String, std::io::Error> {
    match fs::read(path) {
        Ok(bytes) => Ok(String::from_utf8_lossy(&bytes).into_owned()),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(String::new()),
        Err(error) => Err(error),
    }
}

fn parse_resolv(
    text: &str,
    variable: &dyn Fn(&str) -> Option<String>,
) -> Result<Resolv, &'static str> {
    if variable("HOSTALIASES").is_some() {
        return Err("HOSTALIASES is set");
    }
    let mut text = text.to_owned();
    for (name, keyword) in [("LOCALDOMAIN", "search"), ("RES_OPTIONS", "options")] {
        if let Some(value) = variable(name) {
            text += &format!("\n{keyword} {value}");
        }
    }
    let (mut parsed, errors) = Resolv::parse_with_errors(text.as_bytes());
    let is_option = |error: &ParseError| {
        matches!(
            error,
            ParseError::InvalidOption(_) | ParseError::InvalidOptionValue(_)
        )
    };
    if errors.iter().any(is_option)
        || parsed.use_vc
        || parsed.no_aaaa
        || !parsed.sortlist.is_empty()
    {
        return Err("resolv.conf has an option that only it knows");
    }
    let is_scoped = |server: &ScopedIp| matches!(server, ScopedIp::V6(_, Some(_)));
    if parsed.nameservers.iter().any(is_scoped) {
        return Err("a server of resolv.conf is on one interface");
    }
    // The limits of the C library.
    parsed.glibc_normalize();
    parsed.ndots = parsed.ndots.min(15);
    parsed.timeout = parsed.timeout.clamp(1, 30);
    parsed.attempts = parsed.attempts.clamp(1, 5);
    Ok(parsed)
}

fn parse_nsswitch(text: &str) -> Result<Sources, &'static str> {
    let mut lines = text
        .lines()
        .map(|line| line.split('#').next().unwrap_or_default().trim());
    let Some(line) = lines.find_map(|line| line.strip_prefix("hosts:")) else {
        return Ok(Sources {
            files: true,
            ..Sources::default()
        });
    };
    let other = Err("nsswitch.conf names more than files, dns and myhostname");
    let (mut sources, mut has_dns, mut last) = (Sources::default(), false, "");
    for word in line.split_whitespace() {
        match word {
            "files" if !has_dns => sources.files = true,
            "dns" => has_dns = true,
            "myhostname" => sources.myhostname = true,
            _ if word.starts_with("mdns") => sources.mdns = true,
            // Only names under `local` come to this.
            "[NOTFOUND=return]" if last.starts_with("mdns") => {}
            _ => return other,
        }
        last = word;
    }
    if has_dns { Ok(sources) } else { other }
}

/// The addresses by name, in lower case.
fn parse_hosts(text: &str) -> HashMap<String, Vec<IpAddr>> {
    let mut hosts: HashMap<String, Vec<IpAddr>> = HashMap::new();
    for line in text.lines() {
        let mut words = line
            .split('#')
            .next()
            .unwrap_or_default()
            .split_whitespace();
        let Some(Ok(address)) = words.next().map(str::parse) else {
            continue;
        };
        for name in words {
            hosts.entry(name.to_lowercase()).or_default().push(address);
        }
    }
    hosts
}
