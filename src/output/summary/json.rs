//! The summary as one line of JSON.

use std::collections::BTreeMap;
use std::time::Instant;

use serde::Serialize;

use super::super::jsonl;
use super::super::value::in_milliseconds;
use super::{Summary, WORST_HOSTS};

/// The line of `--summary=json`.
#[derive(Serialize)]
struct Json<'a> {
    fetched: u64,
    failed: u64,
    /// `None` if the lists were not read to the end.
    not_started: Option<u64>,
    skipped: u64,
    unchanged: u64,
    /// These three with `--update`.
    #[serde(skip_serializing_if = "Option::is_none")]
    new: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    changed: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    gone: Option<u64>,
    bytes: u64,
    elapsed_ms: f64,
    time_ms: JsonTimes,
    failures: BTreeMap<&'static str, u64>,
    worst_hosts: Vec<JsonHost<'a>>,
}

#[derive(Serialize)]
struct JsonTimes {
    p50: Option<f64>,
    p90: Option<f64>,
    p99: Option<f64>,
    max: Option<f64>,
}

#[derive(Serialize)]
struct JsonHost<'a> {
    host: &'a str,
    failures: u64,
}

impl Summary {
    /// The summary as one line of JSON, with its end.
    pub(crate) fn json(&self, now: Instant) -> String {
        let hosts = self.hosts.worst(WORST_HOSTS).into_iter();
        let failures = self.failures.iter();
        let changes = self.changes.as_ref();
        let time = |span| (self.times.count() > 0).then(|| in_milliseconds(span));
        let json = Json {
            fetched: self.fetched,
            failed: self.failed,
            not_started: self.never_started,
            skipped: self.left_out.iter().map(|(targets, _)| targets).sum(),
            unchanged: changes.map_or(0, |changes| changes.unchanged),
            new: changes.map(|changes| changes.new),
            changed: changes.map(|changes| changes.changed),
            gone: changes.map(|changes| changes.gone),
            bytes: self.bytes,
            elapsed_ms: in_milliseconds(now.saturating_duration_since(self.started)),
            time_ms: JsonTimes {
                p50: time(self.times.percentile(0.5)),
                p90: time(self.times.percentile(0.9)),
                p99: time(self.times.percentile(0.99)),
                max: time(self.times.longest()),
            },
            failures: failures.map(|(name, kind)| (*name, kind.count)).collect(),
            worst_hosts: hosts
                .map(|(host, failures)| JsonHost { host, failures })
                .collect(),
        };
        let mut line = Vec::new();
        jsonl::push_value(&mut line, &json);
        line.push(b'\n');
        String::from_utf8_lossy(&line).into_owned()
    }
}
