//! The load of one process: where the pages are, how many and how large, and what happens to them.
//!
//! Nothing here runs anything.

use std::path::PathBuf;

/// Bytes of a page.
pub(crate) const PAGE: usize = 1024;

/// Bytes of a large body.
pub(crate) const LARGE: usize = 100_000_000;

/// Where the pages of a row are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Site {
    /// 1 KiB each, from one host.
    Plain,
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
}

/// What happens to the pages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Each is fetched and dropped.
    Fetch,
    /// Each is saved to a file.
    Save,
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
    /// Where pages are saved.
    pub(crate) saved: PathBuf,
}

impl Load {
    pub(crate) fn is_tls(&self) -> bool {
        matches!(self.site, Site::KeptTls | Site::FreshTls)
    }

    /// The bytes of all bodies.
    pub(crate) fn bytes(&self) -> u64 {
        let page = if self.site == Site::Large {
            LARGE
        } else {
            PAGE
        };
        (self.pages * page) as u64
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
