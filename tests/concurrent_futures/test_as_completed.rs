//! test_as_completed.py: futures in the order of completion.

use std::iter::repeat_n;
use std::sync::Arc;
use std::time::Duration;

use fetchpool::pool::{Future, ThreadPool, as_completed};

use crate::support::{Gate, SHORT, States};

/// Futures have no order and no equality, so this compares their addresses.
fn is<T>(one: &Future<T>, other: &Future<T>) -> bool {
    std::ptr::eq(one, other)
}

fn holds_all(given: &[&Future<i32>], expected: &[&Future<i32>]) -> bool {
    given.len() == expected.len()
        && expected
            .iter()
            .all(|future| given.iter().any(|other| is(future, other)))
}

#[test]
fn test_no_timeout() {
    let states = States::new();
    let pool = ThreadPool::new(2).unwrap();
    let future1 = pool.submit(|| 2 * 21).unwrap();
    let future2 = pool.submit(|| 7 * 6).unwrap();
    let all = [
        &states.cancelled,
        &states.failed,
        &states.finished,
        &future1,
        &future2,
    ];
    let completed: Vec<_> = as_completed(all).collect();
    assert!(holds_all(&completed, &all));
}

#[test]
fn test_future_times_out() {
    let states = States::new();
    let already_completed = [&states.cancelled, &states.failed, &states.finished];
    for timeout in [Duration::ZERO, SHORT] {
        let all = already_completed.into_iter().chain([&states.running]);
        let mut completed = as_completed(all).timeout(timeout);
        let in_time: Vec<_> = completed.by_ref().map_while(Result::ok).collect();
        assert!(holds_all(&in_time, &already_completed));
        assert!(completed.next().is_none());
        assert!(holds_all(&completed.into_unfinished(), &[&states.running]));
    }
}

#[test]
fn test_zero_timeout() {
    let states = States::new();
    let all = [
        &states.running,
        &states.cancelled,
        &states.failed,
        &states.finished,
    ];
    let completed: Vec<_> = as_completed(all).timeout(Duration::ZERO).collect();
    assert!(
        completed[..3]
            .iter()
            .all(|future| future.is_ok_and(Future::done))
    );
    assert!(completed[3].is_err());
    assert_eq!(completed.len(), 4);
}

#[test]
fn test_duplicate_futures() {
    let pool = ThreadPool::new(1).unwrap();
    let gate = Gate::default();
    let future = {
        let gate = gate.clone();
        pool.submit(move || gate.wait()).unwrap()
    };
    let completed = as_completed(repeat_n(&future, 3));
    gate.open();
    assert_eq!(completed.count(), 1);
}

#[test]
fn test_free_reference_yielded_future() {
    let pool = ThreadPool::new(1).unwrap();
    let gates: Vec<Gate> = (0..8).map(|_| Gate::default()).collect();
    let mut results = Vec::new();
    let mut futures = Vec::new();
    for gate in &gates {
        let result = Arc::new(());
        results.push(Arc::downgrade(&result));
        let gate = gate.clone();
        let job = move || {
            gate.wait();
            result
        };
        futures.push(pool.submit(job).unwrap());
    }
    gates[0].open();
    for (nth, future) in as_completed(futures).enumerate() {
        // With one worker they complete in the order of submission.
        drop(future.result());
        assert_eq!(
            results[nth].strong_count(),
            0,
            "the iterator keeps nothing of what it has given"
        );
        if let Some(next) = gates.get(nth + 1) {
            assert_eq!(results[nth + 1].strong_count(), 1);
            next.open();
        }
    }
}

#[test]
fn test_correct_timeout_exception_msg() {
    let states = States::new();
    let all = [
        &states.cancelled,
        &states.pending,
        &states.running,
        &states.finished,
    ];
    let error = as_completed(all)
        .timeout(Duration::ZERO)
        .find_map(Result::err)
        .unwrap();
    assert_eq!(error.to_string(), "timed out: 2 (of 4) futures unfinished");
}
