//! Which entries a run leaves out without a record, and how many.
//!
//! Shards come first, so that each run sees only its part of a shared list. A line that is no URL and a row that is wrong
//! belong to a shard, but are never a repetition.

use super::shard::ListShard;
use super::target::{Content, page};
use crate::fetch::{Failure, Url};
use crate::output::DryRun;
use crate::text_table::TextSet;
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
    /// The URLs already fetched, with `--resume`.
    done: Option<TextSet>,
    /// The URLs so far, with `--unique`.
    known: Option<TextSet>,
    skipped: Arc<Skipped>,
}

impl Filter {
    pub(super) fn new(shard: Option<ListShard>, unique: bool, done: Option<TextSet>) -> Self {
        Self {
            shard,
            done,
            known: unique.then(TextSet::new),
            skipped: Arc::default(),
        }
    }

    pub(super) fn skipped(&self) -> Arc<Skipped> {
        Arc::clone(&self.skipped)
    }

    /// Whether `url` was admitted before, with `--unique`.
    pub(super) fn is_repeated(&self, url: &Url) -> bool {
        let known = self.known.as_ref();
        known.is_some_and(|known| known.contains(page(url)))
    }

    /// Whether an entry is of this shard.
    pub(super) fn is_ours(&self, content: &Content<'_>, url: &Result<Url, Failure>) -> bool {
        let is_ours = self.shard.is_none_or(|shard| shard.holds(content, url));
        if !is_ours {
            add_one(&self.skipped.of_other_shards);
        }
        is_ours
    }

    /// Why the target `url` of this shard is left out; `None` if it is not.
    pub(super) fn skips(&mut self, url: &Url) -> Option<DryRun> {
        let page = page(url);
        let is_repeated = self.known.as_mut().is_some_and(|known| !known.insert(page));
        if self.done.as_ref().is_some_and(|done| done.contains(page)) {
            add_one(&self.skipped.done_before);
            return Some(DryRun::SkipFetchedBefore);
        }
        if is_repeated {
            add_one(&self.skipped.repeated);
            return Some(DryRun::SkipRepeated);
        }
        None
    }
}

fn add_one(count: &AtomicU64) {
    count.fetch_add(1, Ordering::Relaxed);
}
