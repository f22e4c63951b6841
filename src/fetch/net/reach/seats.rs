//! Who may have descriptors at one time, where there are fewer than there could be use for.
//!
//! To find out by trying that none is left does for connections. It does not for look-ups: the system's
//! resolver that could not open a file or a socket says that there is no such name, or none for now, and
//! no error tells that for certain from an answer. So whoever needs a new connection takes a [`Seat`]
//! before the name is looked up and holds it as long as the connection is open. A seat stands for one
//! descriptor, first of the look-up, then of the socket; some descriptors are left over beside the
//! seats. Who waits for a seat holds none and no descriptor, so that nobody waits for one who waits.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use crate::fetch::net::io::cancel::Cancel;
use crate::fetch::net::io::timeouts::WaitError;

/// A look-up has one descriptor at a time: `/etc/resolv.conf`, `/etc/hosts`, the socket of a cache or of
/// a name server. It has one more when a name server sends it on to TCP, and one more for each server
/// that stays silent, three in all (`MAXNS` of resolv.h). For those a part of all is no seat.
const PART_FOR_MORE: usize = 4;
/// And no more than that.
const MOST_FOR_MORE: usize = 64;

#[derive(Debug, Default)]
struct State {
    taken: usize,
    waiting: usize,
    /// Counts what makes it worth trying again.
    news: u64,
}

/// All seats. With no limit taking one costs nothing.
#[derive(Debug)]
pub(crate) struct Seats {
    most: usize,
    state: Mutex<State>,
    freed: Condvar,
}

/// The right to one descriptor. Dropping it lets one of those who wait have it.
#[derive(Debug)]
pub(crate) struct Seat {
    /// `None` where there is no limit.
    of: Option<Arc<Seats>>,
}

impl Seats {
    /// As many as there are `descriptors`, less those for look-ups that need more than one; `None` is
    /// without limit.
    pub(crate) fn new(descriptors: Option<usize>) -> Arc<Self> {
        let seats = |all: usize| all - (all / PART_FOR_MORE).min(MOST_FOR_MORE);
        Arc::new(Self {
            most: descriptors.map_or(usize::MAX, |all| seats(all).max(1)),
            state: Mutex::default(),
            freed: Condvar::new(),
        })
    }

    /// A seat, if one is left.
    pub(crate) fn try_take(self: &Arc<Self>) -> Option<Seat> {
        if self.is_unlimited() {
            return Some(Seat::without_limit());
        }
        self.one_of(&mut self.lock())
    }

    /// Waits for a seat. `make_room` closes an idle connection, which has one, and says whether there
    /// was any. Only a cancel cuts this.
    pub(crate) fn take(
        self: &Arc<Self>,
        make_room: &dyn Fn() -> bool,
        cancel: &Cancel,
    ) -> Result<Seat, WaitError> {
        let mut state = self.lock();
        while !cancel.is_cancelled() {
            if let Some(seat) = self.one_of(&mut state) {
                return Ok(seat);
            }
            let before = state.news;
            // What is closed gives its seat back, and takes the lock for it.
            drop(state);
            let is_made = make_room();
            state = self.lock();
            while !is_made && state.news == before && !cancel.is_cancelled() {
                state.waiting += 1;
                state = self
                    .freed
                    .wait(state)
                    .unwrap_or_else(PoisonError::into_inner);
                state.waiting -= 1;
            }
        }
        Err(WaitError::Cancelled)
    }

    /// Says that a connection fell idle and could be closed for its seat.
    pub(crate) fn offer(&self) {
        if !self.is_unlimited() {
            self.tell(&mut self.lock());
        }
    }

    /// Wakes everybody who waits, to see that the client was cancelled.
    pub(crate) fn wake(&self) {
        // Who has not yet seen the cancel holds the lock until it can be woken.
        drop(self.lock());
        self.freed.notify_all();
    }

    fn one_of(self: &Arc<Self>, state: &mut State) -> Option<Seat> {
        (state.taken < self.most).then(|| {
            state.taken += 1;
            Seat {
                of: Some(Arc::clone(self)),
            }
        })
    }

    fn tell(&self, state: &mut State) {
        state.news += 1;
        if state.waiting > 0 {
            self.freed.notify_one();
        }
    }

    fn is_unlimited(&self) -> bool {
        self.most == usize::MAX
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Numbers only: none is left half changed.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        if let Some(all) = &self.of {
            let mut state = all.lock();
            state.taken -= 1;
            all.tell(&mut state);
        }
    }
}

impl Seat {
    /// One of those that there is no limit of.
    pub(crate) fn without_limit() -> Self {
        Self { of: None }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;
    use std::thread;

    use super::*;

    fn until_so_many_wait(seats: &Seats, count: usize) {
        while seats.lock().waiting < count {
            thread::yield_now();
        }
    }

    #[test]
    fn a_part_of_few_descriptors_is_left_for_look_ups_that_need_more() {
        for (descriptors, seats) in [(0, 1), (1, 1), (3, 3), (4, 3), (20, 15), (1000, 936)] {
            assert_eq!(Seats::new(Some(descriptors)).most, seats, "{descriptors}");
        }
        let unlimited = Seats::new(None);
        let taken: Vec<_> = (0..100).map(|_| unlimited.try_take().unwrap()).collect();
        assert_eq!((taken.len(), unlimited.lock().taken), (100, 0));
    }

    #[test]
    fn no_more_are_given_than_there_are_and_each_that_comes_back_goes_to_one_who_waits() {
        let (seats, cancel) = (Seats::new(Some(2)), Cancel::new().unwrap());
        let mut held = vec![seats.try_take().unwrap(), seats.try_take().unwrap()];
        assert!(seats.try_take().is_none());
        let (given, taken) = mpsc::channel();
        thread::scope(|s| {
            for _ in 0..20 {
                let (given, seats, cancel) = (given.clone(), &seats, &cancel);
                s.spawn(move || given.send(seats.take(&|| false, cancel).unwrap()).unwrap());
            }
            until_so_many_wait(&seats, 20);
            for _ in 0..20 {
                held.remove(0);
                held.push(taken.recv().unwrap());
                assert!(taken.try_recv().is_err());
                assert_eq!(seats.lock().taken, 2);
            }
        });
    }

    #[test]
    fn what_fell_idle_is_closed_for_its_seat() {
        let (seats, cancel) = (Seats::new(Some(1)), Cancel::new().unwrap());
        let idle = Mutex::new(None);
        let in_use = seats.try_take();
        thread::scope(|s| {
            let waiter = s.spawn(|| {
                let make_room = || idle.lock().unwrap().take().is_some();
                seats.take(&make_room, &cancel).unwrap()
            });
            until_so_many_wait(&seats, 1);
            *idle.lock().unwrap() = in_use;
            seats.offer();
            drop(waiter.join().unwrap());
        });
        assert_eq!(seats.lock().taken, 0);
    }

    #[test]
    fn a_cancel_ends_the_wait() {
        let (seats, cancel) = (Seats::new(Some(1)), Cancel::new().unwrap());
        let _held = seats.try_take().unwrap();
        thread::scope(|s| {
            let waiter = s.spawn(|| seats.take(&|| false, &cancel));
            until_so_many_wait(&seats, 1);
            cancel.throw();
            seats.wake();
            assert!(matches!(waiter.join().unwrap(), Err(WaitError::Cancelled)));
        });
    }
}
