//! A gate: requests wait at it until the test opens it, and the test can wait for a request. Gates order events; none
//! opens by time. A test that waits longer than `PATIENCE` panics, so that a hang fails with a message.

use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

/// How long a test waits for an event. Only a hang takes longer.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// One gate; clones are the same gate. It never closes again.
#[derive(Clone)]
pub(crate) struct Gate(Arc<Shared>);

struct Shared {
    name: String,
    state: Mutex<State>,
    arrived: Condvar,
    open: tokio::sync::watch::Sender<bool>,
}

#[derive(Default)]
struct State {
    arrivals: usize,
}

impl Gate {
    pub(crate) fn new(name: &str) -> Gate {
        Gate(Arc::new(Shared {
            name: name.to_owned(),
            state: Mutex::default(),
            arrived: Condvar::new(),
            open: tokio::sync::watch::Sender::new(false),
        }))
    }

    /// Lets all requests pass, now and later.
    pub(crate) fn open(&self) {
        self.0.open.send_replace(true);
    }

    /// Blocks until `count` requests in all have arrived at the gate.
    pub(crate) fn wait_for_arrivals(&self, count: usize) {
        let state = self.0.state.lock().unwrap();
        let (state, wait) = self
            .0
            .arrived
            .wait_timeout_while(state, PATIENCE, |state| state.arrivals < count)
            .unwrap();
        let arrivals = state.arrivals;
        drop(state);
        let name = &self.0.name;
        assert!(
            !wait.timed_out(),
            "gate {name}: {arrivals} of {count} requests came"
        );
    }

    /// The number of requests that have arrived.
    pub(crate) fn arrivals(&self) -> usize {
        self.0.state.lock().unwrap().arrivals
    }

    /// For the server: counts a request and waits until the gate is open.
    pub(super) async fn pass(&self) {
        self.arrive();
        let mut open = self.0.open.subscribe();
        // The sender lives as long as `self`, so the receiver only ends when the gate is open.
        let _ = open.wait_for(|open| *open).await;
    }

    pub(crate) fn arrive(&self) {
        self.0.state.lock().unwrap().arrivals += 1;
        self.0.arrived.notify_all();
    }
}
