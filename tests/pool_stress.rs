//! The pool with many submitters: every job is answered exactly once, and no job waits behind another that blocks.
//!
//! Nothing sleeps, and no time is measured. If the pool loses a wake-up or a job, the test hangs, and a watchdog fails
//! it.

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::RecvTimeoutError;
use std::sync::{Arc, Barrier, mpsc};
use std::thread;
use std::time::Duration;

use fetchpool::pool::{Future, JobError, Pending, ThreadPool, Until, as_completed, wait};

const SUBMITTERS: u64 = 16;

/// Longer than any of these tests takes on a slow machine.
const HANG: Duration = Duration::from_secs(600);

/// Runs a test in its own thread, and fails if it does not end.
fn watched(test: impl FnOnce() + Send + 'static) {
    let (end, ended) = mpsc::channel::<()>();
    let test = thread::spawn(move || {
        let _end = end;
        test();
    });
    assert_eq!(
        ended.recv_timeout(HANG),
        Err(RecvTimeoutError::Disconnected),
        "the pool hangs"
    );
    test.join().expect("the test itself says what is wrong");
}

/// The counts of one submitter's jobs.
#[derive(Default)]
struct Account {
    value: u64,
    panicked: u64,
    cancelled: u64,
}

impl Account {
    fn enter(&mut self, outcome: Result<u64, JobError>) {
        match outcome {
            Ok(value) => self.value += value,
            Err(JobError::Panicked(_)) => self.panicked += 1,
            Err(JobError::Cancelled) => self.cancelled += 1,
            Err(JobError::Broken(broken)) => panic!("{broken}"),
        }
    }
}

fn panics(n: u64) -> bool {
    n.is_multiple_of(1009)
}

fn job(ran: &Arc<AtomicU64>, n: u64) -> impl FnOnce() -> u64 + Send + use<> {
    let ran = Arc::clone(ran);
    move || {
        ran.fetch_add(1, Ordering::Relaxed);
        if panics(n) {
            std::panic::resume_unwind(Box::new(n))
        } else {
            1
        }
    }
}

/// Submits the jobs `numbers` in every possible way, cancels some, and takes every answer.
fn submit_in_all_ways(pool: &ThreadPool, numbers: std::ops::Range<u64>) -> (u64, Account) {
    let (ran, mut account) = (Arc::new(AtomicU64::new(0)), Account::default());
    let (answer, answers) = mpsc::channel();
    let numbers: Vec<u64> = numbers.collect();
    for (round, chunk) in numbers.chunks(250).enumerate() {
        let jobs = chunk.iter().map(|&n| job(&ran, n));
        let with_answer = || {
            let answer = answer.clone();
            move |outcome| drop(answer.send(outcome))
        };
        match round % 5 {
            0 => jobs.for_each(|job| account.enter(pool.submit(job).unwrap().result())),
            1 => as_completed(pool.submit_all(jobs).unwrap())
                .for_each(|future| account.enter(future.result())),
            2 => pool
                .submit_all_with(jobs.map(|job| (job, with_answer())))
                .unwrap(),
            3 => jobs.for_each(|job| pool.submit_with(job, with_answer()).unwrap()),
            _ => {
                let futures = pool.submit_all(jobs).unwrap();
                futures
                    .iter()
                    .step_by(3)
                    .for_each(|future| _ = future.cancel());
                let waited = wait(futures, Until::AllCompleted, None);
                waited
                    .done
                    .into_iter()
                    .for_each(|future| account.enter(future.result()));
            }
        }
    }
    drop(answer);
    answers.iter().for_each(|outcome| account.enter(outcome));
    (ran.load(Ordering::Relaxed), account)
}

#[test]
fn a_million_jobs_from_many_submitters_are_each_answered_once() {
    watched(|| {
        const JOBS: u64 = 1_000_000;
        for workers in [1, 3, 50] {
            let pool = ThreadPool::new(workers).unwrap();
            let each = JOBS.div_ceil(3 * SUBMITTERS);
            thread::scope(|scope| {
                for submitter in 0..SUBMITTERS {
                    let pool = &pool;
                    scope.spawn(move || {
                        let (ran, account) =
                            submit_in_all_ways(pool, submitter * each..(submitter + 1) * each);
                        assert_eq!(
                            ran,
                            account.value + account.panicked,
                            "what ran was answered, and the rest did not run"
                        );
                        assert_eq!(ran + account.cancelled, each, "all were answered");
                        assert!(account.panicked > 0);
                    });
                }
            });
            pool.wait_idle();
            assert_eq!(pool.queued(), 0);
        }
    });
}

#[test]
fn a_shutdown_amidst_submissions_answers_every_job() {
    watched(|| {
        for round in 0..200 {
            let pool = ThreadPool::new(4).unwrap();
            let start = Barrier::new(5);
            let (accepted, answered) = (AtomicUsize::new(0), Arc::new(AtomicUsize::new(0)));
            thread::scope(|scope| {
                for _ in 0..4 {
                    scope.spawn(|| {
                        start.wait();
                        loop {
                            let batch = (0..64).map(|_| {
                                let answered = Arc::clone(&answered);
                                (|| (), move |_| _ = answered.fetch_add(1, Ordering::SeqCst))
                            });
                            match pool.submit_all_with(batch) {
                                Ok(()) => accepted.fetch_add(64, Ordering::SeqCst),
                                Err(refused) => break assert_eq!(refused.into_job().len(), 64),
                            };
                        }
                    });
                }
                start.wait();
                pool.shutdown(if round % 2 == 0 {
                    Pending::Run
                } else {
                    Pending::Cancel
                });
            });
            drop(pool);
            assert_eq!(
                answered.load(Ordering::SeqCst),
                accepted.load(Ordering::SeqCst)
            );
        }
    });
}

/// Submits a batch whose first job waits for all the others.
fn first_waits_for_the_rest(pool: &ThreadPool, jobs: usize) -> Vec<Future<()>> {
    let rest = Arc::new(Barrier::new(2));
    let left = Arc::new(AtomicUsize::new(jobs - 1));
    let batch = (0..jobs).map(|n| {
        let (rest, left) = (Arc::clone(&rest), Arc::clone(&left));
        move || {
            if n == 0 || left.fetch_sub(1, Ordering::SeqCst) == 1 {
                rest.wait();
            }
        }
    });
    pool.submit_all(batch).unwrap()
}

/// A worker that blocks must not delay the jobs of others.
#[test]
fn no_job_waits_behind_one_that_blocks() {
    watched(|| {
        for workers in [2, 3, 8] {
            let pool = ThreadPool::new(workers).unwrap();
            // A shallow queue, and a deep one.
            for jobs in [2 * workers + 1, 1000] {
                for _ in 0..50 {
                    for future in first_waits_for_the_rest(&pool, jobs) {
                        future.result().unwrap();
                    }
                }
            }
        }
    });
}

/// The same with a queue that is never empty, so that no worker is ever idle.
#[test]
fn no_job_waits_behind_one_that_blocks_in_a_queue_that_never_ends() {
    watched(|| {
        fn feed(pool: &Arc<ThreadPool>, stop: &Arc<AtomicBool>) {
            if !stop.load(Ordering::SeqCst) {
                let again = (Arc::clone(pool), Arc::clone(stop));
                // The pool refuses it when it ends.
                drop(pool.submit(move || feed(&again.0, &again.1)));
            }
        }
        for workers in [2, 5] {
            let pool = Arc::new(ThreadPool::new(workers).unwrap());
            let stop = Arc::new(AtomicBool::new(false));
            for _ in 0..500 {
                feed(&pool, &stop);
            }
            for _ in 0..20 {
                for future in first_waits_for_the_rest(&pool, 1000) {
                    future.result().unwrap();
                }
            }
            stop.store(true, Ordering::SeqCst);
            pool.wait_idle();
        }
    });
}

#[test]
fn idle_means_that_everything_submitted_before_has_ended() {
    watched(|| {
        for workers in [1, 4] {
            let pool = ThreadPool::new(workers).unwrap();
            let ended = Arc::new(AtomicUsize::new(0));
            for round in 1..=1000 {
                let jobs = (0..3).map(|_| {
                    let ended = Arc::clone(&ended);
                    let job = move || {
                        thread::yield_now();
                        ended.fetch_add(1, Ordering::SeqCst);
                    };
                    (job, |_: Result<(), JobError>| ())
                });
                pool.submit_all_with(jobs).unwrap();
                pool.wait_idle();
                assert_eq!(ended.load(Ordering::SeqCst), 3 * round);
            }
        }
    });
}

/// Jobs that all workers must run at the same time, between short ones.
#[test]
fn as_many_jobs_as_workers_meet_wherever_they_stand_in_a_batch() {
    watched(|| {
        for workers in [2, 4, 5, 6, 9] {
            let pool = ThreadPool::new(workers).unwrap();
            let mut random = Random(workers as u64);
            for _ in 0..10_000 {
                let jobs = workers + 1 + random.below(6 * workers);
                let mut meets = vec![false; jobs];
                while meets.iter().filter(|meets| **meets).count() < workers {
                    meets[random.below(jobs)] = true;
                }
                let all = Arc::new(Barrier::new(workers));
                let batch = meets.into_iter().map(|meets| {
                    let all = Arc::clone(&all);
                    move || {
                        if meets {
                            all.wait();
                        }
                    }
                });
                for future in pool.submit_all(batch).unwrap() {
                    future.result().unwrap();
                }
            }
        }
    });
}

/// Marsaglia's xorshift64 (Journal of Statistical Software 8(14), 2003), with the same numbers in every run.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % bound as u64) as usize
    }
}
