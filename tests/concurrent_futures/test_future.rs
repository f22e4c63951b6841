//! test_future.py: the states of a future, its result and its callbacks.

use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::Duration;

use fetchpool::pool::{Future, JobError, ThreadPool};

use crate::support::{Gate, SHORT, States, fail};

/// What a callback received, as text.
fn callback_on(future: &Future<i32>) -> Receiver<String> {
    let (sender, told) = mpsc::channel();
    future.on_done(move |outcome| {
        let text = match outcome {
            Ok(value) => value.to_string(),
            Err(error) => error.to_string(),
        };
        drop(sender.send(text));
    });
    told
}

#[test]
fn test_done_callback_with_result() {
    let pool = ThreadPool::new(1).unwrap();
    let gate = Gate::default();
    let future = {
        let gate = gate.clone();
        pool.submit(move || {
            gate.wait();
            5
        })
    };
    let told = callback_on(&future.unwrap());
    gate.open();
    assert_eq!(told.recv().unwrap(), "5");
}

#[test]
fn test_done_callback_with_exception() {
    let pool = ThreadPool::new(1).unwrap();
    let gate = Gate::default();
    let future = {
        let gate = gate.clone();
        pool.submit(move || {
            gate.wait();
            fail("test")
        })
    };
    let told = callback_on(&future.unwrap());
    gate.open();
    assert_eq!(told.recv().unwrap(), "the job panicked: test");
}

#[test]
fn test_done_callback_with_cancel() {
    let states = States::new();
    let told = callback_on(&states.pending);
    assert!(states.pending.cancel());
    // The callback runs in the thread that cancels, before `cancel` returns.
    assert_eq!(
        told.try_recv().unwrap(),
        "the job was cancelled before it began"
    );
}

#[test]
fn test_done_callback_raises() {
    let states = States::new();
    let (sender, called) = mpsc::channel();
    states.running.on_done(move |_| {
        sender.send(()).unwrap();
        fail::<()>("doh!");
    });
    let told = callback_on(&states.running);
    states.gate.open();
    called.recv().unwrap();
    assert_eq!(told.recv().unwrap(), "1");
    assert!(
        states.pending.wait(None),
        "the worker has outlived the panic"
    );
}

#[test]
fn test_done_callback_already_successful() {
    let states = States::new();
    assert_eq!(callback_on(&states.finished).try_recv().unwrap(), "42");
}

#[test]
fn test_done_callback_already_failed() {
    let states = States::new();
    assert_eq!(
        callback_on(&states.failed).try_recv().unwrap(),
        "the job panicked: failed"
    );
}

#[test]
fn test_done_callback_already_cancelled() {
    let states = States::new();
    let told = callback_on(&states.cancelled);
    assert_eq!(
        told.try_recv().unwrap(),
        "the job was cancelled before it began"
    );
}

#[test]
fn test_done_callback_raises_already_succeeded() {
    let states = States::new();
    states.finished.on_done(|_| fail("doh!"));
    assert_eq!(states.finished.result().unwrap(), 42);
}

#[test]
fn test_repr() {
    let states = States::new();
    let texts = states.all().map(|future| format!("{future:?}"));
    let expected = ["pending", "running", "cancelled", "failed", "finished"];
    assert_eq!(texts, expected.map(|state| format!("Future({state})")));
}

#[test]
fn test_cancel() {
    let states = States::new();
    assert!(states.pending.cancel());
    assert!(states.pending.cancelled());
    assert!(!states.running.cancel());
    assert!(states.running.running());
    assert!(states.cancelled.cancel());
    assert!(states.cancelled.cancelled());
    assert!(!states.failed.cancel());
    assert!(states.failed.failed());
    assert!(!states.finished.cancel());
    assert!(states.finished.done() && !states.finished.cancelled());
}

#[test]
fn test_cancelled() {
    let states = States::new();
    assert_eq!(
        states.all().map(Future::cancelled),
        [false, false, true, false, false]
    );
}

#[test]
fn test_done() {
    let states = States::new();
    assert_eq!(
        states.all().map(Future::done),
        [false, false, true, true, true]
    );
}

#[test]
fn test_running() {
    let states = States::new();
    assert_eq!(
        states.all().map(Future::running),
        [false, true, false, false, false]
    );
}

#[test]
fn test_result_with_timeout() {
    let states = States::new();
    for timeout in [Duration::ZERO, SHORT] {
        let states = States::new();
        assert!(
            states
                .pending
                .result_timeout(timeout)
                .is_err_and(|future| !future.done())
        );
        assert!(
            states
                .running
                .result_timeout(timeout)
                .is_err_and(|future| future.running())
        );
    }
    let result = |future: Future<i32>| future.result_timeout(Duration::ZERO).expect("it is done");
    assert!(matches!(result(states.cancelled), Err(JobError::Cancelled)));
    assert!(matches!(result(states.failed), Err(JobError::Panicked(_))));
    assert!(matches!(result(states.finished), Ok(42)));
}

#[test]
fn test_result_with_success() {
    let pool = ThreadPool::new(1).unwrap();
    let gate = Gate::default();
    let future = {
        let gate = gate.clone();
        pool.submit(move || {
            gate.wait();
            42
        })
    };
    let waiting = thread::spawn(move || future.unwrap().result());
    gate.open();
    assert_eq!(waiting.join().unwrap().unwrap(), 42);
}

#[test]
fn test_result_with_cancel() {
    let states = States::new();
    thread::scope(|scope| {
        let waits = scope.spawn(|| states.pending.wait(None));
        assert!(states.pending.cancel());
        assert!(waits.join().unwrap());
    });
    assert!(states.pending.cancelled());
}

#[test]
fn test_exception_with_timeout() {
    let states = States::new();
    assert!(!states.pending.wait(Some(Duration::ZERO)) && !states.pending.failed());
    assert!(!states.running.wait(Some(Duration::ZERO)) && !states.running.failed());
    assert!(states.cancelled.wait(Some(Duration::ZERO)) && !states.cancelled.failed());
    assert!(states.failed.wait(Some(Duration::ZERO)) && states.failed.failed());
    assert!(states.finished.wait(Some(Duration::ZERO)) && !states.finished.failed());
}

#[test]
fn test_exception_with_success() {
    let pool = ThreadPool::new(1).unwrap();
    let gate = Gate::default();
    let future = {
        let gate = gate.clone();
        pool.submit(move || {
            gate.wait();
            fail::<i32>("an error")
        })
    };
    let waiting = thread::spawn(move || future.unwrap().result());
    gate.open();
    let Err(JobError::Panicked(panic)) = waiting.join().unwrap() else {
        panic!("the job has panicked")
    };
    assert_eq!(panic.message(), "an error");
    assert_eq!(panic.into_payload().downcast_ref(), Some(&"an error"));
}

#[test]
fn test_get_snapshot() {
    let states = States::new();
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..1000 {
                    assert_eq!(format!("{:?}", states.finished), "Future(finished)");
                    assert!(
                        states.failed.done()
                            && states.failed.failed()
                            && !states.failed.cancelled()
                    );
                }
            });
        }
    });
}
