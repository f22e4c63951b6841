//! The pool's heart: one queue, one lock, and the rule for who is woken when.
//!
//! Callers may rely on: jobs begin in the order in which they were queued; every job accepted is run or
//! refused exactly once; user code never runs under the lock (jobs are dropped, run and refused outside of it).
//!
//! The waking rule. `std`'s condition variable makes a system call on every notify, even when nobody waits, and a
//! thread that is woken for a job that another has taken by then costs two context switches. So the state
//! counts the sleepers, and only a few of them are called at once: `waking` of at most `WAKING` that have been
//! notified and have not run yet. Each of those, when it takes a job, calls the next one if jobs remain. What
//! holds whenever the lock is free: if a job is queued and a worker sleeps, a worker is on its way
//! (`!queue.is_empty() && sleeping > 0` implies `waking > 0`), so no job is ever left lying beside a sleeper.

use std::collections::VecDeque;
use std::io;
use std::mem;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use super::error::{Broken, JobError, Refusal};
use super::job::{Entry, outcome_of, quietly};

/// How many sleepers may be on their way at once: two, so that the woken fan out while the first of them still start.
const WAKING: usize = 2;

/// What runs in each worker's thread before its first job.
pub(super) type Initializer<'job> =
    Box<dyn Fn() -> Result<(), Box<dyn std::error::Error + Send + Sync>> + Send + Sync + 'job>;

/// Starts the thread of the worker with the index given.
pub(super) type Starter<'job> =
    Box<dyn Fn(&Arc<Core<'job>>, usize) -> io::Result<()> + Send + Sync + 'job>;

/// What becomes of the jobs that no worker has begun when a pool is shut down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pending {
    /// They are run to the last.
    Run,
    /// They are cancelled: each future, and each `deliver`, is given [`JobError::Cancelled`].
    Cancel,
}

pub(super) struct Core<'job> {
    state: Mutex<State<'job>>,
    /// Where idle workers sleep.
    work: Condvar,
    /// Where those wait who wait for the last worker to leave.
    ended: Condvar,
    workers: usize,
    initializer: Option<Initializer<'job>>,
    starter: Starter<'job>,
}

struct State<'job> {
    queue: VecDeque<Entry<'job>>,
    /// Workers that sleep and have not been called.
    sleeping: usize,
    /// Workers that have been called and have not got up yet.
    waking: usize,
    phase: Phase,
    /// Workers whose thread runs, or is being started.
    live: usize,
    /// Indices of workers that died and could not be replaced yet.
    missing: Vec<usize>,
}

enum Phase {
    Open,
    Closed,
    Broken(Broken),
}

impl State<'_> {
    /// How many workers are to be notified now, marked as on their way.
    fn call(&mut self) -> usize {
        let wanted = self.queue.len().min(WAKING).saturating_sub(self.waking);
        let called = wanted.min(self.sleeping);
        self.sleeping -= called;
        self.waking += called;
        called
    }

    fn got_up(&mut self) {
        // Sleepers are alike: whoever gets up first, called or not, counts as the one that was called.
        if self.waking > 0 {
            self.waking -= 1;
        } else {
            self.sleeping -= 1;
        }
    }

    fn refusal(&self) -> Option<Refusal> {
        match &self.phase {
            Phase::Open => None,
            Phase::Closed => Some(Refusal::ShutDown),
            Phase::Broken(broken) => Some(Refusal::Broken(broken.clone())),
        }
    }
}

impl<'job> Core<'job> {
    pub(super) fn new(
        workers: usize,
        initializer: Option<Initializer<'job>>,
        starter: Starter<'job>,
    ) -> Arc<Self> {
        Arc::new(Self {
            state: Mutex::new(State {
                queue: VecDeque::new(),
                sleeping: 0,
                waking: 0,
                phase: Phase::Open,
                live: 0,
                missing: Vec::new(),
            }),
            work: Condvar::new(),
            ended: Condvar::new(),
            workers,
            initializer,
            starter,
        })
    }

    pub(super) fn workers(&self) -> usize {
        self.workers
    }

    pub(super) fn queued(&self) -> usize {
        self.lock().queue.len()
    }

    #[cfg(test)]
    pub(super) fn live(&self) -> usize {
        self.lock().live
    }

    /// Queues one job, or gives it back.
    pub(super) fn push<J: Into<Entry<'job>>>(self: &Arc<Self>, job: J) -> Result<(), (J, Refusal)> {
        let mut state = self.lock();
        if let Some(refusal) = state.refusal() {
            return Err((job, refusal));
        }
        state.queue.push_back(job.into());
        self.call_and_unlock(state);
        Ok(())
    }

    /// Queues all of `jobs` side by side, under one lock, or gives them back.
    pub(super) fn push_all<J: Into<Entry<'job>>>(
        self: &Arc<Self>,
        jobs: Vec<J>,
    ) -> Result<(), (Vec<J>, Refusal)> {
        let mut state = self.lock();
        if let Some(refusal) = state.refusal() {
            return Err((jobs, refusal));
        }
        state.queue.extend(jobs.into_iter().map(Into::into));
        self.call_and_unlock(state);
        Ok(())
    }

    fn call_and_unlock(self: &Arc<Self>, mut state: MutexGuard<'_, State<'job>>) {
        let called = state.call();
        let missing = state.missing.pop();
        if missing.is_some() {
            state.live += 1;
        }
        drop(state);
        self.notify(called);
        if let Some(index) = missing {
            self.replace(index);
        }
    }

    fn notify(&self, called: usize) {
        for _ in 0..called {
            self.work.notify_one();
        }
    }

    /// The next job for a worker; blocks until there is one. `None`: the worker has to leave.
    pub(super) fn next(&self) -> Option<Entry<'job>> {
        let mut state = self.lock();
        loop {
            if let Some(entry) = state.queue.pop_front() {
                let called = state.call();
                drop(state);
                self.notify(called);
                return Some(entry);
            }
            if !matches!(state.phase, Phase::Open) {
                return None;
            }
            state.sleeping += 1;
            state = self
                .work
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
            state.got_up();
        }
    }

    /// Accepts nothing more. Never blocks.
    pub(super) fn close(&self, pending: Pending) {
        let mut state = self.lock();
        if matches!(state.phase, Phase::Open) {
            state.phase = Phase::Closed;
        }
        let refused = match pending {
            Pending::Run => VecDeque::new(),
            Pending::Cancel => mem::take(&mut state.queue),
        };
        drop(state);
        self.work.notify_all();
        for entry in refused {
            entry.refuse(JobError::Cancelled);
        }
    }

    fn break_down(&self, reason: String) {
        let mut state = self.lock();
        if !matches!(state.phase, Phase::Broken(_)) {
            state.phase = Phase::Broken(Broken::new(reason));
        }
        let Phase::Broken(broken) = &state.phase else {
            return;
        };
        let broken = broken.clone();
        let refused = mem::take(&mut state.queue);
        drop(state);
        self.work.notify_all();
        for entry in refused {
            entry.refuse(JobError::Broken(broken.clone()));
        }
    }

    /// Runs the initializer in the calling worker's thread. False: the pool is broken, now or before.
    pub(super) fn initialize(&self) -> bool {
        if matches!(self.lock().phase, Phase::Broken(_)) {
            return false;
        }
        let Some(initializer) = &self.initializer else {
            return true;
        };
        // Both the error and the panic are the user's: their text is taken, and they are dropped, with guards around.
        let outcome = outcome_of(|| initializer().map_err(|error| error.to_string()));
        let reason = match &outcome {
            Ok(Ok(())) => return true,
            Ok(Err(text)) => format!("the initializer failed: {text}"),
            Err(JobError::Panicked(panic)) => {
                format!("the initializer panicked: {}", panic.message())
            }
            Err(other) => format!("the initializer failed: {other}"),
        };
        self.break_down(reason);
        quietly(|| drop(outcome));
        false
    }

    /// Starts the workers, in the order of their indices. On failure: how many were started, and why not the next.
    pub(super) fn start(self: &Arc<Self>) -> Result<(), (usize, io::Error)> {
        for index in 0..self.workers {
            self.lock().live += 1;
            if let Err(error) = (self.starter)(self, index) {
                self.leave();
                return Err((index, error));
            }
        }
        Ok(())
    }

    /// A worker's thread has ended in an orderly way.
    pub(super) fn leave(&self) {
        let mut state = self.lock();
        state.live -= 1;
        if state.live == 0 {
            drop(state);
            // Once in a pool's life: no need to count who waits.
            self.ended.notify_all();
        }
    }

    /// Starts a new thread for a worker whose own has died and which still counts as live.
    ///
    /// Called while unwinding: nothing in here may panic. If the thread cannot be started the next
    /// submission tries again; if no worker is left to run anything the pool is broken, so that nobody waits forever.
    pub(super) fn replace(self: &Arc<Self>, index: usize) {
        let Err(error) = (self.starter)(self, index) else {
            return;
        };
        let mut state = self.lock();
        let last = state.live == 1;
        if !last {
            state.live -= 1;
            state.missing.push(index);
            return;
        }
        drop(state);
        self.break_down(format!(
            "the last worker thread died, and a new one could not be started: {error}"
        ));
        self.leave();
    }

    /// Blocks until the last worker has left.
    pub(super) fn wait_ended(&self) {
        let mut state = self.lock();
        while state.live > 0 {
            state = self
                .ended
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn lock(&self) -> MutexGuard<'_, State<'job>> {
        // Nothing panics under this lock; were it to happen, the counts are still whole between statements.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
