//! Items and workers, as a schedule sees them.

use super::HostKey;

/// An item, and what must allow it to start.
#[derive(Debug)]
pub(crate) struct Arrival<T> {
    pub(crate) value: T,
    /// Whose limits hold for it.
    pub(crate) host: HostKey,
    /// The host that must have been reached; `None` behind a proxy.
    pub(crate) contact: Option<HostKey>,
    /// Its number in the order of arrival.
    pub(super) order: u64,
}

impl<T> Arrival<T> {
    pub(crate) fn new(value: T, host: HostKey, contact: Option<HostKey>) -> Self {
        Self {
            value,
            host,
            contact,
            order: 0,
        }
    }
}

/// The workers, as far as the decision needs them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Workers {
    /// An item may be started.
    pub(crate) are_free: bool,
    /// Items that were started and wait for a worker.
    pub(crate) queued: usize,
}

/// Where an item may wait.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Waiting {
    AtHost,
    Reached,
    Arrived,
}
