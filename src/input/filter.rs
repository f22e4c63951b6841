//! Which targets are for this run, and a count of those that are not.
//!
//! What is left out has no record. Shards come first, so that each of N runs that share a list makes up
//! its mind only about its own part. A line that is no URL belongs to one shard like any other, and is
//! never taken for a repetition: it is reported under each of its numbers.

use super::Options;
use super::seen::Seen;
use super::shard::Shard;
use crate::fetch::{Failure, Url};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use url::Position;

/// How many targets were left out so far, by reason. Shared with whoever reports it.
#[derive(Debug, Default)]
pub(crate) struct Skipped {
    of_other_shards: AtomicU64,
    repeated: AtomicU64,
}

impl Skipped {
    /// Those that fall to other shards.
    pub(crate) fn of_other_shards(&self) -> u64 {
        self.of_other_shards.load(Ordering::Relaxed)
    }

    /// Those whose URL the lists had before.
    pub(crate) fn repeated(&self) -> u64 {
        self.repeated.load(Ordering::Relaxed)
    }
}

/// Decides of each target whether it is left out.
pub(super) struct Filter {
    shard: Option<Shard>,
    /// The URLs so far, if they are to be unique.
    met: Option<Seen>,
    skipped: Arc<Skipped>,
}

impl Filter {
    pub(super) fn new(options: &Options) -> Self {
        Self {
            shard: options.shard,
            met: options.unique.then(Seen::new),
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
        if let Some(met) = &mut self.met
            && !met.insert(page(url))
        {
            return leave_out(&self.skipped.repeated);
        }
        true
    }
}

/// What makes two URLs the same: the normalised URL up to its fragment, which is never sent.
fn page(url: &Url) -> &str {
    &url[..Position::AfterQuery]
}

fn leave_out(count: &AtomicU64) -> bool {
    count.fetch_add(1, Ordering::Relaxed);
    false
}
