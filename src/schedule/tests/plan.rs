//! Random runs: the calls and the events.

use std::collections::HashMap;
use std::time::Duration;

use proptest::prelude::*;

use super::super::{Options, PerSecond};
use super::ONE_RETRY;

/// One attempt at one item.
#[derive(Clone, Debug)]
pub(super) struct Attempt {
    pub(super) takes: Duration,
    /// The delay of the next attempt, if there is one.
    pub(super) again_after: Duration,
    /// How long its host is paused when it ends.
    pub(super) holds: Option<Duration>,
}

#[derive(Clone, Debug)]
pub(super) struct Job {
    pub(super) host: usize,
    /// When it can be read from the list, after the one before.
    pub(super) gap: Duration,
    pub(super) attempts: Vec<Attempt>,
}

/// A wrong call, before the turn with this number.
#[derive(Clone, Debug)]
pub(super) enum Stray {
    /// For a host that runs nothing.
    Finished,
    /// For any host, unknown ones included.
    Hold(usize, Duration),
}

#[derive(Clone, Debug)]
pub(super) struct Plan {
    pub(super) options: Options,
    pub(super) workers: usize,
    pub(super) jobs: Vec<Job>,
    pub(super) strays: HashMap<usize, Stray>,
    /// How late the caller wakes up, in turn.
    pub(super) late: Vec<Duration>,
}

/// Coarse, so that many events coincide.
fn ms(range: std::ops::Range<u64>) -> impl Strategy<Value = Duration> {
    range.prop_map(|n| Duration::from_millis(n * 5))
}

prop_compose! {
    fn attempt()(
        takes in ms(0..20),
        again_after in ms(0..40),
        holds in prop::option::weighted(0.15, ms(0..60)),
    ) -> Attempt {
        Attempt { takes, again_after, holds }
    }
}

prop_compose! {
    fn job(hosts: usize)(
        host in 0..hosts,
        gap in prop_oneof![4 => Just(Duration::ZERO), 1 => ms(0..10)],
        attempts in prop_oneof![
            3 => prop::collection::vec(attempt(), 1),
            1 => prop::collection::vec(attempt(), 1..4),
        ],
    ) -> Job {
        Job { host, gap, attempts }
    }
}

fn options() -> impl Strategy<Value = Options> {
    let per_host = prop::option::of(1_usize..4);
    let delay = prop_oneof![Just(Duration::ZERO), ms(1..20)];
    let rate = prop_oneof![2 => Just(None), 1 => (100_u64..300_000).prop_map(|n| Some(PerSecond::thousandths(n)))];
    (per_host, delay, rate, 1_usize..12).prop_map(|(per_host, host_delay, rate, window)| Options {
        per_host,
        host_delay,
        rate,
        retries: ONE_RETRY,
        window,
        ..Options::default()
    })
}

fn stray(hosts: usize) -> impl Strategy<Value = Stray> {
    prop_oneof![
        Just(Stray::Finished),
        (0..hosts + 2, ms(0..60)).prop_map(|(host, until)| Stray::Hold(host, until)),
    ]
}

pub(super) fn plan() -> impl Strategy<Value = Plan> {
    (1_usize..6).prop_flat_map(|hosts| {
        let late = prop_oneof![3 => Just(0), 1 => 0_u64..20_000].prop_map(Duration::from_micros);
        (
            options(),
            1_usize..7,
            prop::collection::vec(job(hosts), 1..40),
            prop::collection::hash_map(0_usize..80, stray(hosts), 0..8),
            prop::collection::vec(late, 1..8),
        )
            .prop_map(|(options, workers, jobs, strays, late)| Plan {
                options,
                workers,
                jobs,
                strays,
                late,
            })
    })
}
