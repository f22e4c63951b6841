//! The charts: geometry of SVG paths, labels, and how long requests took. Those over time are in `series.rs`.

use std::fmt::Write as _;
use std::time::Duration;

use indicatif::{HumanBytes, HumanCount};

use super::axis::WIDTH;
use crate::output::Times;
use crate::span::Span;

/// The height of a chart. SVG stretches it to its place.
const HEIGHT: f64 = 100.0;

/// The most bins of the histogram.
const BINS: f64 = 60.0;
/// The least ratio of a bin's end to its beginning. Times are exact to 1 %: narrower bins would show that error.
const RATIO: f64 = 1.03;

/// Labels below an axis.
const LABELS: usize = 5;

pub(super) const PERCENTILES: [(&str, f64); 3] = [("p50", 0.5), ("p90", 0.9), ("p99", 0.99)];

pub(super) struct Chart {
    /// For its `id`.
    pub(super) name: &'static str,
    pub(super) title: &'static str,
    /// The chart in words.
    pub(super) text: String,
    /// The value at its top.
    pub(super) top: String,
    /// Each a class and a path.
    pub(super) areas: Vec<(&'static str, String)>,
    /// Lines from top to bottom: a class and where.
    pub(super) lines: Vec<(&'static str, String)>,
    pub(super) labels: Vec<String>,
}

/// How long requests took, on a logarithmic axis.
pub(super) fn latency(times: &Times) -> Option<Chart> {
    let least = times.counts().next()?.0.as_secs_f64().max(1e-6);
    let ratio = (times.longest().as_secs_f64() / least).max(RATIO);
    let bins = (ratio.ln() / RATIO.ln()).min(BINS).floor();
    let place = |span: Duration| ((span.as_secs_f64() / least).ln() / ratio.ln()).clamp(0.0, 1.0);
    let mut counts = vec![0_u64; bins as usize];
    for (span, count) in times.counts() {
        counts[(place(span) * bins).min(bins - 1.0) as usize] += count;
    }
    let top = counts.iter().copied().max().unwrap_or_default();
    let bar = WIDTH / bins;
    let steps = counts.iter().enumerate().map(|(n, count)| {
        let from = n as f64 * bar;
        (from, from + bar * 0.9, *count as f64)
    });
    let lines = PERCENTILES.map(|(name, quantile)| {
        let x = place(times.percentile(quantile)) * WIDTH;
        (name, number(x))
    });
    Some(Chart {
        name: "latency",
        title: "Requests by their time",
        text: format!(
            "From {} to {}, on a logarithmic axis. The lines are p50 (solid), p90 (dashed) and p99 (dotted).",
            Span(Duration::from_secs_f64(least)),
            Span(times.longest()),
        ),
        top: HumanCount(top).to_string(),
        areas: vec![("all", area(steps, top as f64))],
        lines: lines.into(),
        labels: labels(|share| {
            Span(Duration::from_secs_f64(least * ratio.powf(share))).to_string()
        }),
    })
}

pub(super) fn labels(label: impl Fn(f64) -> String) -> Vec<String> {
    let shares = (0..LABELS).map(|n| n as f64 / (LABELS - 1) as f64);
    shares.map(label).collect()
}

/// The path below steps, each from, to, and how high. What is not 0 can be seen.
pub(super) fn area(steps: impl Iterator<Item = (f64, f64, f64)>, top: f64) -> String {
    const LEAST: f64 = 1.0;
    let mut path = String::new();
    let mut end = f64::NAN;
    for (from, to, value) in steps.filter(|(.., value)| *value > 0.0) {
        let y = HEIGHT - (value / top * HEIGHT).max(LEAST);
        let y = number(y);
        // Adjoining steps are one shape.
        let _infallible = match from == end {
            true => write!(path, "V{y}H{}", number(to)),
            false if path.is_empty() => {
                write!(path, "M{} {HEIGHT}V{y}H{}", number(from), number(to))
            }
            false => write!(
                path,
                "V{HEIGHT}ZM{} {HEIGHT}V{y}H{}",
                number(from),
                number(to)
            ),
        };
        end = to;
    }
    if !path.is_empty() {
        let _infallible = write!(path, "V{HEIGHT}Z");
    }
    path
}

/// A coordinate, short.
pub(super) fn number(value: f64) -> String {
    let text = format!("{value:.1}");
    text.strip_suffix(".0").unwrap_or(&text).to_owned()
}

pub(super) fn decimal(value: f64) -> String {
    match value {
        ..0.095 => format!("{value:.2}"),
        ..99.5 => number(value),
        _ => HumanCount(value.round() as u64).to_string(),
    }
}

pub(super) fn size(bytes: f64) -> String {
    HumanBytes(bytes as u64).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_area_has_a_step_for_each_value_and_a_gap_where_there_is_none() {
        let steps = [
            (0.0, 10.0, 5.0),
            (10.0, 20.0, 0.0),
            (20.0, 30.0, 10.0),
            (30.0, 40.0, 0.01),
        ];
        let path = area(steps.into_iter(), 10.0);
        assert_eq!(path, "M0 100V50H10V100ZM20 100V0H30V99H40V100Z");
        assert_eq!(area([(0.0, 1.0, 0.0)].into_iter(), 0.0), "");
    }

    #[test]
    fn numbers_are_short() {
        for (value, expected) in [
            (0.0, "0.00"),
            (0.04, "0.04"),
            (2.0, "2"),
            (52.34, "52.3"),
            (99.6, "100"),
            (12_345.6, "12,346"),
        ] {
            assert_eq!(decimal(value), expected);
        }
    }

    #[test]
    fn the_histogram_has_every_request() {
        let mut times = Times::new();
        assert!(latency(&times).is_none());
        times.add(Duration::from_millis(20));
        let one = latency(&times).expect("it has a time");
        assert_eq!(one.areas[0].1, "M0 100V0H900V100Z");
        for n in 1..=1000 {
            times.add(Duration::from_millis(n));
        }
        let many = latency(&times).expect("it has times");
        assert_eq!(many.labels.first().map(String::as_str), Some("1ms"));
        assert_eq!(many.labels.last().map(String::as_str), Some("1s"));
        // Whole milliseconds leave bins empty at the left.
        assert_eq!(many.areas[0].1.matches('M').count(), 49);
        let lines: Vec<_> = many.lines.iter().map(|(name, _)| *name).collect();
        assert_eq!(lines, ["p50", "p90", "p99"]);
    }
}
