//! What happened over time: counts in bins of one width, in bounded memory.
//!
//! Rows come in any order, and a file may hold several runs with days between them. So only bins with something in them
//! exist, and when there are too many, all become twice as wide.

use std::collections::BTreeMap;

use super::axis::{Axis, Stretch};

/// The most bins.
const BINS: u64 = 120;

/// The first width, in microseconds.
const WIDTH: u64 = 1000;

/// The most bins on an axis. It has empty ones, too, which do not count for [`BINS`].
const COLUMNS: u64 = 2 * BINS;

/// More long pauses than this are cut out only if they take longer than [`LONG_PAUSE`]: a run with a low rate is no series of
/// runs.
const PAUSES: usize = 16;

/// In microseconds.
const LONG_PAUSE: u64 = 300_000_000;

/// The axis may begin so much before the first row, because earlier rows may follow it. In microseconds.
const LEAD: u64 = 1_000_000;

/// A multiple of all widths, in microseconds: some 500 years.
const LARGEST_WIDTH: u64 = WIDTH << 44;

/// All times are microseconds since 1970.
pub(super) struct Timeline {
    width: u64,
    /// Is added to each time, so that a bin of any width begins with the first row.
    shift: Option<u64>,
    bins: BTreeMap<u64, Bin>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Bin {
    /// The time of all requests within the bin, in microseconds.
    pub(super) busy: u64,
    /// Requests that ended here.
    pub(super) done: u64,
    /// Those that failed.
    pub(super) failed: u64,
    /// The bytes of those that ended here.
    pub(super) bytes: u64,
}

impl Timeline {
    pub(super) fn new() -> Self {
        Self {
            width: WIDTH,
            shift: None,
            bins: BTreeMap::new(),
        }
    }

    pub(super) fn add(&mut self, start: u64, end: u64, failed: bool, bytes: u64) {
        let begin = start.saturating_sub(LEAD);
        let shift = *self
            .shift
            .get_or_insert(LARGEST_WIDTH - begin % LARGEST_WIDTH);
        let (start, end) = (start + shift, end + shift);
        while end / self.width - start / self.width >= BINS {
            self.double();
        }
        for at in start / self.width..=end / self.width {
            let from = start.max(at * self.width);
            let to = end.min((at + 1) * self.width);
            let busy = &mut self.bins.entry(at).or_default().busy;
            *busy = busy.saturating_add(to - from);
        }
        let last = self.bins.entry(end / self.width).or_default();
        last.done += 1;
        last.failed += u64::from(failed);
        last.bytes = last.bytes.saturating_add(bytes);
        while self.bins.len() as u64 > BINS {
            self.double();
        }
    }

    fn double(&mut self) {
        self.width *= 2;
        for (at, bin) in std::mem::take(&mut self.bins) {
            let into = self.bins.entry(at / 2).or_default();
            into.busy = into.busy.saturating_add(bin.busy);
            into.done += bin.done;
            into.failed += bin.failed;
            into.bytes = into.bytes.saturating_add(bin.bytes);
        }
    }

    /// The width of a bin, in seconds.
    pub(super) fn width(&self) -> f64 {
        self.width as f64 / 1e6
    }

    pub(super) fn bin(&self, at: u64) -> Bin {
        self.bins.get(&at).copied().unwrap_or_default()
    }

    /// The axis of all bins, which may become wider. `None` without any.
    pub(super) fn axis(&mut self) -> Option<Axis> {
        loop {
            let stretches = self.stretches();
            let axis = Axis::new(self.width, self.shift.unwrap_or(0), stretches)?;
            if axis.columns() <= COLUMNS {
                return Some(axis);
            }
            self.double();
        }
    }

    /// The bins without pauses that are longer than all activity together.
    fn stretches(&self) -> Vec<Stretch> {
        let busy = self.bins.len() as u64;
        let keys = self.bins.keys().copied();
        let long = keys.clone().zip(keys.clone().skip(1));
        let long = long.filter(|(at, next)| next - at > busy).count();
        let longest = match long {
            ..=PAUSES => busy,
            _ => busy.max(LONG_PAUSE / self.width),
        };
        let mut stretches: Vec<Stretch> = Vec::new();
        for at in keys {
            match stretches.last_mut() {
                Some(last) if at - last.last() <= longest => last.count = at - last.first + 1,
                _ => stretches.push(Stretch {
                    first: at,
                    count: 1,
                }),
            }
        }
        stretches
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1_000_000;

    #[test]
    fn every_microsecond_and_every_request_is_in_a_bin() {
        let mut timeline = Timeline::new();
        let mut busy = 0;
        // In no order, from microseconds to minutes.
        for n in 0..5000_u64 {
            let start = n.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 36;
            let end = start + (n % 7) * (n % 1000) * 10_000;
            timeline.add(start, end, n % 5 == 0, n);
            busy += end - start;
            assert!(timeline.bins.len() as u64 <= BINS);
        }
        let sum = |value: fn(&Bin) -> u64| timeline.bins.values().map(value).sum::<u64>();
        assert_eq!(sum(|bin| bin.busy), busy);
        assert_eq!((sum(|bin| bin.done), sum(|bin| bin.failed)), (5000, 1000));
        assert_eq!(sum(|bin| bin.bytes), 5000 * 4999 / 2);
    }

    #[test]
    fn a_request_is_busy_in_each_bin_and_done_in_its_last() {
        let mut timeline = Timeline::new();
        timeline.add(500, 2250, true, 7);
        let first = *timeline.bins.keys().next().expect("it has bins");
        let bins = [0, 1, 2].map(|n| timeline.bin(first + n));
        assert_eq!(bins.map(|bin| bin.busy), [500, 1000, 250]);
        assert_eq!(bins.map(|bin| bin.done), [0, 0, 1]);
        assert_eq!(timeline.bin(first + 3), Bin::default());
    }

    #[test]
    fn the_axis_begins_with_the_first_row() {
        let began = 1_700_000_017_123_456;
        let mut timeline = Timeline::new();
        for n in 0..2000 {
            let start = began + n * SECOND;
            timeline.add(start, start + SECOND, false, 0);
        }
        // A row of the same moment comes later in the file.
        timeline.add(began - 1000, began, false, 0);
        let axis = timeline.axis().expect("it has bins");
        assert!(timeline.width > 10 * SECOND);
        assert_eq!(axis.time(0.0), began - LEAD);
    }

    #[test]
    fn a_sum_that_is_too_large_stays_at_the_greatest() {
        let mut timeline = Timeline::new();
        for _ in 0..300 {
            timeline.add(0, u64::MAX / 2, false, u64::MAX);
        }
        timeline.double();
        assert_eq!(timeline.bin(0).busy, u64::MAX);
    }

    #[test]
    fn pauses_between_runs_are_cut_out_and_those_of_a_slow_run_are_not() {
        let day = 86_400 * SECOND;
        let mut nightly = Timeline::new();
        let mut slow = Timeline::new();
        for n in 0..100 {
            nightly.add(
                n % 5 * day + n * SECOND,
                n % 5 * day + n * SECOND + 9,
                false,
                0,
            );
            slow.add(n * SECOND, n * SECOND + 50_000, false, 0);
        }
        let stretches = |timeline: &mut Timeline| {
            let axis = timeline.axis().expect("it has bins");
            assert!(axis.columns() <= COLUMNS, "{}", axis.columns());
            axis.stretches()
        };
        assert_eq!(stretches(&mut nightly), 5);
        let mut daily = Timeline::new();
        for n in 0..6000 {
            let start = n / 200 * day + n % 200 * 50_000;
            daily.add(start, start + 50_000, false, 0);
        }
        assert_eq!(stretches(&mut daily), 30);
        assert_eq!(stretches(&mut slow), 1);
        assert!(Timeline::new().axis().is_none());
    }
}
