//! Tests of what the public interface does not reach: escapes, failing thread starts, the count of live workers.
//!
//! No sleeps: every wait is for an event that the pool must bring about, and would hang if it did not.

use std::any::Any;
use std::io;
use std::panic::resume_unwind;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc;
use std::sync::{Arc, Barrier};
use std::thread;

use super::core::{Core, Starter};
use super::job::{Entry, Job, quietly};
use super::queue::Pending;
use super::task::Task;
use super::{JobError, Refusal, ThreadPool, worker, worker_index};

/// A job that does what no job of a user can: it lets its panic out, and so ends its worker's thread.
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
fn one_worker_begins_jobs_in_the_order_of_submission() {
    let pool = ThreadPool::new(1).unwrap();
    let (sender, begun) = mpsc::channel();
    for n in 0..1000 {
        let sender = sender.clone();
        pool.submit(move || sender.send(n)).unwrap();
    }
    drop(pool);
    drop(sender);
    assert!(begun.iter().eq(0..1000));
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

#[test]
fn a_deliver_is_called_once_whatever_becomes_of_its_job() {
    let pool = ThreadPool::new(1).unwrap();
    let (open, gate) = mpsc::channel::<()>();
    let (sender, answers) = mpsc::channel();
    let answer = |name: &'static str| {
        let sender = sender.clone();
        move |outcome: Result<i32, JobError>| drop(sender.send((name, outcome)))
    };
    pool.submit_with(|| 1, answer("value")).unwrap();
    pool.submit_with(|| resume_unwind(Box::new("oh")), answer("panic"))
        .unwrap();
    let (begin, begun) = mpsc::channel();
    let holds = move || {
        begin.send(()).unwrap();
        i32::from(gate.recv().is_err())
    };
    pool.submit_with(holds, answer("held")).unwrap();
    let value = answers.recv().unwrap();
    let panic = answers.recv().unwrap();
    begun.recv().unwrap();
    let jobs = (0..3).map(|n| (move || n, answer("batch")));
    pool.submit_all_with(jobs).unwrap();
    assert_eq!(pool.queued(), 3);
    pool.shutdown(Pending::Cancel);
    assert_eq!(pool.queued(), 0);
    let (job, deliver) = pool
        .submit_with(|| 7, answer("refused"))
        .unwrap_err()
        .into_job();
    assert_eq!(job(), 7);
    drop((open, sender, deliver));
    drop(pool);
    assert!(matches!(value, ("value", Ok(1))));
    assert!(matches!(panic, ("panic", Err(JobError::Panicked(panic))) if panic.message() == "oh"));
    let rest: Vec<_> = answers
        .iter()
        .map(|(name, outcome)| (name, outcome.ok()))
        .collect();
    assert_eq!(
        rest,
        [
            ("batch", None),
            ("batch", None),
            ("batch", None),
            ("held", Some(1))
        ]
    );
}

#[test]
fn a_cancelled_job_lets_go_of_what_it_captured_at_once() {
    let pool = ThreadPool::new(1).unwrap();
    let (open, gate) = mpsc::channel::<()>();
    let held = pool.submit(move || gate.recv()).unwrap();
    let captured = Arc::new(());
    let waiting = {
        let captured = Arc::clone(&captured);
        pool.submit(move || drop(captured)).unwrap()
    };
    assert_eq!(Arc::strong_count(&captured), 2);
    assert!(waiting.cancel());
    assert_eq!(Arc::strong_count(&captured), 1);
    drop(open);
    assert!(held.result().unwrap().is_err());
}

#[test]
fn callbacks_run_in_order_also_those_registered_while_others_run() {
    let pool = ThreadPool::new(1).unwrap();
    let order = Arc::new(AtomicUsize::new(0));
    let expect = |nth: usize| {
        let order = Arc::clone(&order);
        move |outcome: Result<&i32, &JobError>| {
            assert!(matches!(outcome, Ok(5)));
            assert_eq!(order.fetch_add(1, Ordering::SeqCst), nth);
        }
    };
    let (open, gate) = mpsc::channel::<()>();
    let (in_callback, entered) = mpsc::channel();
    let (leave, stay) = mpsc::channel::<()>();
    let future = pool.submit(move || gate.recv().map_or(0, |()| 5)).unwrap();
    future.on_done(expect(0));
    future.on_done(move |_| {
        in_callback.send(()).unwrap();
        stay.recv().unwrap();
    });
    future.on_done(expect(1));
    open.send(()).unwrap();
    entered.recv().unwrap();
    assert!(future.done() && !future.running());
    future.on_done(expect(2));
    assert_eq!(order.load(Ordering::SeqCst), 1);
    leave.send(()).unwrap();
    assert!(future.wait(None));
    future.on_done(expect(3));
    assert_eq!(order.load(Ordering::SeqCst), 4);
    assert_eq!(future.result().unwrap(), 5);
}

#[test]
fn a_pool_dropped_by_its_own_worker_ends_without_it_being_joined() {
    let pool = Arc::new(ThreadPool::new(2).unwrap());
    let core = Arc::clone(&pool.core);
    let (open, gate) = mpsc::channel::<()>();
    let future = {
        let pool = Arc::clone(&pool);
        pool.clone().submit(move || {
            gate.recv().unwrap();
            drop(pool);
        })
    };
    let after = pool.submit(|| 3).unwrap();
    drop(pool);
    open.send(()).unwrap();
    future.unwrap().result().unwrap();
    assert_eq!(after.result().unwrap(), 3);
    core.wait_ended();
}

#[test]
fn errors_that_pass_through_question_marks_are_send_and_sync() {
    fn check<E: std::error::Error + Send + Sync + 'static>() {}
    check::<super::BuildError>();
    check::<JobError>();
    check::<Refusal>();
    check::<super::SubmitError<Box<dyn FnOnce() + Send>>>();
    check::<super::TimedOut>();
}

/// What a job that gives a word costs in memory while it waits, and until its result is taken.
#[test]
#[cfg(target_pointer_width = "64")]
fn a_task_stays_small() {
    fn size<F: FnOnce() -> u64>(_: &F) -> usize {
        size_of::<Task<'_, F, u64>>() + 2 * size_of::<AtomicUsize>()
    }
    let number = 1_u32;
    assert_eq!(size(&move || u64::from(number)), 72);
}
