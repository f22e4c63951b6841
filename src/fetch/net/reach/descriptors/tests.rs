//! Who is called when a descriptor comes free, and who gives up.

use std::sync::mpsc;
use std::thread;

use super::*;

struct Room {
    descriptors: Arc<Descriptors>,
    cancel: Cancel,
}

impl Room {
    fn new() -> Self {
        Self {
            descriptors: Arc::default(),
            cancel: Cancel::new().unwrap(),
        }
    }

    fn wait(&self, ticket: &Ticket) -> bool {
        let (turn, mut last) = (self.descriptors.turn(), LastTries::default());
        ticket.wait(turn, &mut last, &self.cancel).unwrap()
    }

    fn until_so_many_wait(&self, count: usize) {
        while self.descriptors.lock().waiting < count {
            thread::yield_now();
        }
    }
}

#[test]
fn a_waiter_is_called_by_a_ticket_given_back_or_offered() {
    type Waker = fn(&Arc<Descriptors>, Ticket) -> Option<Ticket>;
    let wakers: [Waker; 2] = [
        |_, ticket| {
            drop(ticket);
            None
        },
        |descriptors, ticket| {
            descriptors.offer();
            Some(ticket)
        },
    ];
    for wake in wakers {
        let room = Room::new();
        let (mine, other) = (room.descriptors.ticket(), room.descriptors.ticket());
        thread::scope(|s| {
            let waiter = s.spawn(|| room.wait(&mine));
            room.until_so_many_wait(1);
            let _kept = wake(&room.descriptors, other);
            assert!(waiter.join().unwrap());
        });
    }
}

#[test]
fn what_came_free_between_the_attempt_and_the_wait_is_seen() {
    let room = Room::new();
    let mine = room.descriptors.ticket();
    for is_offered in [false, true] {
        let other = room.descriptors.ticket();
        let before = room.descriptors.turn();
        // Here the attempt fails; and before it comes to waiting:
        if is_offered {
            room.descriptors.offer();
        } else {
            drop(other);
        }
        let mut last = LastTries::default();
        assert!(mine.wait(before, &mut last, &room.cancel).unwrap());
        assert_eq!(last.made, 0);
    }
}

#[test]
fn who_is_left_alone_tries_some_more_and_then_gives_up() {
    let room = Room::new();
    let mine = room.descriptors.ticket();
    let mut last = LastTries::default();
    let mut again = || {
        let now = room.descriptors.turn();
        mine.wait(now, &mut last, &room.cancel).unwrap()
    };
    for _ in 0..LAST_TRIES {
        assert!(again());
    }
    assert!(!again());
    // What happened since is a reason to try again.
    drop(room.descriptors.ticket());
    assert!(again());
}

#[test]
fn one_that_is_given_back_calls_one() {
    let room = Room::new();
    let (done, is_done) = mpsc::channel();
    let active = room.descriptors.ticket();
    let waiters = [(); 3].map(|()| room.descriptors.ticket());
    thread::scope(|s| {
        for ticket in waiters {
            let (done, room) = (done.clone(), &room);
            s.spawn(move || {
                assert!(room.wait(&ticket));
                // Kept, so that it calls nobody else.
                done.send(ticket).unwrap();
            });
        }
        room.until_so_many_wait(3);
        let mut kept = Vec::new();
        room.descriptors.offer();
        kept.push(is_done.recv().unwrap());
        assert_eq!(room.descriptors.lock().waiting, 2);
        drop(active);
        kept.push(is_done.recv().unwrap());
        assert_eq!(room.descriptors.lock().waiting, 1);
        // Each calls the next as it goes.
        kept.pop();
        kept.push(is_done.recv().unwrap());
        assert_eq!(kept.len(), 2);
    });
}

#[test]
fn a_quiet_return_calls_nobody_unless_nobody_else_is_left() {
    let room = Room::new();
    let (mine, active) = (room.descriptors.ticket(), room.descriptors.ticket());
    let before = room.descriptors.turn();
    room.descriptors.ticket().give_back_quietly();
    assert_eq!(room.descriptors.turn(), before);
    thread::scope(|s| {
        let waiter = s.spawn(|| room.wait(&mine));
        room.until_so_many_wait(1);
        active.give_back_quietly();
        assert!(waiter.join().unwrap());
    });
}

#[test]
fn a_cancel_ends_the_wait() {
    let room = Room::new();
    let (mine, _other) = (room.descriptors.ticket(), room.descriptors.ticket());
    thread::scope(|s| {
        let (room, mine, turn) = (&room, &mine, room.descriptors.turn());
        let waiter = s.spawn(move || mine.wait(turn, &mut LastTries::default(), &room.cancel));
        room.until_so_many_wait(1);
        room.cancel.throw();
        room.descriptors.wake();
        assert!(matches!(waiter.join().unwrap(), Err(WaitError::Cancelled)));
    });
}
