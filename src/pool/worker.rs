//! A worker: one thread that runs jobs until its pool has no more for it.
//!
//! The number of live workers is an invariant, kept by a guard on the worker's stack: however the
//! thread leaves, the guard either signs it off or has it replaced, under the same index. Jobs do
//! not get that far (their panics are caught at the job's edge, and safe Rust offers a job no other
//! way to end its thread: `process::abort` and `exit` end all of them), so the guard is for what
//! nobody foresaw. It never panics while unwinding.

use std::cell::Cell;
use std::sync::Arc;

use super::core::Core;
use super::job::quietly;
use super::queue::Place;

#[derive(Clone, Copy)]
struct Current {
    pool: usize,
    index: usize,
}

thread_local! {
    static CURRENT: Cell<Option<Current>> = const { Cell::new(None) };
}

/// The index, from 0 to N-1, of the pool worker that runs the calling thread; `None` in any other
/// thread.
///
/// A replacement has the index of the worker it replaces, so at any moment each index belongs to
/// one thread of a pool.
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
    current().map(|current| current.index)
}

/// Whether the calling thread is a worker of this pool.
pub(super) fn works_for(core: &Core<'_>) -> bool {
    current().is_some_and(|current| current.pool == core.id())
}

fn current() -> Option<Current> {
    // No destructor guards the cell, so that it can be read to the thread's very end.
    CURRENT.with(Cell::get)
}

/// The whole life of a worker's thread. Never unwinds.
pub(super) fn run(core: Arc<Core<'_>>, index: usize) {
    CURRENT.set(Some(Current {
        pool: core.id(),
        index,
    }));
    quietly(|| {
        serve(&core, index);
        // With the last of a pool its initializer goes, which is the user's.
        drop(core);
    });
}

fn serve(core: &Arc<Core<'_>>, index: usize) {
    let mut sentinel = Sentinel {
        core,
        index,
        at_end: false,
    };
    if core.initialize() {
        let mut place = Place::new(&core.queue, index);
        while let Some(entry) = place.next() {
            entry.run();
        }
    }
    sentinel.at_end = true;
}

struct Sentinel<'a, 'job> {
    core: &'a Arc<Core<'job>>,
    index: usize,
    at_end: bool,
}

impl Drop for Sentinel<'_, '_> {
    fn drop(&mut self) {
        if self.at_end {
            self.core.leave();
        } else {
            self.core.replace(self.index);
        }
    }
}
