//! `map`: a function over an iterator, on the pool's workers, with the results in the input's
//! order.
//!
//! Lazy: no more than the look-ahead is taken from the iterator beyond what has been given out, so
//! an endless input costs no memory. The iterator is advanced in the thread that asks for results,
//! never under a lock: whoever asks waits for the input as well as for the result.

use std::collections::VecDeque;
use std::fmt;
use std::iter::{Fuse, FusedIterator};
use std::mem;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::core::Core;
use super::error::{JobError, Refusal, TimedOut};
use super::future::{ScopedFuture, deadline};

/// The results of [`ThreadPool::map`](super::ThreadPool::map), in the order of the input.
///
/// Dropping it cancels what has not begun.
#[must_use = "the results, and the rest of the input, are lost when this is dropped"]
pub struct Map<'job, I: Iterator, F, T> {
    core: Arc<Core<'job>>,
    /// `None` once the pool has refused a job: the rest of the input is not asked for.
    items: Option<Fuse<I>>,
    function: Arc<F>,
    ahead: Ahead<'job, T>,
    submitted: usize,
    /// A result has been given out, and nothing submitted in its place yet: that waits until the
    /// caller comes back, so that the input holds up no result that is there.
    owes: bool,
    /// The last item, if the pool refused a job.
    refused: Option<JobError>,
}

/// What has been submitted and not been given out.
struct Ahead<'job, T>(VecDeque<ScopedFuture<'job, T>>);

impl<T> Ahead<'_, T> {
    fn unfinished(&self) -> usize {
        self.0.iter().filter(|future| !future.done()).count()
    }

    fn cancel(&mut self) {
        // From the last: a worker that becomes free meanwhile goes on where it would have.
        for future in self.0.drain(..).rev() {
            future.cancel();
        }
    }
}

impl<T> Drop for Ahead<'_, T> {
    fn drop(&mut self) {
        self.cancel();
    }
}

/// For each worker the job that it runs, and two to go on with while the caller is busy with a
/// result.
pub(super) fn default_look_ahead(workers: usize) -> NonZeroUsize {
    NonZeroUsize::MIN.saturating_add(workers.saturating_mul(3) - 1)
}

impl<'job, I, F, T> Map<'job, I, F, T>
where
    I: Iterator,
    I::Item: Send + 'job,
    F: Fn(I::Item) -> T + Send + Sync + 'job,
    T: Send + 'job,
{
    pub(super) fn new(
        core: &Arc<Core<'job>>,
        look_ahead: NonZeroUsize,
        items: I,
        function: F,
    ) -> Self {
        let mut map = Self {
            core: Arc::clone(core),
            items: Some(items.fuse()),
            function: Arc::new(function),
            ahead: Ahead(VecDeque::new()),
            submitted: 0,
            owes: false,
            refused: None,
        };
        map.fill(look_ahead);
        map
    }

    /// Limits the whole iteration to `timeout` from now.
    ///
    /// When time runs out nothing more is submitted. Results that are there are still given, then
    /// [`TimedOut`] as the last item, and what has not begun is cancelled. The input is not
    /// interrupted: as long as it blocks, so does this.
    pub fn timeout(self, timeout: Duration) -> MapTimeout<'job, I, F, T> {
        MapTimeout {
            map: self,
            deadline: deadline(timeout),
        }
    }

    /// Submits each item as it comes: the input may depend on what the first of them give.
    fn fill(&mut self, look_ahead: NonZeroUsize) {
        while self.refused.is_none() && self.submitted < look_ahead.get() {
            let before = self.submitted;
            self.advance();
            if self.submitted == before {
                break;
            }
        }
    }

    /// Submits one more, in the place of the one that was given out last.
    fn replace(&mut self) {
        if mem::take(&mut self.owes) {
            self.advance();
        }
    }

    /// The oldest of those submitted.
    fn next_future(&mut self) -> Option<ScopedFuture<'job, T>> {
        let future = self.ahead.0.pop_front();
        self.owes = future.is_some();
        future
    }

    fn advance(&mut self) {
        let Some(item) = self.items.as_mut().and_then(Iterator::next) else {
            self.items = None;
            return;
        };
        match self.core.submit(job(&self.function, item)) {
            Ok(future) => {
                self.ahead.0.push_back(future);
                self.submitted += 1;
            }
            Err(refused) => self.refuse(refused.into_refusal()),
        }
    }

    fn refuse(&mut self, refusal: Refusal) {
        self.items = None;
        self.refused = Some(match refusal {
            Refusal::ShutDown => JobError::Cancelled,
            Refusal::Broken(broken) => JobError::Broken(broken),
        });
    }
}

fn job<I, T, F: Fn(I) -> T>(function: &Arc<F>, item: I) -> impl FnOnce() -> T + use<I, T, F> {
    let function = Arc::clone(function);
    move || function(item)
}

impl<'job, I, F, T> Iterator for Map<'job, I, F, T>
where
    I: Iterator,
    I::Item: Send + 'job,
    F: Fn(I::Item) -> T + Send + Sync + 'job,
    T: Send + 'job,
{
    type Item = Result<T, JobError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.replace();
        match self.next_future() {
            Some(future) => Some(future.result()),
            None => self.refused.take().map(Err),
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.left()
    }
}

impl<'job, I, F, T> FusedIterator for Map<'job, I, F, T>
where
    I: Iterator,
    I::Item: Send + 'job,
    F: Fn(I::Item) -> T + Send + Sync + 'job,
    T: Send + 'job,
{
}

impl<I: Iterator, F, T> Map<'_, I, F, T> {
    /// How many results are to come, at least and at most.
    fn left(&self) -> (usize, Option<usize>) {
        let ahead = self.ahead.0.len() + usize::from(self.refused.is_some());
        let input = self
            .items
            .as_ref()
            .map_or((0, Some(0)), Iterator::size_hint);
        // A pool that is shut down ends it early: with one error in the place of all the rest.
        let least = ahead + usize::from(input.0 > 0);
        (least, input.1.and_then(|most| most.checked_add(ahead)))
    }
}

impl<I: Iterator, F, T> fmt::Debug for Map<'_, I, F, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Map")
            .field("submitted", &self.submitted)
            .field("ahead", &self.ahead.0.len())
            .finish_non_exhaustive()
    }
}

/// The iterator of [`Map::timeout`].
#[must_use = "the results, and the rest of the input, are lost when this is dropped"]
pub struct MapTimeout<'job, I: Iterator, F, T> {
    map: Map<'job, I, F, T>,
    deadline: Option<Instant>,
}

impl<'job, I, F, T> Iterator for MapTimeout<'job, I, F, T>
where
    I: Iterator,
    I::Item: Send + 'job,
    F: Fn(I::Item) -> T + Send + Sync + 'job,
    T: Send + 'job,
{
    type Item = Result<Result<T, JobError>, TimedOut>;

    fn next(&mut self) -> Option<Self::Item> {
        let map = &mut self.map;
        let is_over = self
            .deadline
            .is_some_and(|deadline| deadline <= Instant::now());
        if !is_over {
            map.replace();
        }
        let Some(future) = map.next_future() else {
            // Whether the input had more can only be told by asking.
            let is_cut = is_over
                && map
                    .items
                    .take()
                    .is_some_and(|mut rest| rest.next().is_some());
            return if is_cut {
                Some(Err(map.give_up()))
            } else {
                map.refused.take().map(|error| Ok(Err(error)))
            };
        };
        match future.result_until(self.deadline) {
            Ok(result) => Some(Ok(result)),
            Err(future) => {
                map.ahead.0.push_front(future);
                Some(Err(map.give_up()))
            }
        }
    }
}

impl<I: Iterator, F, T> Map<'_, I, F, T> {
    /// Time has run out: nothing more will come.
    fn give_up(&mut self) -> TimedOut {
        let timed_out = TimedOut {
            unfinished: self.ahead.unfinished(),
            total: self.submitted,
        };
        self.items = None;
        self.refused = None;
        self.ahead.cancel();
        timed_out
    }
}

impl<I: Iterator, F, T> fmt::Debug for MapTimeout<'_, I, F, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MapTimeout")
            .field("map", &self.map)
            .field("deadline", &self.deadline)
            .finish()
    }
}
