//! The rate of starts over all hosts.
//!
//! The generic cell rate algorithm (ITU-T I.371, annex A): each start moves the next one by an interval, and a start may come
//! early by a tolerance, so that a late caller can catch up. The interval makes up for the tolerance, so that no second,
//! wherever it begins, has too many starts.

use std::time::{Duration, Instant};

/// Longer than a thread takes to wake up.
const TOLERANCE: Duration = Duration::from_millis(10);

/// Up to this rate there is no tolerance: the longer interval would cost more than late calls do.
const SLOW: PerSecond = PerSecond::whole(100);

/// Starts a second, to the thousandth.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct PerSecond {
    thousandths: u64,
}

impl PerSecond {
    /// 0 is taken as 1.
    pub(crate) const fn thousandths(thousandths: u64) -> Self {
        Self {
            thousandths: if thousandths == 0 { 1 } else { thousandths },
        }
    }

    /// 0 is taken as 1.
    pub(crate) const fn whole(starts: u32) -> Self {
        Self::thousandths(if starts == 0 { 1 } else { starts as u64 } * 1000)
    }

    #[cfg(test)]
    pub(super) fn most_in_a_second(self) -> usize {
        self.thousandths.div_ceil(1000) as usize
    }
}

#[derive(Clone, Debug)]
pub(super) struct Rate {
    interval: Duration,
    tolerance: Duration,
    /// When the next start is due.
    due: Option<Instant>,
}

impl Rate {
    pub(super) fn new(rate: PerSecond) -> Self {
        let tolerance = if rate > SLOW {
            TOLERANCE
        } else {
            Duration::ZERO
        };
        // n starts within less than a second are at least n - 1 intervals less the tolerance
        // apart: with an interval of (1 s + tolerance) / starts, rounded up, n - 1 < starts.
        let stretched = (Duration::from_secs(1) + tolerance).as_nanos() * 1000;
        let interval = stretched.div_ceil(u128::from(rate.thousandths));
        Rate {
            // At most 1000 s, so it fits.
            interval: Duration::from_nanos(interval as u64),
            tolerance,
            due: None,
        }
    }

    /// When the next start may be; at least `now`.
    pub(super) fn next_start(&self, now: Instant) -> Instant {
        match self.due {
            Some(due) => due.checked_sub(self.tolerance).unwrap_or(due).max(now),
            None => now,
        }
    }

    /// Notes a start at `now`, which [`Rate::next_start`] has allowed.
    pub(super) fn started(&mut self, now: Instant) {
        self.due = Some(self.due.map_or(now, |due| due.max(now)) + self.interval);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The starts that an eager caller makes within `span`, who wakes up late by each of `late`
    /// in turn.
    fn starts(per_second: u32, span: Duration, late: &[Duration]) -> Vec<Duration> {
        starts_at(PerSecond::whole(per_second), span, late)
    }

    fn starts_at(rate: PerSecond, span: Duration, late: &[Duration]) -> Vec<Duration> {
        let origin = Instant::now();
        let mut rate = Rate::new(rate);
        let mut late = late.iter().cycle();
        let mut now = origin;
        let mut starts = Vec::new();
        while now < origin + span {
            while rate.next_start(now) <= now {
                rate.started(now);
                starts.push(now - origin);
            }
            now = rate.next_start(now) + *late.next().expect("it cycles");
        }
        starts
    }

    /// The most starts that one second holds, wherever it begins.
    fn fullest_second(starts: &[Duration]) -> usize {
        let within = |(i, first): (usize, &Duration)| {
            starts[i..].partition_point(|start| *start < *first + Duration::from_secs(1))
        };
        starts.iter().enumerate().map(within).max().unwrap_or(0)
    }

    fn micros(late: &[u64]) -> Vec<Duration> {
        late.iter().copied().map(Duration::from_micros).collect()
    }

    #[test]
    fn no_second_holds_more_than_was_asked_for() {
        for per_second in [1, 2, 3, 7, 10, 99, 100, 101, 999, 1000, 33_333, 44_444] {
            for late in [0, 50, 500, 5_000, 50_000] {
                let all = starts(per_second, Duration::from_millis(3500), &micros(&[late]));
                let most = fullest_second(&all);
                assert!(
                    most <= per_second as usize,
                    "{most} > {per_second}, {late} us late"
                );
            }
        }
    }

    proptest! {
        #[test]
        fn nor_does_it_however_late_the_caller_is(
            per_second in 1_u32..3000,
            late in prop::collection::vec(prop_oneof![Just(0), 0_u64..300, 0_u64..50_000, 900_000_u64..1_100_000], 1..20),
        ) {
            let all = starts(per_second, Duration::from_millis(2500), &micros(&late));
            prop_assert!(fullest_second(&all) <= per_second as usize);
        }
    }

    #[test]
    fn a_slightly_late_caller_gets_nearly_all_of_it() {
        for per_second in [1, 10, 100, 101, 1000, 10_000] {
            let all = starts(per_second, Duration::from_secs(10), &micros(&[200]));
            let share = all.len() as f64 / (10.0 * f64::from(per_second));
            assert!(share > 0.97, "{share} of {per_second}");
        }
    }

    #[test]
    fn the_first_start_is_at_once() {
        let now = Instant::now();
        assert_eq!(Rate::new(PerSecond::whole(1)).next_start(now), now);
    }

    #[test]
    fn the_extremes_are_taken_for_what_they_mean() {
        let interval = |rate| Rate::new(rate).interval;
        assert_eq!(interval(PerSecond::whole(0)), Duration::from_secs(1));
        assert_eq!(
            interval(PerSecond::thousandths(0)),
            Duration::from_secs(1000)
        );
        assert_eq!(interval(PerSecond::whole(1)), Duration::from_secs(1));
        assert_eq!(
            interval(PerSecond::whole(u32::MAX)),
            Duration::from_nanos(1)
        );
    }

    #[test]
    fn less_than_one_a_second_is_one_in_so_many_seconds() {
        for (thousandths, every) in [(500, 2000), (100, 10_000), (1, 1_000_000), (2500, 400)] {
            let rate = PerSecond::thousandths(thousandths);
            let span = Duration::from_millis(every * 10);
            let all = starts_at(rate, span, &micros(&[0]));
            let expected: Vec<Duration> =
                (0..10).map(|n| Duration::from_millis(every * n)).collect();
            assert_eq!(all, expected, "{thousandths}");
        }
    }
}
