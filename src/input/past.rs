//! `--update FILE`: the last ok record of each URL, read from FILE again when its URL is fetched.
//!
//! Memory has a hash and a place in FILE for each URL, at most 40 bytes. Workers read without a lock. FILE may grow in the
//! meantime. A record that is not where it was is no record: its URL is fetched as if it were new.

use super::journal::{Journal, Purpose};
use super::row::sha256;
use super::source::InputError;
use super::target::{Scheme, normalise, page};
use crate::fetch::{Condition, Url};
use crate::output::WarcPlace;
use crate::text_table::TextTable;
use serde::{Deserialize, Deserializer};
use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::Path;
use std::time::{Duration, SystemTime};

/// Most rows fit into one read.
const READ: usize = 2 << 10;

/// Bits of a place in FILE: up to 256 TiB.
const PLACE_BITS: u32 = 48;

/// How far the clock of a file system may be ahead.
const CLOCKS: Duration = Duration::from_secs(2);

/// Of a URL, what its last ok record tells.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct PastRecord {
    url: String,
    ok: bool,
    status: Option<u16>,
    resumed_from: Option<u64>,
    method: Option<String>,
    pub(crate) bytes: Option<u64>,
    pub(crate) content_type: Option<String>,
    pub(crate) final_url: Option<String>,
    pub(crate) started_at: Option<String>,
    elapsed_ms: Option<f64>,
    pub(crate) file: Option<String>,
    pub(crate) etag: Option<String>,
    pub(crate) last_modified: Option<String>,
    #[serde(default, deserialize_with = "digest")]
    pub(crate) sha256: Option<[u8; 32]>,
    pub(crate) warc: Option<WarcPlace>,
}

/// The records of FILE, for all workers.
pub(crate) struct PastRecords {
    journal: Journal,
    /// `None` if it does not exist.
    file: Option<File>,
    /// Where the line of each URL begins.
    places: TextTable<PLACE_BITS>,
    default_scheme: Option<Scheme>,
}

impl PastRecords {
    /// Reads `path`: some two seconds for a million rows.
    ///
    /// # Errors
    ///
    /// The file is no regular one, cannot be read, or does not begin with a row.
    pub(crate) fn open(path: &Path, default_scheme: Option<Scheme>) -> Result<Self, InputError> {
        let mut journal = Journal::new(path, Purpose::Update);
        let mut places = TextTable::new();
        let file = journal.open(path)?;
        if let Some(file) = &file {
            journal.read_rows(file, default_scheme, |url, place| {
                places.set(url, place);
            })?;
        }
        Ok(Self {
            journal,
            file,
            places,
            default_scheme,
        })
    }

    pub(crate) fn journal(&self) -> &Journal {
        &self.journal
    }

    /// The last ok record of `url`.
    pub(crate) fn find(&self, url: &Url) -> Option<PastRecord> {
        let offset = self.places.get(page(url))?;
        let file = self.file.as_ref()?;
        let record = read(FileFrom { file, offset });
        let record = record.inspect_err(|error| log::debug!("{url}: no record: {error}"));
        let is_same = |record: &PastRecord| {
            let recorded = normalise(record.url.trim(), self.default_scheme);
            record.ok && recorded.is_ok_and(|recorded| page(&recorded) == page(url))
        };
        record.ok().filter(is_same)
    }
}

impl PastRecord {
    /// Asks whether the page is still the recorded one. `None` if the record has no validator of the whole page.
    pub(crate) fn condition(&self) -> Option<Condition> {
        const PARTIAL: u16 = 206;
        let is_read = matches!(self.method.as_deref(), None | Some("GET" | "HEAD"));
        // The rest of a body makes it whole.
        let is_whole = self.status != Some(PARTIAL) || self.resumed_from.is_some();
        let url = self.final_url.as_deref().filter(|_| is_read && is_whole)?;
        let (etag, last_modified) = (self.etag.as_deref(), self.last_modified.as_deref());
        let mut condition = Condition::new(url, etag, last_modified)?;
        condition.size = self.bytes;
        condition.sha256 = self.sha256;
        Some(condition)
    }
}

impl PastRecord {
    /// Whether a file of this time may be the one that was saved, and not a later one in its place.
    pub(crate) fn is_of(&self, modified: SystemTime) -> bool {
        let started = self.started_at.as_deref();
        let started = started.and_then(|at| humantime::parse_rfc3339(at).ok());
        let elapsed = self
            .elapsed_ms
            .map(|span| Duration::try_from_secs_f64(span / 1000.0));
        let (Some(started), Some(Ok(elapsed))) = (started, elapsed) else {
            return false;
        };
        let ended = started
            .checked_add(elapsed)
            .and_then(|at| at.checked_add(CLOCKS));
        ended.is_some_and(|ended| modified <= ended)
    }
}

/// Reads the record at the beginning of `reader`.
fn read(mut reader: impl Read) -> io::Result<PastRecord> {
    let mut buffer = [0; READ];
    let count = reader.read(&mut buffer)?;
    let begun = &buffer[..count];
    let begun = begun.strip_prefix("\u{feff}".as_bytes()).unwrap_or(begun);
    if let Some(end) = memchr::memchr(b'\n', begun) {
        return Ok(serde_json::from_slice(&begun[..end])?);
    }
    // A longer row may have a body, which is not kept in memory.
    let whole = BufReader::new(begun.chain(reader));
    let mut json = serde_json::Deserializer::from_reader(whole);
    Ok(PastRecord::deserialize(&mut json)?)
}

/// `None` if it is no SHA-256.
fn digest<'de, D: Deserializer<'de>>(value: D) -> Result<Option<[u8; 32]>, D::Error> {
    let text = Option::<String>::deserialize(value)?;
    Ok(text.and_then(|text| sha256(&text).ok()))
}

/// A file from `offset` on. Its own position does not matter.
struct FileFrom<'a> {
    file: &'a File,
    offset: u64,
}

impl Read for FileFrom<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        #[cfg(unix)]
        let count = std::os::unix::fs::FileExt::read_at(self.file, into, self.offset)?;
        #[cfg(windows)]
        let count = std::os::windows::fs::FileExt::seek_read(self.file, into, self.offset)?;
        self.offset += count as u64;
        Ok(count)
    }
}

#[cfg(test)]
mod tests;
