//! The text of the summary, for small runs and for long ones.

use super::*;
use crate::fetch::Phase;

/// The summary of five URLs, as the documentation shows it.
pub(in crate::output) const FIVE_URLS: &str = "\
URLs         4 fetched, 1 failed
took         1.31s, 3.8 URLs/s
size         1.91 MiB (2,000,000 bytes), 1.46 MiB/s
time per URL p50 41ms, p90 1.3s, p99 1.3s, max 1.3s
failures     1  dns
worst hosts  1  nowhere.invalid
";

/// The same kind of run with `--summary=json`.
pub(in crate::output) const FIVE_URLS_JSON: &str = r#"{"fetched":4,"failed":1,"not_started":0,"skipped":0,"unchanged":0,"bytes":2000000,"elapsed_ms":1310.0,"time_ms":{"p50":41.215,"p90":1300.0,"p99":1300.0,"max":1300.0},"failures":{"dns":1},"worst_hosts":[{"host":"nowhere.invalid","failures":1}]}
"#;

/// The summary of `records` after `wall`.
fn summary_of(records: &[Record], wall: Duration) -> String {
    summary_with(records, wall, Some(0), false)
}

fn summary_with(
    records: &[Record],
    wall: Duration,
    never_started: Option<u64>,
    color: bool,
) -> String {
    let started = Instant::now();
    let mut summary = Summary::new(started);
    records.iter().for_each(|record| summary.add(record));
    summary.never_started(never_started);
    summary.text(started + wall, color)
}

fn page(bytes: u64, micros: u64) -> Record {
    Record::page("http://a/", bytes).with(|outcome| outcome.elapsed = Duration::from_micros(micros))
}

#[test]
fn five_urls_take_a_handful_of_lines() {
    let mut records: Vec<_> = [30_000, 41_000, 120_000, 1_300_000]
        .map(|micros| page(500_000, micros))
        .into();
    records.push(Record::failure(
        "http://nowhere.invalid/",
        FailureKind::Dns,
        "no address",
    ));
    assert_eq!(
        summary_of(&records, Duration::from_millis(1_310)),
        FIVE_URLS
    );
}

#[test]
fn lines_that_say_nothing_are_left_out() {
    assert_eq!(summary_of(&[], Duration::ZERO), "URLs         none\n");
    assert_eq!(
        summary_of(&[page(1, 500)], Duration::from_micros(900)),
        "\
URLs         1 fetched
took         900us
size         1 byte
time per URL 500us
"
    );
    let refused = Record {
        outcome: None,
        ..Record::failure("nonsense", FailureKind::InvalidUrl, "")
    };
    assert_eq!(
        summary_of(&[refused], Duration::from_secs(1)),
        "\
URLs         0 fetched, 1 failed
took         1s, 1.0 URLs/s
failures     1  invalid_url
"
    );
}

#[test]
fn failures_stand_in_order_with_what_is_behind_them() {
    let mut records = Vec::new();
    let mut fail = |count: usize, kind, status, host: &str| {
        let record = Record::failure(&format!("http://{host}/"), kind, "")
            .with(|outcome| outcome.status = status);
        records.extend(vec![record; count]);
    };
    let timeout = FailureKind::Timeout;
    fail(990, timeout(Phase::Connect), None, "slow.example");
    fail(20, timeout(Phase::Body), Some(200), "slow.example:8080");
    for (count, status) in [(5, 404), (1, 500), (3, 503), (2, 410), (1, 403)] {
        fail(count, FailureKind::HttpStatus, Some(status), "a.example");
    }
    fail(7, FailureKind::Body, Some(200), "b.example");
    fail(1, FailureKind::TooLarge, None, "c.example");
    fail(1, FailureKind::Dns, None, "d.example");
    fail(1, FailureKind::Cancelled, None, "e.example");
    assert_eq!(
        summary_with(&records, Duration::from_secs(100), Some(1), false),
        "\
URLs         0 fetched, 1,032 failed, 1 not started
took         1m40s, 10 URLs/s
time per URL p50 41ms, p90 41ms, p99 41ms, max 41ms
failures     1,010  timeout  (990 x connect, 20 x body)
                12  http_status  (5 x 404, 3 x 503, 2 x 410, 2 others)
                 7  body
                 1  cancelled
                 1  dns
                 1  too_large
worst hosts    990  slow.example
                20  slow.example:8080
                12  a.example
                 7  b.example
                 1  c.example
"
    );
}

#[test]
fn one_detail_alone_needs_no_count() {
    let record = Record::failure("http://a/", FailureKind::HttpStatus, "")
        .with(|outcome| outcome.status = Some(404));
    let text = summary_of(&[record.clone(), record], Duration::from_secs(1));
    assert!(
        text.contains("failures     2  http_status  (404)\n"),
        "{text}"
    );
}

#[test]
fn a_cut_run_says_what_was_left() {
    let records = [page(2048, 10)];
    let text = summary_with(&records, Duration::from_secs(1), None, false);
    assert!(text.starts_with("URLs         1 fetched, the rest of the list not started\n"));
    let text = summary_with(&[], Duration::from_secs(1), Some(12_345), false);
    assert_eq!(text, "URLs         0 fetched, 12,345 not started\n");
}

#[test]
fn colour_is_on_the_failures_alone() {
    let failure = Record::failure("http://a/", FailureKind::Dns, "");
    let text = summary_with(&[failure], Duration::from_secs(1), Some(0), true);
    assert!(
        text.starts_with("URLs         0 fetched, \x1b[31m1 failed\x1b[0m\n"),
        "{text}"
    );
    assert_eq!(text.matches('\x1b').count(), 2);
    assert!(!summary_with(&[page(1, 1)], Duration::ZERO, Some(0), true).contains('\x1b'));
}

#[test]
fn more_hosts_than_counters_are_marked() {
    let started = Instant::now();
    let mut summary = Summary::new(started);
    for n in 0..4000 {
        let host = if n % 2 == 0 {
            "worst".into()
        } else {
            format!("h{n}")
        };
        summary.add(&Record::failure(
            &format!("http://{host}/"),
            FailureKind::Dns,
            "",
        ));
    }
    let text = summary.text(started, false);
    assert!(text.contains("failures     4,000  dns\n"), "{text}");
    let worst = text
        .lines()
        .find(|line| line.starts_with("worst hosts"))
        .unwrap();
    assert!(worst.ends_with("+ worst"), "{text}");
}

#[test]
fn percentiles_are_right_to_one_percent_and_never_beyond_the_longest() {
    let started = Instant::now();
    let mut summary = Summary::new(started);
    for micros in 1..=100_000 {
        summary.add(&page(0, micros));
    }
    for (quantile, exact) in [(0.5, 50_000.0), (0.9, 90_000.0), (0.99, 99_000.0)] {
        let found = summary.times.percentile(quantile).as_micros() as f64;
        assert!((found / exact - 1.0).abs() <= 0.01, "{quantile}: {found}");
    }
    let text = summary.text(started, false);
    assert!(
        text.contains("time per URL p50 50ms, p90 90ms, p99 99ms, max 100ms\n"),
        "{text}"
    );
}

#[test]
fn a_time_beyond_the_histogram_is_kept_as_the_longest() {
    let long = page(0, 0).with(|outcome| outcome.elapsed = Duration::from_secs(48 * 3600));
    let text = summary_of(&[long.clone(), long], Duration::from_secs(1));
    assert!(text.contains("p50 24h"), "{text}");
    assert!(text.contains("max 2d\n"), "{text}");
}

#[test]
fn an_update_counts_what_has_changed() {
    let of = |unchanged, is_recorded, status| Record {
        unchanged,
        is_recorded,
        ..page(1, 1000).with(|outcome| outcome.status = status)
    };
    let failed = |is_recorded, status| Record {
        is_recorded,
        ..Record::failure("http://a/", FailureKind::HttpStatus, "404")
            .with(|outcome| outcome.status = Some(status))
    };
    let records = [
        of(Some(true), true, Some(304)),
        of(Some(false), true, Some(200)),
        of(Some(false), false, Some(200)),
        of(Some(false), false, Some(404)),
        failed(true, 404),
        failed(true, 410),
        // Neither new nor gone.
        failed(false, 404),
        failed(true, 500),
    ];
    let started = Instant::now();
    let mut summary = Summary::new(started);
    summary.count_changes();
    assert!(!summary.text(started, false).contains("pages"));
    records.iter().for_each(|record| summary.add(record));
    let text = summary.text(started, false);
    let pages = "\npages        2 new, 1 changed, 1 unchanged, 2 gone\n";
    assert!(text.contains(pages), "{text}");
    let json = summary.json(started);
    let counts = r#""skipped":0,"unchanged":1,"new":2,"changed":1,"gone":2,"bytes":4,"#;
    assert!(json.contains(counts), "{json}");
}

/// The line of `records` after `wall`, parsed, and its text.
fn json_of(records: &[Record], wall: Duration, never_started: Option<u64>) -> String {
    let started = Instant::now();
    let mut summary = Summary::new(started);
    records.iter().for_each(|record| summary.add(record));
    summary.never_started(never_started);
    summary.json(started + wall)
}

#[test]
fn json_is_one_line_with_every_key() {
    let mut records: Vec<_> = [30_000, 41_000, 120_000, 1_300_000]
        .map(|micros| page(500_000, micros))
        .into();
    let failure = Record::failure("http://nowhere.invalid/", FailureKind::Dns, "no address");
    records.push(failure);
    assert_eq!(
        json_of(&records, Duration::from_millis(1_310), Some(0)),
        FIVE_URLS_JSON
    );
    let mut summary = Summary::new(Instant::now());
    summary.never_started(None);
    summary.left_out(3, "fetched before");
    summary.left_out(4, "repeated");
    assert_eq!(
        summary.json(summary.started),
        "{\"fetched\":0,\"failed\":0,\"not_started\":null,\"skipped\":7,\"unchanged\":0,\"bytes\":0,\
         \"elapsed_ms\":0.0,\"time_ms\":{\"p50\":null,\"p90\":null,\"p99\":null,\"max\":null},\
         \"failures\":{},\"worst_hosts\":[]}\n"
    );
}

#[test]
fn json_has_the_exact_time_of_a_single_url() {
    let line = json_of(&[page(1, 123_456_789)], Duration::ZERO, Some(0));
    let span = "123456.789";
    let times = format!("{{\"p50\":{span},\"p90\":{span},\"p99\":{span},\"max\":{span}}}");
    assert!(line.contains(&times), "{line}");
}
