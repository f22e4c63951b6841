//! The queue of a pool's jobs, and the rule for who is woken when.
//!
//! Callers may rely on: every job pushed is given out exactly once, by `Place::next` or by `close`;
//! jobs are given out in the order in which they were pushed, but for what stashes put off by a
//! bounded number of others; nothing of the user's runs, and no job is dropped, under a lock.
//!
//! **Two locks.** Submitters push into the inbox; workers take from `ready`, and swap it for the
//! inbox when it is empty. So submitters and workers meet once a swap, not once a job.
//!
//! **Waking.** A notify is a system call, and a worker woken for a job that another has taken by
//! then costs two context switches. So at most one worker is ever on its way: one that has been
//! called and has not got up, or one that found nothing and lingers for a moment before it sleeps.
//! When it takes a job and more remain, it calls the next. What holds: if a job waits and a worker
//! sleeps, then some worker is on its way, or runs and will look again before it begins its job. So
//! no job is left lying beside a sleeper, and N waiting jobs wake N workers, each the next. Of the
//! sleepers the last to lie down is called, whose stack and caches are warm.

mod place;
mod stash;

use std::collections::VecDeque;
use std::mem;
use std::ops::Deref;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard};
use std::thread::Thread;

pub(super) use self::place::Place;

use self::stash::{Ready, Stashes};
use super::error::{Broken, Refusal};
use super::job::Entry;
use super::sync::{lock, sleep};

/// What becomes of the jobs that no worker has begun when a pool is shut down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pending {
    /// They are run to the last.
    Run,
    /// They are cancelled: each future, and each `deliver`, is given
    /// [`JobError::Cancelled`](super::JobError::Cancelled).
    Cancel,
}

pub(super) struct Queue<'job> {
    /// Locked before `inbox` by whoever needs both; a stash comes last.
    ready: Apart<Mutex<Ready<'job>>>,
    inbox: Apart<Mutex<Inbox<'job>>>,
    stashes: Stashes<'job>,
    /// Copies of what the inbox says, to be read without its lock: whether it holds a job, ..
    posted: AtomicBool,
    /// .. and whether a worker sleeps while none is on its way.
    callable: AtomicBool,
    /// By worker: whether it has been called since it lay down.
    calls: Box<[AtomicBool]>,
    /// Where those wait who wait until nothing is left to do, with the inbox.
    idle: Condvar,
}

/// On cache lines of its own: what one side writes all the time would slow down the other's reads.
#[derive(Default)]
#[repr(align(128))]
struct Apart<T>(T);

impl<T> Deref for Apart<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

struct Inbox<'job> {
    jobs: VecDeque<Entry<'job>>,
    phase: Phase,
    /// How many workers run a job or take one.
    awake: usize,
    /// How many workers are on their way: one at most, but for the end, when all are called.
    coming: usize,
    /// The others, the last to lie down last.
    asleep: Vec<Sleeper>,
    /// How many threads wait on `idle`.
    waiting: usize,
}

enum Phase {
    Open,
    Closed,
    Broken(Broken),
}

struct Sleeper {
    index: usize,
    thread: Thread,
}

impl Inbox<'_> {
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
        let inbox = Inbox {
            jobs: VecDeque::new(),
            phase: Phase::Open,
            awake: 0,
            coming: 0,
            asleep: Vec::new(),
            waiting: 0,
        };
        Self {
            ready: Apart::default(),
            inbox: Apart(Mutex::new(inbox)),
            stashes: Stashes::new(workers),
            posted: AtomicBool::new(false),
            callable: AtomicBool::new(false),
            calls: (0..workers).map(|_| AtomicBool::new(false)).collect(),
            idle: Condvar::new(),
        }
    }

    /// How many jobs no worker has begun.
    pub(super) fn len(&self) -> usize {
        let ready = lock(&self.ready);
        let inbox = lock(&self.inbox);
        ready.jobs.len() + inbox.jobs.len() + self.stashes.len()
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
            inbox = sleep(&self.idle, inbox);
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

    /// Accepts nothing more, and gives back what no worker has begun.
    pub(super) fn break_down(&self, broken: Broken) -> Vec<Entry<'job>> {
        self.end(Pending::Cancel, |phase| {
            if !matches!(phase, Phase::Broken(_)) {
                *phase = Phase::Broken(broken);
            }
        })
    }

    pub(super) fn is_broken(&self) -> bool {
        matches!(lock(&self.inbox).phase, Phase::Broken(_))
    }

    fn end(&self, pending: Pending, set: impl FnOnce(&mut Phase)) -> Vec<Entry<'job>> {
        let mut ready = lock(&self.ready);
        let mut inbox = lock(&self.inbox);
        set(&mut inbox.phase);
        let mut left = Vec::new();
        if pending == Pending::Cancel {
            self.stashes.drain_into(&mut left);
            left.extend(ready.jobs.drain(..));
            left.extend(inbox.jobs.drain(..));
        }
        drop(ready);
        let asleep = mem::take(&mut inbox.asleep);
        inbox.coming += asleep.len();
        self.note(&inbox);
        if inbox.waiting > 0 {
            // There may be no worker left to say that nothing is left to do.
            self.idle.notify_all();
        }
        drop(inbox);
        asleep.iter().for_each(|sleeper| self.wake(sleeper));
        left
    }

    /// Calls a worker, if one is wanted for what waits in the inbox and `elsewhere`.
    fn call(&self, mut inbox: MutexGuard<'_, Inbox<'job>>, elsewhere: usize) {
        let waiting = inbox.jobs.len() + elsewhere;
        let called = if waiting > 0 && inbox.coming == 0 {
            inbox.asleep.pop()
        } else {
            None
        };
        inbox.coming += usize::from(called.is_some());
        self.note(&inbox);
        drop(inbox);
        if let Some(sleeper) = called {
            self.wake(&sleeper);
        }
    }

    fn call_if_wanted(&self, elsewhere: usize) {
        if self.callable.load(Ordering::Relaxed) {
            self.call(lock(&self.inbox), elsewhere);
        }
    }

    fn wake(&self, sleeper: &Sleeper) {
        self.calls[sleeper.index].store(true, Ordering::Release);
        sleeper.thread.unpark();
    }

    /// Brings the copies up to date; only what changes is written, as other cores read it all the
    /// time.
    fn note(&self, inbox: &Inbox<'job>) {
        let set = |copy: &AtomicBool, value| {
            if copy.load(Ordering::Relaxed) != value {
                copy.store(value, Ordering::Relaxed);
            }
        };
        set(&self.posted, !inbox.jobs.is_empty());
        set(
            &self.callable,
            inbox.coming == 0 && !inbox.asleep.is_empty(),
        );
    }
}
