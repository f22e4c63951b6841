//! The schedule case by case, on a simulated clock. `model` tests random runs.

mod contacts;
mod hosts;
mod model;
mod naive;
mod plan;
mod retries;

use super::retry::Retries;
use super::*;

/// Retries are on.
const ONE_RETRY: Retries = Retries {
    most: 1,
    first_delay: Duration::ZERO,
};

/// A schedule with its clock, in milliseconds.
struct Bench {
    schedule: Schedule<&'static str>,
    start: Instant,
    now: u64,
}

#[must_use]
fn with(options: Options) -> Bench {
    let window = if options.window == 0 {
        100
    } else {
        options.window
    };
    Bench {
        schedule: Schedule::new(Options { window, ..options }),
        start: Instant::now(),
        now: 0,
    }
}

fn per_host(most: usize) -> Options {
    Options {
        per_host: Some(most),
        ..Options::default()
    }
}

fn host_delay(ms: u64) -> Options {
    Options {
        host_delay: Duration::from_millis(ms),
        ..Options::default()
    }
}

fn retries() -> Options {
    Options {
        retries: ONE_RETRY,
        ..Options::default()
    }
}

/// All workers are free.
const FREE: Workers = Workers {
    are_free: true,
    queued: 0,
};

fn arrival(item: &'static str, contact: Option<HostKey>) -> Arrival<&'static str> {
    let host = key(&item[..1]);
    Arrival::new(item, host, contact)
}

fn key(host: &str) -> HostKey {
    HostKey::from(host)
}

impl Bench {
    fn time(&self, ms: u64) -> Instant {
        self.start + Duration::from_millis(ms)
    }

    fn at(&mut self, ms: u64) -> &mut Self {
        self.now = ms;
        self
    }

    /// Pushes items named after their host and a number: `a1` is of host `a`.
    fn push(&mut self, items: &[&'static str]) -> &mut Self {
        for item in items {
            self.schedule.push(arrival(item, None));
        }
        self
    }

    fn end(&mut self, host: &str) -> &mut Self {
        self.replied(host, self.now, Reply::Served)
    }

    /// Ends an item that started at `started`.
    fn replied(&mut self, host: &str, started: u64, reply: Reply) -> &mut Self {
        let (started, now) = (self.time(started), self.time(self.now));
        self.schedule.finished(&key(host), started, reply, now);
        self
    }

    fn hold(&mut self, host: &str, until: u64) -> &mut Self {
        let (until, now) = (self.time(until), self.time(self.now));
        self.schedule.pause_host(&key(host), until, now);
        self
    }

    fn retry(&mut self, item: &'static str, at: u64) -> &mut Self {
        self.retry_after(item, 1, at)
    }

    fn retry_after(&mut self, item: &'static str, attempts: u32, at: u64) -> &mut Self {
        let at = self.time(at);
        self.schedule.retry(arrival(item, None), at, attempts);
        self
    }

    /// Asks once.
    fn next(&mut self) -> Next<&'static str> {
        self.schedule.next(FREE, self.time(self.now))
    }

    /// Asks until nothing more starts, and checks the starts and the last answer.
    #[track_caller]
    fn starts(&mut self, expected: &[&str], then: Then) -> &mut Self {
        let mut started = Vec::new();
        let last = loop {
            match self.next() {
                Next::Start(item) => started.push(item),
                last => break last,
            }
        };
        assert_eq!(started, expected, "at {} ms", self.now);
        let then = match then {
            Wait(until) => Next::WaitUntil(self.time(until)),
            Nothing => Next::Nothing,
        };
        assert_eq!(last, then, "at {} ms", self.now);
        self
    }
}

/// The answer after the last start.
enum Then {
    Wait(u64),
    Nothing,
}
use Then::{Nothing, Wait};

#[test]
fn without_limits_items_start_in_the_order_of_arrival() {
    let mut bench = with(Options::default());
    assert!(!bench.schedule.options().limits_hosts());
    for item in ["a1", "b1", "a2"] {
        bench.push(&[item]);
    }
    bench.starts(&["a1", "b1", "a2"], Nothing);
}

#[test]
fn of_several_that_may_start_the_first_to_arrive_is_first() {
    with(per_host(1))
        .push(&["b1", "a1", "c1", "a2", "c2", "b2", "d1"])
        .starts(&["b1", "a1", "c1", "d1"], Nothing)
        .end("b")
        .end("c")
        .end("a")
        .push(&["e1"])
        .starts(&["a2", "c2", "b2", "e1"], Nothing);
}

#[test]
fn the_rate_counts_for_all_hosts_together() {
    let rate = Options {
        rate: Some(PerSecond::whole(10)),
        ..per_host(1)
    };
    with(rate)
        .push(&["a1", "b1", "c1"])
        .starts(&["a1"], Wait(100))
        .at(100)
        .starts(&["b1"], Wait(200))
        .at(250)
        .starts(&["c1"], Nothing);
}

#[test]
fn the_rate_keeps_the_order_of_arrival_without_hosts() {
    let rate = Options {
        rate: Some(PerSecond::whole(10)),
        ..Options::default()
    };
    let mut bench = with(rate);
    for item in ["a1", "b1", "c1", "d1"] {
        bench.push(&[item]);
    }
    bench.starts(&["a1"], Wait(100));
    bench.at(50).starts(&[], Wait(100));
    bench.at(100).starts(&["b1"], Wait(200));
    bench.at(200).starts(&["c1"], Wait(300));
    bench.at(300).starts(&["d1"], Nothing);
}

#[test]
fn the_rate_wakes_nobody_if_nothing_may_start() {
    let rate = Options {
        rate: Some(PerSecond::whole(10)),
        retries: ONE_RETRY,
        ..per_host(1)
    };
    with(rate)
        .push(&["a1", "a2"])
        .starts(&["a1"], Nothing)
        .retry("b1", 40)
        .starts(&[], Wait(100))
        .retry("c1", 30)
        .end("a")
        .hold("a", 300)
        .at(100)
        .starts(&["c1"], Wait(200))
        .at(200)
        .starts(&["b1"], Wait(300));
}

#[test]
fn the_window_bounds_what_may_be_pushed() {
    let mut bench = with(Options {
        window: 3,
        ..per_host(1)
    });
    bench.push(&["a1", "a2", "a3"]);
    assert_eq!((bench.schedule.room(), bench.schedule.waiting()), (0, 3));
    bench.starts(&["a1"], Nothing);
    assert_eq!(bench.schedule.room(), 1);
    bench.push(&["a4"]).end("a").retry("a1", 9);
    assert_eq!((bench.schedule.room(), bench.schedule.waiting()), (0, 4));
}

#[test]
fn limits_of_zero_are_taken_as_one() {
    let zero = Options {
        per_host: Some(0),
        rate: Some(PerSecond::whole(0)),
        ..Options::default()
    };
    let mut schedule = Schedule::new(zero);
    let now = Instant::now();
    assert_eq!(schedule.room(), 1);
    schedule.push(arrival("a1", None));
    assert_eq!(schedule.next(FREE, now), Next::Start("a1"));
    schedule.finished(&key("a"), now, Reply::Served, now);
    schedule.push(arrival("a2", None));
    let second = now + Duration::from_secs(1);
    assert_eq!(schedule.next(FREE, now), Next::WaitUntil(second));
}

#[test]
fn drain_gives_back_all_who_wait_and_forgets_no_promise() {
    let all = Options {
        retries: ONE_RETRY,
        per_host: Some(1),
        ..host_delay(10)
    };
    let mut bench = with(all);
    bench.hold("c", 50).push(&["a1", "a2", "b1", "c1"]);
    bench
        .starts(&["a1", "b1"], Wait(50))
        .retry("d1", 5)
        .push(&["e1"]);
    let mut drained = bench.schedule.drain(bench.time(0));
    drained.sort_unstable();
    assert_eq!(drained, ["a2", "c1", "d1", "e1"]);
    assert_eq!(bench.schedule.waiting(), 0);
    bench.schedule.assert_consistent(2);
    bench.starts(&[], Nothing).at(6).end("a").end("b");
    bench.push(&["a3", "c2"]).starts(&[], Wait(10));
    bench.at(10).starts(&["a3"], Wait(50));
}
