//! Saved bodies: one file a URL, below one directory, whole or not there at all.
//!
//! A body is written to a temporary file in the run's folder (see [`staging`]) and renamed when it is complete. [`name`]
//! chooses the path. Symbolic links below the directory are never followed. There is no `fsync`: a file survives the
//! process, but not a power cut a moment later.

mod name;
mod staging;

use std::collections::HashSet;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard};

use url::Url;

use crate::system;

use crate::escape::shown_path;

pub(super) use self::name::{Case, path_for};
use self::staging::{Staging, TRIES, make_dir};

/// The most directories that are remembered, in less than half a megabyte.
const KNOWN: usize = 2048;

/// The directory that bodies are saved in. Clones share it, and may be used by any thread.
#[derive(Clone, Debug)]
pub(crate) struct Save {
    dir: Arc<Dir>,
}

#[derive(Debug)]
struct Dir {
    path: PathBuf,
    staging: Staging,
    /// A write failed because the disk or the quota was full.
    is_full: AtomicBool,
    case: Case,
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
        let case = if staging.ignores_case() {
            Case::Ignored
        } else {
            Case::Kept
        };
        Ok(Self {
            dir: Arc::new(Dir {
                case,
                path: dir,
                staging,
                is_full: AtomicBool::new(false),
                has_ended: RwLock::new(false),
                known: Mutex::default(),
            }),
        })
    }

    /// The path of the body of `url` below the directory: always the same on one file system, and unique.
    pub(crate) fn path_for(&self, url: &Url) -> PathBuf {
        path_for(url, self.dir.case)
    }

    /// Whether [`abandon`](Self::abandon) was called, which makes saves fail.
    pub(crate) fn has_ended(&self) -> bool {
        *self.dir.read_has_ended()
    }

    /// Ends all saving and removes the temporary files. After this no worker can rename a file into place. Blocks while a
    /// file is created or renamed.
    pub(crate) fn abandon(&self) {
        *self
            .dir
            .has_ended
            .write()
            .unwrap_or_else(PoisonError::into_inner) = true;
        self.dir.staging.remove();
    }

    /// Whether a save failed because the disk or the quota was full.
    pub(crate) fn is_disk_full(&self) -> bool {
        self.dir.is_full.load(Ordering::Relaxed)
    }

    /// Prepares to save the body of `url`. The first byte or the commit creates the file.
    pub(crate) fn begin(&self, url: &Url) -> Saved {
        Saved {
            temp: None,
            path: self.dir.path.join(self.path_for(url)),
            dir: Arc::clone(&self.dir),
        }
    }
}

/// One body. Dropped before [`commit`](Self::commit), it leaves no file.
#[derive(Debug)]
pub(crate) struct Saved {
    temp: Option<TempFile>,
    path: PathBuf,
    dir: Arc<Dir>,
}

#[derive(Debug)]
struct TempFile {
    file: File,
    path: PathBuf,
}

impl Saved {
    /// Renames the file into place, over an older one, and returns its path, which begins with the directory as given.
    ///
    /// # Errors
    ///
    /// Those of the file system, with the path they are about; then nothing is left.
    pub(crate) fn commit(mut self) -> io::Result<String> {
        self.temp()?;
        if let Some(temp) = &self.temp {
            self.dir
                .rename(&temp.path, &self.path)
                .map_err(|error| self.dir.failed(&self.path, &error))?;
        }
        self.temp = None;
        Ok(self.path.to_string_lossy().into_owned())
    }

    fn temp(&mut self) -> io::Result<&mut TempFile> {
        let temp = match self.temp.take() {
            Some(temp) => temp,
            None => self
                .dir
                .create_temp()
                .map_err(|error| self.dir.failed(&self.path, &error))?,
        };
        Ok(self.temp.insert(temp))
    }
}

impl Write for Saved {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.temp()?.file.write(bytes);
        written.map_err(|error| self.dir.failed(&self.path, &error))
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for Saved {
    fn drop(&mut self) {
        if let Some(TempFile { file, path }) = self.temp.take() {
            // NFS and Windows keep a removed file in its directory until it is closed.
            drop(file);
            // If this fails, the end of the run removes the file with its folder.
            let _ = fs::remove_file(path);
        }
    }
}

impl Dir {
    fn create_temp(&self) -> io::Result<TempFile> {
        let path = self.staging.next_path();
        let folder = path.parent().unwrap_or(&self.path);
        let file = system::wait_out_shortage(|| {
            // Check each time: descriptors may be short beyond the end of the run.
            let _going_on = self.go_on()?;
            self.inside(folder, || {
                OpenOptions::new().write(true).create_new(true).open(&path)
            })
        })?;
        Ok(TempFile { file, path })
    }

    fn rename(&self, temp: &Path, path: &Path) -> io::Result<()> {
        let _going_on = self.go_on()?;
        let parent = path.parent().unwrap_or(&self.path);
        let renamed = self.inside(parent, || fs::rename(temp, path));
        renamed.map_err(|error| {
            self.remove_empty(parent);
            if error.kind() != io::ErrorKind::CrossesDevices {
                return error;
            }
            let text = format!(
                "its folder is on another file system than {}",
                self.path.display()
            );
            io::Error::new(error.kind(), text)
        })
    }

    /// Keeps the run from ending until the guard is dropped.
    ///
    /// # Errors
    ///
    /// It has ended.
    fn go_on(&self) -> io::Result<RwLockReadGuard<'_, bool>> {
        let has_ended = self.read_has_ended();
        if *has_ended {
            return Err(io::Error::other("the run has ended"));
        }
        Ok(has_ended)
    }

    fn read_has_ended(&self) -> RwLockReadGuard<'_, bool> {
        self.has_ended
            .read()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Calls `act`, which needs the directory `parent`, and creates that if needed.
    fn inside<T>(&self, parent: &Path, act: impl Fn() -> io::Result<T>) -> io::Result<T> {
        let mut tries = 0;
        loop {
            match self.make_dirs(parent).and_then(|()| act()) {
                // Another save failed and removed its empty directories.
                Err(error) if error.kind() == io::ErrorKind::NotFound && tries < TRIES => {
                    self.known().remove(parent);
                    tries += 1;
                }
                done => return done,
            }
        }
    }

    /// Creates the directories down to `parent`. A symbolic link is an error.
    fn make_dirs(&self, parent: &Path) -> io::Result<()> {
        if self.known().contains(parent) {
            return Ok(());
        }
        let mut path = self.path.clone();
        for name in parent.strip_prefix(&self.path).into_iter().flatten() {
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
        for dir in dir.ancestors().take_while(|dir| *dir != self.path) {
            match fs::remove_dir(dir) {
                // The deepest may not have been created.
                Err(error) if error.kind() != io::ErrorKind::NotFound => return,
                _ => {}
            }
        }
    }

    fn known(&self) -> MutexGuard<'_, HashSet<PathBuf>> {
        // A panic cannot leave the set in an invalid state.
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

/// Puts the path in front of an error's text, and keeps the kind.
fn about(path: &Path, error: &io::Error) -> io::Error {
    let text = system::os_text(error);
    io::Error::new(error.kind(), format!("{}: {text}", shown_path(path)))
}

#[cfg(test)]
mod tests;
