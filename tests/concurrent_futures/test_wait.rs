//! test_wait.py: waiting for the first, the first that fails, or all.

use std::thread;

use fetchpool::pool::{Future, ThreadPool, Until, Waited, wait};

use crate::support::{Gate, HANG, SHORT, States, fail};

/// Which of `all` are done, and which are not, by index.
fn places(all: &[&Future<i32>], waited: &Waited<&Future<i32>>) -> (Vec<usize>, Vec<usize>) {
    let place = |future: &&Future<i32>| {
        all.iter()
            .position(|other| std::ptr::eq(*future, *other))
            .unwrap()
    };
    let mut done: Vec<_> = waited.done.iter().map(place).collect();
    done.sort_unstable();
    (done, waited.not_done.iter().map(place).collect())
}

fn held(pool: &ThreadPool, gate: &Gate) -> Future<i32> {
    let gate = gate.clone();
    let job = move || {
        gate.wait();
        0
    };
    pool.submit(job).unwrap()
}

#[test]
fn test_20369() {
    let pool = ThreadPool::new(1).unwrap();
    let future = pool.submit(|| 2).unwrap();
    let waited = wait([&future, &future], Until::AllCompleted, None);
    assert_eq!((waited.done.len(), waited.not_done.len()), (1, 0));
}

#[test]
fn test_first_completed() {
    let pool = ThreadPool::new(2).unwrap();
    let gate = Gate::default();
    let future1 = pool.submit(|| 21 * 2).unwrap();
    let future2 = held(&pool, &gate);
    let all = [&future1, &future2];
    let waited = wait(all, Until::FirstCompleted, Some(HANG));
    assert_eq!(places(&all, &waited), (vec![0], vec![1]));
    gate.open();
}

#[test]
fn test_first_completed_some_already_completed() {
    let states = States::new();
    let all = [&states.cancelled, &states.finished, &states.running];
    let waited = wait(all, Until::FirstCompleted, None);
    assert_eq!(places(&all, &waited), (vec![0, 1], vec![2]));
}

#[test]
fn test_first_exception() {
    let pool = ThreadPool::new(3).unwrap();
    let (gate2, gate3) = (Gate::default(), Gate::default());
    let future1 = pool.submit(|| 2 * 21).unwrap();
    let future2 = {
        let gate = gate2.clone();
        let job = move || {
            gate.wait();
            fail("this is an exception")
        };
        pool.submit(job).unwrap()
    };
    let future3 = held(&pool, &gate3);
    let all = [&future1, &future2, &future3];
    thread::scope(|scope| {
        scope.spawn(|| {
            assert!(future1.wait(Some(HANG)));
            gate2.open();
        });
        let waited = wait(all, Until::FirstFailed, Some(HANG));
        assert_eq!(places(&all, &waited), (vec![0, 1], vec![2]));
    });
    gate3.open();
}

#[test]
fn test_first_exception_some_already_complete() {
    let states = States::new();
    let pool = ThreadPool::new(1).unwrap();
    let future1 = pool.submit(|| fail("division by zero")).unwrap();
    let all = [
        &states.finished,
        &states.cancelled,
        &future1,
        &states.running,
    ];
    let waited = wait(all, Until::FirstFailed, Some(HANG));
    assert_eq!(places(&all, &waited), (vec![0, 1, 2], vec![3]));
}

#[test]
fn test_first_exception_one_already_failed() {
    let states = States::new();
    let all = [&states.failed, &states.running];
    let waited = wait(all, Until::FirstFailed, None);
    assert_eq!(places(&all, &waited), (vec![0], vec![1]));
}

#[test]
fn test_all_completed() {
    let states = States::new();
    let pool = ThreadPool::new(2).unwrap();
    let future1 = pool.submit(|| fail("division by zero")).unwrap();
    let future2 = pool.submit(|| 2 * 21).unwrap();
    let all = [
        &states.finished,
        &states.cancelled,
        &states.failed,
        &future1,
        &future2,
    ];
    let waited = wait(all, Until::AllCompleted, None);
    assert_eq!(places(&all, &waited), (vec![0, 1, 2, 3, 4], vec![]));
}

#[test]
fn test_timeout() {
    let states = States::new();
    let all = [
        &states.cancelled,
        &states.failed,
        &states.finished,
        &states.running,
    ];
    let waited = wait(all, Until::AllCompleted, Some(SHORT));
    assert_eq!(places(&all, &waited), (vec![0, 1, 2], vec![3]));
}

#[test]
fn test_pending_calls_race() {
    let pool = ThreadPool::new(5).unwrap();
    let gate = Gate::default();
    let futures: Vec<_> = (0..100).map(|_| held(&pool, &gate)).collect();
    thread::scope(|scope| {
        let waits: Vec<_> = (0..4)
            .map(|_| scope.spawn(|| wait(&futures, Until::AllCompleted, Some(HANG)).done.len()))
            .collect();
        gate.open();
        for waited in waits {
            assert_eq!(waited.join().unwrap(), 100);
        }
    });
}
