//! `map`: a function called on the workers with each item of an iterator, the results in order.
//!
//! The thread that asks for results advances the input, which may be endless, and waits for both.

use std::collections::VecDeque;
use std::fmt;
use std::iter::FusedIterator;
use std::mem;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::error::{JobError, Refusal, TimedOut};
use super::executor::Executor;
use super::future::ScopedFuture;
use super::sync::deadline;

/// The results of [`ThreadPool::map`](super::ThreadPool::map), in the order of the input.
///
/// Dropping it cancels the jobs that have not begun.
#[must_use = "dropping it loses the results and the other items"]
pub struct Map<'job, I: Iterator, F, T> {
    executor: Arc<Executor<'job>>,
    /// `None` after the last item, or when the pool has refused a job.
    items: Option<I>,
    function: Arc<F>,
    in_flight: InFlight<'job, T>,
    submitted: usize,
    /// Whether the next call must first submit a job. The last one did not, as its result must not wait for the input.
    must_replace: bool,
    /// The last result, if the pool refused a job.
    refused: Option<JobError>,
}

/// The jobs submitted whose results have not been given, oldest first.
struct InFlight<'job, T>(VecDeque<ScopedFuture<'job, T>>);

impl<T> InFlight<'_, T> {
    fn unfinished(&self) -> usize {
        self.0.iter().filter(|future| !future.done()).count()
    }

    fn cancel(&mut self) {
        // The youngest first: a worker that becomes free meanwhile takes the oldest.
        for future in self.0.drain(..).rev() {
            future.cancel();
        }
    }
}

impl<T> Drop for InFlight<'_, T> {
    fn drop(&mut self) {
        self.cancel();
    }
}

impl<'job, I, F, T> Map<'job, I, F, T>
where
    I: Iterator<Item: Send + 'job>,
    F: Fn(I::Item) -> T + Send + Sync + 'job,
    T: Send + 'job,
{
    pub(super) fn new(
        executor: &Arc<Executor<'job>>,
        look_ahead: NonZeroUsize,
        items: I,
        function: F,
    ) -> Self {
        let mut map = Self {
            executor: Arc::clone(executor),
            items: Some(items),
            function: Arc::new(function),
            in_flight: InFlight(VecDeque::new()),
            submitted: 0,
            must_replace: false,
            refused: None,
        };
        // Each item is submitted before the next is taken: the input may depend on the results.
        while map.submitted < look_ahead.get() && map.advance() {}
        map
    }

    /// Limits the whole iteration to `timeout` from now.
    ///
    /// After that, no more jobs are submitted. The results that are there come first, then [`TimedOut`] as the last
    /// item, and jobs not begun are cancelled. An input that blocks delays this.
    pub fn timeout(self, timeout: Duration) -> MapTimeout<'job, I, F, T> {
        MapTimeout {
            map: self,
            deadline: deadline(timeout),
        }
    }

    fn replace(&mut self) {
        if mem::take(&mut self.must_replace) {
            self.advance();
        }
    }

    fn next_future(&mut self) -> Option<ScopedFuture<'job, T>> {
        let future = self.in_flight.0.pop_front();
        self.must_replace = future.is_some();
        future
    }

    /// Submits a job for the next item. False if there is none, or the pool refuses the job.
    fn advance(&mut self) -> bool {
        let Some(item) = self.items.as_mut().and_then(Iterator::next) else {
            self.items = None;
            return false;
        };
        match self.executor.submit(job(&self.function, item)) {
            Ok(future) => {
                self.in_flight.0.push_back(future);
                self.submitted += 1;
                true
            }
            Err(refused) => {
                self.items = None;
                self.refused = Some(match refused.into_refusal() {
                    Refusal::ShutDown => JobError::Cancelled,
                    Refusal::Broken(broken) => JobError::Broken(broken),
                });
                false
            }
        }
    }
}

fn job<I, T, F: Fn(I) -> T>(function: &Arc<F>, item: I) -> impl FnOnce() -> T + use<I, T, F> {
    let function = Arc::clone(function);
    move || function(item)
}

impl<'job, I, F, T> Iterator for Map<'job, I, F, T>
where
    I: Iterator<Item: Send + 'job>,
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

impl<I: Iterator, F, T> FusedIterator for Map<'_, I, F, T> where Self: Iterator {}

impl<I: Iterator, F, T> Map<'_, I, F, T> {
    /// The least and the greatest number of results to come.
    fn left(&self) -> (usize, Option<usize>) {
        let in_flight = self.in_flight.0.len() + usize::from(self.refused.is_some());
        let input = self
            .items
            .as_ref()
            .map_or((0, Some(0)), Iterator::size_hint);
        // If the pool is shut down, one error stands for all items not yet taken.
        let least = in_flight + usize::from(input.0 > 0);
        (least, input.1.and_then(|most| most.checked_add(in_flight)))
    }
}

impl<I: Iterator, F, T> fmt::Debug for Map<'_, I, F, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Map")
            .field("submitted", &self.submitted)
            .field("in_flight", &self.in_flight.0.len())
            .finish_non_exhaustive()
    }
}

/// The iterator of [`Map::timeout`].
#[must_use = "dropping it loses the results and the other items"]
pub struct MapTimeout<'job, I: Iterator, F, T> {
    map: Map<'job, I, F, T>,
    deadline: Option<Instant>,
}

impl<'job, I, F, T> Iterator for MapTimeout<'job, I, F, T>
where
    I: Iterator<Item: Send + 'job>,
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
            // Only the input itself can tell whether it has more.
            let is_cut = is_over
                && map
                    .items
                    .take()
                    .is_some_and(|mut rest| rest.next().is_some());
            return if is_cut {
                Some(Err(map.time_out()))
            } else {
                map.refused.take().map(|error| Ok(Err(error)))
            };
        };
        match future.result_until(self.deadline) {
            Ok(result) => Some(Ok(result)),
            Err(future) => {
                map.in_flight.0.push_front(future);
                Some(Err(map.time_out()))
            }
        }
    }
}

impl<I: Iterator, F, T> Map<'_, I, F, T> {
    /// Ends the iteration at its deadline.
    fn time_out(&mut self) -> TimedOut {
        let timed_out = TimedOut {
            unfinished: self.in_flight.unfinished(),
            total: self.submitted,
        };
        self.items = None;
        self.refused = None;
        self.in_flight.cancel();
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
