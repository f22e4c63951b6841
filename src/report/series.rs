//! The charts over time, each with its mean and its peak in a sentence. The rate of the totals is the mean of the first
//! chart.

use std::time::Duration;

use super::axis::{Axis, WIDTH};
use super::charts::{Chart, area, decimal, labels, number, size};
use super::collect::Collected;
use super::timeline::{Bin, Timeline};
use crate::span::Span;

/// Of a shorter time, in seconds, a rate says nothing.
const SHORTEST: f64 = 0.001;

/// What happened over time.
pub(super) struct Series<'a> {
    timeline: &'a Timeline,
    axis: &'a Axis,
    began: u64,
    /// What means are of, in seconds: the time from the first request to the last, without pauses.
    span: f64,
}

fn done(bin: &Bin) -> f64 {
    bin.done as f64
}

impl<'a> Series<'a> {
    /// `None` if no row has times.
    pub(super) fn of(collected: &'a Collected, axis: &'a Axis) -> Option<Self> {
        let span = match axis.stretches() {
            1 => collected.took()?,
            _ => axis.active(),
        };
        Some(Self {
            timeline: &collected.timeline,
            axis,
            began: collected.began?,
            span: span.as_secs_f64(),
        })
    }

    /// Requests per second. `None` if the time is too short to tell.
    pub(super) fn rate(&self) -> Option<f64> {
        (self.span >= SHORTEST).then(|| self.mean(&done))
    }

    pub(super) fn charts(&self) -> Vec<Chart> {
        let failed = |bin: &Bin| bin.failed as f64;
        let busy = |bin: &Bin| bin.busy as f64 / 1e6;
        let bytes = |bin: &Bin| bin.bytes as f64;
        let mut finished = self.chart("finished", "Requests finished per second", &done, decimal);
        finished
            .areas
            .push(("failed", self.area(&failed, self.top(&done))));
        let in_flight = self.chart("in-flight", "Requests in flight", &busy, decimal);
        let bytes = self.chart("bytes", "Bytes of bodies per second", &bytes, size);
        vec![finished, in_flight, bytes]
    }

    /// `amount` is what a bin has; the chart is of amounts per second.
    fn chart(
        &self,
        name: &'static str,
        title: &'static str,
        amount: &dyn Fn(&Bin) -> f64,
        shown: fn(f64) -> String,
    ) -> Chart {
        let [mean, top] = [self.mean(amount), self.top(amount)];
        let text = match self.peak(amount, top) {
            // The mean can be above all bins: they take a little more time than the requests.
            Some(peak) if top > mean => format!(
                "{} on average, at most {} ({} after the start).",
                shown(mean),
                shown(top),
                self.since(peak)
            ),
            _ => format!("{} on average.", shown(mean)),
        };
        Chart {
            name,
            title,
            text,
            top: shown(top),
            areas: vec![("all", self.area(amount, top))],
            lines: self.axis.pauses().map(|x| ("pause", number(x))).collect(),
            labels: labels(|share| self.since(share)),
        }
    }

    /// All bins with amounts per second, each from where to where.
    fn steps(&self, amount: &dyn Fn(&Bin) -> f64) -> impl Iterator<Item = (f64, f64, f64)> {
        let second = self.timeline.width();
        let bins = self.axis.bins();
        bins.map(move |(at, from, to)| (from, to, amount(&self.timeline.bin(at)) / second))
    }

    fn mean(&self, amount: &dyn Fn(&Bin) -> f64) -> f64 {
        let all: f64 = self.steps(amount).map(|(.., value)| value).sum();
        let seconds = if self.span >= SHORTEST {
            self.span
        } else {
            self.axis.active().as_secs_f64()
        };
        all * self.timeline.width() / seconds
    }

    /// Where on the axis the first of the greatest values is.
    fn peak(&self, amount: &dyn Fn(&Bin) -> f64, top: f64) -> Option<f64> {
        let mut steps = self.steps(amount);
        let (from, ..) = steps.find(|(.., value)| *value >= top)?;
        Some(from / WIDTH)
    }

    fn top(&self, amount: &dyn Fn(&Bin) -> f64) -> f64 {
        let values = self.steps(amount).map(|(.., value)| value);
        values.fold(0.0, f64::max)
    }

    fn area(&self, amount: &dyn Fn(&Bin) -> f64, top: f64) -> String {
        area(self.steps(amount), top)
    }

    /// The time from the start to a share of the axis.
    fn since(&self, share: f64) -> String {
        let micros = self.axis.time(share).saturating_sub(self.began);
        match micros {
            0 => "0s".to_owned(),
            _ => Span(Duration::from_micros(micros)).to_string(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::UNIX_EPOCH;

    fn charts_of(requests: &[(u64, u64)]) -> Vec<Chart> {
        let mut collected = Collected::new();
        for (start, micros) in requests {
            let start =
                humantime::format_rfc3339_millis(UNIX_EPOCH + Duration::from_micros(*start));
            let row = format!(
                r#"{{"url":"x","ok":false,"elapsed_ms":{},"started_at":"{start}"}}"#,
                *micros as f64 / 1000.0
            );
            collected.add(&serde_json::from_str(&row).expect("it is a row"));
        }
        let axis = collected.timeline.axis().expect("it has bins");
        let series = Series::of(&collected, &axis).expect("it has times");
        series.charts()
    }

    #[test]
    fn charts_say_their_first_peak_and_their_mean() {
        let charts = charts_of(&[(0, 1_000_000), (200_000, 100_000), (600_000, 200_000)]);
        let [finished, in_flight, bytes] = &charts[..] else {
            panic!("{} charts", charts.len());
        };
        assert_eq!(in_flight.top, "2");
        let expected = "1.3 on average, at most 2 (208ms after the start).";
        assert_eq!(in_flight.text, expected);
        assert!(
            finished.text.starts_with("3 on average, at most "),
            "{}",
            finished.text
        );
        assert!(finished.areas[1].1.starts_with('M'), "the failed ones");
        assert_eq!(bytes.text, "0 B on average.", "without a peak");
    }

    #[test]
    fn of_no_time_there_is_no_rate() {
        let charts = charts_of(&[(0, 0)]);
        assert_eq!(charts[0].text, "1,000 on average.");
    }
}
