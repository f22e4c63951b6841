//! Saved bodies: one file a URL, below one directory. A file is complete or does not exist.
//!
//! A body is written to a temporary file in the run's folder ([`staging`]) and renamed when it is complete. [`name`]
//! chooses the path. Symbolic links below the directory are never followed. There is no `fsync`: a power cut may lose
//! the last files.

mod name;
mod staging;

use std::collections::HashSet;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard};

use url::Url;

use crate::escape::shown_path;
use crate::system;

pub(super) use self::name::{Case, path_for};
use self::staging::{Staging, make_dir, retry_if_removed};

/// The most directories that are remembered, in less than half a megabyte.
const KNOWN: usize = 2048;

/// The directory that bodies are saved in. Any thread may use it.
#[derive(Debug)]
pub(crate) struct Save {
    dir: PathBuf,
    staging: Staging,
    case: Case,
    /// A write failed because the disk or the quota was full.
    is_full: AtomicBool,
    /// Read-locked while a file or a directory is created or renamed.
    has_ended: RwLock<bool>,
    /// Directories that this run has created or checked: saves two system calls a body.
    known: Mutex<HashSet<PathBuf>>,
}

impl Save {
    /// Creates `dir` if needed, removes the temporary files of dead runs, and checks that a file can be created.
    ///
    /// # Errors
    ///
    /// Those of the file system, with the path they are about.
    pub(crate) fn new(dir: PathBuf) -> io::Result<Self> {
        if dir.to_str().is_none() {
            let text = "its name is not UTF-8, so that no record could say where a file is";
            let error = io::Error::new(io::ErrorKind::InvalidInput, text);
            return Err(about(&dir, &error));
        }
        fs::create_dir_all(&dir).map_err(|error| match error.kind() {
            io::ErrorKind::AlreadyExists => about(&dir, &io::ErrorKind::NotADirectory.into()),
            _ => about(&dir, &error),
        })?;
        let staging = Staging::new(&dir).map_err(|error| about(&dir, &error))?;
        Ok(Self {
            dir,
            case: staging.case(),
            staging,
            is_full: AtomicBool::new(false),
            has_ended: RwLock::new(false),
            known: Mutex::default(),
        })
    }

    /// Whether [`abandon`](Self::abandon) was called, which makes saves fail.
    pub(crate) fn has_ended(&self) -> bool {
        self.go_on().is_err()
    }

    /// Ends all saving and removes the temporary files. After this no worker can rename a file into place. Blocks while a
    /// file is created or renamed.
    pub(crate) fn abandon(&self) {
        let has_ended = self.has_ended.write();
        *has_ended.unwrap_or_else(PoisonError::into_inner) = true;
        self.staging.remove();
    }

    /// Whether a save failed because the disk or the quota was full.
    pub(crate) fn is_disk_full(&self) -> bool {
        self.is_full.load(Ordering::Relaxed)
    }

    /// Prepares to save the body of `url`, and adds its bytes to `received` as they are written. The first byte or the
    /// commit creates the file.
    pub(crate) fn begin<'a>(&'a self, url: &Url, received: &'a AtomicU64) -> Saved<'a> {
        Saved {
            temp: None,
            path: self.dir.join(path_for(url, self.case)),
            save: self,
            received,
        }
    }

    fn create_temp(&self) -> io::Result<TempFile> {
        let _going_on = self.go_on()?;
        let path = self.staging.next_path();
        let folder = path.parent().unwrap_or(&self.dir);
        let file = self.inside(folder, || {
            OpenOptions::new().write(true).create_new(true).open(&path)
        })?;
        Ok(TempFile { file, path })
    }

    fn rename(&self, temp: &Path, path: &Path) -> io::Result<()> {
        let _going_on = self.go_on()?;
        let parent = path.parent().unwrap_or(&self.dir);
        self.inside(parent, || fs::rename(temp, path))
            .map_err(|error| {
                self.remove_empty(parent);
                if error.kind() != io::ErrorKind::CrossesDevices {
                    return error;
                }
                let dir = self.dir.display();
                let text = format!("its folder is on another file system than {dir}");
                io::Error::new(error.kind(), text)
            })
    }

    /// Keeps the run from ending until the guard is dropped.
    ///
    /// # Errors
    ///
    /// It has ended.
    fn go_on(&self) -> io::Result<RwLockReadGuard<'_, bool>> {
        let has_ended = self.has_ended.read();
        let has_ended = has_ended.unwrap_or_else(PoisonError::into_inner);
        if *has_ended {
            return Err(io::Error::other("the run has ended"));
        }
        Ok(has_ended)
    }

    /// Calls `act`, which needs the directory `parent`, and creates that if needed.
    fn inside<T>(&self, parent: &Path, act: impl Fn() -> io::Result<T>) -> io::Result<T> {
        retry_if_removed(|| {
            let done = self.make_dirs(parent).and_then(|()| act());
            done.inspect_err(|_| {
                self.known().remove(parent);
            })
        })
    }

    /// Creates the directories down to `parent`. A symbolic link is an error.
    fn make_dirs(&self, parent: &Path) -> io::Result<()> {
        if self.known().contains(parent) {
            return Ok(());
        }
        let mut path = self.dir.clone();
        for name in parent.strip_prefix(&self.dir).into_iter().flatten() {
            path.push(name);
            make_dir(&path)?;
        }
        let mut known = self.known();
        if known.len() == KNOWN {
            known.clear();
        }
        known.insert(path);
        Ok(())
    }

    /// Removes `dir` and its parents as far as they are empty.
    fn remove_empty(&self, dir: &Path) {
        for dir in dir.ancestors().take_while(|dir| *dir != self.dir) {
            match fs::remove_dir(dir) {
                // The deepest may not have been created.
                Err(error) if error.kind() != io::ErrorKind::NotFound => return,
                _ => {}
            }
        }
    }

    fn known(&self) -> MutexGuard<'_, HashSet<PathBuf>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes a full disk, and names `path` in the error.
    fn failed(&self, path: &Path, error: &io::Error) -> io::Error {
        use io::ErrorKind::{QuotaExceeded, StorageFull};
        if matches!(error.kind(), StorageFull | QuotaExceeded) {
            self.is_full.store(true, Ordering::Relaxed);
        }
        about(path, error)
    }
}

/// One body. Dropped before [`commit`](Self::commit), it leaves no file.
#[derive(Debug)]
pub(crate) struct Saved<'a> {
    temp: Option<TempFile>,
    path: PathBuf,
    save: &'a Save,
    received: &'a AtomicU64,
}

#[derive(Debug)]
struct TempFile {
    file: File,
    path: PathBuf,
}

impl Saved<'_> {
    /// Renames the file into place, over an older one, and returns its path, which begins with the directory as given.
    ///
    /// # Errors
    ///
    /// Those of the file system, with the path they are about; then no file is left.
    pub(crate) fn commit(mut self) -> io::Result<String> {
        self.temp()?;
        if let Some(temp) = &self.temp {
            let renamed = self.save.rename(&temp.path, &self.path);
            renamed.map_err(|error| self.save.failed(&self.path, &error))?;
        }
        self.temp = None;
        Ok(self.path.to_string_lossy().into_owned())
    }

    fn temp(&mut self) -> io::Result<&mut TempFile> {
        let temp = match self.temp.take() {
            Some(temp) => Ok(temp),
            None => self.save.create_temp(),
        };
        let temp = temp.map_err(|error| self.save.failed(&self.path, &error))?;
        Ok(self.temp.insert(temp))
    }
}

impl Write for Saved<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.temp()?.file.write(bytes);
        let written = written.map_err(|error| self.save.failed(&self.path, &error))?;
        self.received.fetch_add(written as u64, Ordering::Relaxed);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for Saved<'_> {
    fn drop(&mut self) {
        if let Some(TempFile { file, path }) = self.temp.take() {
            // NFS and Windows keep a removed file in its directory until it is closed.
            drop(file);
            // If this fails, the end of the run removes the file with its folder.
            let _ = fs::remove_file(path);
        }
    }
}

/// Puts the path in front of an error's text, and keeps the kind.
fn about(path: &Path, error: &io::Error) -> io::Error {
    let text = system::os_text(error);
    io::Error::new(error.kind(), format!("{}: {text}", shown_path(path)))
}

#[cfg(test)]
mod tests;
