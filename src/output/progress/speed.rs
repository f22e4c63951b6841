//! How fast the bodies come that are shown on their own.
//!
//! The rate of the whole run would count bodies that have ended, and react late.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::downloads::Downloads;

/// The time over which the rate is measured.
const WINDOW: Duration = Duration::from_secs(5);
/// A rate over less time jumps.
const LEAST: Duration = Duration::from_millis(500);

#[derive(Default)]
pub(super) struct Speed {
    /// Which bodies the samples are of.
    slots: Vec<usize>,
    /// When so many bytes of them were there.
    samples: VecDeque<(Instant, u64)>,
}

impl Speed {
    /// Bytes a second of `downloads` over the last seconds; `None` if they were seen for too short a time.
    pub(super) fn at(&mut self, downloads: &Downloads, now: Instant) -> Option<f64> {
        let received = downloads.received();
        let before = self.samples.back().map_or(0, |(_, before)| *before);
        if self.slots != downloads.slots() || received < before {
            self.samples.clear();
            self.slots = downloads.slots().to_vec();
        }
        self.samples.push_back((now, received));
        let age = |at: Instant| now.saturating_duration_since(at);
        while self.samples.len() > 2 && age(self.samples[1].0) >= WINDOW {
            self.samples.pop_front();
        }
        let (first, at_first) = self.samples[0];
        let amount = received - at_first;
        (age(first) >= LEAST).then(|| amount as f64 / age(first).as_secs_f64())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn downloads(bodies: &[(usize, u64)]) -> Downloads {
        let url = "http://e.x/a".parse().unwrap();
        let all = bodies
            .iter()
            .map(|(slot, received)| (*slot, &url, (*received, Some(u64::MAX))));
        Downloads::of(all).unwrap()
    }

    #[test]
    fn the_rate_is_of_the_last_seconds_and_of_what_is_left() {
        const MB: u64 = 1_000_000;
        let start = Instant::now();
        let mut speed = Speed::default();
        let mut at = |milliseconds: u64, bodies: &[(usize, u64)]| {
            let now = start + Duration::from_millis(milliseconds);
            speed.at(&downloads(bodies), now).map(f64::round)
        };
        assert_eq!(at(0, &[(0, 0), (1, 0)]), None);
        assert_eq!(at(400, &[(0, 4 * MB), (1, MB)]), None);
        assert_eq!(at(1000, &[(0, 10 * MB), (1, MB)]), Some(11e6));
        // The fast one has ended.
        assert_eq!(at(1100, &[(1, MB)]), None);
        assert_eq!(at(2100, &[(1, 3 * MB)]), Some(2e6));
        assert_eq!(at(4100, &[(1, 7 * MB)]), Some(2e6));
        // It is silent.
        for second in 5..9 {
            at(second * 1000 + 100, &[(1, 7 * MB)]);
        }
        assert_eq!(at(9100, &[(1, 7 * MB)]), Some(0.0));
        // It has begun anew.
        assert_eq!(at(9200, &[(1, MB)]), None);
    }
}
