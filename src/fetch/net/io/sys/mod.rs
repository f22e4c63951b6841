//! The door to what the operating system does its own way: waiting for sockets and for a bell at the
//! same time, writing without blocking, and what its error codes mean.
//!
//! Everything else in `fetch::net` is the same on every system. Whoever ports it writes one file
//! here, with the items that are named below.

#[cfg(not(unix))]
mod portable;
#[cfg(unix)]
mod unix;

#[cfg(not(unix))]
use self::portable as system;
#[cfg(unix)]
use self::unix as system;

pub(in crate::fetch::net) use self::system::{
    Waker, discard, is_in_progress, is_out_of_descriptors, is_quiet, out_of_descriptors, try_send,
    wait_readable,
};

/// What became of a connection that is being opened; `None` while that is not known.
pub(in crate::fetch::net) type Opened = Option<std::io::Result<()>>;
