//! What differs between operating systems: waiting for sockets and a waker at the same time, writing without blocking,
//! and error codes. A port to another system adds one file here.

#[cfg(not(unix))]
mod portable;
#[cfg(unix)]
mod unix;

#[cfg(not(unix))]
use self::portable as system;
#[cfg(unix)]
use self::unix as system;

pub(in crate::fetch::net) use self::system::{Waker, discard, is_silent, try_send, wait_readable};
