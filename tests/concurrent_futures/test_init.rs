//! test_init.py: the initializer of the workers.

use std::cell::Cell;

use fetchpool::pool::{Builder, JobError, Refusal, ThreadPool};

use crate::support::{Gate, fail};

thread_local! {
    static STATUS: Cell<&'static str> = const { Cell::new("uninitialized") };
}

#[test]
fn test_initializer() {
    let initializer = || {
        STATUS.set("initialized");
        Ok(())
    };
    let pool = Builder::new(2).initializer(initializer).build().unwrap();
    let futures = pool.submit_all((0..2).map(|_| || STATUS.get())).unwrap();
    for future in futures {
        assert_eq!(future.result().unwrap(), "initialized");
    }
}

/// `FailingInitializerMixin.test_initializer`: pending futures and all later submissions report the failure.
fn breaks(pool: &ThreadPool, gate: &Gate, reason: &str) {
    // The initializer waits at the gate, so nothing has failed yet.
    let future = pool.submit(|| STATUS.get()).unwrap();
    gate.open();
    let Err(JobError::Broken(broken)) = future.result() else {
        panic!("the job ran, uninitialized")
    };
    assert_eq!(broken.reason(), reason);
    let refused = pool.submit(|| 7).unwrap_err();
    assert_eq!(refused.to_string(), format!("the pool is broken: {reason}"));
    assert!(matches!(refused.refusal(), Refusal::Broken(_)));
    assert_eq!(refused.into_job()(), 7);
    pool.join();
}

#[test]
fn test_initializer_failing() {
    let gate = Gate::default();
    let initializer = {
        let gate = gate.clone();
        move || {
            gate.wait();
            Err("error in initializer".into())
        }
    };
    let pool = Builder::new(2).initializer(initializer).build().unwrap();
    breaks(&pool, &gate, "the initializer failed: error in initializer");
}

#[test]
fn test_initializer_panicking() {
    let gate = Gate::default();
    let initializer = {
        let gate = gate.clone();
        move || {
            gate.wait();
            fail("error in initializer")
        }
    };
    let pool = Builder::new(2).initializer(initializer).build().unwrap();
    breaks(
        &pool,
        &gate,
        "the initializer panicked: error in initializer",
    );
}
