//! A fixed-size thread pool: Python's `concurrent.futures` for Rust.
//!
//! N threads are started once, and run the jobs submitted to them. There is no `unsafe` code.
//!
//! | Python | here |
//! |---|---|
//! | `ThreadPoolExecutor(n)` | [`ThreadPool::new`], [`Builder`] |
//! | `executor.submit(f, x)` | [`ThreadPool::submit`], [`submit_all`](ThreadPool::submit_all) for many |
//! | `future.result(timeout)`, `exception` | [`Future::result`](ScopedFuture::result), [`result_timeout`](ScopedFuture::result_timeout), and [`JobError`] |
//! | `future.add_done_callback(f)` | [`on_done`](ScopedFuture::on_done); [`submit_with`](ThreadPool::submit_with) if no future is needed |
//! | `executor.map(f, xs, buffersize=n)` | [`ThreadPool::map`], [`map_ahead`](ThreadPool::map_ahead) |
//! | `as_completed(futures, timeout)` | [`as_completed`], [`AsCompleted::timeout`] |
//! | `wait(futures, return_when)` | [`wait`](wait()), [`Until`] |
//! | `executor.shutdown(wait, cancel_futures)` | [`ThreadPool::shutdown`], [`join`](ThreadPool::join), [`detach`](ThreadPool::detach) |
//! | `with ThreadPoolExecutor(n) as executor:` | [`scope`](scope()), whose jobs may borrow |
//!
//! ```
//! use fetchpool::pool::{ThreadPool, as_completed};
//!
//! let pool = ThreadPool::new(5)?;
//! let futures = pool.submit_all((1..=10_u64).map(|n| move || n * n))?;
//! let mut sum = 0;
//! for future in as_completed(futures) {
//!     sum += future.result()?;
//! }
//! assert_eq!(sum, 385);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Guarantees
//!
//! - **Every job accepted is answered exactly once**: with its value, its panic, or the reason why it did not run. A job
//!   not accepted is handed back.
//! - **All workers live.** A thread that dies is replaced, under the same [`worker_index`]. If the system refuses the new
//!   thread, the next submission tries again. Without any worker the pool is broken, and every wait ends.
//! - **Order.** Jobs begin in the order of submission.
//! - **No job waits while a worker is idle.**
//! - **No code of the user runs under a lock**: no job, callback, destructor or iterator.
//! - **Cost.** A job takes one allocation, for closure and result together, and a wake-up only if a worker sleeps.
//!   `docs/POOL.md` compares it with other pools.
//!
//! # Hazards
//!
//! - A job that waits for another job of its pool occupies a worker. If all workers do so, they deadlock.
//! - Panics are caught by unwinding. With `panic = "abort"` a job that panics ends the program.

mod builder;
mod completion;
mod error;
mod executor;
mod future;
mod job;
mod map;
mod queue;
mod scope;
mod submit;
mod sync;
mod task;
mod thread_pool;
mod wait;
mod worker;

#[cfg(test)]
mod tests;

pub use self::builder::Builder;
pub use self::error::{Broken, BuildError, JobError, Panic, Refusal, SubmitError, TimedOut};
pub use self::future::{Future, ScopedFuture};
pub use self::map::{Map, MapTimeout};
pub use self::queue::Pending;
pub use self::scope::{Scope, scope};
pub use self::thread_pool::ThreadPool;
pub use self::wait::{
    AsCompleted, AsCompletedTimeout, Until, Waitable, Waited, as_completed, wait,
};
pub use self::worker::worker_index;
