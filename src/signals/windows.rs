//! Ctrl-C on Windows. A closed standard output is noticed at the next record, and the number of sockets has no limit to
//! raise.

use std::io;

use super::{Event, Relay, Signal};

/// Passes on each Ctrl-C.
pub(super) fn watch_signals(mut relay: Relay<impl Fn(Event) + Send + 'static>) -> io::Result<()> {
    ctrlc::set_handler(move || relay.pass_on(Signal::Interrupt)).map_err(io::Error::other)
}

/// Does nothing: no process ends by a signal.
pub(super) fn take_default_action(_signal: Signal) {}

/// Does nothing.
pub(super) fn watch_output(_tell: impl Fn(Event)) -> io::Result<()> {
    Ok(())
}

/// No limit.
pub(crate) fn raise_descriptor_limit() -> u64 {
    u64::MAX
}
