//! Which targets are for this run, and a count of those that are not.
//!
//! What is left out has no record. A line that is no URL belongs to one shard like any other, so that
//! over all shards it is reported exactly once.

use super::shard::Shard;
use crate::fetch::{Failure, Url};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// How many targets were left out so far, by reason. Shared with whoever reports it.
#[derive(Debug, Default)]
pub(crate) struct Skipped {
    of_other_shards: AtomicU64,
}

impl Skipped {
    /// Those that fall to other shards.
    pub(crate) fn of_other_shards(&self) -> u64 {
        self.of_other_shards.load(Ordering::Relaxed)
    }
}

/// Decides of each target whether it is left out.
pub(super) struct Filter {
    shard: Option<Shard>,
    skipped: Arc<Skipped>,
}

impl Filter {
    pub(super) fn new(shard: Option<Shard>) -> Self {
        Self {
            shard,
            skipped: Arc::default(),
        }
    }

    pub(super) fn skipped(&self) -> Arc<Skipped> {
        Arc::clone(&self.skipped)
    }

    /// Whether the target is for this run; if not, it has been counted.
    ///
    /// `written` gives its text as the record has it, and is asked for only if it is no URL.
    pub(super) fn admits(
        &mut self,
        url: &Result<Url, Failure>,
        written: impl FnOnce() -> Box<str>,
    ) -> bool {
        let is_ours = self.shard.is_none_or(|shard| shard.holds(url, written));
        if !is_ours {
            self.skipped.of_other_shards.fetch_add(1, Ordering::Relaxed);
        }
        is_ours
    }
}
