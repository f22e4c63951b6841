//! test_shutdown.py: how an executor ends.

use std::cell::RefCell;
use std::collections::HashSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Barrier};
use std::thread;

use fetchpool::pool::{Builder, JobError, Pending, Refusal, ThreadPool, scope};

use crate::support::{Gate, States};

/// The names of all threads of a pool.
fn thread_names(pool: &ThreadPool) -> HashSet<String> {
    let barrier = Arc::new(Barrier::new(pool.workers()));
    let jobs = (0..pool.workers()).map(|_| {
        let barrier = Arc::clone(&barrier);
        move || {
            barrier.wait();
            thread::current().name().unwrap().to_owned()
        }
    });
    let futures = pool.submit_all(jobs).unwrap();
    futures
        .into_iter()
        .map(|future| future.result().unwrap())
        .collect()
}

#[test]
fn test_run_after_shutdown() {
    let pool = ThreadPool::new(5).unwrap();
    pool.shutdown(Pending::Run);
    let refused = pool.submit(|| 2_u32.pow(5)).unwrap_err();
    assert!(matches!(refused.refusal(), Refusal::ShutDown));
    assert_eq!(refused.into_job()(), 32);
    let refused = pool.submit_all((0..3).map(|n| move || n)).unwrap_err();
    assert_eq!(
        refused
            .into_job()
            .into_iter()
            .map(|job| job())
            .collect::<Vec<_>>(),
        [0, 1, 2]
    );
}

#[test]
fn test_hang_issue12364() {
    let pool = ThreadPool::new(5).unwrap();
    let futures: Vec<_> = (0..50)
        .map(|_| pool.submit(thread::yield_now).unwrap())
        .collect();
    pool.join();
    for future in futures {
        assert!(future.done());
        future.result().unwrap();
    }
}

#[test]
fn test_cancel_futures() {
    let pool = ThreadPool::new(5).unwrap();
    let gate = Gate::default();
    let begun = Arc::new(Barrier::new(6));
    let jobs = (0..50).map(|_| {
        let (gate, begun) = (gate.clone(), Arc::clone(&begun));
        move || {
            begun.wait();
            gate.wait();
        }
    });
    let futures = pool.submit_all(jobs).unwrap();
    begun.wait();
    pool.shutdown(Pending::Cancel);
    let cancelled = futures.iter().filter(|future| future.cancelled()).count();
    assert_eq!(cancelled, 45, "all but the five that had begun");
    gate.open();
    pool.join();
    for future in futures.into_iter().filter(|future| !future.cancelled()) {
        assert!(future.done());
        future.result().unwrap();
    }
}

#[test]
fn test_hang_gh83386() {
    let pool = ThreadPool::new(3).unwrap();
    let gate = Gate::default();
    let future = {
        let gate = gate.clone();
        pool.submit(move || gate.wait()).unwrap()
    };
    pool.shutdown(Pending::Run);
    gate.open();
    drop(pool);
    assert!(future.done());
    future.result().unwrap();
}

#[test]
fn test_hang_gh94440() {
    let states = States::new();
    assert!(states.pending.cancel());
    states.gate.open();
    states.pool.join();
    assert!(matches!(states.pending.result(), Err(JobError::Cancelled)));
}

#[test]
fn test_threads_terminate() {
    thread_local! {
        static AT_END: RefCell<Option<AtEnd>> = const { RefCell::new(None) };
    }
    struct AtEnd(Arc<AtomicUsize>);
    impl Drop for AtEnd {
        fn drop(&mut self) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }
    let ended = Arc::new(AtomicUsize::new(0));
    let initializer = {
        let ended = Arc::clone(&ended);
        move || {
            AT_END.set(Some(AtEnd(Arc::clone(&ended))));
            Ok(())
        }
    };
    let pool = Builder::new(3).initializer(initializer).build().unwrap();
    assert_eq!(thread_names(&pool).len(), 3);
    assert_eq!(ended.load(Ordering::SeqCst), 0);
    pool.join();
    assert_eq!(
        ended.load(Ordering::SeqCst),
        3,
        "the threads themselves have ended, destructors and all"
    );
}

#[test]
fn test_context_manager_shutdown() {
    let ran = AtomicUsize::new(0);
    let numbers: Vec<i32> = (-5..5).collect();
    let absolute = scope(5, |pool| {
        for _ in 0..20 {
            // Only the end of the block waits for these jobs.
            drop(pool.submit(|| ran.fetch_add(1, Ordering::SeqCst)).unwrap());
        }
        pool.map(&numbers, |n| n.abs())
            .collect::<Result<Vec<_>, _>>()
    });
    assert_eq!(absolute.unwrap().unwrap(), [5, 4, 3, 2, 1, 0, 1, 2, 3, 4]);
    assert_eq!(ran.into_inner(), 20);
}

#[test]
fn test_del_shutdown() {
    let pool = ThreadPool::new(5).unwrap();
    let results = pool.map(-5..5, i32::abs);
    drop(pool);
    // All ten were submitted at once, and ran before the pool ended.
    let results: Result<Vec<_>, _> = results.take(10).collect();
    assert_eq!(results.unwrap(), [5, 4, 3, 2, 1, 0, 1, 2, 3, 4]);
}

#[test]
fn test_shutdown_no_wait() {
    let pool = ThreadPool::new(5).unwrap();
    let results = pool.map(-5..5, i32::abs);
    pool.shutdown(Pending::Run);
    pool.detach();
    let results: Result<Vec<_>, _> = results.collect();
    assert_eq!(results.unwrap(), [5, 4, 3, 2, 1, 0, 1, 2, 3, 4]);
}

#[test]
fn test_thread_names_assigned() {
    let pool = Builder::new(5)
        .thread_name_prefix("SpecialPool")
        .build()
        .unwrap();
    let expected = (0..5).map(|n| format!("SpecialPool_{n}")).collect();
    assert_eq!(thread_names(&pool), expected);
}

#[test]
fn test_thread_names_default() {
    let pools = [ThreadPool::new(5).unwrap(), ThreadPool::new(5).unwrap()];
    let [one, other] = pools.each_ref().map(thread_names);
    assert!(one.is_disjoint(&other), "{one:?} {other:?}");
    for name in one.iter().chain(&other) {
        let (pool, worker) = name
            .strip_prefix("pool-")
            .and_then(|rest| rest.split_once('_'))
            .expect(name);
        assert!(
            pool.parse::<u32>().is_ok() && matches!(worker, "0" | "1" | "2" | "3" | "4"),
            "{name}"
        );
    }
}

#[test]
fn test_cancel_futures_wait_false() {
    let pool = ThreadPool::new(1).unwrap();
    let future = pool.submit(|| "apple").unwrap();
    pool.shutdown(Pending::Cancel);
    pool.detach();
    // The future is answered in either order.
    assert!(matches!(
        future.result(),
        Ok("apple") | Err(JobError::Cancelled)
    ));
}
