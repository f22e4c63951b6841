//! When a failed attempt is tried again: exponential back-off with jitter.
//!
//! Pure: the caller passes a random number.

use std::time::Duration;

/// The longest back-off between two attempts.
const LONGEST_DELAY: Duration = Duration::from_secs(60);

/// How often and how soon an attempt is made again.
#[derive(Default, Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Retries {
    /// Further attempts after the first.
    pub(crate) most: u32,
    /// The wait before the second attempt; it doubles from there.
    pub(crate) first_delay: Duration,
}

impl Retries {
    pub(crate) fn are_on(self) -> bool {
        self.most > 0
    }

    /// How long to wait after `attempts` (at least 1) have failed; `None` if that was the last.
    ///
    /// `random`, from 0 to 1, decides about half of the wait, so that clients that failed together do not come back together ("equal jitter" in
    /// M. Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015).
    pub(crate) fn delay(self, attempts: u32, random: f64) -> Option<Duration> {
        let longest = self.longest_delay(attempts)?;
        Some(longest.mul_f64(0.5 + 0.5 * random))
    }

    fn longest_delay(self, attempts: u32) -> Option<Duration> {
        if attempts > self.most {
            return None;
        }
        let doublings = attempts.saturating_sub(1).min(31);
        let doubled = self.first_delay.saturating_mul(1 << doublings);
        Some(doubled.min(LONGEST_DELAY))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RETRIES: Retries = Retries {
        most: 10,
        first_delay: Duration::from_secs(1),
    };

    #[test]
    fn delays_double_up_to_a_minute() {
        let seconds = |attempts| RETRIES.longest_delay(attempts).map(|d| d.as_secs());
        let delays: Vec<_> = (1..=11).map(seconds).collect();
        let expected = [1, 2, 4, 8, 16, 32, 60, 60, 60, 60].map(Some);
        assert_eq!(delays[..10], expected);
        assert_eq!(delays[10], None);
    }

    #[test]
    fn at_most_half_of_a_delay_is_random() {
        let delay = |random| RETRIES.delay(1, random).map(|delay| delay.as_millis());
        assert_eq!([0.0, 0.5, 1.0].map(delay), [500, 750, 1000].map(Some));
    }

    #[test]
    fn no_retries_means_none() {
        let none = Retries { most: 0, ..RETRIES };
        assert_eq!(none.delay(1, 0.5), None);
    }

    #[test]
    fn huge_first_delays_and_attempt_numbers_are_cut() {
        let slow = Retries {
            most: u32::MAX,
            first_delay: Duration::MAX,
        };
        assert_eq!(slow.longest_delay(u32::MAX), Some(LONGEST_DELAY));
    }

    #[test]
    fn a_first_delay_of_zero_is_no_wait() {
        let eager = Retries {
            first_delay: Duration::ZERO,
            ..RETRIES
        };
        assert_eq!(eager.delay(5, 0.5), Some(Duration::ZERO));
    }
}
