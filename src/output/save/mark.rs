//! The mark that a live run has in its directory, by which the next one tells what dead runs left.
//!
//! A run holds a lock on `DIR/.fetchpool/ID.lock` for as long as it lives, and the names of its temporary files have
//! the same ID. Whoever is killed leaves the mark behind, without the lock: the next run in DIR finds it and removes
//! the temporary files of that ID, wherever below DIR they are, and then the mark. A live run's are never touched,
//! whatever its machine or its container: the lock is the file system's. Where that has no locks nothing is swept. A run
//! that ends by itself takes its mark away after its last temporary file, so that there is none without a mark.

use std::collections::HashSet;
use std::fs::{self, DirEntry, File, OpenOptions, ReadDir};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use super::parts::remove_empty;

/// The directory of the marks. No host begins with a dot.
const MARKS: &str = ".fetchpool";
const MARK_ENDING: &str = ".lock";
const PART_BEGINNING: &str = ".fetchpool-";
const PART_ENDING: &str = ".part";

/// How often the directory of the marks is made again that another run removed, empty, before it was used.
const TRIES: usize = 64;

/// The mark of this run. It stays, for the next run to find, until it is [removed](Self::remove).
#[derive(Debug)]
pub(super) struct Mark {
    id: String,
    path: PathBuf,
    /// Holds the lock; `None` once the mark was removed, and the ID may be another's.
    file: Mutex<Option<File>>,
}

impl Mark {
    /// Marks `dir` as one that a live run saves in. The process may have several marks in one directory.
    ///
    /// # Errors
    ///
    /// No file can be made there.
    pub(super) fn set(dir: &Path) -> io::Result<Self> {
        let marks = dir.join(MARKS);
        if marks.symlink_metadata().is_ok() && !is_directory(&marks) {
            let what = format!("{MARKS} is in the way: not a directory");
            return Err(io::Error::new(io::ErrorKind::NotADirectory, what));
        }
        let (mut number, mut tries) = (0_usize, 0);
        loop {
            let id = match number {
                0 => std::process::id().to_string(),
                _ => format!("{}x{number}", std::process::id()),
            };
            let path = marks.join(format!("{id}{MARK_ENDING}"));
            match create_locked(&path) {
                Ok(Some(file)) => {
                    return Ok(Self {
                        id,
                        path,
                        file: Mutex::new(Some(file)),
                    });
                }
                // A process of the same number elsewhere, or a sweep that came between.
                Ok(None) => number += 1,
                Err(error) if error.kind() == io::ErrorKind::NotFound && tries < TRIES => {
                    tries += 1;
                    ignore_existing(fs::create_dir(&marks))?;
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// The name of this run's temporary file of that number. A saved body's name never begins with a dot, so the two
    /// do not meet.
    pub(super) fn part_name(&self, serial: u64) -> String {
        format!("{PART_BEGINNING}{}-{serial}{PART_ENDING}", self.id)
    }

    /// Whether the mark is found under capitals too, as on a file system that ignores case.
    pub(super) fn has_capitals_ignored(&self) -> bool {
        let (marks, name) = (self.path.parent(), self.path.file_name());
        let capitals = marks.map(|marks| marks.with_file_name(MARKS.to_ascii_uppercase()));
        capitals.is_some_and(|marks| marks.join(name.unwrap_or_default()).exists())
    }

    #[cfg(all(test, unix))]
    pub(super) fn is_there(&self) -> bool {
        self.path.exists()
    }

    /// Takes the mark away. No temporary file of this run may be there any more, nor be made.
    pub(super) fn remove(&self) {
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(file) = file.take() else { return };
        let _ = fs::remove_file(&self.path);
        // NFS keeps a removed file in the directory until it is closed.
        drop(file);
        if let Some(marks) = self.path.parent() {
            let _ = fs::remove_dir(marks);
        }
    }
}

/// Removes what runs that are dead have left below `dir`. Costs a look into one directory, and a walk through all of
/// `dir` if there was such a run.
///
/// What cannot be removed now, or not before `goes_on` is false, is left, with its mark, to the run after this one.
pub(super) fn sweep(dir: &Path, goes_on: &dyn Fn() -> bool) {
    let marks = dir.join(MARKS);
    if !is_directory(&marks) {
        return;
    }
    let Ok(marks) = fs::read_dir(marks) else {
        return;
    };
    let dead: Vec<(String, PathBuf, File)> =
        marks.flatten().filter_map(|mark| dead(&mark)).collect();
    let ids: HashSet<&str> = dead.iter().map(|(id, ..)| &**id).collect();
    if ids.is_empty() || !remove_parts(dir, &ids, goes_on) {
        return;
    }
    // Each is still locked: nobody else takes it for a dead one meanwhile.
    for (_, path, _) in &dead {
        let _ = fs::remove_file(path);
    }
    // NFS keeps removed files in the directory until they are closed.
    drop(dead);
    let _ = fs::remove_dir(dir.join(MARKS));
}

/// The ID, the path and the lock of a mark whose run is dead.
fn dead(mark: &DirEntry) -> Option<(String, PathBuf, File)> {
    // Whatever else somebody has put there is not opened: a link leads elsewhere, a pipe blocks.
    if !mark.file_type().ok()?.is_file() {
        return None;
    }
    let name = mark.file_name();
    let id = name.to_str()?.strip_suffix(MARK_ENDING)?;
    let path = mark.path();
    let file = open_for_lock(&path).ok()?;
    let is_ours = matches!(try_lock(&file), Lock::Taken) && is_at(&file, &path);
    is_ours.then(|| (id.to_owned(), path, file))
}

/// Opens a mark so that it can be locked: NFS asks that it be open for writing. Elsewhere one that may only be read,
/// as another user's, will do.
fn open_for_lock(path: &Path) -> io::Result<File> {
    match OpenOptions::new().read(true).write(true).open(path) {
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => File::open(path),
        opened => opened,
    }
}

/// Removes the temporary files of `ids` everywhere below `dir`, and the directories that they alone were in. False if
/// some may be left; what is in the way of one keeps nobody from the others.
///
/// A directory is open for each level and no list of them is kept: there may be millions side by side.
fn remove_parts(dir: &Path, ids: &HashSet<&str>, goes_on: &dyn Fn() -> bool) -> bool {
    let Ok(top) = fs::read_dir(dir) else {
        return false;
    };
    let mut open = vec![top];
    let mut is_clean = true;
    while let Some(deepest) = open.last_mut() {
        if !goes_on() {
            return false;
        }
        match deepest.next() {
            None => {
                open.pop();
            }
            // Whether anything follows differs from system to system; it might be the same error again.
            Some(Err(_)) => {
                is_clean = false;
                open.pop();
            }
            Some(Ok(entry)) => match visit(&entry, dir, ids) {
                Ok(below) => open.extend(below),
                Err(error) => is_clean &= error.kind() == io::ErrorKind::NotFound,
            },
        }
    }
    is_clean
}

/// Removes `entry` if it is a temporary file of `ids`; opens it if it is a directory.
fn visit(entry: &DirEntry, root: &Path, ids: &HashSet<&str>) -> io::Result<Option<ReadDir>> {
    let path = entry.path();
    // Of a link the type is that of a link: none is followed.
    if entry.file_type()?.is_dir() {
        return match fs::read_dir(&path) {
            // No run's, as one umask made its directories and the mark that could be read: a lost+found, for one.
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Ok(None),
            below => below.map(Some),
        };
    }
    let name = entry.file_name();
    let id = name.to_str().and_then(id_of_part);
    if id.is_some_and(|id| ids.contains(id)) {
        fs::remove_file(&path)?;
        if let Some(parent) = path.parent() {
            remove_empty(parent, root);
        }
    }
    Ok(None)
}

/// The ID in the name of a temporary file.
fn id_of_part(name: &str) -> Option<&str> {
    let inner = name
        .strip_prefix(PART_BEGINNING)?
        .strip_suffix(PART_ENDING)?;
    let (id, serial) = inner.split_once('-')?;
    let is_serial = !serial.is_empty() && serial.bytes().all(|byte| byte.is_ascii_digit());
    is_serial.then_some(id)
}

/// A new file that this process holds the lock of; `None` if somebody else has the file or the lock.
fn create_locked(path: &Path) -> io::Result<Option<File>> {
    let created = OpenOptions::new().write(true).create_new(true).open(path);
    let file = match created {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return Ok(None),
        created => created?,
    };
    Ok(match try_lock(&file) {
        Lock::Taken => is_at(&file, path).then_some(file),
        Lock::Held => None,
        Lock::Unknown => Some(file),
    })
}

/// Whether it is a directory itself, and not a link to one.
fn is_directory(path: &Path) -> bool {
    path.symlink_metadata().is_ok_and(|found| found.is_dir())
}

fn ignore_existing(made: io::Result<()>) -> io::Result<()> {
    match made {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        made => made,
    }
}

/// What came of an attempt to lock a file.
#[cfg_attr(not(unix), allow(dead_code, reason = "nothing is locked there"))]
enum Lock {
    /// It is ours.
    Taken,
    /// It is a live run's.
    Held,
    /// The system or the file system has no locks.
    Unknown,
}

#[cfg(unix)]
fn try_lock(file: &File) -> Lock {
    use rustix::fs::{FlockOperation, flock};
    match flock(file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Lock::Taken,
        Err(rustix::io::Errno::WOULDBLOCK) => Lock::Held,
        Err(_) => Lock::Unknown,
    }
}

#[cfg(not(unix))]
fn try_lock(_file: &File) -> Lock {
    Lock::Unknown
}

/// Whether `path` still is `file`, and not removed or another by now.
#[cfg(unix)]
fn is_at(file: &File, path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    let [file, there] = [file.metadata(), fs::symlink_metadata(path)];
    matches!((file, there), (Ok(file), Ok(there)) if (file.dev(), file.ino()) == (there.dev(), there.ino()))
}

#[cfg(not(unix))]
fn is_at(_file: &File, _path: &Path) -> bool {
    true
}

#[cfg(test)]
mod tests;
