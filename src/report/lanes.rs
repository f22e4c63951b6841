//! What the workers did: a lane for each, with a bar for each request and its phases in their order.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use super::axis::{Axis, WIDTH};
use super::charts::number;
use super::request::{PHASES, ReportedRequest, Timing};
use crate::span::Span;

/// The height of a lane, and in it that of a bar and of the mark of a failure.
pub(super) const LANE: usize = 16;
const BAR: usize = 9;
const MARK: usize = 3;

/// A narrower bar cannot be seen.
const NARROWEST: f64 = 1.0;

/// The most lanes of one worker. A bar begins with reaching its host, which may overlap with the request before.
const OVERLAPPING: usize = 3;

/// With more workers each has one lane.
const FEW: usize = 12;

pub(super) struct Lanes {
    /// Where a worker's first lane begins, and what it is called.
    pub(super) labels: Vec<(usize, String)>,
    pub(super) height: usize,
    pub(super) bars: Vec<Bar>,
}

pub(super) struct Bar {
    pub(super) title: String,
    /// Each a phase and its path.
    pub(super) phases: Vec<(&'static str, String)>,
}

/// Draws `requests`, all of which have times.
pub(super) fn draw(requests: Vec<ReportedRequest>, axis: &Axis) -> Lanes {
    let mut workers: BTreeMap<u64, Vec<ReportedRequest>> = BTreeMap::new();
    for request in requests {
        // Requests whose host could not be reached have no worker; they come last.
        let worker = request.worker.unwrap_or(u64::MAX);
        workers.entry(worker).or_default().push(request);
    }
    let most = if workers.len() <= FEW { OVERLAPPING } else { 1 };
    let mut lanes = Lanes {
        labels: Vec::new(),
        height: 0,
        bars: Vec::new(),
    };
    for (worker, mut requests) in workers {
        let label = match worker {
            u64::MAX => "none".to_owned(),
            worker => worker.to_string(),
        };
        lanes.labels.push((lanes.height + LANE - 4, label));
        requests.sort_by_key(|request| request.timing.and_then(|timing| timing.start));
        lanes.add(&requests, axis, most);
    }
    lanes
}

impl Lanes {
    /// Adds the requests of one worker, each in the first lane that is free.
    fn add(&mut self, requests: &[ReportedRequest], axis: &Axis, most: usize) {
        // When the last request of each lane ends.
        let mut ends: Vec<u64> = Vec::new();
        for request in requests {
            let Some(timing) = request.timing else {
                continue;
            };
            let Some((start, end)) = timing.start.zip(timing.end()) else {
                continue;
            };
            let y = self.height + lane_of(&mut ends, start, end, most) * LANE;
            self.bars.push(bar(request, timing, start, axis, y));
        }
        self.height += ends.len() * LANE;
    }
}

/// The first lane that is free at `start`, or the last of `most`.
fn lane_of(ends: &mut Vec<u64>, start: u64, end: u64, most: usize) -> usize {
    let free = ends.iter().position(|end| *end <= start);
    let lane = free.unwrap_or(ends.len()).min(most - 1);
    match ends.get_mut(lane) {
        Some(last) => *last = end.max(*last),
        None => ends.push(end),
    }
    lane
}

fn bar(request: &ReportedRequest, timing: Timing, start: u64, axis: &Axis, y: usize) -> Bar {
    let mut spent = Duration::ZERO;
    let mut edges = [axis.x(start); PHASES.len() + 1];
    for (edge, phase) in edges[1..].iter_mut().zip(timing.phases) {
        spent += phase;
        *edge = axis.x(start + spent.as_micros() as u64);
    }
    widen(&mut edges);
    let mut phases = Vec::new();
    for (phase, ends) in PHASES.iter().zip(edges.windows(2)) {
        if ends[1] > ends[0] {
            phases.push((*phase, rectangle(ends[0], ends[1], y + 2, BAR)));
        }
    }
    if request.failed {
        let [from, .., to] = edges;
        phases.push(("failed", rectangle(from, to, y + 2 + BAR, MARK)));
    }
    Bar {
        title: title(request, timing),
        phases,
    }
}

/// Stretches a bar that is too narrow, within the chart.
fn widen(edges: &mut [f64; PHASES.len() + 1]) {
    let [from, .., to] = *edges;
    let width = to - from;
    if width >= NARROWEST {
        return;
    }
    let begin = from.min(WIDTH - NARROWEST);
    for edge in edges.iter_mut() {
        let share = if width > 0.0 {
            (*edge - from) / width
        } else {
            0.0
        };
        *edge = begin + share * NARROWEST;
    }
    edges[PHASES.len()] = begin + NARROWEST;
}

fn rectangle(from: f64, to: f64, y: usize, height: usize) -> String {
    let [from, to] = [from, to].map(number);
    format!("M{from} {y}H{to}v{height}H{from}z")
}

/// The request in words: what it was, and how long each phase took.
fn title(request: &ReportedRequest, timing: Timing) -> String {
    let mut text = format!("{}\n{}", request.url, request.outcome);
    let _infallible = write!(text, ", {}", Span(timing.elapsed));
    for phase in timing.spent() {
        text += "\n";
        text += &phase;
    }
    text
}

#[cfg(test)]
mod tests {
    use super::super::axis::Stretch;
    use super::*;

    fn request(worker: Option<u64>, start: u64, millis: [u64; 5], failed: bool) -> ReportedRequest {
        let phases = millis.map(Duration::from_millis);
        ReportedRequest {
            url: "http://h/".into(),
            outcome: "200".into(),
            failed,
            message: None,
            bytes: None,
            worker,
            timing: Some(Timing {
                start: Some(start * 1000),
                elapsed: phases.iter().sum(),
                phases,
            }),
        }
    }

    fn second() -> Axis {
        let stretch = Stretch {
            first: 0,
            count: 1000,
        };
        Axis::new(1000, 0, vec![stretch]).expect("it has a stretch")
    }

    fn drawn(request: &ReportedRequest, y: usize) -> Bar {
        let timing = request.timing.expect("it has times");
        bar(
            request,
            timing,
            timing.start.expect("it began"),
            &second(),
            y,
        )
    }

    #[test]
    fn a_bar_has_its_phases_in_order_and_a_failure_its_mark() {
        let bar = drawn(&request(Some(0), 100, [10, 0, 20, 30, 40], true), 16);
        let expected = [
            ("dns", "M100 18H110v9H100z"),
            ("tls", "M110 18H130v9H110z"),
            ("wait", "M130 18H160v9H130z"),
            ("body", "M160 18H200v9H160z"),
            ("failed", "M100 27H200v3H100z"),
        ];
        assert_eq!(
            bar.phases,
            expected.map(|(phase, path)| (phase, path.to_owned()))
        );
        assert_eq!(
            bar.title,
            "http://h/\n200, 100ms\ndns 10ms\ntls 20ms\nwait 30ms\nbody 40ms"
        );
    }

    #[test]
    fn a_narrow_bar_can_be_seen_wherever_it_is() {
        for (start, expected) in [(5, "M5 2H6v9H5z"), (1000, "M999 2H1000v9H999z")] {
            let none = drawn(&request(None, start, [0; 5], false), 0);
            let [(_, path)] = &none.phases[..] else {
                panic!("{} phases", none.phases.len());
            };
            assert_eq!(path, expected);
        }
    }

    #[test]
    fn requests_of_one_worker_that_overlap_have_lanes_of_their_own() {
        let body = |millis| [0, 0, 0, 0, millis];
        let requests = vec![
            request(None, 0, body(10), true),
            request(Some(1), 100, body(100), false),
            request(Some(1), 150, body(100), false),
            request(Some(1), 200, body(50), false),
            request(Some(0), 0, body(1000), false),
        ];
        let lanes = draw(requests, &second());
        let labels: Vec<_> = lanes
            .labels
            .iter()
            .map(|(y, label)| (*y, &**label))
            .collect();
        assert_eq!(labels, [(12, "0"), (28, "1"), (60, "none")]);
        assert_eq!((lanes.height, lanes.bars.len()), (64, 5));
        assert!(
            lanes.bars[2].phases[0].1.starts_with("M150 34H"),
            "the second lane"
        );
        assert!(
            lanes.bars[3].phases[0].1.starts_with("M200 18H"),
            "the first again"
        );
    }
}
