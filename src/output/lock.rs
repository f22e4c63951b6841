//! A lock on a file, held until the file is closed.

use std::fs::File;
use std::io;

/// Whether the lock was taken. `File::try_lock` is newer than the minimum Rust version.
///
/// # Errors
///
/// The system or the file system has no locks.
#[cfg(unix)]
pub(super) fn try_lock(file: &File) -> io::Result<bool> {
    use rustix::fs::{FlockOperation, flock};
    match flock(file, FlockOperation::NonBlockingLockExclusive) {
        Err(rustix::io::Errno::WOULDBLOCK) => Ok(false),
        locked => Ok(locked.map(|()| true)?),
    }
}

#[cfg(not(unix))]
pub(super) fn try_lock(_file: &File) -> io::Result<bool> {
    Err(io::ErrorKind::Unsupported.into())
}
