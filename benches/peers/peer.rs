//! The measured programs, their loads, and the check that each fetched everything.
//!
//! call.rs has their command lines. A run that did not fetch every page whole is an error.

use crate::load::{Kind, Load, PAGE, Seen};
use anyhow::{Context, Result, ensure};
use std::ffi::OsString;
use std::fs;
use std::path::Path;

/// A program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Peer {
    /// fetchpool itself, with `jobs` workers. It fetches one page in `share`.
    Fetchpool {
        jobs: usize,
        share: usize,
    },
    /// fetchpool itself, which saves all pages that it could update.
    Refetch,
    /// The installed one.
    Curl,
    /// benches/curl: the newest libcurl, called as curl -Z calls it.
    NewestCurl,
    Wget2,
    /// A dry run: it asks for heads, without bodies.
    Aria2,
    /// A curl a page.
    Xargs,
    /// The example of the Python documentation.
    Python,
    /// One URL for a second, as often as it can.
    Wrk,
    /// Threads that only send and receive: bare.rs.
    Bare,
    /// The program that does nothing.
    True,
    /// No program: the pages divided by the jobs, times the server's wait.
    Ideal,
}

impl Peer {
    /// Its name in the table.
    pub(crate) fn name(self) -> String {
        match self {
            Self::Fetchpool { jobs, .. } => format!("fetchpool -j {jobs}"),
            Self::Refetch => "fetchpool -o".to_owned(),
            Self::Curl => "curl -Z".to_owned(),
            Self::NewestCurl => "libcurl".to_owned(),
            Self::Wget2 => "wget2".to_owned(),
            Self::Aria2 => "aria2c, dry run".to_owned(),
            Self::Xargs => "xargs -P, curl".to_owned(),
            Self::Python => "Python's example".to_owned(),
            Self::Wrk => "wrk".to_owned(),
            Self::Bare => "bare threads".to_owned(),
            Self::True => "true".to_owned(),
            Self::Ideal => "the ideal".to_owned(),
        }
    }

    /// The commands it needs; the first prints its version.
    pub(crate) fn needs(self) -> &'static [&'static str] {
        match self {
            Self::Curl => &["curl"],
            Self::NewestCurl => &["newest-curl"],
            Self::Wget2 => &["wget2"],
            Self::Aria2 => &["aria2c"],
            Self::Xargs => &["xargs", "curl"],
            Self::Python => &["python3"],
            Self::Wrk => &["wrk"],
            Self::Fetchpool { .. } | Self::Refetch | Self::Bare | Self::True | Self::Ideal => &[],
        }
    }

    /// Divides the number of pages for a slow program, whose times are then multiplied. `full_pages` is the whole work;
    /// the small form has a tenth of it.
    pub(crate) fn share(self, kind: Kind, full_pages: usize) -> usize {
        let most = match self {
            Self::Fetchpool { share, .. } => return share,
            Self::Xargs => 400,
            Self::Aria2 | Self::Python if kind == Kind::Fetch => 4_000,
            _ => return 1,
        };
        (full_pages / most).max(1)
    }

    /// What it does with the pages in a row of `kind`.
    pub(crate) fn kind(self, kind: Kind) -> Kind {
        match (self, kind) {
            (Self::Refetch, _) | (Self::Curl | Self::NewestCurl, Kind::Archive) => Kind::Save,
            _ => kind,
        }
    }

    /// The environment it needs to trust the servers.
    pub(crate) fn environment(self, load: &Load) -> Vec<(&'static str, OsString)> {
        let mut added = vec![("LC_ALL", "C".into())];
        if self == Self::Python && load.is_tls() {
            added.push(("SSL_CERT_FILE", load.certificate.clone().into()));
        }
        added
    }

    /// The number of pages that it fetched, all whole.
    ///
    /// # Errors
    ///
    /// The file `stdout`, the saved files or the server's counts show that it did not fetch `load`.
    pub(crate) fn check(self, load: &Load, stdout: &Path, seen: Seen) -> Result<u64> {
        if load.kind == Kind::Version || load.kind == Kind::FirstRecord {
            return Ok(load.pages as u64);
        }
        let text = fs::read_to_string(stdout)?;
        if self == Self::Wrk {
            ensure!(!text.contains("Non-2xx"), "wrk met errors: {text}");
            let found = number_before(&text, " requests in");
            return found.context("wrk did not tell how many requests it made");
        }
        let whole = (load.live_pages() as u64, load.bytes());
        let told = match self {
            Self::Fetchpool { .. } | Self::Refetch | Self::Python => sum(&text, |line| {
                let is_page = line.contains("' page is ");
                let is_unchanged = line.ends_with(" bytes, unchanged");
                let is_right = is_page && is_unchanged == (load.kind == Kind::Update);
                number_before(line, " bytes").filter(|_| is_right)
            }),
            Self::Bare => {
                let pages = number_before(&text, " pages").unwrap_or_default();
                (pages, pages * PAGE as u64)
            }
            Self::Curl | Self::NewestCurl | Self::Xargs => sum(&text, |line| {
                let size = line.parse().ok();
                size.filter(|size| *size > 0 || load.site.dead_share().is_none())
            }),
            _ => whole,
        };
        ensure!(told == whole, "{told:?} pages and bytes are not {whole:?}");
        ensure!(seen.requests >= whole.0, "{seen:?} for {} pages", whole.0);
        if matches!(load.kind, Kind::Save | Kind::Update) {
            let saved = files(&load.saved)?;
            ensure!(
                saved == whole,
                "{saved:?} files and bytes are not {whole:?}"
            );
        }
        if load.kind == Kind::Archive {
            // Half of the bytes: pages that differ are compressed, but are not left out.
            let (number, bytes) = files(&load.saved)?;
            ensure!(
                number == 1 && bytes > whole.1 / 2,
                "no archive of all pages"
            );
        }
        Ok(whole.0)
    }
}

/// The number before the first `words` in `text`.
fn number_before(text: &str, words: &str) -> Option<u64> {
    let before = text.split_once(words)?.0;
    before.rsplit([' ', '\n']).next()?.parse().ok()
}

/// The number of lines that have a size, and the sum of the sizes.
fn sum(text: &str, size: impl Fn(&str) -> Option<u64>) -> (u64, u64) {
    let sizes = text.lines().filter_map(size);
    sizes.fold((0, 0), |(lines, bytes), size| (lines + 1, bytes + size))
}

/// The number of files under `dir`, and the sum of their sizes.
fn files(dir: &Path) -> Result<(u64, u64)> {
    let mut total = (0, 0);
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        let metadata = entry.metadata()?;
        let (number, bytes) = if metadata.is_dir() {
            files(&entry.path())?
        } else {
            (1, metadata.len())
        };
        total = (total.0 + number, total.1 + bytes);
    }
    Ok(total)
}
