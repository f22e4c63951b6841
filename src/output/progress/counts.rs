//! The row of the bar that counts targets.

use std::time::{Duration, Instant};

use indicatif::HumanBytes;

use super::row::{FAR, Row, Share, in_seconds};
use crate::output::human::rate_text;

#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Counts {
    /// Finished targets, failed ones included.
    pub(crate) done: u64,
    pub(crate) failed: u64,
    pub(crate) in_flight: usize,
    /// Hosts that are being reached.
    pub(crate) reaching: usize,
    /// Bytes of all bodies so far.
    pub(crate) bytes: u64,
    /// How many targets wait for a retry, and when the first is due.
    pub(crate) waiting: Option<(usize, Instant)>,
}

impl Counts {
    pub(super) fn head(&self, total: Option<u64>) -> String {
        match total {
            Some(total) => format!("{}/{total}", self.done),
            None => format!("{} done", self.done),
        }
    }
}

pub(super) struct View {
    pub(super) counts: Counts,
    pub(super) total: Option<u64>,
    pub(super) per_second: f64,
    pub(super) left: Duration,
    pub(super) now: Instant,
}

impl View {
    pub(super) fn row(&self) -> Row {
        let counts = &self.counts;
        let moving = self.per_second > 0.0;
        let total = self.total.filter(|total| *total > 0);
        let share = total.map(|total| Share(counts.done, total));
        let left = (moving && self.ends()).then(|| in_seconds(self.left));
        let failed = (counts.failed > 0).then(|| format!("{} failed", counts.failed));
        let bytes = (counts.bytes > 0).then(|| HumanBytes(counts.bytes).to_string());
        let rate = moving.then(|| format!("{}/s", rate_text(self.per_second)));
        let parts = vec![
            (1, share.map(Share::percent)),
            (3, rate),
            (5, left.map(|left| format!("ETA {left}"))),
            (6, Some(format!("{} in flight", counts.in_flight))),
            (4, reaching(counts.reaching)),
            (4, self.waiting()),
            (2, failed),
            (7, bytes),
        ];
        Row {
            head: counts.head(self.total),
            share,
            bar_rank: 4,
            parts,
        }
    }

    fn waiting(&self) -> Option<String> {
        let (count, first) = self.counts.waiting?;
        let left = first.saturating_duration_since(self.now);
        Some(format!("{count} waiting, next in {}", in_seconds(left)))
    }

    /// Whether the remaining time is known, and no retry is due after it.
    fn ends(&self) -> bool {
        let is_before_end = |(_, first): (usize, Instant)| {
            self.counts.in_flight > 0 && first <= self.now + self.left
        };
        self.total.is_some_and(|total| total > self.counts.done)
            && self.left < FAR
            && self.counts.waiting.is_none_or(is_before_end)
    }
}

/// How many hosts are being reached.
fn reaching(hosts: usize) -> Option<String> {
    let plural = if hosts == 1 { "host" } else { "hosts" };
    (hosts > 0).then(|| format!("reaching {hosts} {plural}"))
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
            now: Instant::now(),
        }
    }

    fn row(view: &View, width: usize) -> String {
        view.row().fit(width).replace('>', "")
    }

    #[test]
    fn a_row_says_what_fits() {
        let counts = Counts {
            done: 1234,
            failed: 12,
            in_flight: 50,
            bytes: 1 << 30,
            ..Counts::default()
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
            let plain = |text: &str| text.replace(['=', ' '], "");
            assert_eq!(plain(&shown), plain(expected), "{width}");
        }
    }

    #[test]
    fn without_a_total_there_is_no_bar() {
        let counts = Counts {
            done: 7,
            failed: 1,
            in_flight: 5,
            bytes: 2048,
            ..Counts::default()
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
            (0, 3, " 0%"),
            (999, 1000, "99%"),
            (u64::MAX, u64::MAX, "100%"),
        ] {
            let shown = row(&view(counts(done), Some(total), 0.0, 0), 80);
            assert!(shown.contains(expected), "{shown}");
        }
    }

    #[test]
    fn an_empty_list_has_no_share() {
        assert_eq!(
            row(&view(Counts::default(), Some(0), 0.0, 0), 80),
            "0/0  0 in flight"
        );
    }

    #[test]
    fn the_end_is_told_to_the_minute_at_any_distance() {
        for (left, shown) in [
            (89, "89s"),
            (5340, "1h29m"),
            (5400, "1h30m"),
            (7140, "1h59m"),
        ] {
            let shown = format!("ETA {shown}  ");
            let row = row(&view(counts(1), Some(10), 1.0, left), 80);
            assert!(row.contains(&shown), "{row}");
        }
    }

    #[test]
    fn what_waits_is_told_and_an_end_before_it_is_not() {
        let mut waits = view(counts(1), Some(10), 1.0, 2);
        waits.counts.waiting = Some((3, waits.now + Duration::from_millis(4_100)));
        let shown = row(&waits, 80);
        assert!(shown.contains("3 waiting, next in 5s"), "{shown}");
        assert!(!shown.contains("ETA"), "{shown}");
        waits.left = Duration::from_secs(60);
        assert!(row(&waits, 80).contains("ETA 60s"));
        waits.counts.in_flight = 0;
        assert!(!row(&waits, 80).contains("ETA"), "nothing moves");
    }
}
