//! The machine of a table, and the programs that are installed on it.

use crate::peer::Peer;
use std::collections::BTreeMap;
use std::fs;
use std::process::Command;
use std::thread;

/// The machine, in one line, with the load of the last minute.
pub(crate) fn machine() -> String {
    let cores = thread::available_parallelism().map_or(0, usize::from);
    let cpus = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpus
        .lines()
        .find_map(|line| line.strip_prefix("model name")?.split_once(':'))
        .map_or("of a model that is not told", |(_, name)| name.trim());
    let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let load = load.split(' ').next().unwrap_or_default();
    format!("{cores} cores ({model}), {}, load {load}", kernel())
}

fn kernel() -> String {
    let release = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    // Leaves out additions of the distribution or the vendor.
    let mut numbers = release.split(|c: char| !c.is_ascii_digit() && c != '.');
    format!("Linux {}", numbers.next().unwrap_or_default())
}

/// The commands that a bench needs and that are installed, with their versions.
pub(crate) struct Installed(BTreeMap<&'static str, Option<String>>);

impl Installed {
    /// Asks each command that `peers` need for its version.
    pub(crate) fn find(peers: impl Iterator<Item = Peer>) -> Self {
        let commands = peers.flat_map(|peer| peer.needs().iter().copied());
        let commands: std::collections::BTreeSet<_> = commands.collect();
        Self(
            commands
                .into_iter()
                .map(|name| (name, version(name)))
                .collect(),
        )
    }

    /// The commands that `peer` lacks.
    pub(crate) fn lacking(&self, peer: Peer) -> Vec<&'static str> {
        let needs = peer.needs().iter().copied();
        needs
            .filter(|name| self.0.get(name).is_none_or(Option::is_none))
            .collect()
    }

    /// The name of `peer`, with the number of its version.
    pub(crate) fn named(&self, peer: Peer) -> String {
        let line = peer
            .needs()
            .first()
            .and_then(|name| self.0.get(name)?.as_deref());
        let mut numbers = line
            .unwrap_or_default()
            .split(|c: char| !c.is_ascii_digit() && c != '.');
        match numbers.find(|number| number.contains('.')) {
            Some(number) => format!("{} {number}", peer.name()),
            None => peer.name(),
        }
    }

    /// The version line of each command.
    pub(crate) fn versions(&self) -> String {
        let told: Vec<_> = self.0.values().flatten().map(String::as_str).collect();
        told.join("; ")
    }
}

/// The first line with a number in the version output of `command`.
pub(crate) fn version(command: &str) -> Option<String> {
    let word = if command == "nginx" {
        "-v"
    } else {
        "--version"
    };
    let output = Command::new(command).arg(word).output().ok()?;
    // wrk prints it with its usage, nginx on stderr.
    let text = [output.stdout, output.stderr].concat();
    let text = String::from_utf8_lossy(&text);
    let line = text.lines().find(|line| line.contains(char::is_numeric))?;
    Some(
        line.split(" (")
            .next()?
            .split(" Copyright")
            .next()?
            .to_owned(),
    )
}
