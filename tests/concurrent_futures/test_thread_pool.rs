//! test_thread_pool.py: tests of thread pools only.

use std::collections::HashSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use fetchpool::pool::{Builder, ThreadPool};

use crate::support::Gate;

#[test]
fn test_map_submits_without_iteration() {
    let pool = ThreadPool::new(5).unwrap();
    let finished = Arc::new(Mutex::new(Vec::new()));
    let results = {
        let finished = Arc::clone(&finished);
        pool.map(0..10, move |n| finished.lock().unwrap().push(n))
    };
    pool.join();
    drop(results);
    let mut finished = finished.lock().unwrap();
    finished.sort_unstable();
    assert!(finished.iter().copied().eq(0..10));
}

#[test]
fn test_default_workers() {
    let expected = thread::available_parallelism()
        .map_or(1, usize::from)
        .saturating_add(4)
        .min(32);
    assert_eq!(Builder::default().build().unwrap().workers(), expected);
}

#[test]
fn test_saturation() {
    let pool = ThreadPool::new(4).unwrap();
    let gate = Gate::default();
    let (begun, all_begun) = std::sync::mpsc::channel();
    let jobs = (0..15 * pool.workers()).map(|_| {
        let (gate, begun) = (gate.clone(), begun.clone());
        move || {
            begun.send(thread::current().id()).unwrap();
            gate.wait();
        }
    });
    let futures = pool.submit_all(jobs).unwrap();
    let busy: HashSet<_> = all_begun.iter().take(4).collect();
    assert_eq!(busy.len(), 4, "each worker has one");
    assert_eq!(pool.queued(), 14 * 4, "and the rest waits");
    gate.open();
    for future in futures {
        future.result().unwrap();
    }
    let later: HashSet<_> = all_begun.try_iter().collect();
    assert!(later.is_subset(&busy), "no thread was added");
}

/// All threads start at once, so the test is that no other starts later.
#[test]
fn test_idle_thread_reuse() {
    let begun = Arc::new(AtomicUsize::new(0));
    let pool = {
        let begun = Arc::clone(&begun);
        Builder::new(2)
            .initializer(move || {
                begun.fetch_add(1, Ordering::SeqCst);
                Ok(())
            })
            .build()
            .unwrap()
    };
    let mut threads = HashSet::new();
    for n in 0..100 {
        let job = move || (thread::current().id(), n);
        let (thread, result) = pool.submit(job).unwrap().result().unwrap();
        assert_eq!(result, n);
        threads.insert(thread);
    }
    assert!((1..=2).contains(&threads.len()));
    drop(pool);
    assert_eq!(begun.load(Ordering::SeqCst), 2);
}

#[test]
fn test_executor_map_current_future_cancel() {
    let pool = ThreadPool::new(1).unwrap();
    let stop = Gate::default();
    let log = Arc::new(Mutex::new(Vec::new()));
    let log_and_wait = {
        let (stop, log) = (stop.clone(), Arc::clone(&log));
        move |name: &'static str| {
            log.lock().unwrap().push(format!("{name} started"));
            stop.wait();
            log.lock().unwrap().push(format!("{name} stopped"));
        }
    };
    let first = {
        let log_and_wait = log_and_wait.clone();
        pool.submit(move || log_and_wait("first")).unwrap()
    };
    let mut results = pool
        .map(["second", "third"], log_and_wait)
        .timeout(Duration::ZERO);
    let timed_out = results.next().unwrap().unwrap_err();
    assert_eq!((timed_out.unfinished, timed_out.total), (2, 2));
    drop(results);
    stop.open();
    first.result().unwrap();
    drop(pool);
    assert_eq!(*log.lock().unwrap(), ["first started", "first stopped"]);
}
