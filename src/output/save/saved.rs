//! One body while it is saved: a temporary file, which may be a part of the body that an earlier attempt has kept.

use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::mem;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::SystemTime;

use url::Url;

use super::Save;
use super::modified::modified;
use super::parts::{Found, PartFile};
use crate::fetch::{PartialBody, Version};

/// From this size on a part says of what it is one, so that it outlives a kill: for smaller ones that costs too much.
const NOTED: u64 = 64 * 1024;

/// One body. Dropping it before [`commit`](Self::commit) or [`keep`](Self::keep) leaves no file.
#[derive(Debug)]
pub(crate) struct Saved<'a> {
    /// Where a part of it is kept; `None` if it is not.
    part: Option<PartFile>,
    temp: Option<TempFile>,
    /// Bytes in it.
    size: u64,
    /// What it is a part of; `None` if it cannot be continued.
    version: Option<Version>,
    /// The part says so itself.
    is_noted: bool,
    /// A file in the place of the part that is none.
    warning: Option<String>,
    path: PathBuf,
    save: &'a Save,
    received: &'a AtomicU64,
}

#[derive(Debug)]
pub(super) struct TempFile {
    pub(super) file: File,
    pub(super) path: PathBuf,
}

impl<'a> Saved<'a> {
    /// A body of `path`, which keeps no part.
    pub(super) fn new(save: &'a Save, path: PathBuf, received: &'a AtomicU64) -> Self {
        Self {
            part: None,
            temp: None,
            size: 0,
            version: None,
            is_noted: false,
            warning: None,
            path,
            save,
            received,
        }
    }

    /// Renames the file into place, over an older one, and returns its path, which begins with the directory as given.
    ///
    /// # Errors
    ///
    /// Those of the file system, with the path they are about; then no file is left, but a part for later runs.
    pub(crate) fn commit(mut self, last_modified: Option<&str>) -> io::Result<String> {
        let last_modified = last_modified.filter(|_| self.save.remote_time);
        let at = last_modified.and_then(|value| modified(value, SystemTime::now()));
        let temp = self.temp()?;
        if let Some(at) = at {
            // Not every file system can hold every time.
            let _ = temp.file.set_modified(at);
        }
        let temp = temp.path.clone();
        let path = mem::take(&mut self.path);
        if let Err(error) = self.save.rename(&temp, &path) {
            let error = self.save.failed(&path, &error);
            if self.save.keeps_parts() {
                self.keep();
            }
            return Err(error);
        }
        self.temp = None;
        // Not before: a kill between the two would leave a whole body that nothing tells of. A note without a part goes with
        // the next part.
        let _ = self.remove_note();
        let path = path.into_os_string().into_string();
        Ok(path.unwrap_or_else(|path| path.to_string_lossy().into_owned()))
    }

    /// From here on the part may become another's, or is removed.
    fn remove_note(&mut self) -> io::Result<()> {
        match &self.part {
            Some(part) if mem::take(&mut self.is_noted) => part.remove_note(),
            _ => Ok(()),
        }
    }

    /// Keeps the part, if it can be continued.
    pub(crate) fn keep(mut self) {
        if self.size > 0
            && let (Some(part), Some(version), Some(_)) = (&self.part, &self.version, &self.temp)
            && (self.is_noted || part.write_note(version).is_ok())
        {
            self.temp = None;
        }
    }

    /// Whether an earlier attempt may have kept a part of it, or this one may.
    pub(crate) fn may_continue(&self) -> bool {
        self.save.may_continue()
    }

    /// A line for the user about a file in the place of the part, once.
    pub(crate) fn take_warning(&mut self) -> Option<String> {
        self.warning.take()
    }

    /// Takes the part that an earlier attempt at `url` has kept, if there `may_be` one.
    pub(super) fn find_part(&mut self, url: &Url, may_be: bool) {
        let path = self.path.strip_prefix(&self.save.dir);
        let part = PartFile::new(self.save.staging.parts(), url, path.unwrap_or(&self.path));
        let found = if may_be { part.open() } else { Found::Nothing };
        match found {
            Found::Nothing => {}
            Found::Part(file, size, version) => {
                let path = part.path().to_owned();
                self.temp = Some(TempFile { file, path });
                self.size = size;
                self.version = Some(version);
                self.is_noted = true;
            }
            Found::InUse => return,
            Found::Unusable(warning) => {
                self.warning = Some(warning);
                return;
            }
        }
        self.part = Some(part);
    }

    fn temp(&mut self) -> io::Result<&mut TempFile> {
        let temp = match self.temp.take() {
            Some(temp) => Ok(temp),
            None => self.create(),
        };
        let temp = temp.map_err(|error| self.save.failed(&self.path, &error))?;
        Ok(self.temp.insert(temp))
    }

    fn create(&mut self) -> io::Result<TempFile> {
        if self.version.is_some()
            && let Some(part) = &self.part
            && let Some(temp) = self.save.create_part(part)?
        {
            return Ok(temp);
        }
        self.part = None;
        self.save.create_temp()
    }

    /// Lets a large part outlive a kill.
    fn note(&mut self) {
        if self.save.keeps_parts()
            && !self.is_noted
            && self.size >= NOTED
            && let (Some(part), Some(version)) = (&self.part, &self.version)
        {
            // If this fails, the next write tries again.
            self.is_noted = part.write_note(version).is_ok();
        }
    }

    fn truncate(&mut self) -> io::Result<()> {
        self.remove_note()?;
        self.size = 0;
        match &mut self.temp {
            Some(temp) => temp.file.set_len(0).and_then(|()| temp.file.rewind()),
            None => Ok(()),
        }
    }
}

impl PartialBody for Saved<'_> {
    fn part(&self) -> Option<(u64, Version)> {
        Some((self.size, self.version.clone()?))
    }

    fn begin(&mut self, version: Option<Version>) -> io::Result<()> {
        let truncated = self.truncate();
        truncated.map_err(|error| self.save.failed(&self.path, &error))?;
        self.version = version;
        Ok(())
    }

    fn written(&mut self) -> io::Result<Box<dyn Read + '_>> {
        let size = self.size;
        let file = &mut self.temp()?.file;
        file.seek(SeekFrom::Start(0))?;
        Ok(Box::new(file.take(size)))
    }
}

impl Write for Saved<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.temp()?.file.write(bytes);
        let written = written.map_err(|error| self.save.failed(&self.path, &error))?;
        self.received.fetch_add(written as u64, Ordering::Relaxed);
        self.size += written as u64;
        self.note();
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for Saved<'_> {
    fn drop(&mut self) {
        let Some(TempFile { file, path }) = self.temp.take() else {
            return;
        };
        let _ = self.remove_note();
        // A part is locked until it is gone. Of any other, NFS and Windows keep a removed file in its directory until it is
        // closed.
        let locked = self.part.is_some().then_some(file);
        // If this fails, the run's end removes the file with its folder.
        let _ = fs::remove_file(path);
        drop(locked);
    }
}
