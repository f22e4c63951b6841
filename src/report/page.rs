//! The page: what the template `templates/report.html` shows.

use std::sync::LazyLock;
use std::time::{Duration, UNIX_EPOCH};

use askama::Template;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use indicatif::{HumanBytes, HumanCount};
use ring::digest::{SHA256, digest};

use super::charts::{self, Chart, PERCENTILES};
use super::collect::{Collected, KindCount};
use super::lanes::{self, Lanes};
use super::notes::{lanes_text, notes};
use super::request::{PHASES, ReportedRequest, cut};
use super::series::Series;
use super::top::Top;
use crate::output::{counted, in_milliseconds};
use crate::span::Span;

const STYLE: &str = include_str!("../../templates/report.css");
const SCRIPT: &str = include_str!("../../templates/report.js");

/// What the page may do: use its own style and script.
static POLICY: LazyLock<String> = LazyLock::new(|| {
    let [style, script] =
        [STYLE, SCRIPT].map(|text| BASE64_STANDARD.encode(digest(&SHA256, text.as_bytes())));
    format!(
        "default-src 'none'; style-src 'sha256-{style}'; script-src 'sha256-{script}'; base-uri 'none'; form-action 'none'"
    )
});

/// The most hosts.
const HOSTS: usize = 15;

#[derive(Template)]
#[template(path = "report.html")]
pub(super) struct ReportPage {
    policy: &'static str,
    style: &'static str,
    script: &'static str,
    version: &'static str,
    name: String,
    /// From when to when.
    period: Option<String>,
    notes: Vec<String>,
    figures: Vec<Figure>,
    over_time: Option<OverTime>,
    phases: [&'static str; PHASES.len()],
    latency: Option<Chart>,
    times: Vec<Figure>,
    failed: u64,
    kinds: Vec<Tally>,
    hosts: Vec<Tally>,
    failures: Vec<ReportedRequest>,
    slowest: Vec<ReportedRequest>,
    largest: Vec<ReportedRequest>,
}

/// What is drawn on the axis of time.
struct OverTime {
    rate: Option<f64>,
    charts: Vec<Chart>,
    /// Where the axis leaves a pause out.
    pauses: Vec<String>,
    labels: Vec<String>,
    lanes: Lanes,
    lanes_text: String,
}

/// A number, for people and for programs.
struct Figure {
    name: &'static str,
    shown: String,
    value: String,
    more: String,
}

/// A count in a table.
struct Tally {
    name: String,
    count: String,
    more: String,
    /// Of the greatest, in percent.
    share: u64,
}

impl ReportPage {
    /// `skipped` is about lines of the file that were passed over.
    pub(super) fn new(name: &str, mut collected: Collected, skipped: Option<String>) -> Self {
        let over_time = OverTime::of(&mut collected);
        let rate = over_time.as_ref().and_then(|over_time| over_time.rate);
        Self {
            policy: &POLICY,
            style: STYLE,
            script: SCRIPT,
            version: env!("CARGO_PKG_VERSION"),
            name: cut(name),
            period: period(&collected),
            notes: skipped
                .map(|lines| format!("In the file, {lines}."))
                .into_iter()
                .chain(notes(&collected))
                .collect(),
            figures: figures(&collected, rate),
            over_time,
            phases: PHASES,
            latency: charts::latency(&collected.times),
            times: times(&collected),
            failed: collected.failed,
            kinds: kinds(&collected),
            hosts: hosts(&collected),
            failures: collected.failures,
            slowest: collected.slowest.into_sorted(),
            largest: collected.largest.into_sorted(),
        }
    }

    /// Which failures the table has.
    fn failures_text(&self) -> String {
        let shown = self.failures.len() as u64;
        match shown == self.failed {
            true => "All failures, in the order of the file".to_owned(),
            false => format!(
                "The first {} of {} failures, in the order of the file",
                HumanCount(shown),
                HumanCount(self.failed)
            ),
        }
    }
}

impl OverTime {
    /// `None` if no row has times. Moves the requests to draw out of `collected`.
    fn of(collected: &mut Collected) -> Option<Self> {
        let axis = collected.timeline.axis()?;
        let series = Series::of(collected, &axis)?;
        let (rate, charts) = (series.rate(), series.charts());
        let lanes_text = lanes_text(collected);
        let drawn = [&mut collected.drawn, &mut collected.drawn_failures].map(Top::take_sorted);
        Some(Self {
            rate,
            pauses: axis.pauses().map(charts::number).collect(),
            labels: charts.first()?.labels.clone(),
            charts,
            lanes: lanes::draw(drawn.concat(), &axis),
            lanes_text,
        })
    }
}

fn period(collected: &Collected) -> Option<String> {
    /// The end of the year 9999: later times have no text.
    const LAST: u64 = 253_402_300_799_000_000;
    let time = |micros: u64| {
        let time = UNIX_EPOCH + Duration::from_micros(micros.min(LAST));
        let text = humantime::format_rfc3339_seconds(time).to_string();
        text.replace('T', " ").replace('Z', " UTC")
    };
    let [from, to] = [collected.began?, collected.ended?].map(time);
    let took = Span(collected.took()?);
    Some(format!("{from} to {to} ({took})"))
}

fn figures(collected: &Collected, rate: Option<f64>) -> Vec<Figure> {
    let count = |name, count: u64| Figure {
        name,
        shown: HumanCount(count).to_string(),
        value: count.to_string(),
        more: String::new(),
    };
    let rows = collected.rows;
    let share = collected.failed as f64 / rows.max(1) as f64 * 100.0;
    let mut figures = vec![count("fetched", collected.fetched)];
    figures.push(Figure {
        more: match collected.failed {
            0 => String::new(),
            _ => format!("{}% of {}", charts::decimal(share), counted(rows, "row")),
        },
        ..count("failed", collected.failed)
    });
    let optional = [
        ("planned", collected.planned),
        ("unchanged", collected.unchanged),
        ("tried again", collected.retried),
    ];
    let optional = optional.into_iter().filter(|(_, number)| *number > 0);
    figures.extend(optional.map(|(name, number)| count(name, number)));
    figures.push(Figure {
        shown: HumanBytes(collected.bytes).to_string(),
        ..count("size of bodies", collected.bytes)
    });
    figures.extend(rate.map(|rate| Figure {
        name: "URLs per second",
        shown: charts::decimal(rate),
        value: format!("{rate:.3}"),
        more: String::new(),
    }));
    figures
}

fn times(collected: &Collected) -> Vec<Figure> {
    let times = &collected.times;
    if times.count() == 0 {
        return Vec::new();
    }
    let percentiles = PERCENTILES.map(|(name, quantile)| (name, times.percentile(quantile)));
    let all = percentiles.into_iter().chain([("max", times.longest())]);
    let figure = |(name, span)| Figure {
        name,
        shown: Span(span).to_string(),
        value: in_milliseconds(span).to_string(),
        more: String::new(),
    };
    all.map(figure).collect()
}

fn kinds(collected: &Collected) -> Vec<Tally> {
    let details = |count: &KindCount| {
        let mut details: Vec<_> = count.details.iter().collect();
        details.sort_by_key(|(_, count)| std::cmp::Reverse(**count));
        let details = details.iter().take(6);
        let shown = details.map(|(detail, count)| format!("{detail}: {}", HumanCount(**count)));
        shown.collect::<Vec<_>>().join(", ")
    };
    let kinds = collected.kinds.iter();
    let mut kinds: Vec<_> = kinds
        .map(|(name, count)| (name.clone(), count.count, details(count)))
        .collect();
    kinds.sort_by_key(|(_, count, _)| std::cmp::Reverse(*count));
    tallies(kinds, "")
}

fn hosts(collected: &Collected) -> Vec<Tally> {
    let or_more = if collected.hosts.is_crowded() {
        " or more"
    } else {
        ""
    };
    let hosts = collected.hosts.worst(HOSTS).into_iter();
    // A count within its own error does not tell this host from others.
    let hosts = hosts.filter(|(_, count)| *count > collected.hosts.too_low_by());
    let hosts = hosts.map(|(host, count)| (cut(host), count, String::new()));
    tallies(hosts.collect(), or_more)
}

/// Rows with counts, of which the first has the greatest.
fn tallies(rows: Vec<(String, u64, String)>, or_more: &str) -> Vec<Tally> {
    let most = rows.first().map_or(1, |(_, count, _)| *count);
    let rows = rows.into_iter().map(|(name, count, more)| Tally {
        name,
        count: format!("{}{or_more}", HumanCount(count)),
        more,
        share: count * 100 / most,
    });
    rows.collect()
}

impl ReportedRequest {
    fn time(&self) -> String {
        self.timing
            .map_or(String::new(), |timing| Span(timing.elapsed).to_string())
    }

    fn size(&self) -> String {
        self.bytes
            .map_or(String::new(), |bytes| HumanBytes(bytes).to_string())
    }

    /// Where its time went, in words.
    fn spent(&self) -> String {
        self.timing
            .map_or(String::new(), |timing| timing.spent().join(", "))
    }
}
