//! How a pool is set up: all its options, and the starting of its threads.
//!
//! Either every thread of a new pool has been started, or there is no pool and no thread is left
//! behind.

use std::fmt;
use std::io;
use std::mem;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};

use super::ThreadPool;
use super::core::{Core, Initializer, Starter};
use super::error::BuildError;
use super::job::quietly;
use super::sync::lock;
use super::worker;

/// More than an operating system grants a process as it is set up by default.
const MOST_WORKERS: usize = 65_536;

/// How to build a [`ThreadPool`].
///
/// ```
/// use fetchpool::pool::Builder;
///
/// let pool = Builder::new(2).thread_name_prefix("resize").stack_size(256 * 1024).build()?;
/// let name = pool.submit(|| std::thread::current().name().map(String::from))?;
/// assert!(name.result()?.is_some_and(|name| name.starts_with("resize_")));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use = "a builder starts nothing before `build`"]
pub struct Builder {
    workers: usize,
    prefix: Option<String>,
    stack_size: Option<usize>,
    initializer: Option<Initializer<'static>>,
}

impl Builder {
    /// A pool of `workers` threads: from 1 up to what the operating system grants.
    ///
    /// Short of threads, [`build`](Self::build) fails. Short of memory mappings, of which Linux
    /// grants a process 65,530 and each thread takes four, `std` itself ends the process: that is
    /// at some 16,000 threads.
    pub fn new(workers: usize) -> Self {
        Self {
            workers,
            prefix: None,
            stack_size: None,
            initializer: None,
        }
    }

    /// Names the threads `PREFIX_0` to `PREFIX_N-1`; when not called, `pool-P_0` and so on, P
    /// counting the process' pools.
    ///
    /// Linux shows the first 15 bytes of it.
    pub fn thread_name_prefix(mut self, prefix: impl Into<String>) -> Self {
        self.prefix = Some(prefix.into());
        self
    }

    /// The size of each thread's stack in bytes; when not called, `std`'s own (2 MiB, of which what
    /// is used takes memory).
    pub fn stack_size(mut self, bytes: usize) -> Self {
        self.stack_size = Some(bytes);
        self
    }

    /// What each worker's thread runs once, before its first job; a replacement runs it too.
    ///
    /// If it fails or panics in any thread the pool is broken: every job that has not begun is
    /// answered [`JobError::Broken`](super::JobError::Broken), with the reason, and so is every
    /// submission from then on. [`build`](Self::build) does not wait for it.
    ///
    /// ```
    /// use fetchpool::pool::{Builder, JobError};
    ///
    /// let pool = Builder::new(1).initializer(|| Err("no licence".into())).build()?;
    /// match pool.submit(|| 1) {
    ///     Ok(future) => assert!(matches!(future.result(), Err(JobError::Broken(why)) if why.reason().contains("no licence"))),
    ///     Err(refused) => assert!(refused.to_string().contains("no licence")),
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn initializer<F>(mut self, initializer: F) -> Self
    where
        F: Fn() -> Result<(), Box<dyn std::error::Error + Send + Sync>> + Send + Sync + 'static,
    {
        self.initializer = Some(Box::new(initializer));
        self
    }

    /// Starts the threads.
    ///
    /// # Errors
    ///
    /// [`BuildError`]: no workers were asked for, the prefix cannot be part of a thread's name, or
    /// a thread could not be started.
    pub fn build(self) -> Result<ThreadPool, BuildError> {
        let (workers, names, initializer) = self.settle()?;
        let threads = Arc::new(Threads::default());
        let starter: Starter<'static> = {
            let threads = Arc::clone(&threads);
            Box::new(move |core, index| {
                let core = Arc::clone(core);
                threads.start(index, || {
                    names.thread(index).spawn(move || worker::run(core, index))
                })
            })
        };
        let core = Core::new(workers, initializer, starter);
        let started = core.start();
        // From here on its drop ends and joins what has been started.
        let pool = ThreadPool::assemble(core, threads);
        match started {
            Ok(()) => Ok(pool),
            Err((started, source)) => Err(BuildError::Spawn {
                started,
                workers,
                source,
            }),
        }
    }

    /// The parts of a builder that is in order.
    pub(super) fn settle(self) -> Result<(usize, Names, Option<Initializer<'static>>), BuildError> {
        static POOLS: AtomicUsize = AtomicUsize::new(0);

        if self.workers == 0 {
            return Err(BuildError::NoWorkers);
        }
        if self.workers > MOST_WORKERS {
            return Err(BuildError::TooManyWorkers {
                workers: self.workers,
                most: MOST_WORKERS,
            });
        }
        let prefix = match self.prefix {
            Some(prefix) if prefix.contains('\0') => return Err(BuildError::ThreadName { prefix }),
            Some(prefix) => prefix,
            None => format!("pool-{}", POOLS.fetch_add(1, Ordering::Relaxed)),
        };
        Ok((
            self.workers,
            Names {
                prefix,
                stack_size: self.stack_size,
            },
            self.initializer,
        ))
    }
}

impl fmt::Debug for Builder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder")
            .field("workers", &self.workers)
            .field("thread_name_prefix", &self.prefix)
            .field("stack_size", &self.stack_size)
            .finish_non_exhaustive()
    }
}

impl Default for Builder {
    /// As many workers as Python's default: four more than the machine can run at once, and at most
    /// 32.
    fn default() -> Self {
        Self::new(
            thread::available_parallelism()
                .map_or(1, usize::from)
                .saturating_add(4)
                .min(32),
        )
    }
}

/// What the threads of a pool are called, and how large their stacks are.
pub(super) struct Names {
    prefix: String,
    stack_size: Option<usize>,
}

impl Names {
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
pub(super) struct Threads {
    crew: Mutex<Crew>,
    /// Held by whoever joins, so that a second who does so waits as well.
    joining: Mutex<()>,
}

#[derive(Default)]
struct Crew {
    /// By worker.
    threads: Vec<Option<JoinHandle<()>>>,
    /// Threads whose worker lives on in a replacement, and which are about to end.
    replaced: Vec<JoinHandle<()>>,
}

impl Threads {
    /// Starts a worker's thread by `spawn`. It is known here before anybody can miss it.
    fn start(
        &self,
        index: usize,
        spawn: impl FnOnce() -> io::Result<JoinHandle<()>>,
    ) -> io::Result<()> {
        let mut crew = lock(&self.crew);
        let thread = spawn()?;
        if crew.threads.len() <= index {
            crew.threads.resize_with(index + 1, || None);
        }
        if let Some(replaced) = crew.threads[index].replace(thread) {
            crew.replaced.retain(|thread| !thread.is_finished());
            crew.replaced.push(replaced);
        }
        Ok(())
    }

    /// Blocks until the threads have ended, which their workers must have been told to.
    pub(super) fn join(&self) {
        let _joining = lock(&self.joining);
        let Crew { threads, replaced } = mem::take(&mut *lock(&self.crew));
        for thread in threads.into_iter().flatten().chain(replaced) {
            let outcome = thread.join();
            quietly(|| drop(outcome));
        }
    }
}
