//! What workers take jobs from: one queue for all, and a stash of each one's own, filled while the
//! queue is deep.
//!
//! The lock of the queue, and the cache line that it is on, cost more than an empty job. So a
//! worker takes several jobs at once when there are plenty and they are as short as that, and keeps
//! them in its stash, which nobody else touches in the ordinary case. A stash is only a faster way to
//! the queue, never a
//! private property: whoever finds nothing else to do reclaims the stashes of others, and even
//! while the queue lives on, each worker that comes by it looks at one stash in turn and reclaims
//! what has not moved since the last look. So no job waits for good behind one that blocks.

use std::collections::VecDeque;
use std::mem;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use super::super::job::Entry;
use super::super::sync::lock;

/// Jobs that take longer than this do not feel the queue's lock: they are taken one by one, in
/// their order.
const SHORT: Duration = Duration::from_micros(5);

/// The most that a worker puts aside: enough to make the cost of the queue's lock disappear among
/// the jobs'.
const MOST: usize = 16;

/// The queue of all workers, which its owner guards by a lock.
#[derive(Default)]
pub(super) struct Ready<'job> {
    pub(super) jobs: VecDeque<Entry<'job>>,
    /// Whose stash was looked at last.
    looked_at: usize,
}

pub(super) struct Stashes<'job> {
    each: Box<[Mutex<Stash<'job>>]>,
    /// How many stashes hold a job. Each is counted in and out under its own lock, and in only under
    /// the lock that guards `Ready` as well.
    filled: AtomicUsize,
}

/// On cache lines of its own, as its owner takes from it all the time.
#[derive(Default)]
#[repr(align(128))]
struct Stash<'job> {
    jobs: VecDeque<Entry<'job>>,
    /// Whether its owner has come by since somebody else looked.
    moved: bool,
}

/// A worker's claim to its stash.
pub(super) struct Claim {
    index: usize,
    /// Whether the stash may hold a job: others may have reclaimed it.
    filled: bool,
    /// When the worker last took from the queue, and how many jobs.
    taken: Option<(Instant, u32)>,
}

impl Claim {
    /// Whether the jobs that the worker has taken last were short ones.
    fn found_short(&self, now: Instant) -> bool {
        self.taken
            .is_some_and(|(at, jobs)| now.saturating_duration_since(at) < SHORT * jobs)
    }

    pub(super) fn new(index: usize) -> Self {
        Self {
            index,
            filled: false,
            taken: None,
        }
    }

    pub(super) fn index(&self) -> usize {
        self.index
    }
}

impl<'job> Stashes<'job> {
    pub(super) fn new(workers: usize) -> Self {
        Self {
            each: (0..workers).map(|_| Mutex::default()).collect(),
            filled: AtomicUsize::new(0),
        }
    }

    /// The next job that the worker has put aside, and how many are left of them.
    pub(super) fn next(&self, claim: &mut Claim) -> Option<(Entry<'job>, usize)> {
        if !claim.filled {
            return None;
        }
        let mut stash = lock(&self.each[claim.index]);
        stash.moved = true;
        let entry = stash.jobs.pop_front();
        let left = stash.jobs.len();
        claim.filled = left > 0;
        if entry.is_some() && left == 0 {
            self.filled.fetch_sub(1, Ordering::Relaxed);
        }
        entry.map(|entry| (entry, left))
    }

    /// Takes the next job of a queue that is not empty, and puts aside more if it is deep and its
    /// jobs are short.
    ///
    /// Also gives how many are left in the queue and how many stashes hold some, those of others
    /// included: their owners may have begun a job that blocks, and have called nobody, as somebody
    /// was on the way. That was the worker that comes by here.
    pub(super) fn take(
        &self,
        ready: &mut Ready<'job>,
        claim: &mut Claim,
    ) -> Option<(Entry<'job>, usize)> {
        let entry = ready.jobs.pop_front()?;
        // Half of a fair share: the jobs at the queue's end are not yet anybody's.
        let share = (ready.jobs.len() / (2 * self.each.len())).min(MOST);
        let now = Instant::now();
        let share = if claim.found_short(now) { share } else { 0 };
        // At most MOST and one.
        claim.taken = Some((now, share as u32 + 1));
        if share > 0 {
            let mut stash = lock(&self.each[claim.index]);
            if stash.jobs.is_empty() {
                self.filled.fetch_add(1, Ordering::Relaxed);
            }
            stash.jobs.extend(ready.jobs.drain(..share));
            stash.moved = true;
            claim.filled = true;
        }
        Some((entry, ready.jobs.len() + self.filled()))
    }

    /// Looks at one stash, and reclaims it if its owner has not come by since the last look.
    pub(super) fn look(&self, ready: &mut Ready<'job>) {
        if self.filled() == 0 {
            return;
        }
        ready.looked_at = (ready.looked_at + 1) % self.each.len();
        let mut stash = lock(&self.each[ready.looked_at]);
        if !mem::take(&mut stash.moved) {
            self.reclaim(&mut stash, ready);
        }
    }

    /// Reclaims the first stash that holds a job. False: there is none.
    pub(super) fn reclaim_any(&self, ready: &mut Ready<'job>) -> bool {
        if self.filled() == 0 {
            return false;
        }
        self.each.iter().any(|stash| {
            self.reclaim(&mut lock(stash), ready);
            !ready.jobs.is_empty()
        })
    }

    /// Gives up a worker's stash, with all that is in it.
    pub(super) fn surrender(&self, ready: &mut Ready<'job>, claim: &mut Claim) {
        if mem::take(&mut claim.filled) {
            self.reclaim(&mut lock(&self.each[claim.index]), ready);
        }
    }

    pub(super) fn len(&self) -> usize {
        if self.filled() == 0 {
            return 0;
        }
        self.each.iter().map(|stash| lock(stash).jobs.len()).sum()
    }

    pub(super) fn drain_into(&self, entries: &mut Vec<Entry<'job>>) {
        for stash in &self.each {
            let mut stash = lock(stash);
            self.empties(&stash);
            entries.extend(stash.jobs.drain(..));
        }
    }

    /// How many stashes hold a job.
    pub(super) fn filled(&self) -> usize {
        self.filled.load(Ordering::Relaxed)
    }

    /// Puts a stash back at the queue's front: all that is in the queue now came after it.
    fn reclaim(&self, stash: &mut Stash<'job>, ready: &mut Ready<'job>) {
        self.empties(stash);
        while let Some(entry) = stash.jobs.pop_back() {
            ready.jobs.push_front(entry);
        }
    }

    /// Whoever calls this is about to take all that is in the stash.
    fn empties(&self, stash: &Stash<'job>) {
        if !stash.jobs.is_empty() {
            self.filled.fetch_sub(1, Ordering::Relaxed);
        }
    }
}
