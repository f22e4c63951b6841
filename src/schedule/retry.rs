//! When a failed attempt is tried again: exponential back-off with jitter.
//!
//! Pure arithmetic: the seed of the jitter is given to it. Which failures pass is
//! decided where failures are known; who waits, in the schedule.

use std::time::Duration;

/// The longest back-off between two attempts.
pub(crate) const LONGEST_DELAY: Duration = Duration::from_secs(60);

/// How often and how soon a passing failure is tried again.
#[derive(Default, Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Retries {
    /// Further attempts after the first.
    pub(crate) most: u32,
    /// The wait before the second attempt; it doubles from there.
    pub(crate) first_delay: Duration,
}

impl Retries {
    /// Whether failures are tried again at all.
    pub(crate) fn is_on(&self) -> bool {
        self.most > 0
    }

    /// How long to wait after `attempts` failed ones (at least 1), or `None` if there are no more.
    ///
    /// Half of the wait is fixed and half is drawn, so that clients that failed together do not
    /// come back together and none comes back at once ("equal jitter" in M. Brooker, "Exponential
    /// Backoff And Jitter", AWS Architecture Blog, 2015).
    pub(crate) fn delay(&self, attempts: u32, jitter: &mut Jitter) -> Option<Duration> {
        let longest = self.longest_delay(attempts)?;
        Some(longest.mul_f64(0.5 + 0.5 * jitter.fraction()))
    }

    fn longest_delay(&self, attempts: u32) -> Option<Duration> {
        if attempts > self.most {
            return None;
        }
        let doublings = attempts.saturating_sub(1).min(31);
        let doubled = self.first_delay.saturating_mul(1 << doublings);
        Some(doubled.min(LONGEST_DELAY))
    }
}

/// Where the jitter comes from: SplitMix64 (Steele, Lea and Flood, "Fast Splittable Pseudorandom
/// Number Generators", OOPSLA 2014; the constants are those of Vigna's public-domain splitmix64.c).
///
/// It spreads retries and keeps no secret. A program seeds it with something that differs from
/// run to run, such as `RandomState::new().hash_one(())`; a test with a constant.
#[derive(Clone, Debug)]
pub(crate) struct Jitter {
    state: u64,
}

impl Jitter {
    /// Every seed is as good as another.
    pub(crate) fn new(seed: u64) -> Self {
        Jitter { state: seed }
    }

    /// The next 64 bits.
    pub(crate) fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// From 0 to 1, without 1.
    fn fraction(&mut self) -> f64 {
        // As many bits as the fraction of an f64 holds.
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
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
    fn jitter_takes_off_at_most_half_and_uses_all_of_that_half() {
        let mut jitter = Jitter::new(1);
        let delays = (0..1000).filter_map(|_| RETRIES.delay(1, &mut jitter));
        let mut delays: Vec<u128> = delays.map(|delay| delay.as_millis()).collect();
        delays.sort_unstable();
        assert_eq!(delays.len(), 1000);
        assert!((500..=510).contains(&delays[0]), "{} ms", delays[0]);
        assert!((730..=770).contains(&delays[500]), "{} ms", delays[500]);
        assert!((990..=1000).contains(&delays[999]), "{} ms", delays[999]);
    }

    #[test]
    fn jitter_is_splitmix64() {
        // The first outputs of splitmix64.c from this seed.
        let mut jitter = Jitter::new(1_234_567);
        let drawn = [jitter.next(), jitter.next(), jitter.next()];
        let expected = [
            6_457_827_717_110_365_317,
            3_203_168_211_198_807_973,
            9_817_491_932_198_370_423,
        ];
        assert_eq!(drawn, expected);
    }

    #[test]
    fn no_retries_means_none() {
        let none = Retries { most: 0, ..RETRIES };
        assert_eq!(none.delay(1, &mut Jitter::new(0)), None);
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
        assert_eq!(eager.delay(5, &mut Jitter::new(0)), Some(Duration::ZERO));
    }
}
