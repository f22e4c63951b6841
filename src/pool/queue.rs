//! The queue of a pool's jobs, and the rule for who is woken when.
//!
//! Callers may rely on: every job pushed is given out exactly once, by `next` or by `close`; jobs are given out in
//! the order in which they were pushed, but for what stashes (below) put off by a bounded amount; nothing of the
//! user's runs, and no job is dropped, under a lock.
//!
//! **Two locks.** Submitters push into the `inbox`; workers take from `ready`, and swap it for the inbox when it is empty. So
//! submitters and workers meet once per swap, not once per job.
//!
//! **Stashes.** While the queue is deep a worker takes several jobs under one lock and keeps them in a stash of its own.
//! A stash is only a faster way to the front of the queue, never a private property: a worker that finds nothing
//! else reclaims the stashes of others before it sleeps, and while the queue lives on, each worker that comes by it looks at one stash
//! in turn and reclaims what has not moved since the last look. So a job never waits behind one that blocks.
//!
//! **Waking.** `std`'s condition variable makes a system call on every notify, even when nobody waits, and a
//! thread that is woken for a job that another has taken by then costs two context switches. So the sleepers are
//! counted, and few are called at once: `waking`, at most `WAKING`, are those notified that have not got up. Each of
//! them, when it takes a job and more remain, calls the next. If a job waits and a worker sleeps, some worker
//! is on its way to the queue and will look again: no job is ever left lying beside a sleeper.

use std::collections::VecDeque;
use std::mem;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, Thread};

use super::error::{Broken, Refusal};
use super::job::Entry;

/// How many sleepers may be on their way at once: two, so that the woken fan out while the first of them still start.
const WAKING: usize = 2;

/// The most that a worker takes at once: enough to make the lock's cost disappear.
const STASH: usize = 16;

/// What becomes of the jobs that no worker has begun when a pool is shut down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pending {
    /// They are run to the last.
    Run,
    /// They are cancelled: each future, and each `deliver`, is given [`JobError::Cancelled`](super::JobError::Cancelled).
    Cancel,
}

pub(super) struct Queue<'job> {
    /// Locked in this order by whoever needs several: `ready`, `inbox`, a stash.
    ready: Mutex<Ready<'job>>,
    inbox: Mutex<Inbox<'job>>,
    stashes: Box<[Mutex<Stash<'job>>]>,
    /// How many stashes may hold a job. Grows under the lock of `ready`.
    stashing: AtomicUsize,
    /// Whether a worker sleeps that may be called: a copy of what `inbox` says, to be read without its lock.
    callable: AtomicBool,
    /// By worker: whether it has been called since it went to sleep.
    calls: Box<[AtomicBool]>,
    /// Where those wait who wait until nothing is left to do, with `inbox`.
    idle: Condvar,
}

#[derive(Default)]
struct Ready<'job> {
    jobs: VecDeque<Entry<'job>>,
    /// Whose stash was looked at last.
    looked_at: usize,
}

struct Inbox<'job> {
    jobs: VecDeque<Entry<'job>>,
    phase: Phase,
    /// Workers that run a job or look for one.
    awake: usize,
    /// Workers that sleep and have not been called, the last to lie down last.
    sleeping: Vec<Sleeper>,
    /// Workers that have been called and have not got up yet.
    waking: usize,
    /// Threads that wait on `idle`.
    waiting: usize,
}

struct Sleeper {
    index: usize,
    thread: Thread,
}

/// On a cache line of its own, as its owner takes from it all the time.
#[repr(align(64))]
#[derive(Default)]
struct Stash<'job> {
    jobs: VecDeque<Entry<'job>>,
    /// Whether the owner has taken from it since somebody looked.
    moved: bool,
}

enum Phase {
    Open,
    Closed,
    Broken(Broken),
}

/// A worker's place at the queue. Dropping it leaves the queue.
pub(super) struct Place<'a, 'job> {
    queue: &'a Queue<'job>,
    index: usize,
    /// Whether its stash may hold a job.
    stashed: bool,
}

impl Inbox<'_> {
    /// How many workers are to be called for `jobs` that wait.
    fn wanted(&self, jobs: usize) -> usize {
        let wanted = jobs.min(WAKING).saturating_sub(self.waking);
        wanted.min(self.sleeping.len())
    }

    fn refusal(&self) -> Option<Refusal> {
        match &self.phase {
            Phase::Open => None,
            Phase::Closed => Some(Refusal::ShutDown),
            Phase::Broken(broken) => Some(Refusal::Broken(broken.clone())),
        }
    }
}

impl<'job> Queue<'job> {
    pub(super) fn new(workers: usize) -> Self {
        Self {
            ready: Mutex::default(),
            inbox: Mutex::new(Inbox {
                jobs: VecDeque::new(),
                phase: Phase::Open,
                awake: 0,
                sleeping: Vec::new(),
                waking: 0,
                waiting: 0,
            }),
            stashes: (0..workers).map(|_| Mutex::default()).collect(),
            stashing: AtomicUsize::new(0),
            callable: AtomicBool::new(false),
            calls: (0..workers).map(|_| AtomicBool::new(false)).collect(),
            idle: Condvar::new(),
        }
    }

    /// How many jobs no worker has begun.
    pub(super) fn len(&self) -> usize {
        let ready = lock(&self.ready);
        let inbox = lock(&self.inbox);
        let stashed: usize = self
            .stashes
            .iter()
            .map(|stash| lock(stash).jobs.len())
            .sum();
        ready.jobs.len() + inbox.jobs.len() + stashed
    }

    /// Adds one job, or gives it back.
    pub(super) fn push<J: Into<Entry<'job>>>(&self, job: J) -> Result<(), (J, Refusal)> {
        let mut inbox = lock(&self.inbox);
        if let Some(refusal) = inbox.refusal() {
            return Err((job, refusal));
        }
        inbox.jobs.push_back(job.into());
        self.call(inbox, 0);
        Ok(())
    }

    /// Adds all of `jobs` side by side, or gives them back.
    pub(super) fn push_all<J: Into<Entry<'job>>>(
        &self,
        jobs: Vec<J>,
    ) -> Result<(), (Vec<J>, Refusal)> {
        let mut inbox = lock(&self.inbox);
        if let Some(refusal) = inbox.refusal() {
            return Err((jobs, refusal));
        }
        inbox.jobs.extend(jobs.into_iter().map(Into::into));
        self.call(inbox, 0);
        Ok(())
    }

    /// Calls the workers that are wanted for what is in the inbox and `elsewhere`; the last to fall asleep is called first.
    fn call(&self, mut inbox: MutexGuard<'_, Inbox<'job>>, elsewhere: usize) {
        let mut called = [const { None }; WAKING];
        let wanted = inbox.wanted(inbox.jobs.len() + elsewhere);
        for called in &mut called[..wanted] {
            *called = inbox.sleeping.pop();
        }
        inbox.waking += wanted;
        self.note(&inbox);
        drop(inbox);
        called
            .into_iter()
            .flatten()
            .for_each(|sleeper| self.wake(&sleeper));
    }

    fn wake(&self, sleeper: &Sleeper) {
        self.calls[sleeper.index].store(true, Ordering::Release);
        sleeper.thread.unpark();
    }

    fn note(&self, inbox: &Inbox<'job>) {
        let callable = !inbox.sleeping.is_empty() && inbox.waking < WAKING;
        if self.callable.load(Ordering::Relaxed) != callable {
            self.callable.store(callable, Ordering::Relaxed);
        }
    }

    pub(super) fn enter(&self, index: usize) -> Place<'_, 'job> {
        lock(&self.inbox).awake += 1;
        Place {
            queue: self,
            index,
            stashed: false,
        }
    }

    fn next(&self, place: &mut Place<'_, 'job>) -> Option<Entry<'job>> {
        if let Some(entry) = self.next_stashed(place) {
            return Some(entry);
        }
        loop {
            let mut ready = lock(&self.ready);
            if ready.jobs.is_empty() {
                let mut inbox = lock(&self.inbox);
                if !inbox.jobs.is_empty() {
                    mem::swap(&mut ready.jobs, &mut inbox.jobs);
                } else if !self.reclaim_any(&mut ready) {
                    if !matches!(inbox.phase, Phase::Open) {
                        return None;
                    }
                    drop(ready);
                    self.sleep(inbox, place.index);
                    continue;
                }
            } else {
                self.look(&mut ready);
            }
            let entry = ready.jobs.pop_front();
            let stashed = self.stash(place, &mut ready);
            let left = ready.jobs.len() + stashed;
            drop(ready);
            if self.callable.load(Ordering::Relaxed) {
                self.call(lock(&self.inbox), left);
            }
            return entry;
        }
    }

    fn next_stashed(&self, place: &mut Place<'_, 'job>) -> Option<Entry<'job>> {
        if !place.stashed {
            return None;
        }
        let mut stash = lock(&self.stashes[place.index]);
        let entry = stash.jobs.pop_front();
        stash.moved = true;
        let left = stash.jobs.len();
        drop(stash);
        if entry.is_none() {
            place.stashed = false;
            self.stashing.fetch_sub(1, Ordering::Relaxed);
        } else if self.callable.load(Ordering::Relaxed) {
            self.call(lock(&self.inbox), left);
        }
        entry
    }

    /// Puts aside for this worker what it may have of a deep queue.
    fn stash(&self, place: &mut Place<'_, 'job>, ready: &mut Ready<'job>) -> usize {
        let share = (ready.jobs.len() / (2 * self.stashes.len())).min(STASH);
        if share == 0 {
            return 0;
        }
        if !place.stashed {
            place.stashed = true;
            self.stashing.fetch_add(1, Ordering::Relaxed);
        }
        let mut stash = lock(&self.stashes[place.index]);
        stash.jobs.extend(ready.jobs.drain(..share));
        stash.moved = true;
        stash.jobs.len()
    }

    fn look(&self, ready: &mut Ready<'job>) {
        if self.stashing.load(Ordering::Relaxed) == 0 {
            return;
        }
        ready.looked_at = (ready.looked_at + 1) % self.stashes.len();
        let mut stash = lock(&self.stashes[ready.looked_at]);
        if !mem::take(&mut stash.moved) {
            reclaim(&mut stash, ready);
        }
    }

    fn reclaim_any(&self, ready: &mut Ready<'job>) -> bool {
        if self.stashing.load(Ordering::Relaxed) == 0 {
            return false;
        }
        self.stashes.iter().any(|stash| {
            reclaim(&mut lock(stash), ready);
            !ready.jobs.is_empty()
        })
    }

    fn sleep(&self, mut inbox: MutexGuard<'_, Inbox<'job>>, index: usize) {
        inbox.awake -= 1;
        inbox.sleeping.push(Sleeper {
            index,
            thread: thread::current(),
        });
        self.note(&inbox);
        if inbox.awake == 0 && inbox.waiting > 0 {
            self.idle.notify_all();
        }
        drop(inbox);
        // Whatever else unparks this thread is of no concern here.
        while !self.calls[index].swap(false, Ordering::Acquire) {
            thread::park();
        }
        let mut inbox = lock(&self.inbox);
        inbox.waking -= 1;
        inbox.awake += 1;
        self.note(&inbox);
    }

    fn leave(&self, place: &Place<'_, 'job>) {
        let mut ready = lock(&self.ready);
        if place.stashed {
            // The worker dies amidst its work: what it put aside is for the others.
            reclaim(&mut lock(&self.stashes[place.index]), &mut ready);
            self.stashing.fetch_sub(1, Ordering::Relaxed);
        }
        let left = ready.jobs.len();
        let mut inbox = lock(&self.inbox);
        drop(ready);
        inbox.awake -= 1;
        if inbox.awake == 0 && inbox.waiting > 0 {
            self.idle.notify_all();
        }
        self.call(inbox, left);
    }

    /// Blocks until no job waits or runs.
    pub(super) fn wait_idle(&self) {
        loop {
            let ready = lock(&self.ready);
            let mut inbox = lock(&self.inbox);
            if ready.jobs.is_empty() && inbox.jobs.is_empty() && inbox.awake == 0 {
                return;
            }
            drop(ready);
            inbox.waiting += 1;
            inbox = self
                .idle
                .wait(inbox)
                .unwrap_or_else(PoisonError::into_inner);
            inbox.waiting -= 1;
        }
    }

    /// Accepts nothing more; with `Pending::Cancel` gives back what no worker has begun.
    pub(super) fn close(&self, pending: Pending) -> Vec<Entry<'job>> {
        self.end(pending, |phase| {
            if matches!(phase, Phase::Open) {
                *phase = Phase::Closed;
            }
        })
    }

    pub(super) fn break_down(&self, broken: Broken) -> Vec<Entry<'job>> {
        self.end(Pending::Cancel, |phase| {
            if !matches!(phase, Phase::Broken(_)) {
                *phase = Phase::Broken(broken);
            }
        })
    }

    pub(super) fn broken(&self) -> Option<Broken> {
        match &lock(&self.inbox).phase {
            Phase::Broken(broken) => Some(broken.clone()),
            Phase::Open | Phase::Closed => None,
        }
    }

    fn end(&self, pending: Pending, set: impl FnOnce(&mut Phase)) -> Vec<Entry<'job>> {
        let mut ready = lock(&self.ready);
        let mut inbox = lock(&self.inbox);
        set(&mut inbox.phase);
        let mut left = Vec::new();
        if pending == Pending::Cancel {
            for stash in &self.stashes {
                left.extend(lock(stash).jobs.drain(..));
            }
            left.extend(ready.jobs.drain(..));
            left.extend(inbox.jobs.drain(..));
        }
        let sleeping = mem::take(&mut inbox.sleeping);
        inbox.waking += sleeping.len();
        self.note(&inbox);
        drop((inbox, ready));
        sleeping.iter().for_each(|sleeper| self.wake(sleeper));
        left
    }
}

impl<'job> Place<'_, 'job> {
    /// The next job for the worker; blocks until there is one. `None`: the worker has to leave.
    pub(super) fn next(&mut self) -> Option<Entry<'job>> {
        self.queue.next(self)
    }
}

impl Drop for Place<'_, '_> {
    fn drop(&mut self) {
        self.queue.leave(self);
    }
}

/// Gives a stash back to the queue, at its front: what is in it was taken from there before all that is there now.
fn reclaim<'job>(stash: &mut Stash<'job>, ready: &mut Ready<'job>) {
    while let Some(entry) = stash.jobs.pop_back() {
        ready.jobs.push_front(entry);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Nothing panics under these locks but for want of memory, which aborts.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
