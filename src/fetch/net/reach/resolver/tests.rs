//! How names are asked for, shared, kept and given up, with a resolver of the tests' own.

use std::net::Ipv4Addr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;

use super::super::budget::Budget;
use super::state::MAX_ANSWERS;
use super::*;
use crate::fetch::net::io::cancel::Cancel;
use crate::fetch::net::io::timeouts::Timeouts;

const HOME: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

fn forever(cancel: &Cancel) -> Wait<'_> {
    Wait {
        limits: Timeouts::default(),
        cancel,
    }
}

fn short(cancel: &Cancel) -> Wait<'_> {
    Wait {
        limits: Timeouts::new(None, Some(Duration::from_millis(1))),
        cancel,
    }
}

fn permit() -> Arc<Permit> {
    Arc::new(Budget::new(None).try_acquire().unwrap())
}

#[test]
fn a_name_is_asked_once_for_all_who_want_it() {
    let asked = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&asked);
    let (open, gate) = mpsc::channel::<()>();
    let gate = Mutex::new(gate);
    let resolver = Resolver::with(move |_| {
        counter.fetch_add(1, Ordering::SeqCst);
        gate.lock().unwrap().recv().unwrap();
        Ok((0..40).map(|last| IpAddr::from([8, 8, 8, last])).collect())
    });
    let cancel = Cancel::new().unwrap();
    thread::scope(|s| {
        let all: Vec<_> = (0..8)
            .map(|_| {
                s.spawn(|| {
                    resolver
                        .resolve("a", &forever(&cancel), &permit(), None)
                        .unwrap()
                })
            })
            .collect();
        open.send(()).unwrap();
        for one in all {
            assert_eq!(one.join().unwrap().len(), MAX_ADDRESSES);
        }
    });
    assert!(
        resolver
            .resolve("a", &forever(&cancel), &permit(), None)
            .is_ok()
    );
    assert_eq!(asked.load(Ordering::SeqCst), 1);
}

#[test]
fn addresses_of_one_sort_leave_none_of_another_out_and_each_is_kept_once() {
    let v4 = |net: u8| (0..40).map(move |last| IpAddr::from([net, 0, 0, last]));
    let v6 = (0..40).map(|last| IpAddr::from([0x2606, 0, 0, 0, 0, 0, 0, last]));
    let found: Vec<IpAddr> = v6.chain(v4(10)).chain(v4(8)).collect();
    let wanted: Vec<IpAddr> = [0, 40, 80]
        .into_iter()
        .flat_map(|from| found[from..from + MAX_ADDRESSES].to_vec())
        .collect();
    assert_eq!(bounded(found.repeat(2)), wanted);
}

#[test]
fn a_miss_is_kept_but_not_for_an_attempt_that_is_made_again() {
    let asked = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&asked);
    let resolver = Resolver::with(move |_| match counter.fetch_add(1, Ordering::SeqCst) {
        0 => Err(Miss::NoAddress),
        _ => Ok(vec![HOME]),
    });
    let cancel = Cancel::new().unwrap();
    let resolve = |since| resolver.resolve("a", &forever(&cancel), &permit(), since);
    let began = Instant::now();
    assert!(resolve(None).is_err());
    assert!(resolve(Some(began)).is_err(), "it was asked since");
    assert!(resolve(Some(Instant::now())).is_ok());
    // What was found is good for it too.
    assert!(resolve(Some(Instant::now())).is_ok());
    assert_eq!(asked.load(Ordering::SeqCst), 2);
}

#[test]
fn failures_are_kept_too_and_no_address_is_one() {
    let asked = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&asked);
    let resolver = Resolver::with(move |name| {
        counter.fetch_add(1, Ordering::SeqCst);
        if name == "empty" {
            Ok(Vec::new())
        } else {
            Err(Miss::NoAddress)
        }
    });
    let cancel = Cancel::new().unwrap();
    for name in ["empty", "broken", "empty", "broken"] {
        assert!(
            matches!(
                resolver.resolve(name, &forever(&cancel), &permit(), None),
                Err(LookupError::Missed(Miss::NoAddress))
            ),
            "{name}"
        );
    }
    assert_eq!(asked.load(Ordering::SeqCst), 2);
}

#[test]
fn what_could_not_be_found_out_is_not_kept() {
    let misses = [
        Miss::Unknown("no name server answered".into()),
        Miss::NoDescriptor,
    ];
    for miss in misses {
        let asked = AtomicUsize::new(0);
        let first = miss.clone();
        let resolver = Resolver::with(move |_| match asked.fetch_add(1, Ordering::SeqCst) {
            0 => Err(first.clone()),
            _ => Ok(vec![HOME]),
        });
        let cancel = Cancel::new().unwrap();
        match resolver.resolve("a", &forever(&cancel), &permit(), None) {
            Err(LookupError::Missed(got)) => assert_eq!(got, miss),
            other => panic!("{other:?}"),
        }
        assert!(
            resolver
                .resolve("a", &forever(&cancel), &permit(), None)
                .is_ok()
        );
    }
}

#[test]
fn a_look_up_that_panics_is_an_answer_for_all_who_wait_and_the_helper_goes_on() {
    let (open, gate) = mpsc::channel::<()>();
    let gate = Mutex::new(gate);
    let resolver = Resolver::with(move |name| {
        if name == "bad" {
            // The lock is let go of first: a poisoned gate would panic for the wrong reason.
            let _ = gate.lock().map(|gate| gate.recv());
            panic!("an answer that nobody thought of");
        }
        Ok(vec![HOME])
    });
    let cancel = Cancel::new().unwrap();
    thread::scope(|s| {
        let all: Vec<_> = (0..8)
            .map(|_| s.spawn(|| resolver.resolve("bad", &forever(&cancel), &permit(), None)))
            .collect();
        while resolver.shared.lock().lookups.get("bad").map(|a| a.waiters) != Some(all.len()) {
            thread::yield_now();
        }
        open.send(()).unwrap();
        for one in all {
            match one.join().unwrap() {
                Err(LookupError::Missed(Miss::Unknown(why))) => {
                    assert_eq!(&*why, "the look-up panicked");
                }
                other => panic!("{other:?}"),
            }
        }
    });
    assert!(
        resolver
            .resolve("good", &forever(&cancel), &permit(), None)
            .is_ok()
    );
    // Every helper that is counted is there, and has nothing to do.
    let since = Instant::now();
    loop {
        let state = resolver.shared.lock();
        assert!(state.lookups.is_empty());
        if state.idle_helpers == state.helpers {
            break;
        }
        assert!(since.elapsed() < 6 * HELPER_IDLE, "a helper was lost");
        drop(state);
        thread::yield_now();
    }
}

#[test]
fn who_leaves_at_the_deadline_finds_the_answer_later() {
    let (open, gate) = mpsc::channel::<()>();
    let gate = Mutex::new(gate);
    let resolver = Resolver::with(move |_| {
        gate.lock().unwrap().recv().unwrap();
        Ok(vec![HOME])
    });
    let cancel = Cancel::new().unwrap();
    assert!(matches!(
        resolver.resolve("a", &short(&cancel), &permit(), None),
        Err(LookupError::WaitError(WaitError::Stalled(_)))
    ));
    open.send(()).unwrap();
    assert_eq!(
        *resolver
            .resolve("a", &forever(&cancel), &permit(), None)
            .unwrap(),
        [HOME]
    );
}

#[test]
fn a_cancel_wakes_those_who_wait() {
    let (asked, was_asked) = mpsc::channel();
    let (_open, gate) = mpsc::channel::<()>();
    let gate = Mutex::new(gate);
    let resolver = Resolver::with(move |_| {
        asked.send(()).unwrap();
        let _ = gate.lock().unwrap().recv();
        Ok(vec![HOME])
    });
    let cancel = Cancel::new().unwrap();
    thread::scope(|s| {
        let waiter = s.spawn(|| resolver.resolve("a", &forever(&cancel), &permit(), None));
        was_asked.recv().unwrap();
        cancel.cancel();
        resolver.wake();
        assert!(matches!(
            waiter.join().unwrap(),
            Err(LookupError::WaitError(WaitError::Cancelled))
        ));
    });
}

#[test]
fn neither_helpers_nor_answers_grow_without_bound() {
    let resolver = Resolver::with(|_| Ok(vec![HOME]));
    let cancel = Cancel::new().unwrap();
    for i in 0..MAX_ANSWERS + 100 {
        resolver
            .resolve(&i.to_string(), &forever(&cancel), &permit(), None)
            .unwrap();
    }
    let state = resolver.shared.lock();
    let kept = state.answers.len();
    assert!(kept <= MAX_ANSWERS, "{kept} answers");
    let helpers = state.helpers;
    assert!((1..=MAX_RUNNING).contains(&helpers), "{helpers} helpers");
}

/// A resolver that answers for `good` names, and for others only when its gate is dropped.
fn resolver_with_a_dead_zone() -> (Resolver, mpsc::Sender<()>) {
    let (gate, closed) = mpsc::channel::<()>();
    let closed = Arc::new(Mutex::new(closed));
    let resolver = Resolver::with(move |name| {
        if name.contains("dead") {
            let _ = closed.lock().unwrap().recv();
        }
        Ok(vec![HOME])
    });
    (resolver, gate)
}

#[test]
fn a_dead_zone_holds_up_no_other() {
    let (resolver, gate) = resolver_with_a_dead_zone();
    let cancel = Cancel::new().unwrap();
    thread::scope(|s| {
        let dead: Vec<_> = (0..MAX_RUNNING + 50)
            .map(|i| {
                let (resolver, cancel) = (&resolver, &cancel);
                s.spawn(move || {
                    resolver.resolve(&format!("{i}.dead.test"), &forever(cancel), &permit(), None)
                })
            })
            .collect();
        while resolver.shared.lock().lookups.len() < dead.len() {
            thread::yield_now();
        }
        // It comes back at all, while all of those still wait.
        assert!(
            resolver
                .resolve("good.test", &forever(&cancel), &permit(), None)
                .is_ok()
        );
        assert_eq!(resolver.shared.lock().lookups.len(), dead.len());
        drop(gate);
        for one in dead {
            assert!(one.join().unwrap().is_ok());
        }
    });
}

#[test]
fn what_nobody_waits_for_is_forgotten_or_fills_the_cache() {
    let (resolver, gate) = resolver_with_a_dead_zone();
    let cancel = Cancel::new().unwrap();
    let names = MAX_RUNNING + 50;
    for i in 0..names {
        let end = resolver.resolve(&format!("{i}.dead.test"), &short(&cancel), &permit(), None);
        assert!(matches!(
            end,
            Err(LookupError::WaitError(WaitError::Stalled(_)))
        ));
    }
    let running = resolver.shared.lock().lookups.len();
    assert!(
        (1..=MAX_RUNNING / 2).contains(&running),
        "{running} of {names}"
    );
    drop(gate);
    while !resolver.shared.lock().lookups.is_empty() {
        thread::yield_now();
    }
    assert_eq!(resolver.shared.lock().answers.len(), running);
}

#[test]
fn a_name_is_kept_in_the_queue_for_the_last_who_waits_for_it() {
    let (resolver, gate) = resolver_with_a_dead_zone();
    let cancel = Cancel::new().unwrap();
    thread::scope(|s| {
        for i in 0..MAX_RUNNING / 2 {
            let end = resolver.resolve(&format!("{i}.dead.test"), &short(&cancel), &permit(), None);
            assert!(end.is_err());
        }
        let patient =
            s.spawn(|| resolver.resolve("last.dead.test", &forever(&cancel), &permit(), None));
        while !resolver
            .shared
            .lock()
            .lookups
            .contains_key("last.dead.test")
        {
            thread::yield_now();
        }
        assert!(
            resolver
                .resolve("last.dead.test", &short(&cancel), &permit(), None)
                .is_err()
        );
        drop(gate);
        assert!(patient.join().unwrap().is_ok());
    });
}
