//! `map`: a function over an iterator, on the pool's workers, with the results in the input's
//! order.
//!
//! Lazy: no more than the look-ahead is taken from the iterator beyond what has been given out, so
//! an endless input costs no memory. The iterator is advanced in the thread that asks for results,
//! never under a lock.

use std::collections::VecDeque;
use std::iter::Fuse;
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
            refused: None,
        };
        map.fill(look_ahead);
        map
    }

    /// Limits the whole iteration to `timeout` from now.
    ///
    /// When time runs out the iterator gives [`TimedOut`] as its last item, and what has not begun
    /// is cancelled.
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

    /// Submits one more, in the place of the one that is about to be given out.
    fn advance(&mut self) {
        let Some(item) = self.items.as_mut().and_then(Iterator::next) else {
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
        self.advance();
        match self.ahead.0.pop_front() {
            Some(future) => Some(future.result()),
            None => self.refused.take().map(Err),
        }
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
        map.advance();
        let Some(future) = map.ahead.0.pop_front() else {
            return map.refused.take().map(|error| Ok(Err(error)));
        };
        match future.result_until(self.deadline) {
            Ok(result) => Some(Ok(result)),
            Err(future) => {
                map.ahead.0.push_front(future);
                let timed_out = TimedOut {
                    unfinished: map.ahead.unfinished(),
                    total: map.submitted,
                };
                map.items = None;
                map.refused = None;
                map.ahead.cancel();
                Some(Err(timed_out))
            }
        }
    }
}
