//! The pools that are measured, each used in the way that its own documentation shows, and where there is a choice the fastest.
//!
//! Where a pool gives no results of its own (threadpool, rayon's `spawn`), they come back through one `mpsc` channel.

use std::hint::black_box;
use std::sync::mpsc;

use fetchpool::pool::ThreadPool;

use crate::Work;

pub(crate) trait Peer: Sync {
    /// One job after the other, each result waited for.
    fn round_trips(&self, work: Work, jobs: usize);
    /// Jobs submitted one by one, then all results taken.
    fn stream(&self, work: Work, jobs: usize);
    /// Many jobs at once, until the last has ended.
    fn batch(&self, work: Work, jobs: usize);
    /// Many jobs at once, and the results of all.
    fn batch_of_results(&self, work: Work, jobs: usize);
}

fn run(work: Work) {
    black_box(work.run());
}

fn take_all(results: &mpsc::Receiver<u64>) {
    for result in results {
        black_box(result);
    }
}

pub(crate) struct Fetchpool(ThreadPool);

impl Fetchpool {
    pub(crate) fn new(workers: usize) -> Self {
        Self(ThreadPool::new(workers).expect("the machine grants that many threads"))
    }
}

impl Peer for Fetchpool {
    fn round_trips(&self, work: Work, jobs: usize) {
        for _ in 0..jobs {
            let future = self.0.submit(move || work.run()).expect("the pool is open");
            black_box(future.result().expect("no job panics"));
        }
    }

    fn stream(&self, work: Work, jobs: usize) {
        let futures: Vec<_> = (0..jobs)
            .map(|_| self.0.submit(move || work.run()).expect("the pool is open"))
            .collect();
        for future in futures {
            black_box(future.result().expect("no job panics"));
        }
    }

    fn batch(&self, work: Work, jobs: usize) {
        self.0
            .submit_all_with((0..jobs).map(|_| (move || run(work), |_| ())))
            .expect("the pool is open");
        self.0.wait_idle();
    }

    fn batch_of_results(&self, work: Work, jobs: usize) {
        let futures = self
            .0
            .submit_all((0..jobs).map(|_| move || work.run()))
            .expect("the pool is open");
        for future in futures {
            black_box(future.result().expect("no job panics"));
        }
    }
}

pub(crate) struct Threadpool(std::sync::Mutex<threadpool::ThreadPool>);

impl Threadpool {
    pub(crate) fn new(workers: usize) -> Self {
        Self(std::sync::Mutex::new(threadpool::ThreadPool::new(workers)))
    }

    /// A handle of the calling thread's own: the pool itself is not `Sync`.
    fn handle(&self) -> threadpool::ThreadPool {
        self.0.lock().expect("nothing panics under it").clone()
    }
}

impl Peer for Threadpool {
    fn round_trips(&self, work: Work, jobs: usize) {
        let pool = self.handle();
        let (sender, results) = mpsc::channel();
        for _ in 0..jobs {
            let sender = sender.clone();
            pool.execute(move || sender.send(work.run()).expect("the receiver waits"));
            black_box(results.recv().expect("the job sends"));
        }
    }

    fn stream(&self, work: Work, jobs: usize) {
        let pool = self.handle();
        let (sender, results) = mpsc::channel();
        for _ in 0..jobs {
            let sender = sender.clone();
            pool.execute(move || sender.send(work.run()).expect("the receiver waits"));
        }
        drop(sender);
        take_all(&results);
    }

    fn batch(&self, work: Work, jobs: usize) {
        let pool = self.handle();
        for _ in 0..jobs {
            pool.execute(move || run(work));
        }
        pool.join();
    }

    fn batch_of_results(&self, work: Work, jobs: usize) {
        self.stream(work, jobs);
    }
}

pub(crate) struct RustyPool(rusty_pool::ThreadPool);

impl RustyPool {
    pub(crate) fn new(workers: usize) -> Self {
        let pool =
            rusty_pool::ThreadPool::new(workers, workers, std::time::Duration::from_secs(60));
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

    fn stream(&self, work: Work, jobs: usize) {
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

    fn batch_of_results(&self, work: Work, jobs: usize) {
        self.stream(work, jobs);
    }
}

pub(crate) struct Rayon(rayon::ThreadPool);

impl Rayon {
    pub(crate) fn new(workers: usize) -> Self {
        Self(
            rayon::ThreadPoolBuilder::new()
                .num_threads(workers)
                .build()
                .expect("the machine grants that many threads"),
        )
    }
}

impl Peer for Rayon {
    fn round_trips(&self, work: Work, jobs: usize) {
        for _ in 0..jobs {
            black_box(self.0.install(|| work.run()));
        }
    }

    fn stream(&self, work: Work, jobs: usize) {
        let (sender, results) = mpsc::channel();
        for _ in 0..jobs {
            let sender = sender.clone();
            self.0
                .spawn(move || sender.send(work.run()).expect("the receiver waits"));
        }
        drop(sender);
        take_all(&results);
    }

    fn batch(&self, work: Work, jobs: usize) {
        self.0.scope(|scope| {
            for _ in 0..jobs {
                scope.spawn(move |_| run(work));
            }
        });
    }

    fn batch_of_results(&self, work: Work, jobs: usize) {
        let (sender, results) = mpsc::channel();
        self.0.scope(|scope| {
            for _ in 0..jobs {
                let sender = sender.clone();
                scope.spawn(move |_| sender.send(work.run()).expect("the receiver waits"));
            }
        });
        drop(sender);
        take_all(&results);
    }
}
