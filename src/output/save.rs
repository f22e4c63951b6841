//! Saved bodies: one file a URL, below one directory. A file is complete or does not exist.
//!
//! A body is written to a temporary file in the run's folder ([`staging`]) and renamed when it is complete, to a path
//! that its row gives or [`name`] chooses. Symbolic links below the directory are never followed. There is no `fsync`: a power cut may
//! lose the last files.

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

#[cfg(windows)]
pub(crate) use self::name::is_device;
pub(crate) use self::name::{Case, path_for};
use self::staging::{Staging, make_dir, retry_if_removed};

/// The most directories to remember, in under half a megabyte.
const KNOWN: usize = 2048;

/// The directory of saved bodies, for all threads.
#[derive(Debug)]
pub(crate) struct Save {
    dir: PathBuf,
    staging: Staging,
    case: Case,
    /// A write failed because the disk or the quota was full.
    is_full: AtomicBool,
    /// Read-locked while a file or a directory is created or renamed.
    has_ended: RwLock<bool>,
    /// Directories that this run created or checked: saves two system calls a body.
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

    /// Whether [`abandon`](Self::abandon) was called, so that saves fail.
    pub(crate) fn has_ended(&self) -> bool {
        self.go_on().is_err()
    }

    /// Ends all saving and removes the temporary files: no worker can rename a file into place any more. Blocks while a
    /// file is created or renamed.
    pub(crate) fn abandon(&self) {
        let has_ended = self.has_ended.write();
        *has_ended.unwrap_or_else(PoisonError::into_inner) = true;
        self.staging.remove();
    }

    /// Whether a save found the disk or the quota full.
    pub(crate) fn is_disk_full(&self) -> bool {
        self.is_full.load(Ordering::Relaxed)
    }

    /// How the directory's file system treats capitals.
    pub(crate) fn case(&self) -> Case {
        self.case
    }

    /// Prepares to save the body of `url`, whose bytes it adds to `received` as they are written. The first byte or the
    /// commit creates the file. A `name` is its path below the directory: relative, separated by `/`, without `.` and
    /// `..`. Without one the URL names it.
    pub(crate) fn begin<'a>(
        &'a self,
        url: &Url,
        name: Option<&str>,
        received: &'a AtomicU64,
    ) -> Saved<'a> {
        Saved {
            temp: None,
            path: path_of(&self.dir, url, name, self.case),
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

    /// Keeps the run from ending while the guard lives.
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

    /// Calls `act` after creating the directory `parent` if needed.
    fn inside<T>(&self, parent: &Path, act: impl Fn() -> io::Result<T>) -> io::Result<T> {
        retry_if_removed(|| {
            let done = self.make_dirs(parent).and_then(|()| act());
            done.inspect_err(|_| {
                self.known().remove(parent);
            })
        })
    }

    /// Creates directories down to `parent`. A symbolic link is an error.
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

    /// Removes `dir` and its parents while they are empty.
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

    /// Notes a full disk, and adds `path` to the error.
    fn failed(&self, path: &Path, error: &io::Error) -> io::Error {
        use io::ErrorKind::{QuotaExceeded, StorageFull};
        if matches!(error.kind(), StorageFull | QuotaExceeded) {
            self.is_full.store(true, Ordering::Relaxed);
        }
        about(path, error)
    }
}

/// One body. Dropping it before [`commit`](Self::commit) leaves no file.
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
            // If this fails, the run's end removes the file with its folder.
            let _ = fs::remove_file(path);
        }
    }
}

/// The path in `dir` of the body of `url`, as records have it, where capitals are kept. Does not touch the file system.
pub(crate) fn saved_path(dir: &Path, url: &Url, name: Option<&str>) -> String {
    let path = path_of(dir, url, name, Case::Kept);
    path.to_string_lossy().into_owned()
}

fn path_of(dir: &Path, url: &Url, name: Option<&str>, case: Case) -> PathBuf {
    match name {
        // Each part is pushed, for the separator of Windows.
        Some(name) => dir.join(name.split('/').collect::<PathBuf>()),
        None => dir.join(path_for(url, case)),
    }
}

/// Puts the path before an error's text; keeps the kind.
fn about(path: &Path, error: &io::Error) -> io::Error {
    let text = system::os_text(error);
    io::Error::new(error.kind(), format!("{}: {text}", shown_path(path)))
}

#[cfg(test)]
mod tests;
