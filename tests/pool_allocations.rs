//! A job takes one allocation, and a wait leaves no memory allocated.
//!
//! The allocator counts over all threads of the process, so this program has one test.

use std::alloc::System;
use std::sync::mpsc;
use std::time::Duration;

use fetchpool::pool::{JobError, ThreadPool, Until, as_completed, scope, wait};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

const JOBS: usize = 10_000;

/// Allocations for each job, in hundredths. A first run lets queues grow to their final size.
fn hundredths(mut run: impl FnMut()) -> usize {
    run();
    let region = Region::new(ALLOCATOR);
    run();
    let change = region.change();
    (change.allocations + change.reallocations) * 100 / JOBS
}

#[test]
fn a_job_takes_one_allocation_and_a_wait_leaves_nothing() {
    let pool = ThreadPool::new(4).unwrap();
    let value = 7_u64;

    let one_by_one = hundredths(|| {
        for _ in 0..JOBS {
            assert_eq!(pool.submit(move || value).unwrap().result().unwrap(), value);
        }
    });
    let batches = hundredths(|| {
        let futures = pool.submit_all((0..JOBS).map(|_| move || value)).unwrap();
        futures
            .into_iter()
            .for_each(|future| assert_eq!(future.result().unwrap(), value));
    });
    let delivered = hundredths(|| {
        let check = move |outcome: Result<u64, JobError>| assert_eq!(outcome.unwrap(), value);
        pool.submit_all_with((0..JOBS).map(|_| (move || value, check)))
            .unwrap();
        pool.wait_idle();
    });

    let called_back = hundredths(|| {
        for _ in 0..JOBS {
            let future = pool.submit(move || value).unwrap();
            future.on_done(move |outcome| assert!(outcome.is_ok_and(|it| *it == value)));
            assert!(future.wait(None));
        }
    });
    let as_they_complete = hundredths(|| {
        let futures = pool.submit_all((0..JOBS).map(|_| move || value)).unwrap();
        as_completed(futures).for_each(|future| assert_eq!(future.result().unwrap(), value));
    });
    let mapped = hundredths(|| {
        assert!(
            pool.map(0..JOBS as u64, move |n| n + value)
                .map(Result::unwrap)
                .eq((0..JOBS as u64).map(|n| n + value))
        );
    });
    let scoped = hundredths(|| {
        let sum: u64 = scope(4, |scope| {
            let jobs = (0..JOBS).map(|_| || value);
            let futures = scope.submit_all(jobs).expect("the scope is open");
            futures
                .into_iter()
                .map(|future| future.result().expect("no panic"))
                .sum()
        })
        .expect("threads");
        assert_eq!(sum, JOBS as u64 * value);
    });

    // A job's share of the growth of queues and batches is less than a tenth of an allocation.
    for (way, hundredths, allocations) in [
        ("one by one", one_by_one, 1),
        ("batches", batches, 1),
        ("delivered", delivered, 1),
        ("as they complete", as_they_complete, 1),
        ("mapped", mapped, 1),
        ("scoped", scoped, 1),
        // The callback is the second allocation.
        ("called back", called_back, 2),
    ] {
        assert!(
            (100 * allocations..100 * allocations + 10).contains(&hundredths),
            "{way}: {hundredths} hundredths of an allocation a job"
        );
    }

    let burst = bytes_left(|| {
        pool.submit_all_with((0..100 * JOBS).map(|_| (|| (), |_: Result<(), JobError>| ())))
            .unwrap();
        pool.wait_idle();
        // Makes a worker look at the empty queue again.
        pool.submit(|| ()).unwrap().result().unwrap();
        pool.wait_idle();
    });
    assert!(burst < 5_000_000, "{burst} bytes are left of a burst");

    let (open, gate) = mpsc::channel::<()>();
    let held = pool.submit(move || gate.recv()).unwrap();
    let left = bytes_left(|| {
        for _ in 0..1000 {
            let waited = wait([&held], Until::AllCompleted, Some(Duration::ZERO));
            assert_eq!(waited.not_done.len(), 1);
            assert!(
                as_completed([&held])
                    .timeout(Duration::ZERO)
                    .all(|future| future.is_err())
            );
        }
    });
    assert!(left < 1000, "{left} bytes are left of 2000 waits in vain");
    open.send(()).unwrap();
}

/// The difference of allocated memory before and after the run.
fn bytes_left(run: impl FnOnce()) -> usize {
    let region = Region::new(ALLOCATOR);
    run();
    let change = region.change();
    change
        .bytes_allocated
        .saturating_sub(change.bytes_deallocated)
}
