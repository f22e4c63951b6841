//! The measured pools, each used in the fastest way of its documentation.
//!
//! threadpool and rayon's `spawn` return no results. If each job needs a result, it gets a channel, as usual with these
//! crates. rusty_pool's `evaluate` does the same inside.

use std::hint::black_box;
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use fetchpool::pool::{JobError, ThreadPool};

use crate::work::Work;

pub(crate) trait Peer: Sync {
    /// One job after the other: the bench waits for each result before the next job.
    fn round_trips(&self, work: Work, jobs: usize);
    /// Jobs submitted one by one; all results come back through one channel.
    fn channel(&self, work: Work, jobs: usize);
    /// Jobs submitted one by one, each with its own result.
    fn futures(&self, work: Work, jobs: usize);
    /// Many jobs at once; the bench waits for the last one.
    fn batch(&self, work: Work, jobs: usize);
    /// Many jobs at once; all results come back through one channel.
    fn batch_channel(&self, work: Work, jobs: usize) {
        self.channel(work, jobs);
    }
    /// Many jobs at once, each with its own result.
    fn batch_futures(&self, work: Work, jobs: usize) {
        self.futures(work, jobs);
    }
}

fn run(work: Work) {
    black_box(work.run());
}

fn send(sender: &Sender<u64>, result: u64) {
    sender
        .send(result)
        .expect("the receiver waits for all results");
}

fn take_all(sender: Sender<u64>, results: Receiver<u64>) {
    drop(sender);
    for result in results {
        black_box(result);
    }
}

/// A channel for each job, for a pool without futures.
fn channel_each(jobs: usize, mut spawn: impl FnMut(Sender<u64>)) {
    let spawn = |_| {
        let (sender, result) = mpsc::channel();
        spawn(sender);
        result
    };
    let results: Vec<Receiver<u64>> = (0..jobs).map(spawn).collect();
    for result in results {
        black_box(result.recv().expect("no job panics"));
    }
}

pub(crate) struct Fetchpool(pub(crate) ThreadPool);

impl Peer for Fetchpool {
    fn round_trips(&self, work: Work, jobs: usize) {
        for _ in 0..jobs {
            let future = self.0.submit(move || work.run()).expect("the pool is open");
            black_box(future.result().expect("no job panics"));
        }
    }

    fn channel(&self, work: Work, jobs: usize) {
        let (sender, results) = mpsc::channel();
        for _ in 0..jobs {
            self.0
                .submit_with(move || work.run(), send_outcome(&sender))
                .expect("the pool is open");
        }
        take_all(sender, results);
    }

    fn futures(&self, work: Work, jobs: usize) {
        let submit = |_| self.0.submit(move || work.run()).expect("the pool is open");
        let futures: Vec<_> = (0..jobs).map(submit).collect();
        for future in futures {
            black_box(future.result().expect("no job panics"));
        }
    }

    fn batch(&self, work: Work, jobs: usize) {
        let batch = (0..jobs).map(|_| (move || run(work), |_| ()));
        self.0.submit_all_with(batch).expect("the pool is open");
        self.0.wait_idle();
    }

    fn batch_channel(&self, work: Work, jobs: usize) {
        let (sender, results) = mpsc::channel();
        let batch = (0..jobs).map(|_| (move || work.run(), send_outcome(&sender)));
        self.0.submit_all_with(batch).expect("the pool is open");
        take_all(sender, results);
    }

    fn batch_futures(&self, work: Work, jobs: usize) {
        let batch = (0..jobs).map(|_| move || work.run());
        for future in self.0.submit_all(batch).expect("the pool is open") {
            black_box(future.result().expect("no job panics"));
        }
    }
}

fn send_outcome(sender: &Sender<u64>) -> impl FnOnce(Result<u64, JobError>) + Send + use<> {
    let sender = sender.clone();
    move |outcome| send(&sender, outcome.expect("no job panics"))
}

/// It is not `Sync`, so it is behind a lock; each submitter clones a handle.
pub(crate) struct Threadpool(pub(crate) Mutex<threadpool::ThreadPool>);

impl Threadpool {
    fn handle(&self) -> threadpool::ThreadPool {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

impl Peer for Threadpool {
    fn round_trips(&self, work: Work, jobs: usize) {
        let pool = self.handle();
        let (sender, results) = mpsc::channel();
        for _ in 0..jobs {
            let sender = sender.clone();
            pool.execute(move || send(&sender, work.run()));
            black_box(results.recv().expect("no job panics"));
        }
    }

    fn channel(&self, work: Work, jobs: usize) {
        let pool = self.handle();
        let (sender, results) = mpsc::channel();
        for _ in 0..jobs {
            let sender = sender.clone();
            pool.execute(move || send(&sender, work.run()));
        }
        take_all(sender, results);
    }

    fn futures(&self, work: Work, jobs: usize) {
        let pool = self.handle();
        channel_each(jobs, |sender| {
            pool.execute(move || send(&sender, work.run()));
        });
    }

    fn batch(&self, work: Work, jobs: usize) {
        let pool = self.handle();
        for _ in 0..jobs {
            pool.execute(move || run(work));
        }
        pool.join();
    }
}

pub(crate) struct RustyPool(pub(crate) rusty_pool::ThreadPool);

impl RustyPool {
    pub(crate) fn new(workers: usize) -> Self {
        let pool = rusty_pool::ThreadPool::new(workers, workers, Duration::from_secs(60));
        pool.start_core_threads();
        Self(pool)
    }
}

impl Peer for RustyPool {
    fn round_trips(&self, work: Work, jobs: usize) {
        for _ in 0..jobs {
            black_box(self.0.evaluate(move || work.run()).await_complete());
        }
    }

    fn channel(&self, work: Work, jobs: usize) {
        let (sender, results) = mpsc::channel();
        for _ in 0..jobs {
            let sender = sender.clone();
            self.0.execute(move || send(&sender, work.run()));
        }
        take_all(sender, results);
    }

    fn futures(&self, work: Work, jobs: usize) {
        let handles: Vec<_> = (0..jobs)
            .map(|_| self.0.evaluate(move || work.run()))
            .collect();
        for handle in handles {
            black_box(handle.await_complete());
        }
    }

    fn batch(&self, work: Work, jobs: usize) {
        for _ in 0..jobs {
            self.0.execute(move || run(work));
        }
        self.0.join();
    }
}

pub(crate) struct Rayon(pub(crate) rayon::ThreadPool);

impl Peer for Rayon {
    fn round_trips(&self, work: Work, jobs: usize) {
        for _ in 0..jobs {
            black_box(self.0.install(|| work.run()));
        }
    }

    fn channel(&self, work: Work, jobs: usize) {
        let (sender, results) = mpsc::channel();
        for _ in 0..jobs {
            let sender = sender.clone();
            self.0.spawn(move || send(&sender, work.run()));
        }
        take_all(sender, results);
    }

    fn futures(&self, work: Work, jobs: usize) {
        channel_each(jobs, |sender| {
            self.0.spawn(move || send(&sender, work.run()));
        });
    }

    fn batch(&self, work: Work, jobs: usize) {
        self.0.scope(|scope| {
            for _ in 0..jobs {
                scope.spawn(move |_| run(work));
            }
        });
    }

    fn batch_channel(&self, work: Work, jobs: usize) {
        let (sender, results) = mpsc::channel();
        self.0.scope(|scope| {
            for _ in 0..jobs {
                let sender = sender.clone();
                scope.spawn(move |_| send(&sender, work.run()));
            }
        });
        take_all(sender, results);
    }
}
