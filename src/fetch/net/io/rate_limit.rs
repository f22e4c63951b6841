//! The limit of bytes of bodies a second, of all workers together. Pure: `now` is an argument.
//!
//! A read takes at most [`RateLimit::piece`] bytes, and its worker waits before its next read until these are paid for, in
//! the order in which all pieces came. So a worker waits only for bytes that were read, and one that waits for a slow
//! server holds up no other. What is read and not paid for is at most an eighth of a second's worth.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Unpaid pieces are at most a second's worth divided by this, if each has more than one byte.
const PIECES: u64 = 8;

/// How far back unused time counts, which makes up for late wake-ups on a busy machine. With the pieces it is under a
/// quarter of a second.
const CREDIT: Duration = Duration::from_millis(100);

#[derive(Debug)]
pub(in crate::fetch::net) struct RateLimit {
    per_second: u64,
    piece: usize,
    /// When all that was read is paid for.
    paid_at: Mutex<Option<Instant>>,
}

impl RateLimit {
    /// A limit of `per_second` bytes for so many `workers`.
    pub(in crate::fetch::net) fn new(per_second: u64, workers: usize) -> Self {
        let piece = per_second / PIECES / (workers as u64).max(1);
        Self {
            per_second: per_second.max(1),
            piece: usize::try_from(piece).unwrap_or(usize::MAX).max(1),
            paid_at: Mutex::new(None),
        }
    }

    /// The most bytes of one read.
    pub(in crate::fetch::net) fn piece(&self) -> usize {
        self.piece
    }

    /// Notes that `amount` bytes were read at `now`. Returns when they are paid for.
    pub(in crate::fetch::net) fn pay(&self, amount: usize, now: Instant) -> Instant {
        let nanos = (amount as u128 * 1_000_000_000).div_ceil(u128::from(self.per_second));
        let cost = Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX));
        let mut paid_at = self.paid_at.lock().unwrap_or_else(PoisonError::into_inner);
        let earliest = now.checked_sub(CREDIT).unwrap_or(now);
        let begin = paid_at.map_or(now, |at| at.max(earliest));
        *paid_at.insert(begin.checked_add(cost).unwrap_or(begin))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What was read: the time since the beginning, and the bytes.
    type Reads = Vec<(Duration, u64)>;

    /// The reads within `span` of so many workers, from servers that are never slow. Each wakes up `late` and reads what
    /// one read may take.
    fn reads(per_second: u64, workers: usize, late: Duration, span: Duration) -> Reads {
        let limit = RateLimit::new(per_second, workers);
        let origin = Instant::now();
        let mut next = vec![origin; workers];
        let mut reads = Reads::new();
        loop {
            let worker = (0..workers).min_by_key(|&worker| next[worker]).unwrap();
            let now = next[worker];
            if now >= origin + span {
                return reads;
            }
            reads.push((now - origin, limit.piece() as u64));
            next[worker] = limit.pay(limit.piece(), now).max(now) + late;
        }
    }

    const CASES: [(u64, usize); 7] = [
        (100, 1),
        (1000, 50),
        (10 << 10, 1),
        (10 << 10, 50),
        (1 << 20, 5),
        (10 << 20, 50),
        (5 << 30, 200),
    ];

    #[test]
    fn five_seconds_are_exact_to_5_percent() {
        let span = Duration::from_secs(5);
        for (per_second, workers) in CASES {
            for late in [0, 100, 5_000, 90_000] {
                let reads = reads(per_second, workers, Duration::from_micros(late), span);
                let bytes: u64 = reads.iter().map(|(_, bytes)| bytes).sum();
                let share = bytes as f64 / (5 * per_second) as f64;
                assert!(
                    (0.95..1.05).contains(&share),
                    "{share} of {per_second}, {workers} workers, {late} us late"
                );
            }
        }
    }

    #[test]
    fn no_more_than_a_quarter_of_a_second_comes_at_once() {
        let lates = [0, 700, 50_000, 300_000].map(Duration::from_micros);
        for ((per_second, workers), late) in CASES
            .into_iter()
            .flat_map(|case| lates.map(|late| (case, late)))
        {
            let reads = reads(per_second, workers, late, Duration::from_secs(2));
            let mut worst = f64::MIN;
            // How far the bytes that came are ahead of the rate, against the least that they were ahead before.
            let (mut bytes, mut least) = (0, f64::MAX);
            for (at, amount) in reads {
                let due = at.as_secs_f64() * per_second as f64;
                least = least.min(bytes as f64 - due);
                bytes += amount;
                worst = worst.max(bytes as f64 - due - least);
            }
            assert!(
                worst <= per_second as f64 / 4.0,
                "{worst} bytes of {per_second} a second, {workers} workers, {late:?} late"
            );
        }
    }

    #[test]
    fn unused_time_is_not_saved_up() {
        let limit = RateLimit::new(1000, 1);
        let start = Instant::now();
        assert_eq!(limit.pay(100, start), start + Duration::from_millis(100));
        let later = start + Duration::from_secs(60);
        assert_eq!(limit.pay(300, later), later + Duration::from_millis(200));
    }

    #[test]
    fn the_extremes_are_taken_for_what_they_mean() {
        let start = Instant::now();
        for (per_second, workers, piece) in [
            (1, 1, 1),
            (0, 0, 1),
            (800, 1, 100),
            (800, 10_000, 1),
            (
                u64::MAX,
                1,
                usize::try_from(u64::MAX / 8).unwrap_or(usize::MAX),
            ),
        ] {
            let limit = RateLimit::new(per_second, workers);
            assert_eq!(limit.piece(), piece, "{per_second}, {workers}");
            assert!(limit.pay(usize::MAX, start) >= start);
        }
        let limit = RateLimit::new(u64::MAX, 1);
        assert_eq!(limit.pay(1 << 20, start), start + Duration::from_nanos(1));
    }
}
