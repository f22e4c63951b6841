//! Workers whose thread dies, which needs a job that only these tests can make, and threads that
//! cannot be started.

use std::any::Any;
use std::io;
use std::panic::resume_unwind;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Barrier, mpsc};
use std::thread;

use crate::pool::executor::{Executor, SpawnWorker};
use crate::pool::job::{BoxedJob, ignore_panic};
use crate::pool::queue::Pending;
use crate::pool::{BuildError, JobError, Refusal, ThreadPool, worker, worker_index};

/// A job whose panic is not caught, so that it ends its worker's thread.
struct Escapes(Box<dyn Any + Send>);

impl BoxedJob for Escapes {
    fn run(self: Box<Self>) {
        resume_unwind(self.0);
    }

    fn refuse(self: Box<Self>, _: JobError) {}
}

fn escape(executor: &Arc<Executor<'static>>) {
    assert!(
        executor
            .push([Box::new(Escapes(Box::new("escaped")))])
            .is_ok(),
        "an open pool accepts any job"
    );
}

/// Panics when it is dropped.
struct PanicsWhenDropped;

impl Drop for PanicsWhenDropped {
    fn drop(&mut self) {
        resume_unwind(Box::new("dropped"));
    }
}

/// An executor whose threads are not joined, and which starts none while `refuse` is set.
fn executor_that_refuses(workers: usize, refuse: &Arc<AtomicBool>) -> Arc<Executor<'static>> {
    let refuse = Arc::clone(refuse);
    let spawn: SpawnWorker<'static> = Box::new(move |executor, index| {
        if refuse.load(Ordering::SeqCst) {
            return Err(io::Error::other("no threads left"));
        }
        let executor = Arc::clone(executor);
        thread::Builder::new()
            .spawn(move || worker::run(executor, index))
            .map(drop)
    });
    let executor = Executor::new(workers, None, spawn);
    assert!(executor.start().is_ok());
    executor
}

/// Waits until every worker runs a job at the same time, and gives their indices, sorted.
fn workers_at_once(executor: &Arc<Executor<'static>>) -> Vec<Option<usize>> {
    let barrier = Arc::new(Barrier::new(executor.size));
    let jobs = (0..executor.size).map(|_| {
        let barrier = Arc::clone(&barrier);
        move || {
            barrier.wait();
            worker_index()
        }
    });
    let futures = executor.submit_all(jobs).expect("the pool is open");
    let mut indices: Vec<_> = futures
        .into_iter()
        .map(|future| future.result().expect("the job does not panic"))
        .collect();
    indices.sort_unstable();
    indices
}

fn all_indices(workers: usize) -> Vec<Option<usize>> {
    (0..workers).map(Some).collect()
}

#[test]
fn all_workers_are_there_after_thousands_of_panics_of_every_sort() {
    let pool = ThreadPool::new(4).unwrap();
    for round in 0..500 {
        let panicking = pool.submit(|| resume_unwind(Box::new("job"))).unwrap();
        let bad_payload = pool
            .submit(|| resume_unwind(Box::new(PanicsWhenDropped)))
            .unwrap();
        let bad_result = pool.submit(|| PanicsWhenDropped).unwrap();
        let captured = PanicsWhenDropped;
        let bad_capture = pool.submit(move || drop(captured)).unwrap();
        // The last handle drops it, which may be in this thread.
        ignore_panic(|| drop(bad_payload));
        ignore_panic(|| drop(bad_result));
        pool.submit_with(|| (), |_| resume_unwind(Box::new(PanicsWhenDropped)))
            .unwrap();
        pool.submit(|| ())
            .unwrap()
            .on_done(|_| resume_unwind(Box::new(PanicsWhenDropped)));
        escape(&pool.executor);
        assert!(
            matches!(panicking.result(), Err(JobError::Panicked(panic)) if panic.message() == "job")
        );
        assert!(
            matches!(bad_capture.result(), Err(JobError::Panicked(panic)) if panic.message() == "dropped")
        );
        if round % 50 == 0 {
            assert_eq!(workers_at_once(&pool.executor), all_indices(4));
            assert_eq!(pool.executor.live(), 4);
        }
    }
    assert_eq!(workers_at_once(&pool.executor), all_indices(4));
}

#[test]
fn a_deep_queue_is_run_to_its_end_though_workers_die() {
    for workers in [1, 4] {
        let pool = ThreadPool::new(workers).unwrap();
        let (open, gate) = mpsc::channel::<()>();
        let held = pool.submit(move || gate.recv()).unwrap();
        let mut futures = Vec::new();
        for n in 0..2000 {
            if n % 7 == 3 {
                escape(&pool.executor);
            } else {
                futures.push(pool.submit(move || n).unwrap());
            }
        }
        drop(open);
        let expected: Vec<_> = (0..2000).filter(|n| n % 7 != 3).collect();
        let results: Vec<_> = futures
            .into_iter()
            .map(|future| future.result().unwrap())
            .collect();
        assert_eq!(results, expected);
        assert!(held.result().unwrap().is_err());
        assert_eq!(workers_at_once(&pool.executor), all_indices(workers));
    }
}

#[test]
fn a_worker_that_could_not_be_replaced_is_replaced_at_the_next_submission() {
    let refuse = Arc::new(AtomicBool::new(false));
    let executor = executor_that_refuses(2, &refuse);
    refuse.store(true, Ordering::SeqCst);
    escape(&executor);
    while executor.live() > 1 {
        thread::yield_now();
    }
    refuse.store(false, Ordering::SeqCst);
    // The barrier in here opens only if both workers run.
    assert_eq!(workers_at_once(&executor), all_indices(2));
    assert_eq!(executor.live(), 2);
    executor.close(Pending::Run);
    executor.wait_ended();
}

#[test]
fn a_pool_that_lost_its_last_worker_is_broken_and_answers_every_wait() {
    let refuse = Arc::new(AtomicBool::new(false));
    let executor = executor_that_refuses(1, &refuse);
    refuse.store(true, Ordering::SeqCst);
    let (open, gate) = mpsc::channel::<()>();
    let holds = executor.submit(move || gate.recv().is_ok()).unwrap();
    escape(&executor);
    let pending = executor.submit(|| ()).unwrap();
    let waits = {
        let executor = Arc::clone(&executor);
        thread::spawn(move || executor.queue.wait_idle())
    };
    open.send(()).unwrap();
    assert!(holds.result().unwrap());
    let Err(JobError::Broken(broken)) = pending.result() else {
        panic!("the job ran without a worker")
    };
    assert!(
        broken
            .reason()
            .ends_with("could not be started: no threads left"),
        "{broken}"
    );
    executor.wait_ended();
    waits.join().unwrap();
    let refused = executor.submit(|| ()).unwrap_err();
    assert!(matches!(refused.refusal(), Refusal::Broken(_)));
}

#[test]
fn start_tells_how_many_threads_there_were() {
    let refuse = Arc::new(AtomicBool::new(true));
    let spawn: SpawnWorker<'static> = {
        let refuse = Arc::clone(&refuse);
        Box::new(move |executor, index| {
            if index == 2 && refuse.load(Ordering::SeqCst) {
                return Err(io::Error::other("no threads left"));
            }
            let executor = Arc::clone(executor);
            thread::Builder::new()
                .spawn(move || worker::run(executor, index))
                .map(drop)
        })
    };
    let executor = Executor::new(3, None, spawn);
    let error = executor.start().unwrap_err();
    assert!(
        matches!(&error, BuildError::Spawn { started: 2, source, .. } if source.to_string() == "no threads left"),
        "{error}"
    );
    executor.close(Pending::Run);
    executor.wait_ended();
    assert_eq!(executor.live(), 0);
}
