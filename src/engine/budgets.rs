//! How much of a run may be in memory at once.
//!
//! Bytes of text bound a run with very long URLs. One batch may exceed each bound.

/// Targets that the list reader may be ahead.
pub(super) const TARGETS_AHEAD: usize = 1024;

/// Bytes of text that the list reader may be ahead.
pub(super) const BYTES_AHEAD: usize = 1 << 20;

/// Targets in the schedule if some may be held back. More lines of one host in a row than this delay the hosts after
/// them.
pub(super) const WINDOW: usize = 4096;

/// Targets in the schedule if only a host that is being reached may hold some back. 1,024 cost 2 MB.
pub(super) const SMALL_WINDOW: usize = 256;

/// Hosts that may be reached ahead of the workers, beside two for each worker. The connections of more would lie idle.
pub(super) const AHEAD: usize = 64;

/// Bytes of text of the targets that were taken from the list and have no record yet.
pub(super) const TAKEN: usize = 4 << 20;

/// The same while workers are idle because targets are held back.
pub(super) const TAKEN_WHILE_IDLE: usize = 64 << 20;

/// Records that wait with `--ordered`.
pub(super) const RECORDS_AHEAD: usize = 1024;

/// Records that wait with `--ordered` and `--body`, for each worker: each may hold a body of the largest size.
pub(super) const BODIES_AHEAD: usize = 2;

/// Bytes of text of those records at which no more targets are taken.
pub(super) const RECORD_BYTES_AHEAD: usize = 4 << 20;

/// Bytes of messages that wait for the reader of standard error.
pub(super) const MESSAGE_BYTES: usize = 1 << 20;

/// Outcomes of written records that wait for the next attempts.
pub(super) const SPARE_OUTCOMES: usize = 64;
