//! A worker: one thread that runs jobs until its pool has no more for it.
//!
//! A guard replaces a worker whose thread unwinds. The panics of jobs are caught: the guard is for defects of the pool.

use std::cell::Cell;
use std::sync::Arc;

use super::executor::Executor;
use super::job::ignore_panic;
use super::queue::Consumer;

#[derive(Clone, Copy)]
struct CurrentWorker {
    pool: usize,
    index: usize,
}

thread_local! {
    // Without a destructor, so that it can be read until the thread has ended.
    static CURRENT: Cell<Option<CurrentWorker>> = const { Cell::new(None) };
}

/// The index, from 0 to N-1, of the pool worker that runs the calling thread; `None` in any other thread.
///
/// A replacement has the index of the worker that it replaces.
///
/// ```
/// use fetchpool::pool::{ThreadPool, worker_index};
///
/// let pool = ThreadPool::new(1)?;
/// assert_eq!(pool.submit(worker_index)?.result()?, Some(0));
/// assert_eq!(worker_index(), None);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use]
pub fn worker_index() -> Option<usize> {
    CURRENT.get().map(|current| current.index)
}

/// Whether the calling thread is a worker of this pool.
pub(super) fn is_worker_of(executor: &Executor<'_>) -> bool {
    CURRENT
        .get()
        .is_some_and(|current| current.pool == executor.id)
}

/// The main function of a worker's thread. Never unwinds.
pub(super) fn run(executor: Arc<Executor<'_>>, index: usize) {
    CURRENT.set(Some(CurrentWorker {
        pool: executor.id,
        index,
    }));
    ignore_panic(|| {
        run_jobs(&executor, index);
        // The last handle drops the initializer, which is code of the user.
        drop(executor);
    });
}

fn run_jobs(executor: &Arc<Executor<'_>>, index: usize) {
    let mut guard = WorkerGuard {
        executor,
        index,
        has_finished: false,
    };
    if executor.initialize() {
        let mut consumer = Consumer::new(&executor.queue, index);
        while let Some(job) = consumer.next() {
            job.run();
        }
    }
    guard.has_finished = true;
}

struct WorkerGuard<'a, 'job> {
    executor: &'a Arc<Executor<'job>>,
    index: usize,
    has_finished: bool,
}

impl Drop for WorkerGuard<'_, '_> {
    fn drop(&mut self) {
        if self.has_finished {
            self.executor.worker_ended();
        } else {
            self.executor.replace(self.index);
        }
    }
}
