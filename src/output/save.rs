//! Saved bodies: one file a URL, below one directory, whole or not there at all.
//!
//! A body goes into a temporary file beside its place and is renamed when it is complete. Whatever is dropped before
//! that leaves nothing behind, not even the directories that were made for it; what a killed run has left, the next one
//! in the directory removes (see [`mark`]). The server and the list choose no part of the file system: [`name`] makes
//! the names, and a symbolic link that lies below the directory is never followed. No `fsync`: what is renamed outlives
//! this process, not a loss of power a moment later.

mod mark;
mod name;
mod parts;

use std::collections::HashSet;
use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use url::Url;

use crate::system;

use crate::escape::shown_path;

use self::mark::Mark;
pub(super) use self::name::{Case, path_for};
use self::parts::{Part, Parts, remove_empty};

/// How often a directory is made again that another save removed, empty, before it was used.
const TRIES: usize = 64;

/// The directory that bodies are saved in. Clones are cheap and save into the same one, from any thread.
#[derive(Clone, Debug)]
pub(crate) struct Save {
    dir: Arc<Dir>,
}

#[derive(Debug)]
struct Dir {
    path: PathBuf,
    /// Numbers the temporary files of this process.
    serial: AtomicU64,
    /// Something could not be written because there was no room.
    is_full: AtomicBool,
    mark: Mark,
    case: Case,
    parts: Arc<Parts>,
    /// Directories that this run has made or looked at, to spare two system calls a body.
    known: Mutex<HashSet<PathBuf>>,
}

/// How many directories are remembered: less than half a megabyte.
const KNOWN: usize = 2048;

impl Save {
    /// Makes `dir` if it is not there, finds out whether a file can be made in it, and removes what runs that were
    /// killed have left in it. Only in that case all of `dir` is looked through, for as long as `goes_on`.
    ///
    /// # Errors
    ///
    /// Those of the file system, with the path they are about.
    pub(crate) fn new(dir: PathBuf, goes_on: &dyn Fn() -> bool) -> io::Result<Self> {
        if dir.to_str().is_none() {
            let text = "its name is not UTF-8, so that no record could say where a file is";
            return Err(about(&dir)(io::Error::new(
                io::ErrorKind::InvalidInput,
                text,
            )));
        }
        fs::create_dir_all(&dir).map_err(|error| match error.kind() {
            io::ErrorKind::AlreadyExists => about(&dir)(io::ErrorKind::NotADirectory.into()),
            _ => about(&dir)(error),
        })?;
        mark::sweep(&dir, goes_on);
        let mark = Mark::set(&dir).map_err(about(&dir))?;
        let case = if mark.has_capitals_ignored() {
            Case::Ignored
        } else {
            Case::Kept
        };
        Ok(Self {
            dir: Arc::new(Dir {
                case,
                parts: Parts::new(dir.clone()),
                path: dir,
                serial: AtomicU64::new(0),
                is_full: AtomicBool::new(false),
                mark,
                known: Mutex::default(),
            }),
        })
    }

    /// Where the body of `url` belongs, below the directory. On one file system the same URL always has the same place,
    /// and no two have one place.
    pub(crate) fn path_for(&self, url: &Url) -> PathBuf {
        path_for(url, self.dir.case)
    }

    /// Whether the saving has been ended: then what cannot be saved has nobody to blame but the run.
    pub(crate) fn has_ended(&self) -> bool {
        self.dir.parts.has_ended()
    }

    /// Ends the saving, and removes the temporary files of workers that nobody waits for. What they write after that
    /// is lost, and none of them begins another. Blocks for half a second at most if the disk holds one of them up.
    pub(crate) fn abandon(&self) {
        self.dir.parts.end();
        self.dir.unmark();
    }

    /// Whether something could not be saved because the disk, or what the user may have of it, was full.
    pub(crate) fn is_disk_full(&self) -> bool {
        self.dir.is_full.load(Ordering::Relaxed)
    }

    /// A place for the body of `url`. Nothing is created before the first byte is written or the save committed, so
    /// this cannot fail and a fetch that never gets a body costs no descriptor.
    pub(crate) fn begin(&self, url: &Url) -> Saved {
        let place = self.dir.path.join(self.path_for(url));
        Saved {
            part: None,
            place,
            dir: Arc::clone(&self.dir),
        }
    }
}

/// One body being saved. Dropped before [`commit`](Self::commit), it leaves nothing.
#[derive(Debug)]
pub(crate) struct Saved {
    /// Dropped before the directory, whose mark may go with it.
    part: Option<Part>,
    place: PathBuf,
    dir: Arc<Dir>,
}

impl Saved {
    /// Puts the file in its place, over one that is there, and gives its path, the directory as given in front.
    ///
    /// # Errors
    ///
    /// Those of the file system, with the path they are about; then nothing is left.
    pub(crate) fn commit(mut self) -> io::Result<String> {
        self.part()?;
        if let Some(part) = self.part.take() {
            part.rename_to(&self.place)
                .map_err(|error| self.dir.failed(&self.place, error))?;
        }
        Ok(self.place.to_string_lossy().into_owned())
    }

    fn part(&mut self) -> io::Result<&mut Part> {
        let part = match self.part.take() {
            Some(part) => part,
            None => self
                .dir
                .create_part_for(&self.place)
                .map_err(|error| self.dir.failed(&self.place, error))?,
        };
        Ok(self.part.insert(part))
    }
}

impl Write for Saved {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.part()?.file.write(bytes);
        written.map_err(|error| self.dir.failed(&self.place, error))
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Dir {
    /// A temporary file beside `place`, with the directories that it needs.
    fn create_part_for(&self, place: &Path) -> io::Result<Part> {
        let _making = self.parts.begin()?;
        let parent = place.parent().unwrap_or(&self.path);
        let mut is_known = self.known().contains(parent);
        let mut tries = 0;
        loop {
            let made = if is_known {
                Ok(())
            } else {
                self.make_dirs(parent)
            };
            match made.and_then(|()| self.create_part(parent)) {
                // A save that came to nothing took its empty directories away.
                Err(error) if error.kind() == io::ErrorKind::NotFound && tries < TRIES => {
                    is_known = false;
                    tries += 1;
                }
                Ok(part) => return Ok(part),
                Err(error) => {
                    remove_empty(parent, &self.path);
                    return Err(error);
                }
            }
        }
    }

    /// Takes note of what could not be done about `place`, and says which it was.
    fn failed(&self, place: &Path, error: io::Error) -> io::Error {
        use io::ErrorKind::{QuotaExceeded, StorageFull};
        if matches!(error.kind(), StorageFull | QuotaExceeded) {
            self.is_full.store(true, Ordering::Relaxed);
        }
        about(place)(error)
    }

    /// Makes the directories from this one down to `parent`. One that is a symbolic link is an error.
    fn make_dirs(&self, parent: &Path) -> io::Result<()> {
        let mut path = self.path.clone();
        for name in parent.strip_prefix(&self.path).into_iter().flatten() {
            path.push(name);
            match fs::create_dir(&path) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                    if !fs::symlink_metadata(&path)?.is_dir() {
                        let what = format!("{} is in the way: not a directory", shown_path(&path));
                        return Err(io::Error::new(io::ErrorKind::NotADirectory, what));
                    }
                }
                made => made?,
            }
        }
        let mut known = self.known();
        if known.len() == KNOWN {
            known.clear();
        }
        known.insert(path);
        Ok(())
    }

    fn known(&self) -> MutexGuard<'_, HashSet<PathBuf>> {
        // Plain operations on a set: a panic leaves nothing half done.
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A new temporary file in `parent`. The mark makes its name this run's own.
    fn create_part(&self, parent: &Path) -> io::Result<Part> {
        loop {
            let serial = self.serial.fetch_add(1, Ordering::Relaxed);
            let path = parent.join(self.mark.part_name(serial));
            let create = || {
                // Descriptors may be short for longer than the run goes on.
                self.parts.go_on()?;
                OpenOptions::new().write(true).create_new(true).open(&path)
            };
            match system::wait_out_shortage(create) {
                // Somebody has removed the mark of a run that had this ID and was killed.
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                created => return self.parts.add(path, created?),
            }
        }
    }

    /// Takes the mark away, but not while a temporary file is left, or may still appear: whatever ends this process
    /// then, the next run finds both.
    fn unmark(&self) {
        if self.parts.are_gone() {
            self.mark.remove();
        }
    }
}

impl Drop for Dir {
    fn drop(&mut self) {
        self.unmark();
    }
}

/// Puts the path in front of an error's text; its kind stays.
fn about(path: &Path) -> impl Fn(io::Error) -> io::Error + '_ {
    move |error| {
        let text = system::os_text(&error);
        io::Error::new(error.kind(), format!("{}: {text}", shown_path(path)))
    }
}

#[cfg(test)]
mod tests;
