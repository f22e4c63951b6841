//! executor.py: what every executor can do.

use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Weak};

use fetchpool::pool::{BuildError, JobError, ThreadPool, TimedOut};

use crate::support::{Gate, HANG, SHORT, fail};

const WORKERS: usize = 5;

fn pool() -> ThreadPool {
    ThreadPool::new(WORKERS).unwrap()
}

fn ahead(look_ahead: usize) -> NonZeroUsize {
    NonZeroUsize::new(look_ahead).unwrap()
}

fn divmod((dividend, divisor): (u32, u32)) -> (u32, u32) {
    match dividend.checked_div(divisor) {
        Some(quotient) => (quotient, dividend % divisor),
        None => fail("division by zero"),
    }
}

#[test]
fn test_submit() {
    assert_eq!(
        pool().submit(|| 2_u32.pow(8)).unwrap().result().unwrap(),
        256
    );
}

#[test]
fn test_map() {
    let powers: Result<Vec<u64>, _> = pool().map(0..10_u32, |n| u64::from(n).pow(n)).collect();
    assert_eq!(
        powers.unwrap(),
        (0..10_u32).map(|n| u64::from(n).pow(n)).collect::<Vec<_>>()
    );
}

#[test]
fn test_map_exception() {
    let pool = pool();
    let mut results = pool.map([(5, 2), (5, 3), (5, 0), (5, 5)], divmod);
    assert_eq!(results.next().unwrap().unwrap(), (2, 1));
    assert_eq!(results.next().unwrap().unwrap(), (1, 2));
    let failed = results.next().unwrap().unwrap_err();
    assert_eq!(failed.to_string(), "the job panicked: division by zero");
    assert_eq!(results.next().unwrap().unwrap(), (1, 0));
    assert!(results.next().is_none());
    assert!(results.next().is_none());
}

#[test]
fn test_map_timeout_from_callable() {
    let pool = pool();
    let time_out_on_one = |n| {
        if n == 1 {
            Err(TimedOut {
                unfinished: 1,
                total: 1,
            })
        } else {
            Ok(n)
        }
    };
    let results: Vec<_> = pool.map(0..4, time_out_on_one).timeout(HANG).collect();
    let results: Vec<_> = results
        .into_iter()
        .map(|result| result.expect("in time").expect("no panic"))
        .collect();
    assert_eq!(
        results.iter().map(Result::is_ok).collect::<Vec<_>>(),
        [true, false, true, true]
    );
}

#[test]
fn test_map_timeout() {
    // The one worker starts the third job when the first two have ended.
    let pool = ThreadPool::new(1).unwrap();
    let (begun, gate) = (Gate::default(), Gate::default());
    let results = {
        let (begun, gate) = (begun.clone(), gate.clone());
        pool.map(0..3, move |n| {
            if n == 2 {
                begun.open();
                gate.wait();
            }
            n
        })
    };
    begun.wait();
    let mut results = results.timeout(SHORT);
    assert_eq!(results.next().unwrap().unwrap().unwrap(), 0);
    assert_eq!(results.next().unwrap().unwrap().unwrap(), 1);
    let timed_out = results.next().unwrap().unwrap_err();
    assert_eq!((timed_out.unfinished, timed_out.total), (1, 3));
    assert!(results.next().is_none());
    gate.open();
}

#[test]
fn test_map_close() {
    let pool = ThreadPool::new(1).unwrap();
    let (begun, gate) = (Gate::default(), Gate::default());
    let ran = Arc::new(AtomicU32::new(0));
    let mut results = {
        let (begun, gate, ran) = (begun.clone(), gate.clone(), Arc::clone(&ran));
        pool.map(0..4, move |n| {
            ran.fetch_add(1, Ordering::SeqCst);
            if n == 1 {
                begun.open();
                gate.wait();
            }
        })
    };
    results.next().unwrap().unwrap();
    begun.wait();
    drop(results);
    gate.open();
    drop(pool);
    assert_eq!(
        ran.load(Ordering::SeqCst),
        2,
        "the two that had not begun were cancelled"
    );
}

#[test]
fn test_map_buffersize() {
    let pool = pool();
    for look_ahead in [1, 2, 4, 8] {
        let results: Result<Vec<_>, _> = pool
            .map_ahead(ahead(look_ahead), 0..4, |n: i32| n.to_string())
            .collect();
        assert_eq!(results.unwrap(), ["0", "1", "2", "3"]);
    }
}

#[test]
fn test_map_buffersize_on_multiple_iterables() {
    let pool = pool();
    for look_ahead in [1, 2, 4, 8] {
        let results: Result<Vec<_>, _> = pool
            .map_ahead(ahead(look_ahead), (0..4).zip(0..4), |(a, b)| a + b)
            .collect();
        assert_eq!(results.unwrap(), [0, 2, 4, 6]);
    }
}

#[test]
fn test_map_buffersize_on_infinite_iterable() {
    let pool = pool();
    let results: Result<Vec<_>, _> = pool
        .map_ahead(ahead(2), 0.., |n: i32| n.to_string())
        .take(3)
        .collect();
    assert_eq!(results.unwrap(), ["0", "1", "2"]);
}

#[test]
fn test_map_buffersize_on_multiple_infinite_iterables() {
    let pool = pool();
    let results: Result<Vec<_>, _> = pool
        .map_ahead(ahead(2), (0..).zip(0..), |(a, b): (i32, i32)| a + b)
        .take(3)
        .collect();
    assert_eq!(results.unwrap(), [0, 2, 4]);
}

#[test]
fn test_map_buffersize_on_empty_iterable() {
    assert!(pool().map_ahead(ahead(2), [], |n: i32| n).next().is_none());
}

#[test]
fn test_map_buffersize_when_buffer_is_full() {
    let pool = pool();
    let taken = Arc::new(AtomicU32::new(0));
    let counted = {
        let taken = Arc::clone(&taken);
        (0..4).inspect(move |_| {
            taken.fetch_add(1, Ordering::SeqCst);
        })
    };
    let results = pool.map_ahead(ahead(2), counted, |n: i32| n);
    pool.join();
    assert_eq!(
        taken.load(Ordering::SeqCst),
        2,
        "no more than the look-ahead was taken from the iterator"
    );
    // Submitted jobs have run. The pool refuses new ones.
    let results: Vec<_> = results.collect();
    assert!(
        matches!(results[..], [Ok(0), Ok(1), Err(JobError::Cancelled)]),
        "{results:?}"
    );
}

#[test]
fn test_shutdown_race_issue12456() {
    let pool = pool();
    let results = pool.map(vec![2; WORKERS + 1], |n: i32| n.to_string());
    pool.join();
    assert!(results.map(Result::unwrap).eq(vec!["2"; WORKERS + 1]));
}

#[test]
fn test_no_stale_references() {
    let pool = pool();
    let object = Arc::new(());
    let held = Arc::downgrade(&object);
    // The future is dropped on purpose.
    drop(pool.submit(move || drop(Arc::clone(&object))).unwrap());
    pool.wait_idle();
    assert_eq!(held.strong_count(), 0);
}

#[test]
fn test_max_workers_negative() {
    let error = ThreadPool::new(0).unwrap_err();
    assert!(matches!(error, BuildError::NoWorkers));
    assert!(
        error
            .to_string()
            .ends_with("the number of workers must be at least 1"),
        "{error}"
    );
}

#[test]
fn test_free_reference() {
    let pool = pool();
    for object in pool.map(0..10, |_| Arc::new(())) {
        let object = object.unwrap();
        let held: Weak<()> = Arc::downgrade(&object);
        drop(object);
        assert_eq!(
            held.strong_count(),
            0,
            "nothing but the caller holds a result that was given out"
        );
    }
}
