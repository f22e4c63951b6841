//! Tests of the pool's parts. Those of its public interface are in tests/.
//!
//! No sleeps: every wait is for an event that the pool must bring about. Without it the test hangs.

mod replacement;

use std::cell::RefCell;
use std::panic::resume_unwind;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Duration;

use super::queue::Pending;
#[cfg(all(target_os = "linux", target_pointer_width = "64"))]
use super::task::Task;
use super::{JobError, Refusal, ThreadPool};

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
fn a_callback_is_called_once_whatever_becomes_of_its_job() {
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
    let (job, callback) = pool
        .submit_with(|| 7, answer("refused"))
        .unwrap_err()
        .into_job();
    assert_eq!(job(), 7);
    drop((open, sender, callback));
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
    assert!(future.running() && !future.done());
    future.on_done(expect(2));
    assert_eq!(order.load(Ordering::SeqCst), 1);
    leave.send(()).unwrap();
    assert!(future.wait(None));
    assert!(future.done());
    future.on_done(expect(3));
    assert_eq!(order.load(Ordering::SeqCst), 4);
    assert_eq!(future.result().unwrap(), 5);
}

#[test]
fn a_pool_dropped_by_its_own_worker_ends_without_it_being_joined() {
    let pool = Arc::new(ThreadPool::new(2).unwrap());
    let executor = Arc::clone(&pool.executor);
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
    executor.wait_ended();
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

/// The memory of a job that returns a word, until its result is taken.
#[test]
#[cfg(all(target_os = "linux", target_pointer_width = "64"))]
fn a_task_stays_small() {
    fn size<F: FnOnce() -> u64>(_: &F) -> usize {
        size_of::<Task<'_, F, u64>>() + 2 * size_of::<AtomicUsize>()
    }
    let number = 1_u32;
    assert_eq!(size(&move || u64::from(number)), 96);
}

#[test]
fn what_is_done_has_its_outcome_there() {
    let pool = ThreadPool::new(1).unwrap();
    for _ in 0..1000 {
        let future = pool.submit(|| 7).unwrap();
        future.on_done(|_| thread::yield_now());
        while !future.done() {
            thread::yield_now();
        }
        assert_eq!(future.result_timeout(Duration::ZERO).unwrap().unwrap(), 7);
    }
}

#[test]
fn a_job_that_is_being_cancelled_is_done_once_its_callbacks_have_run() {
    let pool = ThreadPool::new(1).unwrap();
    let (open, gate) = mpsc::channel::<()>();
    let held = pool.submit(move || gate.recv()).unwrap();
    let waiting = pool.submit(|| ()).unwrap();
    let (entered, is_in) = mpsc::channel();
    let (leave, may_leave) = mpsc::channel::<()>();
    waiting.on_done(move |_| {
        entered.send(()).unwrap();
        may_leave.recv().unwrap();
    });
    thread::scope(|scope| {
        scope.spawn(|| assert!(waiting.cancel()));
        is_in.recv().unwrap();
        assert!(!waiting.done() && !waiting.cancelled() && !waiting.running());
        assert!(waiting.cancel(), "it will not run");
        leave.send(()).unwrap();
    });
    assert!(waiting.done() && waiting.cancelled());
    drop(open);
    assert!(held.result().unwrap().is_err());
}

#[test]
fn every_join_waits_for_the_last_thread() {
    for _ in 0..50 {
        let pool = ThreadPool::new(2).unwrap();
        let ended = Arc::new(AtomicUsize::new(0));
        for _ in 0..2 {
            let ended = Arc::clone(&ended);
            pool.submit(move || SAYS_WHEN_IT_ENDS.set(SaysWhenItEnds(Some(ended))))
                .unwrap();
        }
        thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| {
                    pool.join();
                    // The destructor of each thread that ran a job has run.
                    assert_eq!(Arc::strong_count(&ended), 1);
                });
            }
        });
        assert!(ended.load(Ordering::SeqCst) > 0);
    }
}

thread_local! {
    static SAYS_WHEN_IT_ENDS: RefCell<SaysWhenItEnds> = const { RefCell::new(SaysWhenItEnds(None)) };
}

struct SaysWhenItEnds(Option<Arc<AtomicUsize>>);

impl Drop for SaysWhenItEnds {
    fn drop(&mut self) {
        if let Some(ended) = &self.0 {
            thread::yield_now();
            ended.fetch_add(1, Ordering::SeqCst);
        }
    }
}

#[test]
fn a_late_callback_does_not_undo_what_is_done() {
    let pool = ThreadPool::new(1).unwrap();
    let future = pool.submit(|| 7).unwrap();
    assert!(future.wait(None));
    let (entered, is_in) = mpsc::channel();
    let (leave, may_leave) = mpsc::channel::<()>();
    thread::scope(|scope| {
        scope.spawn(|| {
            future.on_done(move |_| {
                entered.send(()).unwrap();
                may_leave.recv().unwrap();
            });
        });
        is_in.recv().unwrap();
        assert!(future.done());
        assert!(future.wait(Some(Duration::ZERO)));
        leave.send(()).unwrap();
    });
    assert_eq!(future.result().unwrap(), 7);
}

#[test]
fn map_submits_each_item_before_it_asks_for_the_next() {
    let pool = ThreadPool::new(2).unwrap();
    let (done, is_done) = mpsc::channel();
    let items = (0..4).inspect(|n| {
        if *n > 0 {
            // The input goes on only when the item before has been run.
            assert_eq!(is_done.recv(), Ok(n - 1));
        }
    });
    let squares = pool.map(items, move |n| {
        done.send(n).unwrap();
        n * n
    });
    let squares: Vec<_> = squares.map(Result::unwrap).collect();
    assert_eq!(squares, [0, 1, 4, 9]);
}

#[test]
fn map_takes_no_more_than_its_look_ahead_beyond_what_it_has_given() {
    let pool = ThreadPool::new(4).unwrap();
    for look_ahead in [1, 2, 7] {
        let taken = AtomicUsize::new(0);
        let items = (0..20).inspect(|_| {
            taken.fetch_add(1, Ordering::SeqCst);
        });
        let mut results = pool.map_ahead(look_ahead.try_into().unwrap(), items, |n| n);
        for given in 0..20 {
            assert!(taken.load(Ordering::SeqCst) <= given + look_ahead);
            assert_eq!(results.size_hint().1, Some(20 - given));
            assert_eq!(results.next().unwrap().unwrap(), given);
        }
        assert!(results.next().is_none());
        assert_eq!(results.size_hint(), (0, Some(0)));
    }
}

#[test]
fn a_result_that_is_there_does_not_wait_for_the_item_after_it() {
    let pool = ThreadPool::new(1).unwrap();
    let (give, items) = mpsc::sync_channel(1);
    give.send(1).unwrap();
    let mut results = pool.map_ahead(1.try_into().unwrap(), items, |n| n + 1);
    assert_eq!(results.next().unwrap().unwrap(), 2);
    give.send(5).unwrap();
    assert_eq!(results.next().unwrap().unwrap(), 6);
    drop(give);
    assert!(results.next().is_none());
}

#[test]
fn a_map_out_of_time_ends_though_its_input_does_not() {
    let pool = ThreadPool::new(2).unwrap();
    let taken = Arc::new(AtomicUsize::new(0));
    let items = {
        let taken = Arc::clone(&taken);
        (0..).inspect(move |_| {
            taken.fetch_add(1, Ordering::SeqCst);
        })
    };
    let results = pool.map(items, |n: u64| n);
    let before = taken.load(Ordering::SeqCst);
    pool.wait_idle();
    let results: Vec<_> = results.timeout(Duration::ZERO).collect();
    // The results that were there, then the error.
    assert_eq!(results.len(), before + 1);
    assert!(
        results[..before]
            .iter()
            .all(|result| matches!(result, Ok(Ok(_))))
    );
    let timed_out = results[before].as_ref().unwrap_err();
    assert_eq!((timed_out.unfinished, timed_out.total), (0, before));

    let all: Vec<_> = {
        let results = pool.map(0..6, |n| n);
        pool.wait_idle();
        results
            .timeout(Duration::ZERO)
            .map(|result| result.is_ok())
            .collect()
    };
    assert_eq!(all, [true; 6], "nothing was cut, so nothing timed out");
}

#[test]
fn an_absurd_number_of_workers_is_an_error() {
    for workers in [65_537, 1 << 28, usize::MAX] {
        let refused = ThreadPool::new(workers).unwrap_err();
        assert!(matches!(refused, super::BuildError::TooManyWorkers { .. }));
        assert!(refused.to_string().contains("at most 65536"), "{refused}");
    }
}

#[test]
fn a_scope_can_wait_for_what_it_was_given() {
    let ended = AtomicUsize::new(0);
    super::scope(3, |scope| {
        for round in 1..=50 {
            let jobs = (0..4).map(|_| (|| ended.fetch_add(1, Ordering::SeqCst), |_| ()));
            scope.submit_all_with(jobs).unwrap();
            scope.wait_idle();
            assert_eq!(ended.load(Ordering::SeqCst), 4 * round);
        }
    })
    .unwrap();
}
