//! Workers whose thread dies, which no job of a user can bring about, and threads that cannot be
//! started.

use std::any::Any;
use std::io;
use std::panic::resume_unwind;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Barrier, mpsc};
use std::thread;

use crate::pool::core::{Core, Starter};
use crate::pool::job::{Entry, Job, quietly};
use crate::pool::queue::Pending;
use crate::pool::{JobError, Refusal, ThreadPool, worker, worker_index};

/// A job that does what no job of a user can: it lets its panic out, and so ends its worker's
/// thread.
struct Escapes(Box<dyn Any + Send>);

impl Job for Escapes {
    fn run(self: Box<Self>) {
        resume_unwind(self.0);
    }

    fn refuse(self: Box<Self>, _: JobError) {}
}

impl From<Box<Escapes>> for Entry<'_> {
    fn from(job: Box<Escapes>) -> Self {
        Entry::Owned(job)
    }
}

fn escape(core: &Arc<Core<'static>>) {
    assert!(
        core.push(Box::new(Escapes(Box::new("escaped")))).is_ok(),
        "an open pool accepts any job"
    );
}

/// Panics again when it is dropped, as a panic's payload or anything else.
struct PanicsWhenDropped;

impl Drop for PanicsWhenDropped {
    fn drop(&mut self) {
        resume_unwind(Box::new("dropped"));
    }
}

/// A core whose threads nobody joins, and which starts none while `refuse` is set.
fn core_that_refuses(workers: usize, refuse: &Arc<AtomicBool>) -> Arc<Core<'static>> {
    let refuse = Arc::clone(refuse);
    let starter: Starter<'static> = Box::new(move |core, index| {
        if refuse.load(Ordering::SeqCst) {
            return Err(io::Error::other("no threads left"));
        }
        let core = Arc::clone(core);
        thread::Builder::new()
            .spawn(move || worker::run(&core, index))
            .map(drop)
    });
    let core = Core::new(workers, None, starter);
    assert!(core.start().is_ok());
    core
}

/// Waits until every worker runs a job at the same time, and gives their indices, sorted.
fn workers_at_once(core: &Arc<Core<'static>>) -> Vec<Option<usize>> {
    let barrier = Arc::new(Barrier::new(core.workers()));
    let jobs = (0..core.workers()).map(|_| {
        let barrier = Arc::clone(&barrier);
        move || {
            barrier.wait();
            worker_index()
        }
    });
    let futures = core.submit_all(jobs).expect("the pool is open");
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
        // Dropped by whoever is last to let go, which may be this thread.
        quietly(|| drop(bad_payload));
        quietly(|| drop(bad_result));
        pool.submit_with(|| (), |_| resume_unwind(Box::new(PanicsWhenDropped)))
            .unwrap();
        pool.submit(|| ())
            .unwrap()
            .on_done(|_| resume_unwind(Box::new(PanicsWhenDropped)));
        escape(&pool.core);
        assert!(
            matches!(panicking.result(), Err(JobError::Panicked(panic)) if panic.message() == "job")
        );
        assert!(
            matches!(bad_capture.result(), Err(JobError::Panicked(panic)) if panic.message() == "dropped")
        );
        if round % 50 == 0 {
            assert_eq!(workers_at_once(&pool.core), all_indices(4));
            assert_eq!(pool.core.live(), 4);
        }
    }
    assert_eq!(workers_at_once(&pool.core), all_indices(4));
}

/// Workers that die amidst a deep queue have jobs put aside, which the others must find.
#[test]
fn what_a_dying_worker_had_put_aside_is_run_all_the_same() {
    for workers in [1, 4] {
        let pool = ThreadPool::new(workers).unwrap();
        let (open, gate) = mpsc::channel::<()>();
        let held = pool.submit(move || gate.recv()).unwrap();
        let mut futures = Vec::new();
        for n in 0..2000 {
            if n % 7 == 3 {
                escape(&pool.core);
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
        assert_eq!(workers_at_once(&pool.core), all_indices(workers));
    }
}

#[test]
fn a_worker_that_could_not_be_replaced_is_replaced_at_the_next_submission() {
    let refuse = Arc::new(AtomicBool::new(false));
    let core = core_that_refuses(2, &refuse);
    refuse.store(true, Ordering::SeqCst);
    escape(&core);
    while core.live() > 1 {
        thread::yield_now();
    }
    refuse.store(false, Ordering::SeqCst);
    // The barrier in here opens only if both workers run.
    assert_eq!(workers_at_once(&core), all_indices(2));
    assert_eq!(core.live(), 2);
    core.close(Pending::Run);
    core.wait_ended();
}

#[test]
fn a_pool_that_lost_its_last_worker_is_broken_and_leaves_nobody_waiting() {
    let refuse = Arc::new(AtomicBool::new(false));
    let core = core_that_refuses(1, &refuse);
    refuse.store(true, Ordering::SeqCst);
    let (open, gate) = mpsc::channel::<()>();
    let holds = core.submit(move || gate.recv().is_ok()).unwrap();
    escape(&core);
    let pending = core.submit(|| ()).unwrap();
    let waits = {
        let core = Arc::clone(&core);
        thread::spawn(move || core.queue.wait_idle())
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
    core.wait_ended();
    waits.join().unwrap();
    let refused = core.submit(|| ()).unwrap_err();
    assert!(matches!(refused.refusal(), Refusal::Broken(_)));
}

#[test]
fn start_tells_how_many_threads_there_were() {
    let refuse = Arc::new(AtomicBool::new(true));
    let starter: Starter<'static> = {
        let refuse = Arc::clone(&refuse);
        Box::new(move |core, index| {
            if index == 2 && refuse.load(Ordering::SeqCst) {
                return Err(io::Error::other("no threads left"));
            }
            let core = Arc::clone(core);
            thread::Builder::new()
                .spawn(move || worker::run(&core, index))
                .map(drop)
        })
    };
    let core = Core::new(3, None, starter);
    let (started, error) = core.start().unwrap_err();
    assert_eq!(
        (started, error.to_string().as_str()),
        (2, "no threads left")
    );
    core.close(Pending::Run);
    core.wait_ended();
    assert_eq!(core.live(), 0);
}
