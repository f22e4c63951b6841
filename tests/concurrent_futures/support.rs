//! Shared by the ported tests: a gate instead of sleeps, and a future in each state.

use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use fetchpool::pool::{Future, ThreadPool};

/// Far longer than any of these tests takes. Only a hang lasts that long.
pub(crate) const HANG: Duration = Duration::from_secs(120);

/// For waits that must time out.
pub(crate) const SHORT: Duration = Duration::from_millis(20);

/// Closed until `open`, then open for good.
#[derive(Clone, Default)]
pub(crate) struct Gate(Arc<(Mutex<bool>, Condvar)>);

impl Gate {
    pub(crate) fn open(&self) {
        *self.0.0.lock().unwrap() = true;
        self.0.1.notify_all();
    }

    pub(crate) fn wait(&self) {
        let open = self.0.0.lock().unwrap();
        let (_open, waited) = self
            .0
            .1
            .wait_timeout_while(open, HANG, |open| !*open)
            .unwrap();
        assert!(!waited.timed_out(), "the gate was not opened");
    }
}

/// Panics without the panic hook, which would print a message.
pub(crate) fn fail<T>(message: &'static str) -> T {
    std::panic::resume_unwind(Box::new(message))
}

/// Opens its gate when it is dropped, so that a failing test does not hang.
pub(crate) struct OpensAtEnd(Gate);

impl Drop for OpensAtEnd {
    fn drop(&mut self) {
        self.0.open();
    }
}

/// A pool with a future in each state.
pub(crate) struct States {
    pub(crate) pending: Future<i32>,
    pub(crate) running: Future<i32>,
    pub(crate) cancelled: Future<i32>,
    pub(crate) failed: Future<i32>,
    pub(crate) finished: Future<i32>,
    /// Opening it lets the running job end. Then the pending one runs.
    pub(crate) gate: Gate,
    // Dropped in this order: the pool waits for its jobs.
    _opens: OpensAtEnd,
    pub(crate) pool: ThreadPool,
}

impl States {
    pub(crate) fn new() -> Self {
        let pool = ThreadPool::new(1).unwrap();
        let (begun, gate) = (Gate::default(), Gate::default());
        let failed = pool.submit(|| fail("failed")).unwrap();
        let finished = pool.submit(|| 42).unwrap();
        let running = {
            let (begun, gate) = (begun.clone(), gate.clone());
            let holds = move || {
                begun.open();
                gate.wait();
                1
            };
            pool.submit(holds).unwrap()
        };
        let pending = pool.submit(|| 2).unwrap();
        let cancelled = pool.submit(|| 3).unwrap();
        assert!(cancelled.cancel());
        begun.wait();
        Self {
            pending,
            running,
            cancelled,
            failed,
            finished,
            gate: gate.clone(),
            _opens: OpensAtEnd(gate),
            pool,
        }
    }

    pub(crate) fn all(&self) -> [&Future<i32>; 5] {
        [
            &self.pending,
            &self.running,
            &self.cancelled,
            &self.failed,
            &self.finished,
        ]
    }
}
