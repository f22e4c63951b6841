//! Waiting for several futures: `as_completed` and `wait`, as in Python's `concurrent.futures`.
//!
//! Neither polls, nor starts a thread: the thread that ends a job tells the one that waits. A
//! future given twice counts once. What is given, owned or borrowed, is what is given back.

use std::collections::HashSet;
use std::fmt;
use std::iter::FusedIterator;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::error::TimedOut;
use super::future::deadline;
use super::task::Progress;
use super::waitable::Waitable;
use super::watch::Watcher;

/// Gives the futures as they are done, whatever their order in `futures`; those done before come
/// first.
///
/// Each `next` blocks until one more is done, so every [`result`](super::ScopedFuture::result) taken from
/// it is there. Dropping the iterator neither cancels a job nor waits for one.
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
        watch: Watch::new(futures),
    }
}

/// The iterator of [`as_completed`].
pub struct AsCompleted<W: Waitable> {
    watch: Watch<W>,
}

impl<W: Waitable> AsCompleted<W> {
    /// Limits the whole iteration to `timeout` from now; zero gives what is done already.
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
            watch: self.watch,
            deadline: deadline(timeout),
            timed_out: false,
        }
    }
}

impl<W: Waitable> Iterator for AsCompleted<W> {
    type Item = W;

    fn next(&mut self) -> Option<W> {
        self.watch.next(None)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.watch.left, Some(self.watch.left))
    }
}

impl<W: Waitable> ExactSizeIterator for AsCompleted<W> {}

impl<W: Waitable> FusedIterator for AsCompleted<W> {}

impl<W: Waitable> fmt::Debug for AsCompleted<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.watch.describe(f, "AsCompleted")
    }
}

/// The iterator of [`AsCompleted::timeout`]: futures, and if time runs out an error as the last
/// item.
pub struct AsCompletedTimeout<W: Waitable> {
    watch: Watch<W>,
    deadline: Option<Instant>,
    timed_out: bool,
}

impl<W: Waitable> AsCompletedTimeout<W> {
    /// The futures that have not been given, in the order in which they came in.
    #[must_use]
    pub fn into_unfinished(self) -> Vec<W> {
        self.watch.into_left()
    }
}

impl<W: Waitable> Iterator for AsCompletedTimeout<W> {
    type Item = Result<W, TimedOut>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.timed_out || self.watch.left == 0 {
            return None;
        }
        let next = self.watch.next(self.deadline);
        self.timed_out = next.is_none();
        Some(next.ok_or(TimedOut {
            unfinished: self.watch.left,
            total: self.watch.total,
        }))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        if self.timed_out {
            (0, Some(0))
        } else {
            (self.watch.left.min(1), Some(self.watch.left))
        }
    }
}

impl<W: Waitable> FusedIterator for AsCompletedTimeout<W> {}

impl<W: Waitable> fmt::Debug for AsCompletedTimeout<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.watch.describe(f, "AsCompletedTimeout")
    }
}

/// When [`wait`] returns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Until {
    /// As soon as any future is done.
    FirstCompleted,
    /// As soon as any future has [failed](super::ScopedFuture::failed), or when all are done.
    FirstFailed,
    /// When all are done.
    AllCompleted,
}

/// What [`wait`] was given, sorted by whether it was done.
#[derive(Debug)]
pub struct Waited<W> {
    /// Those done, in the order in which they were.
    pub done: Vec<W>,
    /// The others, in the order in which they were given.
    pub not_done: Vec<W>,
}

/// Blocks until `until` is fulfilled, for at most `timeout` if there is one.
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
    let mut watch = Watch::new(futures);
    let deadline = timeout.and_then(deadline);
    let mut done = Vec::new();
    let mut fulfilled = false;
    loop {
        while let Some(future) = watch.next_ready() {
            fulfilled |= fulfils(until, &future);
            done.push(future);
        }
        if watch.left == 0 || fulfilled {
            break;
        }
        match watch.next(deadline) {
            Some(future) => {
                fulfilled |= fulfils(until, &future);
                done.push(future);
            }
            None => break,
        }
    }
    Waited {
        done,
        not_done: watch.into_left(),
    }
}

/// Whether this future, which is done, is what is waited for.
fn fulfils<W: Waitable>(until: Until, future: &W) -> bool {
    match until {
        Until::FirstCompleted => true,
        Until::FirstFailed => future.handle().watched.progress() == Progress::Failed,
        Until::AllCompleted => false,
    }
}

/// Futures under watch; each is taken out when it is done.
struct Watch<W: Waitable> {
    futures: Vec<Option<W>>,
    watcher: Arc<Watcher>,
    left: usize,
    total: usize,
}

impl<W: Waitable> Watch<W> {
    fn new(futures: impl IntoIterator<Item = W>) -> Self {
        let mut seen = HashSet::new();
        let futures: Vec<_> = futures
            .into_iter()
            .filter(|future| seen.insert(future.handle().address))
            .map(Some)
            .collect();
        let total = futures.len();
        let watch = Self {
            futures,
            watcher: Arc::default(),
            left: total,
            total,
        };
        for (key, future) in watch.left() {
            future.handle().watched.watch(&watch.watcher, key);
        }
        watch
    }

    fn describe(&self, f: &mut fmt::Formatter<'_>, name: &str) -> fmt::Result {
        f.debug_struct(name)
            .field("unfinished", &self.left)
            .field("total", &self.total)
            .finish_non_exhaustive()
    }

    fn left(&self) -> impl Iterator<Item = (usize, &W)> {
        self.futures
            .iter()
            .enumerate()
            .filter_map(|(key, future)| Some((key, future.as_ref()?)))
    }

    /// Blocks until one more is done. `None`: there is none left, or not by the deadline.
    fn next(&mut self, deadline: Option<Instant>) -> Option<W> {
        if self.left == 0 {
            return None;
        }
        let key = self.watcher.next(deadline)?;
        self.take(key)
    }

    fn next_ready(&mut self) -> Option<W> {
        let key = self.watcher.next_ready()?;
        self.take(key)
    }

    fn take(&mut self, key: usize) -> Option<W> {
        let future = self.futures[key].take();
        self.left -= usize::from(future.is_some());
        future
    }

    fn into_left(mut self) -> Vec<W> {
        self.unwatch();
        std::mem::take(&mut self.futures)
            .into_iter()
            .flatten()
            .collect()
    }

    fn unwatch(&self) {
        for (_, future) in self.left() {
            future.handle().watched.unwatch(&self.watcher);
        }
    }
}

impl<W: Waitable> Drop for Watch<W> {
    fn drop(&mut self) {
        self.unwatch();
    }
}
