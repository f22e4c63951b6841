//! CPython's own tests of `concurrent.futures` (Lib/test/test_concurrent_futures, up to 3.15), for
//! `fetchpool::pool`.
//!
//! Each test there that has a meaning in Rust has a test here, under the same name, in a module
//! for each of its files. Gates replace the sleeps of the original. Left out:
//!
//! | original | why there is nothing to test |
//! |---|---|
//! | `executor.test_submit_keyword` | a job is a closure and captures its arguments |
//! | `executor.test_map_buffersize_type_validation` | the look-ahead is a `NonZeroUsize`: nothing else compiles |
//! | `executor.test_map_buffersize_value_validation` | the same |
//! | `executor.test_map_buffersize_without_iterable` | `map` takes one iterator: none, or several, do not compile (`zip` them) |
//! | `executor.test_swallows_falsey_exceptions` | Rust values have no truth value, so none can hide an error |
//! | `test_future.test_class_str` | types have no text form |
//! | `test_future.test_multiple_set_result`, `test_multiple_set_exception` | only the pool sets an outcome, and consumes the job in doing so |
//! | `test_shutdown.test_interpreter_shutdown`, `test_submit_after_interpreter_shutdown` | no code runs after `main`: a pool waits for its jobs when it is dropped, before that |
//! | `test_thread_pool.test_hang_global_shutdown_lock`, `test_process_fork_from_a_threadpool` | about `fork` without `exec`, which safe Rust does not have |
//! | `test_init.FailingInitializerResourcesTest` | about the resource tracker of process pools |
//! | `test_process_pool`, `test_deadlock`, `test_interpreter_pool`, `ProcessPoolShutdownTest` | about processes, pickling and interpreters |
//!
//! Differences: `add_done_callback` gives its callback the future, `on_done` the outcome.
//! `exception()` is the `Err` of `result`. A cancelled future is done at once, in Python when a
//! worker removes it from the queue. `map` submits three jobs a worker ahead, in Python everything
//! unless it has a `buffersize`. A future is done after its callbacks, in Python before them.

#[path = "concurrent_futures/support.rs"]
mod support;
#[path = "concurrent_futures/test_as_completed.rs"]
mod test_as_completed;
#[path = "concurrent_futures/test_executor.rs"]
mod test_executor;
#[path = "concurrent_futures/test_future.rs"]
mod test_future;
#[path = "concurrent_futures/test_init.rs"]
mod test_init;
#[path = "concurrent_futures/test_shutdown.rs"]
mod test_shutdown;
#[path = "concurrent_futures/test_thread_pool.rs"]
mod test_thread_pool;
#[path = "concurrent_futures/test_wait.rs"]
mod test_wait;
