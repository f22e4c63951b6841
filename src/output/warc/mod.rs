//! An archive: a WARC/1.1 file with the requests and replies of a run, one gzip member a record.
//!
//! Workers make the members and append them, one exchange at a time. A payload that the run has had before is a revisit. A member is
//! whole in the file, or a crash has torn the last one: the next run cuts that off.

mod appended;
mod exchange;
mod header;
mod member;
mod open;
mod original;
mod payloads;

use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use ring::digest::{Digest, SHA256, digest};
use tempfile::{SpooledTempFile, spooled_tempfile_in};

use self::appended::Appended;
use self::header::{About, Header, Profile, RecordIds, digest_text};
use self::member::MemberWriter;
use self::payloads::Payloads;
use super::record::WarcPlace;
use super::value::in_rfc3339;
use crate::escape::{printable, shown_path};
use crate::fetch::Capture;
use crate::system;

pub(crate) use self::header::Original;
pub(crate) use self::original::original_of;

/// Bytes of replies, and of members, that may be in memory for all workers, and for one.
const IN_MEMORY: usize = 64 << 20;
const IN_MEMORY_OF_ONE: usize = 1 << 20;

const RESPONSE: &str = "application/http;msgtype=response";
const ABOUT_RUN: &str = concat!(
    "software: fetchpool/",
    env!("CARGO_PKG_VERSION"),
    "\r\nformat: WARC File Format 1.1\r\n",
    "conformsTo: http://iipc.github.io/warc-specifications/specifications/warc-format/warc-1.1/\r\n"
);

/// The archive of a run, for all threads.
pub(crate) struct Archive {
    /// As given.
    name: Arc<str>,
    /// Where it is, for temporary files.
    dir: PathBuf,
    in_memory: usize,
    ids: RecordIds,
    /// Where the run's payloads are.
    payloads: Mutex<Payloads>,
    /// Unused ones.
    writers: Mutex<Vec<MemberWriter>>,
    file: Mutex<Appended>,
}

/// The members of one exchange, to be appended.
struct Archived {
    /// The request, and the response unless its payload was archived before.
    members: SpooledTempFile,
    len: u64,
    response_at: u64,
    /// What a revisit needs, if the payload may be one that was archived before.
    repeatable: Option<Box<Repeatable>>,
}

struct Repeatable {
    about: About,
    /// Of the reply.
    head: Vec<u8>,
    sha256: [u8; 32],
}

impl Archive {
    /// Opens the file at `path`, or creates it, and begins the run's part of it. Returns a note for the user about a record
    /// that was cut off.
    ///
    /// # Errors
    ///
    /// The file cannot be appended to, or is no archive of fetchpool; with its path.
    pub(crate) fn open(path: &Path, jobs: usize) -> io::Result<(Self, Option<String>)> {
        let name = path.to_str().ok_or_else(|| {
            let text = "its name is not UTF-8, so that no record could say where a reply is";
            about(path, &io::Error::new(io::ErrorKind::InvalidInput, text))
        })?;
        let opened = open::open(path).map_err(|error| about(path, &error))?;
        let archive = Self {
            name: name.into(),
            dir: dir_of(path),
            in_memory: (IN_MEMORY / jobs).min(IN_MEMORY_OF_ONE),
            ids: RecordIds::new(),
            payloads: Mutex::default(),
            writers: Mutex::default(),
            file: Mutex::new(Appended {
                file: opened.file,
                end: opened.end,
            }),
        };
        let begun = archive.begin(path);
        begun.map_err(|error| about(path, &error))?;
        let note = (opened.torn > 0).then(|| {
            let (path, torn) = (shown_path(path), opened.torn);
            format!(
                "note: {path}: the last record is incomplete, and its {torn} bytes were cut off"
            )
        });
        Ok((archive, note))
    }

    /// Appends the warcinfo.
    fn begin(&self, path: &Path) -> io::Result<()> {
        let date = in_rfc3339(SystemTime::now()).to_string();
        let mut header = Header::new("warcinfo", self.ids.next(), &date);
        if let Some(name) = path.file_name() {
            header.line("WARC-Filename", printable(&name.to_string_lossy()));
        }
        let header = header.end("application/warc-fields", ABOUT_RUN.len() as u64);
        let mut member = self.spool();
        let len = self.write(&header, &mut ABOUT_RUN.as_bytes(), &mut member)?;
        lock(&self.file).append(member, len)?;
        Ok(())
    }

    /// What takes the exchanges of an attempt.
    pub(crate) fn capture(&self) -> Arc<Capture> {
        Arc::new(Capture::new(self.dir.clone(), self.in_memory))
    }

    fn append(&self, mut archived: Archived) -> io::Result<WarcPlace> {
        let mut file = lock(&self.file);
        if let Some(repeatable) = archived.repeatable.take() {
            let mut payloads = lock(&self.payloads);
            match payloads.get(&repeatable.sha256) {
                Some(offset) => {
                    let original = original::read(&file.file, offset)?;
                    self.make_revisit(&repeatable, original, &mut archived)?;
                }
                None => payloads.insert(&repeatable.sha256, file.end + archived.response_at),
            }
        }
        let offset = file.append(archived.members, archived.len)? + archived.response_at;
        Ok(WarcPlace {
            file: Arc::clone(&self.name),
            offset,
            length: archived.len - archived.response_at,
        })
    }

    /// Puts a revisit in the place of the response.
    fn make_revisit(
        &self,
        repeatable: &Repeatable,
        original: Original,
        archived: &mut Archived,
    ) -> io::Result<()> {
        if original.digest != digest_text(&repeatable.sha256) {
            let text = "it has been changed by another program";
            return Err(io::Error::new(io::ErrorKind::InvalidData, text));
        }
        let mut header = repeatable
            .about
            .revisit(Profile::IdenticalPayload, &original);
        header.digest("WARC-Block-Digest", &sha256(&repeatable.head));
        let header = header.end(RESPONSE, repeatable.head.len() as u64);
        let members = &mut archived.members;
        members.set_len(archived.response_at)?;
        members.seek(SeekFrom::Start(archived.response_at))?;
        let len = self.write(&header, &mut repeatable.head.as_slice(), members)?;
        archived.len = archived.response_at + len;
        Ok(())
    }

    /// Writes a record as a member. Returns its length.
    fn write(
        &self,
        header: &str,
        block: &mut dyn Read,
        to: &mut SpooledTempFile,
    ) -> io::Result<u64> {
        let spare = lock(&self.writers).pop();
        let mut writer = spare.unwrap_or_else(MemberWriter::new);
        let mut record = header.as_bytes().chain(block).chain(&b"\r\n\r\n"[..]);
        let written = writer.write(&mut record, to);
        lock(&self.writers).push(writer);
        written
    }

    fn spool(&self) -> SpooledTempFile {
        spooled_tempfile_in(self.in_memory, &self.dir)
    }
}

fn dir_of(path: &Path) -> PathBuf {
    match path.parent() {
        Some(dir) if dir != Path::new("") => dir.to_owned(),
        _ => ".".into(),
    }
}

fn sha256(bytes: &[u8]) -> [u8; 32] {
    bytes_of(digest(&SHA256, bytes))
}

fn bytes_of(digest: Digest) -> [u8; 32] {
    let mut bytes = [0; 32];
    bytes.copy_from_slice(digest.as_ref());
    bytes
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Puts the path before an error's text; keeps the kind.
fn about(path: &Path, error: &io::Error) -> io::Error {
    let text = system::os_text(error);
    io::Error::new(error.kind(), format!("{}: {text}", shown_path(path)))
}

#[cfg(test)]
mod tests;
