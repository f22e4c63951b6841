//! The folder of a run's temporary files, `DIR/.fetchpool/RUN/`, and the removal of dead runs' folders.
//!
//! A run holds a lock on `DIR/.fetchpool/RUN.lock` until its process ends: if another run can take it, the folder is a
//! dead run's. The lock file is created before the folder and removed after it, so that every folder has one. On a file
//! system without locks no folder is removed.

use std::ffi::OsString;
use std::fmt::Write as _;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;

use super::name::Case;
use super::parts::remove_empty;
use crate::escape::shown_path;
use crate::output::lock::try_lock;

/// The folder of all runs. No host's name begins with a dot.
const RUNS: &str = ".fetchpool";
/// No run has this name.
const PARTS: &str = "parts";
const LOCK_EXTENSION: &str = "lock";

/// Subfolders of a run's folder. The kernel locks a folder while a file in it is created or renamed: with one for 50
/// workers, saving takes a sixth longer.
const SHARES: u64 = 16;

/// How often to recreate an empty directory that another thread or run has removed.
const TRIES: usize = 64;

#[derive(Debug)]
pub(super) struct Staging {
    folder: PathBuf,
    /// Where parts of bodies are kept, for this run or for later ones.
    parts: PathBuf,
    /// Numbers the temporary files.
    serial: AtomicU64,
    /// `None` once the folder was removed.
    lock: Mutex<Option<File>>,
}

impl Staging {
    /// Locks a name for a new folder in `dir`, and removes dead runs' folders. Whether parts outlive the run: `outlives`.
    ///
    /// # Errors
    ///
    /// No file can be made in `dir`.
    pub(super) fn new(dir: &Path, outlives: bool) -> io::Result<Self> {
        let runs = dir.join(RUNS);
        // Another run may remove `.fetchpool`, or take the lock as that of a dead run.
        let (folder, lock) = retry_if_removed(|| {
            let folder = runs.join(unique_name());
            make_dir(&runs)?;
            let lock = create_locked(&lock_of(&folder))?;
            Ok((folder, lock))
        })?;
        sweep(&runs);
        Ok(Self {
            parts: if outlives { &runs } else { &folder }.join(PARTS),
            folder,
            serial: AtomicU64::new(0),
            lock: Mutex::new(Some(lock)),
        })
    }

    /// How the file system treats case: if it ignores case, it finds the lock under capitals.
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
        let mut path = OsString::with_capacity(self.folder.as_os_str().len() + 32);
        path.push(&self.folder);
        let _infallible = write!(path, "/{}/{serial}.part", serial % SHARES);
        path.into()
    }

    /// The folder of parts.
    pub(super) fn parts(&self) -> &Path {
        &self.parts
    }

    /// Removes the folder with its files, and the folder of parts if there are none. If that fails, the next run tries again.
    pub(super) fn remove(&self) {
        let mut lock = self.lock.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(file) = lock.take() {
            remove_empty(&self.parts);
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

/// Calls `act` again while another thread or run removes a directory that it needs.
pub(super) fn retry_if_removed<T>(mut act: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    for _ in 0..TRIES {
        match act() {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            done => return done,
        }
    }
    act()
}

/// Removes dead runs' folders. The next run retries those that fail.
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

/// A name that no earlier run had. It has the time, because containers and reboots reuse process IDs.
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
    // An error means no locks on this file system; then no run removes the file.
    if matches!(try_lock(&file), Ok(false)) || !path.exists() {
        return Err(io::ErrorKind::NotFound.into());
    }
    Ok(file)
}

#[cfg(test)]
mod tests;
