//! Which targets are for this run, and a count of those that are not.
//!
//! What is left out has no record. Shards come first, so that each of N runs that share a list makes up
//! its mind only about its own part. A line that is no URL belongs to one shard like any other, and is
//! never taken for a repetition: it is reported under each of its numbers.

use super::shard::Shard;
use super::url_set::UrlSet;
use super::{Options, target};
use crate::fetch::{Failure, Url};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// How many targets were left out so far, by reason. Shared with whoever reports it.
#[derive(Debug, Default)]
pub(crate) struct Skipped {
    of_other_shards: AtomicU64,
    done_before: AtomicU64,
    repeated: AtomicU64,
}

impl Skipped {
    /// Those that fall to other shards.
    pub(crate) fn of_other_shards(&self) -> u64 {
        self.of_other_shards.load(Ordering::Relaxed)
    }

    /// Those whose URL an earlier run has fetched.
    pub(crate) fn done_before(&self) -> u64 {
        self.done_before.load(Ordering::Relaxed)
    }

    /// Those whose URL the lists had before.
    pub(crate) fn repeated(&self) -> u64 {
        self.repeated.load(Ordering::Relaxed)
    }
}

/// Decides of each target whether it is left out.
pub(super) struct Filter {
    shard: Option<Shard>,
    /// The URLs that an earlier run has fetched, if this is to go on with it.
    done: Option<UrlSet>,
    /// The URLs so far, if they are to be unique.
    met: Option<UrlSet>,
    skipped: Arc<Skipped>,
}

impl Filter {
    pub(super) fn new(options: &Options, done: Option<UrlSet>) -> Self {
        Self {
            shard: options.shard,
            done,
            met: options.unique.then(UrlSet::new),
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
        if self.shard.is_some_and(|shard| !shard.holds(url, written)) {
            return leave_out(&self.skipped.of_other_shards);
        }
        let Ok(url) = url else {
            return true;
        };
        let page = target::page(url);
        if self.done.as_ref().is_some_and(|done| done.contains(page)) {
            return leave_out(&self.skipped.done_before);
        }
        if self.met.as_mut().is_some_and(|met| !met.insert(page)) {
            return leave_out(&self.skipped.repeated);
        }
        true
    }
}

fn leave_out(count: &AtomicU64) -> bool {
    count.fetch_add(1, Ordering::Relaxed);
    false
}
