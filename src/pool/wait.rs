//! Waiting for several futures, without polling: `as_completed` and `wait`, as in Python's `concurrent.futures`.

use std::collections::HashSet;
use std::fmt;
use std::iter::FusedIterator;
use std::mem;
use std::ptr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::completion::{AnyTask, CompletionQueue, JobStatus};
use super::error::TimedOut;
use super::future::ScopedFuture;
use super::sync::deadline;

/// What can be waited for: a [`Future`](super::Future), a reference to one, or a pair of a value and one of these, as in
/// the dictionary `future_to_url` of Python's example.
pub trait Waitable {
    #[doc(hidden)]
    fn handle(&self) -> Handle<'_>;
}

/// A future without its type. Only this crate can make one, and so implement [`Waitable`].
pub struct Handle<'a>(&'a dyn AnyTask);

impl<T> Waitable for ScopedFuture<'_, T> {
    fn handle(&self) -> Handle<'_> {
        Handle(self.task())
    }
}

impl<W: Waitable> Waitable for &W {
    fn handle(&self) -> Handle<'_> {
        (**self).handle()
    }
}

impl<K, W: Waitable> Waitable for (K, W) {
    fn handle(&self) -> Handle<'_> {
        self.1.handle()
    }
}

/// Yields the futures in the order in which they are done; those that are done already come first. A future given twice
/// counts once.
///
/// Each `next` blocks until one more is done. Dropping the iterator neither cancels a job nor waits for one.
///
/// ```
/// use fetchpool::pool::{ThreadPool, as_completed};
///
/// let pool = ThreadPool::new(3)?;
/// let mut futures = Vec::new();
/// for word in ["a", "list", "of", "words"] {
///     futures.push((word, pool.submit(move || word.len())?));
/// }
/// for (word, length) in as_completed(futures) {
///     println!("{word:?} has {} letters", length.result()?);
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn as_completed<W: Waitable>(futures: impl IntoIterator<Item = W>) -> AsCompleted<W> {
    AsCompleted {
        set: WaitSet::new(futures),
    }
}

/// The iterator of [`as_completed`].
pub struct AsCompleted<W: Waitable> {
    set: WaitSet<W>,
}

impl<W: Waitable> AsCompleted<W> {
    /// Limits the whole iteration to `timeout` from now; zero gives only those done already.
    ///
    /// ```
    /// # use std::{sync::mpsc, time::Duration};
    /// # use fetchpool::pool::{ThreadPool, as_completed};
    /// # let pool = ThreadPool::new(1)?;
    /// # let (open, gate) = mpsc::channel::<()>();
    /// let slow = pool.submit(move || gate.recv())?;
    /// let mut completed = as_completed([&slow]).timeout(Duration::from_millis(1));
    /// assert_eq!(completed.next().unwrap().unwrap_err().to_string(), "timed out: 1 (of 1) futures unfinished");
    /// # drop(open);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn timeout(self, timeout: Duration) -> AsCompletedTimeout<W> {
        AsCompletedTimeout {
            set: self.set,
            deadline: deadline(timeout),
            timed_out: false,
        }
    }
}

impl<W: Waitable> Iterator for AsCompleted<W> {
    type Item = W;

    fn next(&mut self) -> Option<W> {
        self.set.next(None)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.set.pending, Some(self.set.pending))
    }
}

impl<W: Waitable> ExactSizeIterator for AsCompleted<W> {}

impl<W: Waitable> FusedIterator for AsCompleted<W> {}

impl<W: Waitable> fmt::Debug for AsCompleted<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.set.describe(f, "AsCompleted")
    }
}

/// The iterator of [`AsCompleted::timeout`]: futures, and at the deadline an error as the last item.
pub struct AsCompletedTimeout<W: Waitable> {
    set: WaitSet<W>,
    deadline: Option<Instant>,
    timed_out: bool,
}

impl<W: Waitable> AsCompletedTimeout<W> {
    /// The futures that it has not given, in the order in which they came in.
    #[must_use]
    pub fn into_unfinished(self) -> Vec<W> {
        self.set.into_pending()
    }
}

impl<W: Waitable> Iterator for AsCompletedTimeout<W> {
    type Item = Result<W, TimedOut>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.timed_out || self.set.pending == 0 {
            return None;
        }
        let next = self.set.next(self.deadline);
        self.timed_out = next.is_none();
        Some(next.ok_or(TimedOut {
            unfinished: self.set.pending,
            total: self.set.total,
        }))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        if self.timed_out {
            (0, Some(0))
        } else {
            (self.set.pending.min(1), Some(self.set.pending))
        }
    }
}

impl<W: Waitable> FusedIterator for AsCompletedTimeout<W> {}

impl<W: Waitable> fmt::Debug for AsCompletedTimeout<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.set.describe(f, "AsCompletedTimeout")
    }
}

/// When [`wait`] returns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Until {
    /// When any future is done.
    FirstCompleted,
    /// When any future has [failed](super::ScopedFuture::failed), or all are done.
    FirstFailed,
    /// When all are done.
    AllCompleted,
}

/// The futures given to [`wait`], by whether they are done.
#[derive(Debug)]
pub struct Waited<W> {
    /// In the order in which they were done.
    pub done: Vec<W>,
    /// In the order in which they were given.
    pub not_done: Vec<W>,
}

/// Blocks until `until` holds, for at most `timeout` if there is one.
///
/// ```
/// use fetchpool::pool::{ThreadPool, Until, wait};
///
/// let pool = ThreadPool::new(2)?;
/// let futures = pool.submit_all((0..4).map(|n| move || n * n))?;
/// let waited = wait(&futures, Until::AllCompleted, None);
/// assert_eq!((waited.done.len(), waited.not_done.len()), (4, 0));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn wait<W: Waitable>(
    futures: impl IntoIterator<Item = W>,
    until: Until,
    timeout: Option<Duration>,
) -> Waited<W> {
    let mut set = WaitSet::new(futures);
    let deadline = timeout.and_then(deadline);
    let mut done = Vec::new();
    let mut holds = false;
    loop {
        let next = match set.try_next() {
            None if !holds => set.next(deadline),
            next => next,
        };
        let Some(future) = next else { break };
        holds |= is_awaited(until, &future);
        done.push(future);
    }
    Waited {
        done,
        not_done: set.into_pending(),
    }
}

/// Whether `until` holds as soon as `future` is done.
fn is_awaited<W: Waitable>(until: Until, future: &W) -> bool {
    match until {
        Until::FirstCompleted => true,
        Until::FirstFailed => future.handle().0.status() == JobStatus::Failed,
        Until::AllCompleted => false,
    }
}

/// Futures that are waited for. Each leaves the set when it is done.
struct WaitSet<W: Waitable> {
    /// By key.
    futures: Vec<Option<W>>,
    completed: Arc<CompletionQueue>,
    pending: usize,
    total: usize,
}

impl<W: Waitable> WaitSet<W> {
    fn new(futures: impl IntoIterator<Item = W>) -> Self {
        let mut seen = HashSet::new();
        let futures: Vec<_> = futures
            .into_iter()
            .filter(|future| seen.insert(ptr::from_ref(future.handle().0).addr()))
            .map(Some)
            .collect();
        let total = futures.len();
        let set = Self {
            futures,
            completed: Arc::default(),
            pending: total,
            total,
        };
        for (key, future) in set.pending() {
            future.handle().0.subscribe(&set.completed, key);
        }
        set
    }

    fn describe(&self, f: &mut fmt::Formatter<'_>, name: &str) -> fmt::Result {
        f.debug_struct(name)
            .field("unfinished", &self.pending)
            .field("total", &self.total)
            .finish_non_exhaustive()
    }

    fn pending(&self) -> impl Iterator<Item = (usize, &W)> {
        self.futures
            .iter()
            .enumerate()
            .filter_map(|(key, future)| Some((key, future.as_ref()?)))
    }

    /// Blocks until one more is done. `None` if the set is empty, or at the deadline.
    fn next(&mut self, deadline: Option<Instant>) -> Option<W> {
        if self.pending == 0 {
            return None;
        }
        let key = self.completed.next(deadline)?;
        self.take(key)
    }

    fn try_next(&mut self) -> Option<W> {
        let key = self.completed.try_next()?;
        self.take(key)
    }

    fn take(&mut self, key: usize) -> Option<W> {
        let future = self.futures[key].take();
        self.pending -= usize::from(future.is_some());
        future
    }

    fn into_pending(mut self) -> Vec<W> {
        self.unsubscribe();
        mem::take(&mut self.futures).into_iter().flatten().collect()
    }

    fn unsubscribe(&self) {
        for (_, future) in self.pending() {
            future.handle().0.unsubscribe(&self.completed);
        }
    }
}

impl<W: Waitable> Drop for WaitSet<W> {
    fn drop(&mut self) {
        self.unsubscribe();
    }
}
