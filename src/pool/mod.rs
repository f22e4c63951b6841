//! A fixed-size thread pool: Python's `concurrent.futures`, in Rust's habits.
//!
//! N threads are started once and run the jobs submitted to them, in the order of submission. A job
//! that panics costs no thread and ends no program: whoever waits for it is given the panic as a
//! value. The pool knows nothing of what its jobs do, never starts a thread that was not asked for,
//! and uses no `unsafe`.
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
//! # What may be relied on
//!
//! - **Every job accepted is answered exactly once**: with its value, its panic, or why it was
//!   never run. A job not accepted is handed back.
//! - **All workers live.** A panic is caught at the job's edge. A thread that ends all the same is
//!   replaced, under the same [`worker_index`]. If the system refuses the new thread, the next
//!   submission tries again; if the last worker is gone, the pool is broken, and says so to
//!   everybody who waits, instead of keeping them waiting.
//! - **Order.** Jobs begin in the order of submission. Only while the queue is deep and the jobs
//!   that a worker ran last took less than 5 µs each does it put aside up to 16 of them at once.
//!   If it then meets one that takes long, the others find what it has put aside after having
//!   come by twice, which is after at most some 34 younger jobs for each worker.
//! - **No job waits behind one that blocks** while a worker is idle.
//! - **Nothing of yours runs under a lock**: no job, callback, destructor or iterator.
//! - **Cost.** A job takes one allocation, for closure and result together, and a wake-up only if a
//!   worker sleeps. One worker that finds nothing to do looks again for a few microseconds before it
//!   sleeps, and so does a thread that is alone in waiting for a result. `docs/POOL.md` has the
//!   measurements, beside other pools.
//!
//! # What to beware of
//!
//! A job that waits for another job of its own pool holds a worker meanwhile: with all workers
//! waiting nothing moves again. Panics are caught by unwinding, so with `panic = "abort"` a job
//! that panics ends the program.

mod builder;
mod core;
mod error;
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
mod waitable;
mod watch;
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
pub use self::wait::{AsCompleted, AsCompletedTimeout, Until, Waited, as_completed, wait};
pub use self::waitable::Waitable;
pub use self::worker::worker_index;
