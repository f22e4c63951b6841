//! The temporary files of a run: each of them, and all that are there, for a process that ends without its workers.
//!
//! It may be ended while a worker is about to make one, or the directories for one: the end waits a moment for that,
//! after it has removed what is there. What could not be removed is not forgotten, so that whoever asks is told of it.

use std::collections::HashSet;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How long the end waits for files that are being made. It takes a worker far less, unless the disk holds it up; and
/// a second signal leaves a process little more.
const PATIENCE: Duration = Duration::from_millis(500);

#[derive(Debug)]
pub(super) struct Parts {
    /// Where the removing of directories ends.
    root: PathBuf,
    state: Mutex<State>,
    made: Condvar,
}

#[derive(Debug, Default)]
struct State {
    there: HashSet<PathBuf>,
    /// How many are being made.
    making: usize,
    has_ended: bool,
}

impl Parts {
    pub(super) fn new(root: PathBuf) -> Arc<Self> {
        Arc::new(Self {
            root,
            state: Mutex::default(),
            made: Condvar::new(),
        })
    }

    /// Says that a temporary file will be made, until what is returned is dropped.
    ///
    /// # Errors
    ///
    /// The saving has ended.
    pub(super) fn begin(&self) -> io::Result<Making<'_>> {
        let mut state = self.lock();
        state.go_on()?;
        state.making += 1;
        Ok(Making { of: self })
    }

    /// Whether the saving goes on: asked by whoever has begun and was held up.
    ///
    /// # Errors
    ///
    /// The saving has ended.
    pub(super) fn go_on(&self) -> io::Result<()> {
        self.lock().go_on()
    }

    /// Takes note of `file`, which was made at `path`. Its maker must have begun by then.
    ///
    /// # Errors
    ///
    /// The saving has ended meanwhile; the file is removed.
    pub(super) fn add(self: &Arc<Self>, path: PathBuf, file: File) -> io::Result<Part> {
        let mut state = self.lock();
        state.there.insert(path.clone());
        let goes_on = state.go_on();
        drop(state);
        let part = Part {
            file,
            place: Place {
                path: Some(path),
                of: Arc::clone(self),
            },
        };
        goes_on.map(|()| part)
    }

    /// Whether no other may begin.
    pub(super) fn has_ended(&self) -> bool {
        self.lock().has_ended
    }

    /// Lets no other begin, and removes those that are there. The first call blocks for a moment if some are being made:
    /// their makers remove them.
    pub(super) fn end(&self) {
        let mut state = self.lock();
        let had_ended = std::mem::replace(&mut state.has_ended, true);
        let there: Vec<PathBuf> = state.there.iter().cloned().collect();
        drop(state);
        // Before anything is waited for: the process may be ended meanwhile.
        for path in there {
            self.remove(&path);
        }
        if had_ended {
            return;
        }
        // Whether it was long enough is in the state.
        let _ = self
            .made
            .wait_timeout_while(self.lock(), PATIENCE, |state| state.making > 0);
    }

    /// Whether no temporary file is there, and none is being made.
    pub(super) fn are_gone(&self) -> bool {
        let state = self.lock();
        state.there.is_empty() && state.making == 0
    }

    /// Removes the file at `path` with the directories that it alone was in, and forgets it; but not if that failed.
    fn remove(&self, path: &Path) {
        use io::ErrorKind::{NotADirectory, NotFound};
        match fs::remove_file(path) {
            Err(error) if !matches!(error.kind(), NotFound | NotADirectory) => return,
            _ => {}
        }
        if let Some(parent) = path.parent() {
            remove_empty(parent, &self.root);
        }
        // Last: a process that ends meanwhile still knows of it.
        self.forget(path);
    }

    fn forget(&self, path: &Path) {
        self.lock().there.remove(path);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Plain operations on sets and numbers: a panic leaves nothing half done.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn go_on(&self) -> io::Result<()> {
        if self.has_ended {
            return Err(io::Error::other("the run has ended"));
        }
        Ok(())
    }
}

/// A temporary file that is being made.
#[derive(Debug)]
pub(super) struct Making<'a> {
    of: &'a Parts,
}

impl Drop for Making<'_> {
    fn drop(&mut self) {
        let mut state = self.of.lock();
        state.making -= 1;
        // A notify is a system call, and there is one of these a body.
        if state.has_ended {
            self.of.made.notify_all();
        }
    }
}

/// A temporary file, removed on drop together with the directories that it alone was in.
#[derive(Debug)]
pub(super) struct Part {
    /// Closed before it is removed: on NFS, and on Windows, a file that is open keeps its directory from being empty.
    pub(super) file: File,
    place: Place,
}

impl Part {
    pub(super) fn rename_to(mut self, place: &Path) -> io::Result<()> {
        if let Some(path) = &self.place.path {
            fs::rename(path, place)?;
            self.place.of.forget(path);
        }
        self.place.path = None;
        Ok(())
    }
}

#[derive(Debug)]
struct Place {
    /// `None` once the file was renamed.
    path: Option<PathBuf>,
    of: Arc<Parts>,
}

impl Drop for Place {
    fn drop(&mut self) {
        // Nobody can be told here; what cannot be removed stays under a name that says what it is.
        if let Some(path) = &self.path {
            self.of.remove(path);
        }
    }
}

/// Removes `dir` and its parents below `root` as far as they are empty.
pub(super) fn remove_empty(dir: &Path, root: &Path) {
    for dir in dir.ancestors().take_while(|dir| *dir != root) {
        match fs::remove_dir(dir) {
            // Those above it may have been made for it.
            Err(error) if error.kind() != io::ErrorKind::NotFound => return,
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_waits_for_no_file_that_is_there_and_lets_nothing_begin() {
        let dir = tempfile::tempdir().unwrap();
        let parts = Parts::new(dir.path().to_owned());
        let making = parts.begin().unwrap();
        let made = |name: &str| {
            fs::create_dir_all(dir.path().join("a/b")).unwrap();
            let path = dir.path().join("a/b").join(name);
            (path.clone(), File::create(path).unwrap())
        };
        let (path, file) = made("early.part");
        let early = parts.add(path.clone(), file).unwrap();
        std::thread::scope(|scope| {
            let ending = scope.spawn(|| parts.end());
            // While one is still being made. The directory goes last.
            while dir.path().join("a").exists() {
                std::thread::yield_now();
            }
            assert!(parts.begin().is_err() && parts.go_on().is_err());
            let (path, file) = made("late.part");
            assert!(parts.add(path.clone(), file).is_err());
            assert!(!path.exists(), "its maker is to remove it");
            assert!(!parts.are_gone(), "one is still being made");
            drop(making);
            ending.join().unwrap();
        });
        assert!(parts.are_gone());
        drop(early);
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
    }

    #[test]
    fn what_could_not_be_removed_is_not_forgotten() {
        let dir = tempfile::tempdir().unwrap();
        let parts = Parts::new(dir.path().to_owned());
        let path = dir.path().join("a.part");
        let making = parts.begin().unwrap();
        let part = parts.add(path.clone(), File::create(&path).unwrap());
        drop(making);
        fs::remove_file(&path).unwrap();
        fs::create_dir(&path).unwrap();
        drop(part);
        assert!(!parts.are_gone());
        parts.end();
        assert!(!parts.are_gone());
        fs::remove_dir(&path).unwrap();
        parts.end();
        assert!(parts.are_gone());
    }

    #[test]
    fn empty_directories_go_although_the_deepest_was_never_made() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().join("out");
        fs::create_dir_all(root.join("a/b")).unwrap();
        remove_empty(&root.join("a/b/c/d"), &root);
        assert!(root.exists() && !root.join("a").exists());
    }
}
