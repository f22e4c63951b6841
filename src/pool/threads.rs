//! The operating system's threads: their names and stacks, and joining them.

use std::io;
use std::mem;
use std::sync::Mutex;
use std::thread::{self, JoinHandle};

use super::job::ignore_panic;
use super::sync::lock;

/// The names and the stack size of a pool's threads.
pub(super) struct ThreadOptions {
    pub(super) prefix: String,
    /// In bytes.
    pub(super) stack_size: Option<usize>,
}

impl ThreadOptions {
    pub(super) fn thread(&self, index: usize) -> thread::Builder {
        let thread = thread::Builder::new().name(format!("{}_{index}", self.prefix));
        match self.stack_size {
            Some(bytes) => thread.stack_size(bytes),
            None => thread,
        }
    }
}

/// The threads of a pool, to be joined.
#[derive(Default)]
pub(super) struct WorkerThreads {
    handles: Mutex<ThreadHandles>,
    /// Held while joining, so that each caller returns after the last thread has ended.
    joining: Mutex<()>,
}

#[derive(Default)]
struct ThreadHandles {
    by_worker: Vec<Option<JoinHandle<()>>>,
    /// Threads that have been replaced and are about to end.
    replaced: Vec<JoinHandle<()>>,
}

impl WorkerThreads {
    /// Starts a worker's thread by `spawn`, and keeps its handle.
    pub(super) fn start(
        &self,
        index: usize,
        spawn: impl FnOnce() -> io::Result<JoinHandle<()>>,
    ) -> io::Result<()> {
        // The lock is held over `spawn`, so that `join` cannot miss the thread.
        let mut handles = lock(&self.handles);
        let thread = spawn()?;
        if handles.by_worker.len() <= index {
            handles.by_worker.resize_with(index + 1, || None);
        }
        if let Some(replaced) = handles.by_worker[index].replace(thread) {
            handles.replaced.retain(|thread| !thread.is_finished());
            handles.replaced.push(replaced);
        }
        Ok(())
    }

    /// Blocks until the threads have ended. Their workers must have been told to.
    pub(super) fn join(&self) {
        let _joining = lock(&self.joining);
        let handles = mem::take(&mut *lock(&self.handles));
        for thread in handles
            .by_worker
            .into_iter()
            .flatten()
            .chain(handles.replaced)
        {
            let outcome = thread.join();
            ignore_panic(|| drop(outcome));
        }
    }
}
