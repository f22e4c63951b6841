//! The load of one process: where the pages are, how many and how large, and what happens to them.
//!
//! Nothing here runs anything.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

/// Bytes of a page.
pub(crate) const PAGE: usize = 1024;

/// Bytes of a large body.
pub(crate) const LARGE: usize = 100_000_000;

/// Where the pages of a row are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Site {
    /// 1 KiB each, from one host.
    Plain,
    /// The same, but no two pages have one content.
    Distinct,
    /// 1 KiB each, from 500 hosts in a shuffled order, which is the same in each run.
    Hosts,
    /// 100 MB each.
    Large,
    /// 1 KiB each over TLS.
    KeptTls,
    /// The same, from a server that closes each connection.
    FreshTls,
    /// 1 KiB each, from a server that waits 100 ms before each reply.
    Slow,
    /// 1 KiB each, one from each host: an address.
    Addresses,
    /// The same with names, which take this many ms to look up.
    Names(u64),
    /// The same, and for each nine hosts one that drops every SYN.
    DroppedSyns,
    /// The same with names that take 50 ms, and for each nine names one whose name server is silent.
    SilentNames,
    /// The same, and for each twenty names one that is silent. All names are in one zone.
    SilentNamesInZone,
    /// From one host, and as many pages of a host that drops every SYN.
    OneDeadHost,
}

impl Site {
    /// Of how many URLs one leads to a host that does not answer.
    pub(crate) fn dead_share(self) -> Option<usize> {
        match self {
            Self::DroppedSyns | Self::SilentNames => Some(10),
            Self::SilentNamesInZone => Some(21),
            Self::OneDeadHost => Some(2),
            _ => None,
        }
    }

    /// The time that a client waits at most for such a host.
    pub(crate) fn patience(self) -> Option<Duration> {
        match self {
            Self::DroppedSyns | Self::OneDeadHost => Some(Duration::from_secs(5)),
            Self::SilentNames => Some(Duration::from_secs(10)),
            Self::SilentNamesInZone => Some(Duration::from_secs(3)),
            _ => None,
        }
    }

    /// How long a look-up takes, where hosts have names.
    pub(crate) fn look_up(self) -> Option<Duration> {
        match self {
            Self::Names(milliseconds) => Some(Duration::from_millis(milliseconds)),
            Self::SilentNames | Self::SilentNamesInZone => Some(Duration::from_millis(50)),
            _ => None,
        }
    }
}

/// What happens to the pages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Each is fetched and dropped.
    Fetch,
    /// Each is saved to a file.
    Save,
    /// Each has been saved, and has not changed since.
    Update,
    /// All are appended to one archive.
    Archive,
    /// The run is cut after its first line.
    FirstRecord,
    /// Nothing is fetched: the program prints its version.
    Version,
}

/// The URLs of a load.
#[derive(Clone, Debug)]
pub(crate) struct Lists {
    /// One a line.
    pub(crate) list: PathBuf,
    /// The same as a configuration for curl.
    pub(crate) config: PathBuf,
    pub(crate) first_url: String,
}

/// The load of one process, and the files it needs.
pub(crate) struct Load {
    pub(crate) site: Site,
    pub(crate) kind: Kind,
    pub(crate) pages: usize,
    pub(crate) jobs: usize,
    pub(crate) lists: Lists,
    pub(crate) certificate: PathBuf,
    /// Where hosts have names.
    pub(crate) name_server: Option<SocketAddr>,
    /// Where pages are saved.
    pub(crate) saved: PathBuf,
    /// The records of the run that saved them, for an update.
    pub(crate) journal: PathBuf,
}

impl Load {
    pub(crate) fn is_tls(&self) -> bool {
        matches!(self.site, Site::KeptTls | Site::FreshTls)
    }

    /// The pages that can be fetched: those of hosts that answer.
    pub(crate) fn live_pages(&self) -> usize {
        let dead = self.site.dead_share().map_or(0, |share| self.pages / share);
        self.pages - dead
    }

    /// The bytes of all bodies.
    pub(crate) fn bytes(&self) -> u64 {
        let page = if self.site == Site::Large {
            LARGE
        } else {
            PAGE
        };
        (self.live_pages() * page) as u64
    }
}

/// The number of connections and requests at a server.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) connections: u64,
    pub(crate) requests: u64,
}

impl Seen {
    /// The difference to `earlier`.
    pub(crate) fn since(self, earlier: Self) -> Self {
        Self {
            connections: self.connections - earlier.connections,
            requests: self.requests - earlier.requests,
        }
    }
}
