//! Which entries a run leaves out without a record, and how many.
//!
//! Shards come first, so that each run sees only its part of a shared list. A line that is no URL and a row that is wrong
//! belong to a shard, but are never a repetition.

use super::shard::ListShard;
use super::target::{Content, page};
use super::url_set::UrlSet;
use crate::fetch::{Failure, Url};
use crate::output::DryRun;
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

/// What becomes of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Admission {
    Taken,
    /// Left out of every run like this one.
    Skipped(DryRun),
    OfOtherShard,
}

pub(super) struct Filter {
    shard: Option<ListShard>,
    /// The URLs already fetched, with `--resume`.
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

    /// Whether `url` was admitted before, with `--unique`.
    pub(super) fn is_repeated(&self, url: &Url) -> bool {
        let known = self.known.as_ref();
        known.is_some_and(|known| known.contains(page(url)))
    }

    /// Decides on an entry; `is_wrong` says that it fails whatever its URL is.
    pub(super) fn admit(
        &mut self,
        content: &Content<'_>,
        url: &Result<Url, Failure>,
        is_wrong: bool,
    ) -> Admission {
        if self.shard.is_some_and(|shard| !shard.holds(content, url)) {
            add_one(&self.skipped.of_other_shards);
            return Admission::OfOtherShard;
        }
        let Some(url) = url.as_ref().ok().filter(|_| !is_wrong) else {
            return Admission::Taken;
        };
        let page = page(url);
        if self.done.as_ref().is_some_and(|done| done.contains(page)) {
            add_one(&self.skipped.done_before);
            return Admission::Skipped(DryRun::SkipFetchedBefore);
        }
        if self.known.as_mut().is_some_and(|known| !known.insert(page)) {
            add_one(&self.skipped.repeated);
            return Admission::Skipped(DryRun::SkipRepeated);
        }
        Admission::Taken
    }
}

fn add_one(count: &AtomicU64) {
    count.fetch_add(1, Ordering::Relaxed);
}
