//! Parts of bodies that were cut: `KEY.part`, and `KEY.json` beside it, which says of what it is a part.
//!
//! The key is a hash of the URL and of the saved file's path. The user of a part holds a lock on it, and only that user
//! changes or removes it: another gets none. `KEY.json` is written once a part is worth it, and is removed before the part
//! is, or is another's. What was not written here is left as it is, and symbolic links are not followed.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use ring::digest::{SHA256, digest};
use serde::{Deserialize, Serialize};
use url::Url;

use crate::escape::{hex, shown_path};
use crate::fetch::{Version, without_credentials};
use crate::output::lock::try_lock;
use crate::system::os_text;

/// The longest `KEY.json`, in bytes.
const LONGEST_NOTE: u64 = 64 * 1024;

/// The place of one part.
#[derive(Debug)]
pub(super) struct PartFile {
    path: PathBuf,
    url: String,
}

/// What is at a place.
pub(super) enum Found {
    Nothing,
    Part(File, u64, Version),
    /// Another attempt uses it.
    InUse,
    /// Something that cannot be used, with a line for the user.
    Unusable(String),
}

#[derive(Serialize, Deserialize)]
struct Note {
    url: String,
    #[serde(flatten)]
    version: Version,
}

impl PartFile {
    /// The place below `folder` of a part of `url`, which is saved as `saved`.
    pub(super) fn new(folder: &Path, url: &Url, saved: &Path) -> Self {
        let text = format!("{}\n{url}", saved.display());
        let key = hex(&digest(&SHA256, text.as_bytes()).as_ref()[..16]);
        Self {
            // With one folder for 50 workers, saving takes a sixth longer.
            path: folder.join(&key[..1]).join(key).with_extension("part"),
            url: without_credentials(url).into(),
        }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    fn note_path(&self) -> PathBuf {
        self.path.with_extension("json")
    }

    /// Opens the part, at its end. One that says nothing of itself is removed.
    pub(super) fn open(&self) -> Found {
        let folders = self.path.ancestors().skip(1).take(2);
        if !folders.into_iter().all(is_folder) {
            return Found::Nothing;
        }
        match fs::symlink_metadata(&self.path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Found::Nothing,
            Ok(metadata) if !metadata.is_file() => {
                return self.foreign(&self.path, "it is no file");
            }
            _ => {}
        }
        let file = match open_options().write(true).open(&self.path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Found::Nothing,
            Err(error) => return self.unreadable(&error),
        };
        // Another user may have moved it to its place before it was locked.
        if matches!(try_lock(&file), Ok(false)) || !is_at(&file, &self.path) {
            return Found::InUse;
        }
        let size = match file.metadata() {
            Ok(metadata) => metadata.len(),
            Err(error) => return self.unreadable(&error),
        };
        match self.read_note(size) {
            Ok(Some(Ok(version))) => match (&file).seek(SeekFrom::End(0)) {
                Ok(size) => Found::Part(file, size, version),
                Err(error) => self.unreadable(&error),
            },
            Ok(Some(Err(why))) => self.foreign(&self.note_path(), why),
            Ok(None) => match self.remove() {
                Ok(()) => Found::Nothing,
                Err(error) => self.unreadable(&error),
            },
            Err(error) => self.unreadable(&error),
        }
    }

    /// Removes a part that the caller uses.
    fn remove(&self) -> io::Result<()> {
        self.remove_note()?;
        fs::remove_file(&self.path)
    }

    fn foreign(&self, path: &Path, why: &str) -> Found {
        let (path, url) = (shown_path(path), &self.url);
        Found::Unusable(format!(
            "{path}: {why}: no part of {url} is used; remove it"
        ))
    }

    fn unreadable(&self, error: &io::Error) -> Found {
        let (path, why, url) = (shown_path(&self.path), os_text(error), &self.url);
        Found::Unusable(format!("{path}: {why}: no part of {url} is used"))
    }

    /// Of what the part of `size` bytes is one, or why it is none. `None` if nothing says it.
    fn read_note(&self, size: u64) -> io::Result<Option<Result<Version, &'static str>>> {
        let mut text = Vec::new();
        match open_options().open(self.note_path()) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            opened => opened?.take(LONGEST_NOTE).read_to_end(&mut text)?,
        };
        if size == 0 {
            return Ok(None);
        }
        let Ok(Note { url, version }) = serde_json::from_slice(&text) else {
            return Ok(Some(Err("it does not say of what the part is one")));
        };
        Ok(Some(if url != self.url {
            Err("it is of another URL")
        } else if version.length.is_some_and(|length| length < size) {
            Err("its part is larger than the whole")
        } else if version.validator().is_none() {
            Err("it has no validator")
        } else {
            Ok(version)
        }))
    }

    /// Creates an empty part. `None` if another attempt uses one, or what is beside it cannot be removed.
    pub(super) fn create(&self) -> io::Result<Option<File>> {
        let file = match open_options().write(true).create_new(true).open(&self.path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return Ok(None),
            created => created?,
        };
        // Another user may have removed it before it was locked.
        if matches!(try_lock(&file), Ok(false)) || !is_at(&file, &self.path) {
            return Ok(None);
        }
        if self.remove_note().is_err() {
            return fs::remove_file(&self.path).map(|()| None);
        }
        Ok(Some(file))
    }

    /// Says of what the part is one.
    pub(super) fn write_note(&self, version: &Version) -> io::Result<()> {
        let note = Note {
            url: self.url.clone(),
            version: version.clone(),
        };
        // A kill leaves no half of it.
        let new = self.path.with_extension("new");
        let mut file = open_options()
            .write(true)
            .create(true)
            .truncate(true)
            .open(&new)?;
        let written = file.write_all(&serde_json::to_vec(&note)?);
        let written = written.and_then(|()| fs::rename(&new, self.note_path()));
        written.inspect_err(|_| {
            let _ = fs::remove_file(&new);
        })
    }

    pub(super) fn remove_note(&self) -> io::Result<()> {
        match fs::remove_file(self.note_path()) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }
}

/// Whether `path` leads to `file`.
#[cfg(unix)]
fn is_at(file: &File, path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    let identity = |metadata: fs::Metadata| (metadata.dev(), metadata.ino());
    let at_path = fs::symlink_metadata(path).map(identity);
    matches!((file.metadata().map(identity), at_path), (Ok(ours), Ok(theirs)) if ours == theirs)
}

/// The system has no locks, nor a file's identity.
#[cfg(not(unix))]
fn is_at(_file: &File, _path: &Path) -> bool {
    true
}

/// Symbolic links are not followed, and a pipe does not block.
fn open_options() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.read(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt as _;
        let flags = rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK;
        options.custom_flags(flags.bits().cast_signed());
    }
    options
}

/// Whether it is a directory, and no link to one.
fn is_folder(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok_and(|metadata| metadata.is_dir())
}

/// Removes the folders below `folder`, and itself, that are empty.
pub(super) fn remove_empty(folder: &Path) {
    if !is_folder(folder) {
        return;
    }
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let _ = fs::remove_dir(entry.path());
    }
    let _ = fs::remove_dir(folder);
}

#[cfg(test)]
mod tests;
