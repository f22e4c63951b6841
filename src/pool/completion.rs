//! What a waiting thread sees of tasks of any type: their status, and a queue of those done.

use std::collections::VecDeque;
use std::mem;
use std::sync::{Arc, Condvar, Mutex};
use std::time::Instant;

use super::sync::{lock, wait_until};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum JobStatus {
    Pending,
    Running,
    Finished,
    /// Panicked, or refused by a broken pool.
    Failed,
    Cancelled,
}

impl JobStatus {
    pub(super) fn is_done(self) -> bool {
        !matches!(self, Self::Pending | Self::Running)
    }
}

/// A task of any type.
pub(super) trait AnyTask {
    fn status(&self) -> JobStatus;
    /// Blocks until the task is done; false at the deadline.
    fn wait(&self, deadline: Option<Instant>) -> bool;
    /// Adds `key` to `queue` when the task is done, or at once if it is.
    fn subscribe(&self, queue: &Arc<CompletionQueue>, key: usize);
    fn unsubscribe(&self, queue: &Arc<CompletionQueue>);
}

/// What is to happen when a task is done.
pub(super) enum Listener<C> {
    Callback(C),
    Queue(Arc<CompletionQueue>, usize),
}

/// Listeners in the order in which they were added. A single one takes no allocation of its own.
#[derive(Default)]
pub(super) enum Listeners<C> {
    #[default]
    None,
    One(Listener<C>),
    Many(Vec<Listener<C>>),
}

impl<C> Listeners<C> {
    pub(super) fn is_empty(&self) -> bool {
        matches!(self, Self::None)
    }

    pub(super) fn add(&mut self, listener: Listener<C>) {
        *self = match mem::take(self) {
            Self::None => Self::One(listener),
            Self::One(first) => Self::Many(vec![first, listener]),
            Self::Many(mut listeners) => {
                listeners.push(listener);
                Self::Many(listeners)
            }
        };
    }

    pub(super) fn remove(&mut self, queue: &Arc<CompletionQueue>) {
        let keep = |it: &Listener<C>| !matches!(it, Listener::Queue(other, _) if Arc::ptr_eq(other, queue));
        *self = match mem::take(self) {
            Self::One(listener) if !keep(&listener) => Self::None,
            Self::Many(mut listeners) => {
                listeners.retain(keep);
                Self::Many(listeners)
            }
            unchanged => unchanged,
        };
    }

    pub(super) fn for_each(self, visit: impl FnMut(Listener<C>)) {
        match self {
            Self::None => {}
            Self::One(listener) => Some(listener).into_iter().for_each(visit),
            Self::Many(listeners) => listeners.into_iter().for_each(visit),
        }
    }
}

/// The keys of tasks that are done, each once, in the order in which they were done.
#[derive(Default)]
pub(super) struct CompletionQueue {
    state: Mutex<CompletionState>,
    added: Condvar,
}

#[derive(Default)]
struct CompletionState {
    keys: VecDeque<usize>,
    has_waiter: bool,
}

impl CompletionQueue {
    pub(super) fn add(&self, key: usize) {
        let mut state = lock(&self.state);
        state.keys.push_back(key);
        let has_waiter = state.has_waiter;
        drop(state);
        if has_waiter {
            self.added.notify_one();
        }
    }

    /// Blocks until a key is there; `None` at the deadline. Only one thread may wait.
    pub(super) fn next(&self, deadline: Option<Instant>) -> Option<usize> {
        let mut state = lock(&self.state);
        let mut in_time = true;
        while in_time && state.keys.is_empty() {
            state.has_waiter = true;
            (state, in_time) = wait_until(&self.added, state, deadline);
            state.has_waiter = false;
        }
        state.keys.pop_front()
    }

    pub(super) fn try_next(&self) -> Option<usize> {
        lock(&self.state).keys.pop_front()
    }
}
