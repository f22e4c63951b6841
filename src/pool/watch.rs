//! How one thread waits for several futures: each of them tells the same watcher when it is done.
//!
//! A watcher is told each future's key at most once, in the order in which they were done. Nothing
//! of the user runs here.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex};
use std::time::Instant;
use std::{iter, mem, option, vec};

use super::sync::{lock, sleep_until};
use super::task::Progress;

/// What any future can be asked, whatever its type.
pub(super) trait Watched {
    fn progress(&self) -> Progress;
    /// Blocks until the future is done; false at the deadline.
    fn wait(&self, deadline: Option<Instant>) -> bool;
    fn watch(&self, watcher: &Arc<Watcher>, key: usize);
    fn unwatch(&self, watcher: &Arc<Watcher>);
}

/// What is to happen when a task is done.
pub(super) enum Hook<C> {
    Call(C),
    Watch(Arc<Watcher>, usize),
}

/// Hooks in the order in which they were added; one alone takes no allocation of its own.
#[derive(Default)]
pub(super) enum Hooks<C> {
    #[default]
    None,
    One(Hook<C>),
    Many(Vec<Hook<C>>),
}

impl<C> Hooks<C> {
    pub(super) fn is_empty(&self) -> bool {
        match self {
            Self::None => true,
            Self::One(_) => false,
            Self::Many(hooks) => hooks.is_empty(),
        }
    }

    pub(super) fn add(&mut self, hook: Hook<C>) {
        *self = match mem::take(self) {
            Self::None => Self::One(hook),
            Self::One(first) => Self::Many(vec![first, hook]),
            Self::Many(mut hooks) => {
                hooks.push(hook);
                Self::Many(hooks)
            }
        };
    }

    pub(super) fn remove(&mut self, watcher: &Arc<Watcher>) {
        let is_its =
            |hook: &Hook<C>| matches!(hook, Hook::Watch(other, _) if Arc::ptr_eq(other, watcher));
        match self {
            Self::One(hook) if is_its(hook) => *self = Self::None,
            Self::None | Self::One(_) => {}
            Self::Many(hooks) => hooks.retain(|hook| !is_its(hook)),
        }
    }

    /// Tells every watcher among them.
    pub(super) fn tell(self) {
        for hook in self {
            if let Hook::Watch(watcher, key) = hook {
                watcher.tell(key);
            }
        }
    }
}

impl<C> IntoIterator for Hooks<C> {
    type Item = Hook<C>;
    type IntoIter = iter::Chain<option::IntoIter<Hook<C>>, vec::IntoIter<Hook<C>>>;

    fn into_iter(self) -> Self::IntoIter {
        let (one, many) = match self {
            Self::None => (None, Vec::new()),
            Self::One(hook) => (Some(hook), Vec::new()),
            Self::Many(hooks) => (None, hooks),
        };
        one.into_iter().chain(many)
    }
}

#[derive(Default)]
pub(super) struct Watcher {
    state: Mutex<State>,
    told: Condvar,
}

#[derive(Default)]
struct State {
    done: VecDeque<usize>,
    waiting: bool,
}

impl Watcher {
    pub(super) fn tell(&self, key: usize) {
        let mut state = lock(&self.state);
        state.done.push_back(key);
        let waiting = state.waiting;
        drop(state);
        if waiting {
            self.told.notify_one();
        }
    }

    /// The key of the next future that is done; blocks until there is one, `None` at the deadline.
    ///
    /// Only one thread may wait at a watcher: its owner.
    pub(super) fn next(&self, deadline: Option<Instant>) -> Option<usize> {
        let mut state = lock(&self.state);
        loop {
            if let Some(key) = state.done.pop_front() {
                return Some(key);
            }
            state.waiting = true;
            let (again, in_time) = sleep_until(&self.told, state, deadline);
            state = again;
            state.waiting = false;
            if !in_time {
                return state.done.pop_front();
            }
        }
    }

    /// The key of a future that is done and has not been given; never blocks.
    pub(super) fn next_ready(&self) -> Option<usize> {
        lock(&self.state).done.pop_front()
    }
}
