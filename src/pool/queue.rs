//! A pool's queue of jobs, and the rule for which worker is woken when.
//!
//! Jobs are given out exactly once, in the order of `push`, by `Consumer::next` or `close`. No job is dropped under the
//! lock.
//!
//! **Waking.** Waking a worker for a job that another takes costs a system call and two context switches. So at most
//! one worker is *waking*: notified, and not yet at the queue. When it takes a job and more remain, it wakes the next.
//! Invariant: if a job is queued and a worker sleeps, some worker is waking, or about to look at the queue. The worker
//! that fell asleep last is woken first: its caches are warm.

use std::collections::VecDeque;
use std::mem;
use std::sync::{Condvar, Mutex, MutexGuard};

use super::error::Refusal;
use super::job::QueuedJob;
use super::sync::{lock, wait};

/// The capacity, in jobs, that an empty queue keeps: 1.5 MB.
const KEPT_CAPACITY: usize = 64 * 1024;

/// What happens at shutdown to the jobs that no worker has begun.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pending {
    /// They are run.
    Run,
    /// They are cancelled: their futures and callbacks get [`JobError::Cancelled`](super::JobError::Cancelled).
    Cancel,
}

pub(super) struct Queue<'job> {
    state: Mutex<QueueState<'job>>,
    /// Per worker, notified after its `woken` is set.
    wake_ups: Box<[Condvar]>,
    /// Notified when no job is queued and no worker is awake.
    idle: Condvar,
}

struct QueueState<'job> {
    jobs: VecDeque<QueuedJob<'job>>,
    /// Why no job is accepted; `None` while the queue is open.
    refusal: Option<Refusal>,
    /// How many workers run a job or look for one.
    awake: usize,
    /// At most one, except after a shutdown, which wakes all.
    waking: usize,
    /// By index; the last to fall asleep comes last.
    asleep: Vec<usize>,
    woken: Box<[bool]>,
    /// How many threads wait on `idle`.
    idle_waiters: usize,
}

impl<'job> Queue<'job> {
    pub(super) fn new(workers: usize) -> Self {
        Self {
            state: Mutex::new(QueueState {
                jobs: VecDeque::new(),
                refusal: None,
                awake: 0,
                waking: 0,
                asleep: Vec::new(),
                woken: vec![false; workers].into(),
                idle_waiters: 0,
            }),
            wake_ups: (0..workers).map(|_| Condvar::new()).collect(),
            idle: Condvar::new(),
        }
    }

    pub(super) fn len(&self) -> usize {
        lock(&self.state).jobs.len()
    }

    /// Adds all of `jobs`, or gives them back.
    pub(super) fn push<J>(&self, jobs: J) -> Result<(), (J, Refusal)>
    where
        J: IntoIterator<Item: Into<QueuedJob<'job>>>,
    {
        let mut state = lock(&self.state);
        if let Some(refusal) = state.refusal.clone() {
            return Err((jobs, refusal));
        }
        state.jobs.extend(jobs.into_iter().map(Into::into));
        self.wake_next(state);
        Ok(())
    }

    /// Blocks until no job is queued or runs.
    pub(super) fn wait_idle(&self) {
        let mut state = lock(&self.state);
        while !state.jobs.is_empty() || state.awake > 0 {
            state.idle_waiters += 1;
            state = wait(&self.idle, state);
            state.idle_waiters -= 1;
        }
    }

    pub(super) fn is_broken(&self) -> bool {
        matches!(lock(&self.state).refusal, Some(Refusal::Broken(_)))
    }

    /// Refuses further jobs, and wakes all workers, so that they end when the queue is empty. With `Pending::Cancel`,
    /// returns the queued jobs.
    pub(super) fn close(&self, refusal: Refusal, pending: Pending) -> VecDeque<QueuedJob<'job>> {
        let mut state = lock(&self.state);
        // The first reason for a broken pool stays.
        if !matches!(state.refusal, Some(Refusal::Broken(_))) {
            state.refusal = Some(refusal);
        }
        for index in mem::take(&mut state.asleep) {
            state.waking += 1;
            state.woken[index] = true;
            self.wake_ups[index].notify_one();
        }
        // There may be no worker left to notify them.
        self.idle.notify_all();
        match pending {
            Pending::Run => VecDeque::new(),
            Pending::Cancel => mem::take(&mut state.jobs),
        }
    }

    /// Wakes a sleeping worker if a job is queued and no worker is waking up.
    fn wake_next(&self, mut state: MutexGuard<'_, QueueState<'job>>) {
        if state.jobs.is_empty() || state.waking > 0 {
            return;
        }
        if let Some(index) = state.asleep.pop() {
            state.waking += 1;
            state.woken[index] = true;
            drop(state);
            self.wake_ups[index].notify_one();
        }
    }

    fn one_less_awake(&self, state: &mut QueueState<'job>) {
        state.awake -= 1;
        if state.awake == 0 && state.idle_waiters > 0 {
            self.idle.notify_all();
        }
    }
}

/// A worker's access to the queue. While this lives, the worker counts as awake unless it sleeps in `next`.
pub(super) struct Consumer<'a, 'job> {
    queue: &'a Queue<'job>,
    index: usize,
}

impl<'a, 'job> Consumer<'a, 'job> {
    pub(super) fn new(queue: &'a Queue<'job>, index: usize) -> Self {
        lock(&queue.state).awake += 1;
        Self { queue, index }
    }

    /// Blocks until there is a job. `None`: the worker must end.
    pub(super) fn next(&mut self) -> Option<QueuedJob<'job>> {
        let mut state = lock(&self.queue.state);
        loop {
            if let Some(job) = state.jobs.pop_front() {
                self.queue.wake_next(state);
                return Some(job);
            }
            if state.jobs.capacity() > KEPT_CAPACITY {
                state.jobs = VecDeque::new();
            }
            if state.refusal.is_some() {
                return None;
            }
            state = self.sleep(state);
        }
    }

    fn sleep(
        &self,
        mut state: MutexGuard<'a, QueueState<'job>>,
    ) -> MutexGuard<'a, QueueState<'job>> {
        self.queue.one_less_awake(&mut state);
        state.asleep.push(self.index);
        while !mem::take(&mut state.woken[self.index]) {
            state = wait(&self.queue.wake_ups[self.index], state);
        }
        state.waking -= 1;
        state.awake += 1;
        state
    }
}

impl Drop for Consumer<'_, '_> {
    fn drop(&mut self) {
        let mut state = lock(&self.queue.state);
        self.queue.one_less_awake(&mut state);
        // A worker that dies wakes another one.
        self.queue.wake_next(state);
    }
}
