//! The options of a pool.

use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use super::error::BuildError;
use super::executor::Initializer;

/// More threads than an operating system grants a process by default.
const MAX_WORKERS: usize = 65_536;

/// How to build a [`ThreadPool`](super::ThreadPool).
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
    pub(super) workers: usize,
    prefix: Option<String>,
    stack_size: Option<usize>,
    pub(super) initializer: Option<Initializer>,
}

impl Builder {
    /// A pool of `workers` threads, at least 1.
    ///
    /// On Linux, `std` ends the process at some 16,000 threads: each takes four memory mappings, of which a process has
    /// 65,530.
    pub fn new(workers: usize) -> Self {
        Self {
            workers,
            prefix: None,
            stack_size: None,
            initializer: None,
        }
    }

    /// Names the threads `PREFIX_0` to `PREFIX_N-1`. Linux shows the first 15 bytes.
    ///
    /// The default prefix is `pool-P`, where P counts the pools of the process.
    pub fn thread_name_prefix(mut self, prefix: impl Into<String>) -> Self {
        self.prefix = Some(prefix.into());
        self
    }

    /// The size of each thread's stack in bytes. The default is that of `std`: 2 MiB, which take memory only where they
    /// are used.
    pub fn stack_size(mut self, bytes: usize) -> Self {
        self.stack_size = Some(bytes);
        self
    }

    /// Runs `initializer` once in each worker's thread, before its first job. A replacement runs it too.
    /// [`build`](Self::build) does not wait for it.
    ///
    /// If it fails or panics in any thread the pool is broken: jobs that have not begun get
    /// [`JobError::Broken`](super::JobError::Broken) with the reason, and the pool refuses all others.
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

    /// Checks the options, and gives the pool its default name.
    pub(super) fn check(&mut self) -> Result<(), BuildError> {
        static POOLS: AtomicUsize = AtomicUsize::new(0);

        if self.workers == 0 {
            return Err(BuildError::NoWorkers);
        }
        if self.workers > MAX_WORKERS {
            return Err(BuildError::TooManyWorkers {
                workers: self.workers,
                most: MAX_WORKERS,
            });
        }
        let default = || format!("pool-{}", POOLS.fetch_add(1, Ordering::Relaxed));
        let prefix = self.prefix.get_or_insert_with(default);
        if prefix.contains('\0') {
            let prefix = prefix.clone();
            return Err(BuildError::ThreadName { prefix });
        }
        Ok(())
    }

    /// The thread of a worker, after [`check`](Self::check).
    pub(super) fn thread(&self, index: usize) -> thread::Builder {
        let prefix = self.prefix.as_deref().unwrap_or_default();
        let thread = thread::Builder::new().name(format!("{prefix}_{index}"));
        match self.stack_size {
            Some(bytes) => thread.stack_size(bytes),
            None => thread,
        }
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
    /// As many workers as Python's default: four more than the machine can run at once, and at most 32.
    fn default() -> Self {
        let cores = thread::available_parallelism().map_or(1, usize::from);
        Self::new(cores.saturating_add(4).min(32))
    }
}
