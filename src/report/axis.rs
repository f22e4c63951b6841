//! The axis of time: bins side by side, without the long pauses.

use std::time::Duration;

/// The width of all charts.
pub(super) const WIDTH: f64 = 1000.0;

/// Columns in the place of a pause.
const PAUSE: u64 = 4;

/// Bins without a long pause.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Stretch {
    pub(super) first: u64,
    pub(super) count: u64,
}

impl Stretch {
    pub(super) fn last(&self) -> u64 {
        self.first + self.count - 1
    }
}

pub(super) struct Axis {
    /// Of a bin, in microseconds.
    width: u64,
    /// What is added to a time, in microseconds since 1970, for its bin.
    shift: u64,
    /// Each with the column in which it begins.
    stretches: Vec<(u64, Stretch)>,
    columns: u64,
}

impl Axis {
    /// `None` without stretches.
    pub(super) fn new(width: u64, shift: u64, stretches: Vec<Stretch>) -> Option<Self> {
        let mut columns = 0;
        let place = |stretch: Stretch| {
            let column = columns;
            columns += stretch.count + PAUSE;
            (column, stretch)
        };
        let stretches: Vec<_> = stretches.into_iter().map(place).collect();
        Some(Self {
            width,
            shift,
            stretches,
            columns: columns.checked_sub(PAUSE)?,
        })
    }

    pub(super) fn columns(&self) -> u64 {
        self.columns
    }

    pub(super) fn stretches(&self) -> usize {
        self.stretches.len()
    }

    /// The time on the axis, without pauses.
    pub(super) fn active(&self) -> Duration {
        let bins: u64 = self
            .stretches
            .iter()
            .map(|(_, stretch)| stretch.count)
            .sum();
        Duration::from_micros(bins * self.width)
    }

    /// All bins, each with where it begins and ends on the axis.
    pub(super) fn bins(&self) -> impl Iterator<Item = (u64, f64, f64)> {
        self.stretches.iter().flat_map(move |(column, stretch)| {
            (0..stretch.count).map(move |n| {
                let place = |column: u64| self.place(column as f64);
                (stretch.first + n, place(column + n), place(column + n + 1))
            })
        })
    }

    /// The middle of each pause.
    pub(super) fn pauses(&self) -> impl Iterator<Item = f64> {
        let begins = self.stretches.iter().skip(1);
        begins.map(|(column, _)| self.place(*column as f64 - PAUSE as f64 / 2.0))
    }

    /// Where a time is, in microseconds since 1970. One that is not on the axis is at the end of the stretch before.
    pub(super) fn x(&self, at: u64) -> f64 {
        let at = at.saturating_add(self.shift);
        let begins = |stretch: &Stretch| stretch.first * self.width;
        let later = self
            .stretches
            .partition_point(|(_, stretch)| begins(stretch) <= at);
        let (column, stretch) = self.stretches[later.saturating_sub(1)];
        let bins = at.saturating_sub(begins(&stretch)) as f64 / self.width as f64;
        self.place(column as f64 + bins.min(stretch.count as f64))
    }

    /// The time at a share of the axis, as [`x`](Self::x) takes it.
    pub(super) fn time(&self, share: f64) -> u64 {
        let at = share * self.columns as f64;
        let later = self
            .stretches
            .partition_point(|(column, _)| *column as f64 <= at);
        let (column, stretch) = self.stretches[later.saturating_sub(1)];
        let bins = (at - column as f64).min(stretch.count as f64);
        let shifted = stretch.first * self.width + (bins * self.width as f64) as u64;
        shifted.saturating_sub(self.shift)
    }

    fn place(&self, column: f64) -> f64 {
        column / self.columns as f64 * WIDTH
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_in_its_stretch_and_a_pause_takes_little() {
        let stretches = [(10, 8), (1000, 8)].map(|(first, count)| Stretch { first, count });
        let axis = Axis::new(100, 0, stretches.into()).expect("it has stretches");
        assert_eq!((axis.columns(), axis.stretches()), (20, 2));
        assert_eq!(axis.active(), Duration::from_micros(1600));
        for (at, x) in [
            (0, 0.0),
            (1000, 0.0),
            (1150, 75.0),
            (1800, 400.0),
            (50_000, 400.0),
            (100_000, 600.0),
            (100_800, 1000.0),
            (u64::MAX, 1000.0),
        ] {
            assert_eq!(axis.x(at), x, "{at}");
        }
        let times = [0.0, 0.2, 0.5, 0.6, 1.0].map(|share| axis.time(share));
        assert_eq!(times, [1000, 1400, 1800, 100_000, 100_800]);
        assert_eq!(axis.pauses().collect::<Vec<_>>(), [500.0]);
        let bins: Vec<_> = axis.bins().collect();
        assert_eq!((bins.len(), bins[8]), (16, (1000, 600.0, 650.0)));
        assert!(Axis::new(100, 0, Vec::new()).is_none());
    }
}
