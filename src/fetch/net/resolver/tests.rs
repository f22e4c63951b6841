//! How names are asked for, shared, kept and given up, with a resolver of the tests' own.

use std::net::Ipv4Addr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;

use super::*;

const HOME: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

fn forever() -> Limits {
    Limits::default()
}

#[test]
fn a_name_is_asked_once_for_all_who_want_it() {
    let asked = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&asked);
    let (open, gate) = mpsc::channel::<()>();
    let gate = Mutex::new(gate);
    let resolver = Resolver::with_lookup(move |_| {
        counter.fetch_add(1, Ordering::SeqCst);
        gate.lock().unwrap().recv().unwrap();
        Ok(vec![HOME; 40])
    });
    let cancel = Cancel::new().unwrap();
    thread::scope(|s| {
        let all: Vec<_> = (0..8)
            .map(|_| s.spawn(|| resolver.resolve("a", &forever(), &cancel).unwrap()))
            .collect();
        open.send(()).unwrap();
        for one in all {
            assert_eq!(*one.join().unwrap(), [HOME; MAX_ADDRESSES]);
        }
    });
    assert!(resolver.resolve("a", &forever(), &cancel).is_ok());
    assert_eq!(asked.load(Ordering::SeqCst), 1);
}

#[test]
fn failures_are_kept_too_and_no_address_is_one() {
    let asked = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&asked);
    let resolver = Resolver::with_lookup(move |name| {
        counter.fetch_add(1, Ordering::SeqCst);
        if name == "empty" {
            Ok(Vec::new())
        } else {
            Err(io::Error::other("no"))
        }
    });
    let cancel = Cancel::new().unwrap();
    for name in ["empty", "broken", "empty", "broken"] {
        assert!(
            matches!(
                resolver.resolve(name, &forever(), &cancel),
                Err(LookupError::NoAddress)
            ),
            "{name}"
        );
    }
    assert_eq!(asked.load(Ordering::SeqCst), 2);
}

#[test]
fn want_of_a_descriptor_says_nothing_of_a_name() {
    let asked = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&asked);
    let resolver = Resolver::with_lookup(move |_| match counter.fetch_add(1, Ordering::SeqCst) {
        0 => Err(Errno::MFILE.into()),
        _ => Ok(vec![HOME]),
    });
    let cancel = Cancel::new().unwrap();
    let first = resolver.resolve("a", &forever(), &cancel);
    assert!(matches!(first, Err(LookupError::NoDescriptor)));
    assert!(resolver.resolve("a", &forever(), &cancel).is_ok());
}

#[test]
fn who_leaves_at_the_deadline_finds_the_answer_later() {
    let (open, gate) = mpsc::channel::<()>();
    let gate = Mutex::new(gate);
    let resolver = Resolver::with_lookup(move |_| {
        gate.lock().unwrap().recv().unwrap();
        Ok(vec![HOME])
    });
    let cancel = Cancel::new().unwrap();
    let short = Limits::new(None, Some(Duration::from_millis(10)));
    assert!(matches!(
        resolver.resolve("a", &short, &cancel),
        Err(LookupError::Cut(Cut::Stalled(_)))
    ));
    open.send(()).unwrap();
    assert_eq!(*resolver.resolve("a", &forever(), &cancel).unwrap(), [HOME]);
}

#[test]
fn a_cancel_wakes_those_who_wait() {
    let (asked, was_asked) = mpsc::channel();
    let (_open, gate) = mpsc::channel::<()>();
    let gate = Mutex::new(gate);
    let resolver = Resolver::with_lookup(move |_| {
        asked.send(()).unwrap();
        let _ = gate.lock().unwrap().recv();
        Ok(vec![HOME])
    });
    let cancel = Cancel::new().unwrap();
    thread::scope(|s| {
        let waiter = s.spawn(|| resolver.resolve("a", &forever(), &cancel));
        was_asked.recv().unwrap();
        cancel.throw();
        resolver.wake();
        assert!(matches!(
            waiter.join().unwrap(),
            Err(LookupError::Cut(Cut::Cancelled))
        ));
    });
}

#[test]
fn neither_helpers_nor_names_grow_without_bound() {
    let resolver = Resolver::with_lookup(|_| Ok(vec![HOME]));
    let cancel = Cancel::new().unwrap();
    for i in 0..MAX_NAMES + 100 {
        resolver
            .resolve(&i.to_string(), &forever(), &cancel)
            .unwrap();
    }
    let state = resolver.shared.lock();
    assert!(
        state.names.len() <= MAX_NAMES,
        "{} names",
        state.names.len()
    );
    assert!(
        (1..=MAX_HELPERS).contains(&state.helpers),
        "{} helpers",
        state.helpers
    );
}
