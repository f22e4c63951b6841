//! Ctrl-C on Windows. The next record notices a closed standard output, and the number of sockets has no limit to raise.

use std::io;

/// Calls `tell` with the number of SIGINT at each Ctrl-C.
pub(super) fn watch_signals(
    _wanted: &[i32],
    mut tell: impl FnMut(i32) + Send + 'static,
) -> io::Result<()> {
    ctrlc::set_handler(move || tell(2)).map_err(io::Error::other)
}

/// Does nothing: no process ends by a signal.
pub(super) fn take_default_action(_signal: i32) {}

/// Does nothing.
pub(super) fn watch_output(_tell: impl FnOnce()) -> io::Result<()> {
    Ok(())
}

/// No limit.
pub(crate) fn raise_descriptor_limit() -> u64 {
    u64::MAX
}
