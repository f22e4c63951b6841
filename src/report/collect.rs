//! Adds up the rows of a journal, whatever their order, in bounded memory.

use std::collections::BTreeMap;
use std::time::Duration;

use super::request::{ReportedRequest, Timing, kind};
use super::timeline::Timeline;
use super::top::Top;
use crate::host;
use crate::input::RecordedRow;
use crate::output::{Times, WorstHosts};
use crate::text_table::TextSet;

/// URLs are told apart up to this number, in some 30 MB.
pub(super) const URLS: u64 = 1_000_000;

/// The most failures in the page.
const FAILURES: usize = 1000;

/// The most kinds of failure, and details of one. fetchpool has fewer; a file may not.
const KINDS: usize = 100;

/// Slowest and largest requests in the page.
const GREATEST: usize = 15;

/// Workers that are drawn: those with the lowest numbers.
pub(super) const WORKERS: u64 = 40;

/// The most drawn requests: the longest ones that did not fail, and the longest that did.
const DRAWN: usize = 900;
const DRAWN_FAILURES: usize = 300;

#[derive(Default)]
pub(super) struct KindCount {
    pub(super) count: u64,
    /// By status or phase.
    pub(super) details: BTreeMap<String, u64>,
}

pub(super) struct Collected {
    pub(super) rows: u64,
    pub(super) fetched: u64,
    pub(super) failed: u64,
    /// Rows of a dry run.
    pub(super) planned: u64,
    pub(super) unchanged: u64,
    /// Requests with more than one attempt.
    pub(super) retried: u64,
    /// Bytes of received bodies.
    pub(super) bytes: u64,
    pub(super) times: Times,
    /// When the first attempt began and the last one ended, in microseconds since 1970.
    pub(super) began: Option<u64>,
    pub(super) ended: Option<u64>,
    pub(super) timeline: Timeline,
    /// Requests in the timeline.
    pub(super) timed: u64,
    pub(super) kinds: BTreeMap<String, KindCount>,
    pub(super) hosts: WorstHosts,
    pub(super) failures: Vec<ReportedRequest>,
    pub(super) slowest: Top<ReportedRequest>,
    pub(super) largest: Top<ReportedRequest>,
    /// The requests to draw, of the first workers.
    pub(super) drawn: Top<ReportedRequest>,
    pub(super) drawn_failures: Top<ReportedRequest>,
    /// One more than the greatest number of a worker.
    pub(super) workers: u64,
    urls: TextSet,
    pub(super) distinct: u64,
    /// Rows whose URL an earlier row has.
    pub(super) repeated: u64,
}

impl Collected {
    pub(super) fn new() -> Self {
        Self {
            rows: 0,
            fetched: 0,
            failed: 0,
            planned: 0,
            unchanged: 0,
            retried: 0,
            bytes: 0,
            times: Times::new(),
            began: None,
            ended: None,
            timeline: Timeline::new(),
            timed: 0,
            kinds: BTreeMap::new(),
            hosts: WorstHosts::default(),
            failures: Vec::new(),
            slowest: Top::new(GREATEST),
            largest: Top::new(GREATEST),
            drawn: Top::new(DRAWN),
            drawn_failures: Top::new(DRAWN_FAILURES),
            workers: 0,
            urls: TextSet::new(),
            distinct: 0,
            repeated: 0,
        }
    }

    pub(super) fn add(&mut self, row: &RecordedRow<'_>) {
        self.rows += 1;
        match row.ok {
            Some(true) => self.fetched += 1,
            Some(false) => self.add_failure(row),
            None => self.planned += 1,
        }
        self.unchanged += u64::from(row.unchanged == Some(true));
        self.retried += u64::from(row.attempts > Some(1));
        self.add_url(row);
        let bytes = received(row);
        self.bytes = self.bytes.saturating_add(bytes);
        let timing = Timing::of(row);
        if let Some(bytes) = row.bytes.filter(|_| row.ok == Some(true)) {
            self.largest
                .offer(bytes, || ReportedRequest::new(row, timing));
        }
        if let Some(timing) = timing {
            self.add_time(row, timing, bytes);
        }
    }

    fn add_time(&mut self, row: &RecordedRow<'_>, timing: Timing, bytes: u64) {
        let failed = row.ok == Some(false);
        let micros = timing.elapsed.as_micros() as u64;
        let request = || ReportedRequest::new(row, Some(timing));
        self.times.add(timing.elapsed);
        self.slowest.offer(micros, request);
        let (Some(start), Some(end)) = (timing.start, timing.end()) else {
            return;
        };
        self.began = Some(self.began.map_or(start, |began| began.min(start)));
        self.ended = self.ended.max(Some(end));
        self.timeline.add(start, end, failed, bytes);
        self.timed += 1;
        self.workers = self
            .workers
            .max(row.worker.map_or(0, |worker| worker.saturating_add(1)));
        if row.worker.is_none_or(|worker| worker < WORKERS) {
            let drawn = match failed {
                true => &mut self.drawn_failures,
                false => &mut self.drawn,
            };
            drawn.offer(micros, request);
        }
    }

    fn add_failure(&mut self, row: &RecordedRow<'_>) {
        self.failed += 1;
        if self.failures.len() < FAILURES {
            self.failures
                .push(ReportedRequest::new(row, Timing::of(row)));
        }
        let Some((kind, detail)) = kind(row) else {
            return;
        };
        // As in the summary: no request went to the host of a URL with another scheme.
        if kind != "unsupported_scheme"
            && let Some(url) = row.parsed_url()
        {
            self.hosts.add(&host::shown(&url));
        }
        let count = counter(&mut self.kinds, kind);
        count.count += 1;
        if let Some(detail) = detail {
            *counter(&mut count.details, detail) += 1;
        }
    }

    /// Counts its URL, told apart as by `--unique`.
    fn add_url(&mut self, row: &RecordedRow<'_>) {
        let parsed = row.parsed_url();
        let url = parsed.as_ref().map_or(&*row.url, |url| {
            let page = url.as_str();
            page.split_once('#').map_or(page, |(page, _)| page)
        });
        if self.distinct < URLS {
            match self.urls.insert(url) {
                true => self.distinct += 1,
                false => self.repeated += 1,
            }
        } else {
            self.repeated += u64::from(self.urls.contains(url));
        }
    }

    /// From the beginning of the first attempt to the end of the last.
    pub(super) fn took(&self) -> Option<Duration> {
        let (began, ended) = self.began.zip(self.ended)?;
        Some(Duration::from_micros(ended - began))
    }
}

/// The counter of `key`, or of all others when there are too many.
fn counter<T: Default>(counters: &mut BTreeMap<String, T>, key: String) -> &mut T {
    let is_kept = counters.len() < KINDS || counters.contains_key(&key);
    counters
        .entry(if is_kept { key } else { "others".to_owned() })
        .or_default()
}

/// The bytes of a body that came: none for a HEAD and for an unchanged page, and not those of an earlier attempt.
fn received(row: &RecordedRow<'_>) -> u64 {
    let is_head = row.method.as_ref().is_some_and(|method| method.0 == "HEAD");
    match is_head || row.unchanged == Some(true) {
        true => 0,
        false => row
            .bytes
            .unwrap_or(0)
            .saturating_sub(row.resumed_from.unwrap_or(0)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn collected(rows: &[String]) -> Collected {
        let mut collected = Collected::new();
        for row in rows {
            collected.add(&serde_json::from_str(row).expect("it is a row"));
        }
        collected
    }

    #[test]
    fn what_did_not_come_is_no_byte() {
        let of = |fields: &str| format!(r#"{{"url":"http://h/","ok":true,"bytes":100{fields}}}"#);
        for (fields, bytes) in [
            ("", 100),
            (r#","method":"GET","unchanged":false"#, 100),
            (r#","method":"HEAD""#, 0),
            (r#","unchanged":true"#, 0),
            (r#","resumed_from":60"#, 40),
            (r#","resumed_from":600"#, 0),
        ] {
            assert_eq!(collected(&[of(fields)]).bytes, bytes, "{fields}");
        }
    }

    #[test]
    fn a_url_is_counted_once_however_it_is_written() {
        let row = |url: &str| format!(r#"{{"url":"{url}","ok":true}}"#);
        let urls = [
            "http://h",
            "HTTP://H:80/",
            "http://h/#x",
            "no url",
            "no url",
            "http://h/2",
        ];
        let found = collected(&urls.map(row));
        assert_eq!((found.rows, found.distinct, found.repeated), (6, 3, 3));
    }

    #[test]
    fn failures_are_counted_by_kind_and_host_and_kept_up_to_a_limit() {
        let row = |n: usize| {
            let (kind, phase) = [("timeout", r#""body""#), ("http_status", "null")][n % 2];
            format!(
                r#"{{"url":"http://u:p@h{}/","ok":false,"status":{},"error":{{"kind":"{kind}","message":"m","phase":{phase}}}}}"#,
                n % 2,
                404 + n % 4,
            )
        };
        let found = collected(&(0..2000).map(row).collect::<Vec<_>>());
        assert_eq!((found.failed, found.failures.len()), (2000, FAILURES));
        let statuses = &found.kinds["http_status"].details;
        assert_eq!((statuses["405"], statuses["407"]), (500, 500));
        assert_eq!(found.kinds["timeout"].details["body"], 1000);
        assert_eq!(found.hosts.worst(9), [("h0", 1000), ("h1", 1000)]);
        assert_eq!(found.failures[1].outcome, "http_status (405)");
    }

    #[test]
    fn a_host_without_a_scheme_is_known_and_one_of_no_url_is_not_counted() {
        let row = |(url, kind): (&str, &str)| {
            format!(
                r#"{{"url":"{url}","ok":false,"error":{{"kind":"{kind}","message":"","phase":null}}}}"#
            )
        };
        // The last is a redirect to no URL.
        let [other, none] = ["unsupported_scheme", "invalid_url"];
        let rows = [
            ("h:81", "dns"),
            ("h", none),
            ("h", other),
            ("http://i/", none),
        ];
        let found = collected(&rows.map(row));
        assert_eq!(found.hosts.worst(9), [("h:81", 1), ("i", 1)]);
    }

    #[test]
    fn a_file_with_many_kinds_is_bounded() {
        let row = |n: usize| {
            format!(
                r#"{{"url":"x","ok":false,"error":{{"kind":"k{n}","message":"","phase":"{n}"}}}}"#
            )
        };
        let found = collected(&(0..2 * KINDS).map(row).collect::<Vec<_>>());
        assert_eq!(found.kinds.len(), KINDS + 1);
        assert_eq!(found.kinds["others"].count, KINDS as u64);
    }
}
