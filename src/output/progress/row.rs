//! What the bar says of one moment, in as many columns as there are. Pure text; the bar itself is left open.

use std::time::Duration;

use indicatif::{HumanBytes, HumanDuration};

use super::Counts;
use crate::output::human::Rate;

/// An end that is further away than this is a guess.
const FAR: Duration = Duration::from_secs(100 * 24 * 3600);
/// A shorter bar says nothing.
const LEAST_BAR: usize = 8;

/// What is shown of one moment.
pub(super) struct View {
    pub(super) counts: Counts,
    pub(super) total: Option<u64>,
    pub(super) per_second: f64,
    pub(super) left: Duration,
}

/// One row: texts before and after the bar, and whether there is one.
#[derive(Default)]
pub(super) struct Row {
    pub(super) head: String,
    pub(super) tail: String,
    pub(super) bar: bool,
}

impl View {
    /// The fullest row that fits `width` columns.
    pub(super) fn row(&self, width: usize) -> Row {
        let mut row = Row::default();
        for detail in (0..=7).rev() {
            row = self.row_of(detail);
            let bar = if row.bar { " []".len() + LEAST_BAR } else { 0 };
            if row.head.len() + bar + row.tail.len() <= width {
                return row;
            }
        }
        row.head.truncate(width);
        row
    }

    /// The row with the `detail` most important of its parts; the parts are ASCII.
    fn row_of(&self, detail: usize) -> Row {
        let counts = &self.counts;
        let moving = self.per_second > 0.0;
        // How many parts matter more, whether there is anything to say, and what. The bar itself is part 4.
        let parts = [
            (1, self.total.is_some(), format!("{}%", self.percent())),
            (3, moving, format!("{}/s", Rate(self.per_second))),
            (
                5,
                moving && self.ends(),
                format!("ETA {:#}", HumanDuration(self.left)),
            ),
            (6, true, format!("{} in flight", counts.in_flight)),
            (2, counts.failed > 0, format!("{} failed", counts.failed)),
            (7, counts.bytes > 0, HumanBytes(counts.bytes).to_string()),
        ];
        let mut tail = String::new();
        for (_, _, text) in parts
            .iter()
            .filter(|(rank, said, _)| *said && *rank <= detail)
        {
            tail.extend(["  ", text]);
        }
        let head = match self.total {
            Some(total) => format!("{}/{total}", counts.done),
            None => format!("{} done", counts.done),
        };
        Row {
            head,
            tail,
            bar: self.total.is_some() && detail >= 4,
        }
    }

    fn percent(&self) -> u128 {
        match self.total {
            Some(total @ 1..) => u128::from(self.counts.done) * 100 / u128::from(total),
            _ => 100,
        }
    }

    /// Whether an end is in sight that is worth telling.
    fn ends(&self) -> bool {
        self.total.is_some_and(|total| total > self.counts.done) && self.left < FAR
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(done: u64) -> Counts {
        Counts {
            done,
            in_flight: 5,
            ..Counts::default()
        }
    }

    fn view(counts: Counts, total: Option<u64>, per_second: f64, left: u64) -> View {
        View {
            counts,
            total,
            per_second,
            left: Duration::from_secs(left),
        }
    }

    /// The row in plain text, with the bar as indicatif fills it.
    fn row(view: &View, width: usize) -> String {
        let row = view.row(width);
        let room = width.saturating_sub(row.head.len() + row.tail.len() + 3);
        let bar = if row.bar {
            format!(" [{}]", "=".repeat(room))
        } else {
            String::new()
        };
        format!("{}{bar}{}", row.head, row.tail)
    }

    #[test]
    fn a_row_says_what_fits() {
        let counts = Counts {
            done: 1234,
            failed: 12,
            in_flight: 50,
            bytes: 1 << 30,
        };
        let known = view(counts, Some(10_000), 98.4, 89);
        for (width, expected) in [
            (
                80,
                "1234/10000 [========]  12%  98/s  ETA 89s  50 in flight  12 failed  1.00 GiB",
            ),
            (
                70,
                "1234/10000 [==========]  12%  98/s  ETA 89s  50 in flight  12 failed",
            ),
            (52, "1234/10000 [=======]  12%  98/s  ETA 89s  12 failed"),
            (45, "1234/10000 [==========]  12%  98/s  12 failed"),
            (40, "1234/10000  12%  98/s  12 failed"),
            (30, "1234/10000  12%  12 failed"),
            (15, "1234/10000  12%"),
            (10, "1234/10000"),
            (4, "1234"),
            (0, ""),
        ] {
            let shown = row(&known, width);
            assert!(shown.len() <= width, "{width}: {shown}");
            assert_eq!(shown.replace('=', ""), expected.replace('=', ""), "{width}");
        }
    }

    #[test]
    fn without_a_total_there_is_no_bar() {
        let counts = Counts {
            done: 7,
            failed: 1,
            in_flight: 5,
            bytes: 2048,
        };
        let piped = view(counts, None, 2.34, 0);
        assert_eq!(
            row(&piped, 80),
            "7 done  2.3/s  5 in flight  1 failed  2.00 KiB"
        );
        assert_eq!(
            row(&view(counts, None, 0.0, 0), 80),
            "7 done  5 in flight  1 failed  2.00 KiB"
        );
    }

    #[test]
    fn an_end_that_is_a_guess_is_not_told() {
        let shown = |done, rate, left| row(&view(counts(done), Some(10), rate, left), 80);
        assert!(shown(1, 1.0, 9).contains("ETA 9s"));
        for (done, rate, left) in [(0, 0.0, 0), (10, 1.0, 0), (1, 1e-9, u64::MAX / 2)] {
            assert!(
                !shown(done, rate, left).contains("ETA"),
                "{}",
                shown(done, rate, left)
            );
        }
    }

    #[test]
    fn percent_never_passes_the_end() {
        for (done, total, expected) in [
            (0, 0, "100%"),
            (0, 3, " 0%"),
            (999, 1000, "99%"),
            (u64::MAX, u64::MAX, "100%"),
        ] {
            let shown = row(&view(counts(done), Some(total), 0.0, 0), 80);
            assert!(shown.contains(expected), "{shown}");
        }
    }
}
