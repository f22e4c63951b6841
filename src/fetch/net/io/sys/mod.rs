//! What differs between operating systems: waits, writing without blocking, error codes. A port adds one file here.

#[cfg(not(unix))]
mod portable;
#[cfg(unix)]
mod unix;

#[cfg(not(unix))]
use self::portable as system;
#[cfg(unix)]
use self::unix as system;

pub(in crate::fetch::net) use self::system::{Waker, discard, is_silent, try_send, wait_readable};
