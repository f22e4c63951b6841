//! The scoped pool, and pools used from within their own jobs.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

use fetchpool::pool::{
    BuildError, Builder, JobError, Pending, ThreadPool, Until, scope, wait, worker_index,
};

#[test]
fn jobs_and_results_borrow_from_the_caller() {
    let text = String::from("a list of words");
    let longest = scope(3, |pool| {
        let words = pool
            .submit_all(text.split(' ').map(|word| move || word))
            .unwrap();
        let words = words.into_iter().map(|word| word.result().unwrap());
        words.max_by_key(|word| word.len()).unwrap().len()
    });
    assert_eq!(longest.unwrap(), 5);
}

#[test]
fn jobs_write_to_what_they_borrow_each_its_own_part() {
    let mut squares: Vec<u64> = (0..1000).collect();
    scope(4, |pool| {
        let jobs = squares
            .iter_mut()
            .map(|n| (move || *n *= *n, |_: Result<(), JobError>| ()));
        pool.submit_all_with(jobs).unwrap();
    })
    .unwrap();
    assert!(squares.into_iter().eq((0..1000).map(|n| n * n)));
}

#[test]
fn the_block_ends_only_when_its_jobs_have() {
    let ran = AtomicUsize::new(0);
    scope(2, |pool| {
        for _ in 0..100 {
            let job = || {
                thread::yield_now();
                ran.fetch_add(1, Ordering::SeqCst)
            };
            drop(pool.submit(job).unwrap());
        }
    })
    .unwrap();
    assert_eq!(ran.into_inner(), 100);
}

#[test]
fn a_block_that_panics_ends_its_workers_and_goes_on_panicking() {
    let ran = AtomicUsize::new(0);
    let outcome = catch_unwind(AssertUnwindSafe(|| {
        scope(2, |pool| {
            drop(pool.submit(|| ran.fetch_add(1, Ordering::SeqCst)).unwrap());
            resume_unwind(Box::new("the block"))
        })
    }));
    let payload = outcome
        .map(|never: Result<(), BuildError>| never.unwrap())
        .unwrap_err();
    assert_eq!(payload.downcast_ref(), Some(&"the block"));
    assert_eq!(ran.into_inner(), 1);
}

#[test]
fn a_panic_in_a_scoped_job_is_a_value_and_no_worker_is_lost() {
    scope(1, |pool| {
        for _ in 0..100 {
            let outcome = pool.submit(|| resume_unwind(Box::new("job"))).unwrap().result();
            assert!(matches!(outcome, Err::<(), _>(JobError::Panicked(panic)) if panic.message() == "job"));
        }
        assert_eq!(pool.submit(worker_index).unwrap().result().unwrap(), Some(0));
    })
    .unwrap();
}

#[test]
fn a_block_can_cancel_what_has_not_begun() {
    let begun = AtomicUsize::new(0);
    let gate = Mutex::new(());
    scope(1, |pool| {
        let shut = gate.lock().unwrap();
        let jobs = (0..10).map(|_| {
            || {
                begun.fetch_add(1, Ordering::SeqCst);
                drop(gate.lock().unwrap());
            }
        });
        let futures = pool.submit_all(jobs).unwrap();
        while begun.load(Ordering::SeqCst) == 0 {
            thread::yield_now();
        }
        pool.shutdown(Pending::Cancel);
        assert_eq!(
            futures.iter().filter(|future| future.cancelled()).count(),
            9
        );
        drop(shut);
        assert!(
            wait(&futures, Until::AllCompleted, None)
                .not_done
                .is_empty()
        );
    })
    .unwrap();
}

#[test]
fn a_builder_sets_up_a_scope_too() {
    let error = scope(0, |_| ()).unwrap_err();
    assert!(matches!(error, BuildError::NoWorkers));
    let name = || thread::current().name().map(String::from);
    let named = Builder::new(1)
        .thread_name_prefix("scoped")
        .scope(|pool| pool.submit(name).unwrap().result());
    assert_eq!(named.unwrap().unwrap().unwrap(), "scoped_0");
    let failing = Builder::new(1).initializer(|| Err("no luck".into()));
    let outcome = failing.scope(|pool| match pool.submit(|| 1) {
        Ok(future) => future.result().map_err(|error| error.to_string()),
        Err(refused) => Err(refused.to_string()),
    });
    assert_eq!(
        outcome.unwrap().unwrap_err(),
        "the pool is broken: the initializer failed: no luck"
    );
}

#[test]
fn jobs_submit_jobs() {
    let leaves = AtomicUsize::new(0);
    scope(3, |pool| {
        let handle = pool.clone();
        let leaves = &leaves;
        let children = move || -> Vec<_> {
            let leaf = || leaves.fetch_add(1, Ordering::SeqCst);
            (0..10).map(|_| handle.submit(leaf).unwrap()).collect()
        };
        let children = pool.submit(children).unwrap().result().unwrap();
        assert_eq!(wait(children, Until::AllCompleted, None).done.len(), 10);
    })
    .unwrap();
    assert_eq!(leaves.into_inner(), 10);
}

#[test]
fn waits_for_ones_own_pool_return_at_once() {
    let pool = Arc::new(ThreadPool::new(1).unwrap());
    let inside = Arc::clone(&pool);
    let job = move || {
        inside.wait_idle();
        inside.join();
        inside.submit(|| ()).is_err()
    };
    assert!(
        pool.submit(job).unwrap().result().unwrap(),
        "joined, it was shut down"
    );
}

#[test]
fn a_detached_pool_runs_what_is_queued() {
    let pool = ThreadPool::new(1).unwrap();
    let futures = pool.submit_all((0..100).map(|n| move || n)).unwrap();
    pool.detach();
    assert!(
        futures
            .into_iter()
            .map(|future| future.result().unwrap())
            .eq(0..100)
    );
}
