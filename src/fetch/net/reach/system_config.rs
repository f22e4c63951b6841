//! How the system looks names up: `resolv.conf`, `nsswitch.conf` and the hosts file.
//!
//! Some settings can only be honoured by `getaddrinfo`. They are told as Go's resolver tells them.

use std::collections::HashMap;
use std::io::ErrorKind;
use std::net::IpAddr;
use std::{env, fs};

use resolv_conf::{Config as Resolv, ParseError, ScopedIp};

/// Which resolver looks a name up.
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
#[derive(Debug, Clone, Default, PartialEq, Eq)]
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

    /// The resolvers, for a message.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_nsswitch_names_decides_who_is_asked() {
        let sources = |files, mdns, myhostname| {
            Ok(Sources {
                files,
                mdns,
                myhostname,
            })
        };
        let system = Err("nsswitch.conf names more than files, dns and myhostname");
        for (text, expected) in [
            ("", sources(true, false, false)),
            (
                "passwd: files\n# hosts: nis\nhosts: files dns # local",
                sources(true, false, false),
            ),
            ("hosts: dns", sources(false, false, false)),
            ("hosts:\tfiles dns myhostname", sources(true, false, true)),
            (
                "hosts: files mdns4_minimal [NOTFOUND=return] dns",
                sources(true, true, false),
            ),
            (
                "hosts: mymachines resolve [!UNAVAIL=return] files myhostname dns",
                system.clone(),
            ),
            ("hosts: files nis dns", system.clone()),
            ("hosts: files [NOTFOUND=return] dns", system.clone()),
            ("hosts: dns files", system.clone()),
            ("hosts: files", system.clone()),
            ("hosts:", system),
        ] {
            assert_eq!(parse_nsswitch(text), expected, "{text}");
        }
    }

    #[test]
    fn some_names_are_always_for_the_system() {
        let config = |sources| SystemConfig {
            hosts: HashMap::new(),
            resolv: Resolv::new(),
            sources,
        };
        let all = config(Ok(Sources {
            files: true,
            mdns: true,
            myhostname: true,
        }));
        for (name, source) in [
            ("printer.local", Source::System),
            ("printer.LOCAL.", Source::System),
            ("box", Source::System),
            ("box.", Source::System),
            ("a.test", Source::NameServers),
        ] {
            assert_eq!(all.source_of(name), source, "{name}");
        }
        assert_eq!(config(Err("")).source_of("a.test"), Source::System);
        let plain = config(Ok(Sources::default()));
        assert_eq!(plain.source_of("box.local"), Source::NameServers);
    }

    #[test]
    fn options_are_bounded_and_those_that_only_the_system_knows_are_left_to_it() {
        let parse = |text: &str| parse_resolv(text, &|_| None);
        let parsed =
            parse("nameserver 1.1.1.1\noptions ndots:99 timeout:0 attempts:9 rotate edns0")
                .unwrap();
        assert_eq!((parsed.ndots, parsed.timeout, parsed.attempts), (15, 1, 5));
        for text in [
            "options use-vc",
            "options no-aaaa",
            "options unheard-of",
            "options ndots:x",
            "sortlist 10.0.0.0",
            "nameserver fe80::1%eth0",
        ] {
            assert!(parse(text).is_err(), "{text}");
        }
        let none = parse("nonsense\nnameserver x").unwrap();
        assert!(none.nameservers.is_empty());
        let variable = |name: &str| match name {
            "RES_OPTIONS" => Some("ndots:3".to_owned()),
            "LOCALDOMAIN" => Some("b.test".to_owned()),
            _ => None,
        };
        let parsed = parse_resolv("search a.test", &variable).unwrap();
        assert_eq!(parsed.ndots, 3);
        let search: Vec<&String> = parsed.get_last_search_or_domain().collect();
        assert_eq!(search, ["b.test"]);
        let aliases = |name: &str| (name == "HOSTALIASES").then(String::new);
        assert!(parse_resolv("", &aliases).is_err());
    }

    #[test]
    fn the_hosts_file_has_several_names_a_line_and_several_lines_a_name() {
        let hosts = parse_hosts("127.0.0.1 A b # c\n\n# 1.1.1.1 d\n::1\ta\nnonsense e\n");
        let found = |name: &str| hosts.get(name).map_or(0, Vec::len);
        assert_eq!(["a", "b", "c", "d", "e"].map(found), [2, 1, 0, 0, 0]);
    }
}
