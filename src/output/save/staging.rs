//! The folder of this run's temporary files, `DIR/.fetchpool/RUN/`, and the removal of the folders of dead runs.
//!
//! A run holds a lock on `DIR/.fetchpool/RUN.lock` until its process ends. If another run can take the lock, the folder is
//! a dead run's. The lock file is created before the folder and removed after it, so that every folder has one. On a file
//! system without locks no folder is removed.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;

use super::name::Case;
use crate::escape::shown_path;

/// Contains the folders of all runs. The name of a host never begins with a dot.
const RUNS: &str = ".fetchpool";
const LOCK_EXTENSION: &str = "lock";

/// The subfolders of a run's folder. The kernel locks a folder while a file in it is created or renamed: with one for 50
/// workers, saving takes a sixth longer.
const SHARES: u64 = 16;

/// How often a directory is created again that another thread or run has removed while it was empty.
const TRIES: usize = 64;

#[derive(Debug)]
pub(super) struct Staging {
    folder: PathBuf,
    /// Numbers the temporary files.
    serial: AtomicU64,
    /// `None` once the folder was removed.
    lock: Mutex<Option<File>>,
}

impl Staging {
    /// Locks a name for a new folder in `dir`, and removes the folders of dead runs.
    ///
    /// # Errors
    ///
    /// No file can be made in `dir`.
    pub(super) fn new(dir: &Path) -> io::Result<Self> {
        let runs = dir.join(RUNS);
        // Another run may remove `.fetchpool`, or take the lock for a dead run's.
        let (folder, lock) = retry_if_removed(|| {
            let folder = runs.join(unique_name());
            make_dir(&runs)?;
            let lock = create_locked(&lock_of(&folder))?;
            Ok((folder, lock))
        })?;
        sweep(&runs);
        Ok(Self {
            folder,
            serial: AtomicU64::new(0),
            lock: Mutex::new(Some(lock)),
        })
    }

    /// How the file system treats case: where it ignores case, the lock is found under capitals too.
    pub(super) fn case(&self) -> Case {
        let lock = lock_of(&self.folder);
        let dir = self.folder.parent().and_then(Path::parent);
        let capitals = dir.map(|dir| dir.join(RUNS.to_ascii_uppercase()));
        match (capitals, lock.file_name()) {
            (Some(capitals), Some(name)) if capitals.join(name).exists() => Case::Ignored,
            _ => Case::Kept,
        }
    }

    /// Names a new temporary file. The caller creates it, and its folder if needed.
    pub(super) fn next_path(&self) -> PathBuf {
        let serial = self.serial.fetch_add(1, Ordering::Relaxed);
        self.folder
            .join(format!("{}/{serial}.part", serial % SHARES))
    }

    /// Removes the folder with its files. If that fails, the next run in the directory tries again.
    pub(super) fn remove(&self) {
        let mut lock = self.lock.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(file) = lock.take() {
            *lock = remove_run(&self.folder, file).err();
        }
    }
}

impl Drop for Staging {
    fn drop(&mut self) {
        self.remove();
    }
}

/// Makes a directory. A symbolic link to one is an error.
pub(super) fn make_dir(path: &Path) -> io::Result<()> {
    match fs::create_dir(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            if fs::symlink_metadata(path)?.is_dir() {
                return Ok(());
            }
            let text = format!("{} is in the way: not a directory", shown_path(path));
            Err(io::Error::new(io::ErrorKind::NotADirectory, text))
        }
        made => made,
    }
}

/// Calls `act` again while a directory is missing, which another thread or run has removed.
pub(super) fn retry_if_removed<T>(mut act: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    for _ in 0..TRIES {
        match act() {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            done => return done,
        }
    }
    act()
}

/// Removes the folders of dead runs. The next run tries again to remove the rest.
fn sweep(runs: &Path) {
    for entry in fs::read_dir(runs).into_iter().flatten().flatten() {
        let path = entry.path();
        // Open files only: a link leads elsewhere, and a pipe blocks.
        let is_file = entry.file_type().is_ok_and(|kind| kind.is_file());
        if !is_file || path.extension().is_none_or(|name| name != LOCK_EXTENSION) {
            continue;
        }
        // NFS locks only files that are open for writing.
        if let Ok(lock) = OpenOptions::new().write(true).open(&path)
            && matches!(try_lock(&lock), Ok(true))
        {
            let _ = remove_run(&path.with_extension(""), lock);
        }
    }
}

/// Removes the folder, its lock, and `.fetchpool` if that is empty.
///
/// # Errors
///
/// The lock, if the folder could not be removed.
fn remove_run(folder: &Path, lock: File) -> Result<(), File> {
    let removed = fs::remove_dir_all(folder);
    if removed.is_err_and(|error| error.kind() != io::ErrorKind::NotFound) {
        return Err(lock);
    }
    let _ = fs::remove_file(lock_of(folder));
    // NFS keeps a removed file in its directory until it is closed.
    drop(lock);
    if let Some(runs) = folder.parent() {
        let _ = fs::remove_dir(runs);
    }
    Ok(())
}

fn lock_of(folder: &Path) -> PathBuf {
    folder.with_extension(LOCK_EXTENSION)
}

/// A name that no earlier run had. The time is part of it, because containers and reboots reuse process IDs.
fn unique_name() -> String {
    let time = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default();
    format!("{}-{}", std::process::id(), time.as_nanos())
}

/// Creates and locks a file.
///
/// # Errors
///
/// `NotFound` if another run locked or removed the file before this one locked it.
fn create_locked(path: &Path) -> io::Result<File> {
    let file = OpenOptions::new().write(true).create_new(true).open(path)?;
    // An error means that the file system has no locks, and then no run removes the file.
    if matches!(try_lock(&file), Ok(false)) || !path.exists() {
        return Err(io::ErrorKind::NotFound.into());
    }
    Ok(file)
}

/// Whether the lock could be taken. `File::try_lock` is newer than the minimum Rust version.
///
/// # Errors
///
/// The system or the file system has no locks.
#[cfg(unix)]
fn try_lock(file: &File) -> io::Result<bool> {
    use rustix::fs::{FlockOperation, flock};
    match flock(file, FlockOperation::NonBlockingLockExclusive) {
        Err(rustix::io::Errno::WOULDBLOCK) => Ok(false),
        locked => Ok(locked.map(|()| true)?),
    }
}

#[cfg(not(unix))]
fn try_lock(_file: &File) -> io::Result<bool> {
    Err(io::ErrorKind::Unsupported.into())
}

#[cfg(test)]
mod tests;
