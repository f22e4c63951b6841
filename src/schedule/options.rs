//! The limits of a schedule.

use std::time::Duration;

use super::rate::PerSecond;
use super::retry::Retries;

/// By default there are no limits, and the window is one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Options {
    /// The most items of one host:port that run at once; 0 is taken as 1.
    pub(crate) per_host: Option<usize>,
    /// The least time between two starts to one host:port.
    pub(crate) host_delay: Duration,
    /// The most starts a second over all hosts.
    pub(crate) rate: Option<PerSecond>,
    /// Without retries no item comes back and no host is paused.
    pub(crate) retries: Retries,
    /// The most items that wait, without those that wait for a slow host or a retry; 0 is taken as 1.
    pub(crate) window: usize,
    /// How many hosts may be reached ahead of the workers; 0 is taken as 1.
    pub(crate) ahead: usize,
    /// After so many failures in a row to reach a host, its items do not start.
    pub(crate) host_failures: Option<u32>,
}

impl Options {
    /// True if an item may be held back for others of its host.
    pub(crate) fn limits_hosts(&self) -> bool {
        self.per_host.is_some() || !self.host_delay.is_zero() || self.retries.are_on()
    }

    /// Whether an item must start at once when returned, so that the caller needs a free worker.
    pub(crate) fn is_timed(&self) -> bool {
        self.rate.is_some() || !self.host_delay.is_zero()
    }
}
