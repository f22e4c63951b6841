//! Which entries a run leaves out, without a record, and how many.
//!
//! Shards come first, so that each run of a shared list sees only its part. A line that is no URL belongs to a shard, but
//! is never a repetition.

use super::shard::ListShard;
use super::target::{Content, page};
use super::url_set::UrlSet;
use crate::fetch::{Failure, Url};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// How many entries were left out so far, by reason.
#[derive(Debug, Default)]
pub(crate) struct Skipped {
    of_other_shards: AtomicU64,
    done_before: AtomicU64,
    repeated: AtomicU64,
}

impl Skipped {
    pub(crate) fn of_other_shards(&self) -> u64 {
        self.of_other_shards.load(Ordering::Relaxed)
    }

    pub(crate) fn done_before(&self) -> u64 {
        self.done_before.load(Ordering::Relaxed)
    }

    pub(crate) fn repeated(&self) -> u64 {
        self.repeated.load(Ordering::Relaxed)
    }
}

pub(super) struct Filter {
    shard: Option<ListShard>,
    /// The URLs that an earlier run has fetched, with `--resume`.
    done: Option<UrlSet>,
    /// The URLs so far, with `--unique`.
    known: Option<UrlSet>,
    skipped: Arc<Skipped>,
}

impl Filter {
    pub(super) fn new(shard: Option<ListShard>, unique: bool, done: Option<UrlSet>) -> Self {
        Self {
            shard,
            done,
            known: unique.then(UrlSet::new),
            skipped: Arc::default(),
        }
    }

    pub(super) fn skipped(&self) -> Arc<Skipped> {
        Arc::clone(&self.skipped)
    }

    /// Whether the run takes an entry; counts it if not.
    pub(super) fn admits(&mut self, content: &Content<'_>, url: &Result<Url, Failure>) -> bool {
        if self.shard.is_some_and(|shard| !shard.holds(content, url)) {
            return leave_out(&self.skipped.of_other_shards);
        }
        let Ok(url) = url else {
            return true;
        };
        let page = page(url);
        if self.done.as_ref().is_some_and(|done| done.contains(page)) {
            return leave_out(&self.skipped.done_before);
        }
        if self.known.as_mut().is_some_and(|known| !known.insert(page)) {
            return leave_out(&self.skipped.repeated);
        }
        true
    }
}

fn leave_out(count: &AtomicU64) -> bool {
    count.fetch_add(1, Ordering::Relaxed);
    false
}
