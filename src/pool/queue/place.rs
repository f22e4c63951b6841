//! A worker's place at the queue: how it gets its next job, and what it does while there is none.

use std::collections::VecDeque;
use std::hint;
use std::mem;
use std::sync::MutexGuard;
use std::sync::atomic::Ordering;
use std::thread;

use super::super::job::Entry;
use super::super::sync::lock;
use super::stash::{Claim, Ready};
use super::{Inbox, Phase, Queue, Sleeper};

/// How often a worker that found nothing looks again before it sleeps: some microseconds, about
/// what sleeping and being woken cost. Without it a stream of short jobs puts workers to sleep and
/// wakes them for every few.
const LOOKS: u32 = 200;

/// For how many jobs each half of the queue keeps room after a burst: one and a half megabytes.
const KEPT: usize = 64 * 1024;

/// A worker's place at the queue. Dropping it leaves the queue, with nothing put aside.
pub(in crate::pool) struct Place<'a, 'job> {
    queue: &'a Queue<'job>,
    claim: Claim,
}

impl<'a, 'job> Place<'a, 'job> {
    /// Brings the worker with this index to the queue.
    pub(in crate::pool) fn new(queue: &'a Queue<'job>, index: usize) -> Self {
        lock(&queue.inbox).awake += 1;
        Self {
            queue,
            claim: Claim::new(index),
        }
    }

    /// The next job for the worker; blocks until there is one. `None`: the worker has to leave.
    pub(in crate::pool) fn next(&mut self) -> Option<Entry<'job>> {
        let queue = self.queue;
        if let Some((entry, left)) = queue.stashes.next(&mut self.claim) {
            queue.call_if_wanted(left);
            return Some(entry);
        }
        let mut has_lingered = false;
        loop {
            let mut ready = lock(&queue.ready);
            if !ready.jobs.is_empty() {
                queue.stashes.look(&mut ready);
            } else if let Some(mut inbox) = self.refill(&mut ready) {
                give_back(&mut ready.jobs);
                give_back(&mut inbox.jobs);
                drop(ready);
                if !matches!(inbox.phase, Phase::Open) {
                    return None;
                }
                has_lingered = self.pause(inbox, has_lingered);
                continue;
            }
            let (entry, left) = queue.stashes.take(&mut ready, &mut self.claim)?;
            drop(ready);
            queue.call_if_wanted(left);
            return Some(entry);
        }
    }

    /// Gets jobs to where they can be taken from; if there are none anywhere, the inbox, locked.
    fn refill(&self, ready: &mut Ready<'job>) -> Option<MutexGuard<'_, Inbox<'job>>> {
        let queue = self.queue;
        let mut inbox = lock(&queue.inbox);
        if !inbox.jobs.is_empty() {
            mem::swap(&mut ready.jobs, &mut inbox.jobs);
            queue.note(&inbox);
            return None;
        }
        (!queue.stashes.reclaim_any(ready)).then_some(inbox)
    }

    /// Waits until there may be a job: awake for a moment, if no other worker does and this one has
    /// not, or asleep.
    fn pause(&self, mut inbox: MutexGuard<'_, Inbox<'job>>, has_lingered: bool) -> bool {
        let queue = self.queue;
        let lingers = inbox.coming == 0 && !has_lingered;
        inbox.awake -= 1;
        if lingers {
            inbox.coming += 1;
        } else {
            inbox.asleep.push(Sleeper {
                index: self.claim.index(),
                thread: thread::current(),
            });
        }
        queue.note(&inbox);
        if inbox.awake == 0 && inbox.waiting > 0 {
            queue.idle.notify_all();
        }
        drop(inbox);
        if lingers {
            self.linger();
        } else {
            self.sleep();
        }
        let mut inbox = lock(&queue.inbox);
        inbox.coming -= 1;
        inbox.awake += 1;
        queue.note(&inbox);
        lingers
    }

    fn linger(&self) {
        for _ in 0..LOOKS {
            if self.queue.posted.load(Ordering::Relaxed) {
                break;
            }
            hint::spin_loop();
        }
    }

    fn sleep(&self) {
        // Whatever else unparks this thread is of no concern here.
        while !self.queue.calls[self.claim.index()].swap(false, Ordering::Acquire) {
            thread::park();
        }
    }
}

/// Gives back what an empty half of the queue has of room beyond what it keeps.
fn give_back(jobs: &mut VecDeque<Entry<'_>>) {
    if jobs.capacity() > KEPT {
        *jobs = VecDeque::new();
    }
}

impl Drop for Place<'_, '_> {
    fn drop(&mut self) {
        let queue = self.queue;
        let mut ready = lock(&queue.ready);
        queue.stashes.surrender(&mut ready, &mut self.claim);
        let left = ready.jobs.len() + queue.stashes.filled();
        let mut inbox = lock(&queue.inbox);
        drop(ready);
        inbox.awake -= 1;
        if inbox.awake == 0 && inbox.waiting > 0 {
            queue.idle.notify_all();
        }
        queue.call(inbox, left);
    }
}
