//! The summary of a run: counts, sizes, times, and failures.
//!
//! Memory is bounded: times go into [`Times`], hosts into [`WorstHosts`]. Empty lines are left
//! out. Apart from colours, the text is printable ASCII.

mod changes;
mod json;

use std::collections::BTreeMap;
use std::fmt::{self, Display, Formatter, Write as _};
use std::time::{Duration, Instant};

use indicatif::{HumanBytes, HumanCount};

use self::changes::Changes;
use super::hosts::WorstHosts;
use super::human::{counted, rate_text};
use super::record::Record;
use super::times::Times;
use crate::fetch::{Failure, FailureKind};
use crate::span::Span;

const WORST_HOSTS: usize = 5;
/// How many statuses or phases of a kind are shown.
const DETAILS: usize = 3;
const LABEL: usize = 13;

pub(crate) struct Summary {
    started: Instant,
    fetched: u64,
    failed: u64,
    bytes: u64,
    times: Times,
    /// By the name of the kind.
    failures: BTreeMap<&'static str, FailureCount>,
    hosts: WorstHosts,
    /// Targets not started; `None` if the lists were not read to the end.
    never_started: Option<u64>,
    /// With `--update`.
    changes: Option<Changes>,
    /// Targets left out by the options, with the reason.
    left_out: Vec<(u64, &'static str)>,
}

#[derive(Default)]
struct FailureCount {
    count: u64,
    details: BTreeMap<Detail, u64>,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Detail {
    Status(u16),
    Phase(&'static str),
}

impl Summary {
    pub(crate) fn new(started: Instant) -> Self {
        Self {
            started,
            fetched: 0,
            failed: 0,
            bytes: 0,
            times: Times::new(),
            failures: BTreeMap::new(),
            hosts: WorstHosts::default(),
            never_started: Some(0),
            changes: None,
            left_out: Vec::new(),
        }
    }

    /// Counts what has changed since an earlier run.
    pub(crate) fn count_changes(&mut self) {
        self.changes = Some(Changes::default());
    }

    pub(crate) fn left_out(&mut self, targets: u64, why: &'static str) {
        if targets > 0 {
            self.left_out.push((targets, why));
        }
    }

    pub(crate) fn add(&mut self, record: &Record) {
        self.bytes = self.bytes.saturating_add(record.received);
        if let Some(outcome) = &record.outcome {
            self.times.add(outcome.elapsed);
        }
        if let Some(changes) = &mut self.changes {
            changes.add(record);
        }
        if record.ok {
            self.fetched += 1;
            return;
        }
        self.failed += 1;
        if let Some(error) = &record.error {
            let count = self.failures.entry(error.kind().name()).or_default();
            count.add(record, error);
            // No request went to the host of a URL with another scheme.
            if let Some(host) = &record.host
                && error.kind() != FailureKind::UnsupportedScheme
            {
                self.hosts.add(host);
            }
        }
    }

    /// Sets how many targets were not started; `None` if the lists were not read to the end.
    pub(crate) fn never_started(&mut self, targets: Option<u64>) {
        self.never_started = targets;
    }

    pub(crate) fn text(&self, now: Instant, color: bool) -> String {
        let wall = now.saturating_duration_since(self.started);
        let mut table = Table::default();
        table.line("URLs", &self.urls(color));
        if let Some(changes) = self.changes.as_ref().filter(|_| self.finished() > 0) {
            table.line("pages", &changes.to_string());
        }
        if !self.left_out.is_empty() {
            let reasons = self.left_out.iter();
            let reasons = reasons.map(|(targets, why)| format!("{} {why}", HumanCount(*targets)));
            table.line("left out", &reasons.collect::<Vec<_>>().join(", "));
        }
        if self.finished() > 0 {
            table.line("took", &self.took(wall));
        }
        if self.bytes > 0 {
            table.line("size", &self.size(wall));
        }
        if self.times.count() > 0 {
            table.line("time per URL", &self.percentiles());
        }
        self.tally_failures(&mut table);
        table.0
    }

    fn finished(&self) -> u64 {
        self.fetched + self.failed
    }

    fn urls(&self, color: bool) -> String {
        let mut parts = vec![format!("{} fetched", HumanCount(self.fetched))];
        if self.failed > 0 {
            let (red, plain) = if color {
                ("\x1b[31m", "\x1b[0m")
            } else {
                ("", "")
            };
            parts.push(format!("{red}{} failed{plain}", HumanCount(self.failed)));
        }
        match self.never_started {
            Some(0) if self.finished() == 0 => return "none".into(),
            Some(0) => {}
            Some(rest) => parts.push(format!("{} not started", HumanCount(rest))),
            None => parts.push("the rest of the list not started".into()),
        }
        parts.join(", ")
    }

    fn took(&self, wall: Duration) -> String {
        let rate = rate(self.finished(), wall);
        let rate = rate.map_or(String::new(), |rate| {
            format!(", {} URLs/s", rate_text(rate))
        });
        format!("{}{rate}", Span(wall))
    }

    fn size(&self, wall: Duration) -> String {
        let mut text = counted(self.bytes, "byte");
        if self.bytes >= 1024 {
            text = format!("{} ({text})", HumanBytes(self.bytes));
        }
        if let Some(rate) = rate(self.bytes, wall) {
            let _ = write!(text, ", {}/s", HumanBytes(rate as u64));
        }
        text
    }

    fn percentiles(&self) -> String {
        let longest = Span(self.times.longest());
        if self.times.count() == 1 {
            return longest.to_string();
        }
        let at = |quantile| Span(self.times.percentile(quantile));
        format!(
            "p50 {}, p90 {}, p99 {}, max {longest}",
            at(0.5),
            at(0.9),
            at(0.99)
        )
    }

    fn tally_failures(&self, table: &mut Table) {
        let mut kinds: Vec<_> = self.failures.iter().collect();
        kinds.sort_by_key(|(_, kind)| std::cmp::Reverse(kind.count));
        let most = kinds.first().map_or(0, |(_, kind)| kind.count);
        let width = HumanCount(most).to_string().len();
        for (row, (name, kind)) in kinds.into_iter().enumerate() {
            let label = if row == 0 { "failures" } else { "" };
            let count = HumanCount(kind.count).to_string();
            table.line(label, &format!("{count:>width$}  {name}{}", kind.details()));
        }
        let or_more = if self.hosts.is_crowded() { "+" } else { " " };
        let hosts = self.hosts.worst(WORST_HOSTS);
        for (row, (host, count)) in hosts.into_iter().enumerate() {
            let label = if row == 0 { "worst hosts" } else { "" };
            let count = HumanCount(count).to_string();
            table.line(label, &format!("{count:>width$}{or_more} {host}"));
        }
    }
}

/// `count` per second; `None` for too short a span.
fn rate(count: u64, wall: Duration) -> Option<f64> {
    (wall >= Duration::from_millis(1)).then(|| count as f64 / wall.as_secs_f64())
}

impl FailureCount {
    fn add(&mut self, record: &Record, error: &Failure) {
        self.count += 1;
        let detail = match error.kind() {
            FailureKind::HttpStatus => record.status().map(Detail::Status),
            FailureKind::Timeout(phase) => Some(Detail::Phase(phase.name())),
            _ => None,
        };
        if let Some(detail) = detail {
            *self.details.entry(detail).or_default() += 1;
        }
    }

    /// The most frequent details in brackets, or nothing.
    fn details(&self) -> String {
        let mut details: Vec<_> = self.details.iter().collect();
        details.sort_by_key(|(_, count)| std::cmp::Reverse(**count));
        if let [(only, count)] = details[..]
            && *count == self.count
        {
            return format!("  ({only})");
        }
        let (shown, others) = details.split_at(details.len().min(DETAILS));
        let shown = shown.iter();
        let mut parts: Vec<_> = shown
            .map(|(detail, count)| format!("{} x {detail}", HumanCount(**count)))
            .collect();
        if !others.is_empty() {
            let others = others.iter().map(|(_, count)| **count).sum();
            parts.push(format!("{} others", HumanCount(others)));
        }
        match parts.is_empty() {
            true => String::new(),
            false => format!("  ({})", parts.join(", ")),
        }
    }
}

impl Display for Detail {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Status(status) => status.fmt(out),
            Self::Phase(phase) => phase.fmt(out),
        }
    }
}

/// Lines with a label in front.
#[derive(Default)]
struct Table(String);

impl Table {
    fn line(&mut self, label: &str, text: &str) {
        let _infallible = writeln!(self.0, "{label:LABEL$}{text}");
    }
}

#[cfg(test)]
pub(super) mod tests;
