//! Saved bodies: one file a URL, below one directory. A file is complete or does not exist.
//!
//! A body is written to a temporary file in the run's folder ([`staging`]) and renamed when it is complete, to a path
//! that its row gives or [`name`] chooses. Symbolic links below the directory are never followed. There is no `fsync`: a power cut may
//! lose the last files.

mod modified;
mod name;
mod parts;
mod saved;
mod staging;

use std::collections::HashSet;
use std::ffi::OsString;
use std::fs::{self, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard};

use url::Url;

use crate::escape::shown_path;
use crate::system;

#[cfg(windows)]
pub(crate) use self::name::is_device;
pub(crate) use self::name::{Case, path_for};
use self::parts::PartFile;
pub(crate) use self::saved::Saved;
use self::saved::TempFile;
use self::staging::{Staging, make_dir, retry_if_removed};

/// Whether the part of a body that was cut is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum KeepParts {
    Never,
    /// For the next attempt of the run.
    ForRetries,
    ForLaterRuns,
}

/// The most directories to remember, in under half a megabyte.
const KNOWN: usize = 2048;

/// The directory of saved bodies, for all threads.
#[derive(Debug)]
pub(crate) struct Save {
    dir: PathBuf,
    staging: Staging,
    keep_parts: KeepParts,
    case: Case,
    /// Files get the time of `Last-Modified`.
    remote_time: bool,
    /// Files below `dir` that no body replaces.
    protected: Vec<PathBuf>,
    /// A write failed because the disk or the quota was full.
    is_full: AtomicBool,
    /// Read-locked while a file or a directory is created or renamed.
    has_ended: RwLock<bool>,
    /// Directories that this run created or checked: saves two system calls a body. As text, whose hash costs a fifth.
    known: Mutex<HashSet<OsString>>,
}

impl Save {
    /// With `remote_time`, files get the time of `Last-Modified`. Creates `dir` if needed, removes the temporary files of dead runs, and checks that a file can be created.
    ///
    /// # Errors
    ///
    /// Those of the file system, with the path they are about.
    pub(crate) fn new(dir: PathBuf, keep_parts: KeepParts, remote_time: bool) -> io::Result<Self> {
        if dir.to_str().is_none() {
            let text = "its name is not UTF-8, so that no record could say where a file is";
            let error = io::Error::new(io::ErrorKind::InvalidInput, text);
            return Err(about(&dir, &error));
        }
        fs::create_dir_all(&dir).map_err(|error| match error.kind() {
            io::ErrorKind::AlreadyExists => about(&dir, &io::ErrorKind::NotADirectory.into()),
            _ => about(&dir, &error),
        })?;
        let staging = Staging::new(&dir, keep_parts == KeepParts::ForLaterRuns);
        let staging = staging.map_err(|error| about(&dir, &error))?;
        Ok(Self {
            dir,
            case: staging.case(),
            staging,
            keep_parts,
            remote_time,
            protected: Vec::new(),
            is_full: AtomicBool::new(false),
            has_ended: RwLock::new(false),
            known: Mutex::default(),
        })
    }

    /// Lets no body replace `file`, if that is below the directory.
    pub(crate) fn protect(&mut self, file: &Path) {
        let folder = file.parent().filter(|folder| *folder != Path::new(""));
        let folder = folder.unwrap_or(Path::new(".")).canonicalize();
        if let (Ok(dir), Ok(folder), Some(name)) =
            (self.dir.canonicalize(), folder, file.file_name())
            && let Ok(below) = folder.strip_prefix(dir)
        {
            self.protected.push(self.dir.join(below).join(name));
        }
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

    /// Whether the part of a body that was cut is kept.
    fn may_continue(&self) -> bool {
        self.keep_parts != KeepParts::Never
    }

    /// Whether it is kept for later runs.
    pub(crate) fn keeps_parts(&self) -> bool {
        self.keep_parts == KeepParts::ForLaterRuns
    }

    /// How the directory's file system treats capitals.
    pub(crate) fn case(&self) -> Case {
        self.case
    }

    /// Prepares to save the body of `url`, whose bytes it adds to `received` as they are written. The first byte or the
    /// commit creates the file. A `name` is its path below the directory: relative, separated by `/`, without `.` and
    /// `..`. Without one the URL names it. It has the part that an earlier attempt of this run (if it `is_again`) or of
    /// another has kept.
    pub(crate) fn begin<'a>(
        &'a self,
        url: &Url,
        name: Option<&str>,
        is_again: bool,
        received: &'a AtomicU64,
    ) -> Saved<'a> {
        let mut saved = Saved::new(self, self.path(url, name), received);
        if self.may_continue() {
            saved.find_part(url, is_again || self.keeps_parts());
        }
        saved
    }

    /// The path of the body of `url`, which begins with the directory as given.
    pub(crate) fn path(&self, url: &Url, name: Option<&str>) -> PathBuf {
        path_of(&self.dir, url, name, self.case)
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

    fn create_part(&self, part: &PartFile) -> io::Result<Option<TempFile>> {
        let _going_on = self.go_on()?;
        let path = part.path();
        let folder = path.parent().unwrap_or(&self.dir);
        let file = self.inside(folder, || part.create())?;
        Ok(file.map(|file| TempFile {
            file,
            path: path.to_owned(),
        }))
    }

    fn rename(&self, temp: &Path, path: &Path) -> io::Result<()> {
        let _going_on = self.go_on()?;
        if self.protected.iter().any(|protected| protected == path) {
            let text = "it is a file that this run reads or appends to";
            return Err(io::Error::new(io::ErrorKind::AlreadyExists, text));
        }
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
                self.known().remove(parent.as_os_str());
            })
        })
    }

    /// Creates directories down to `parent`. A symbolic link is an error.
    fn make_dirs(&self, parent: &Path) -> io::Result<()> {
        if self.known().contains(parent.as_os_str()) {
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
        known.insert(parent.into());
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

    fn known(&self) -> MutexGuard<'_, HashSet<OsString>> {
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
