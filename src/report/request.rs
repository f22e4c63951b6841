//! One request of the journal, as the page shows it. All text is printable and of bounded length.

use std::time::{Duration, UNIX_EPOCH};

use crate::escape::{printable, shown};
use crate::fetch::Url;
use crate::input::RecordedRow;
use crate::span::Span;

/// The most characters of a text.
const LONGEST: usize = 120;

pub(super) const PHASES: [&str; 5] = ["dns", "connect", "tls", "wait", "body"];
const WAIT: usize = 3;
const BODY: usize = 4;

/// The times of the last attempt.
#[derive(Clone, Copy, Debug)]
pub(super) struct Timing {
    /// Microseconds since 1970; `None` if it is not known.
    pub(super) start: Option<u64>,
    pub(super) elapsed: Duration,
    /// As in [`PHASES`], together `elapsed`.
    pub(super) phases: [Duration; 5],
}

impl Timing {
    /// `None` without an attempt.
    pub(super) fn of(row: &RecordedRow<'_>) -> Option<Self> {
        let elapsed = span(row.elapsed_ms)?;
        let first_byte = span(row.ttfb_ms).map(|time| time.min(elapsed));
        let mut phases = [Duration::ZERO; 5];
        let mut rest = first_byte.unwrap_or(elapsed);
        for (phase, ms) in phases
            .iter_mut()
            .zip([row.dns_ms, row.connect_ms, row.tls_ms])
        {
            *phase = span(ms).unwrap_or_default().min(rest);
            rest -= *phase;
        }
        match first_byte {
            Some(first_byte) => {
                phases[WAIT] = rest;
                phases[BODY] = elapsed - first_byte;
            }
            None => phases[last_phase(row)] += rest,
        }
        let start = row.started_at.as_ref();
        let start = start.and_then(|at| humantime::parse_rfc3339(&at.0).ok());
        let start = start.and_then(|at| at.duration_since(UNIX_EPOCH).ok());
        Some(Self {
            start: start.map(|since| since.as_micros() as u64),
            elapsed,
            phases,
        })
    }

    /// When it ended, as [`start`](Self::start).
    pub(super) fn end(&self) -> Option<u64> {
        let elapsed = self.elapsed.as_micros() as u64;
        self.start.map(|start| start + elapsed)
    }

    /// Each phase that took time, in words.
    pub(super) fn spent(&self) -> Vec<String> {
        let phases = PHASES.iter().zip(self.phases);
        let phases = phases.filter(|(_, span)| !span.is_zero());
        phases
            .map(|(name, span)| format!("{name} {}", Span(span)))
            .collect()
    }
}

/// The phase in which an attempt without a first byte ended. Its own field is null: the phase was not completed.
fn last_phase(row: &RecordedRow<'_>) -> usize {
    let Some(error) = &row.error else {
        return WAIT;
    };
    let name = error.phase.as_ref().map_or(&error.kind, |phase| &phase.0);
    let completed = [row.dns_ms, row.connect_ms, row.tls_ms].map(|ms| ms.is_some());
    let phase = PHASES.iter().position(|phase| phase == name);
    // `connect` is also the kind of a connection that broke after it was made.
    let phase = phase.filter(|phase| completed.get(*phase) != Some(&true));
    phase.unwrap_or(WAIT)
}

/// A span of at most a year: a longer one is no time of a request.
fn span(ms: Option<f64>) -> Option<Duration> {
    const YEAR: f64 = 366.0 * 86_400e3;
    let ms = ms.filter(|ms| (0.0..YEAR).contains(ms))?;
    Some(Duration::from_micros((ms * 1000.0).round() as u64))
}

#[derive(Clone, Debug)]
pub(super) struct ReportedRequest {
    pub(super) url: String,
    /// The status, or the kind of failure with what is known of it.
    pub(super) outcome: String,
    pub(super) failed: bool,
    /// Why it failed.
    pub(super) message: Option<String>,
    pub(super) bytes: Option<u64>,
    pub(super) worker: Option<u64>,
    pub(super) timing: Option<Timing>,
}

impl ReportedRequest {
    pub(super) fn new(row: &RecordedRow<'_>, timing: Option<Timing>) -> Self {
        let status = row.status.map(|status| status.to_string());
        let outcome = match kind(row) {
            Some((kind, Some(detail))) => format!("{kind} ({detail})"),
            Some((kind, None)) => kind,
            None => status.unwrap_or_default(),
        };
        let message = row.error.as_ref().map(|error| cut(&error.message));
        Self {
            url: shown_url(row),
            outcome,
            failed: row.ok == Some(false),
            message,
            bytes: row.bytes,
            worker: row.worker,
            timing,
        }
    }
}

/// The kind of a failure, with its status or phase.
pub(super) fn kind(row: &RecordedRow<'_>) -> Option<(String, Option<String>)> {
    if row.ok != Some(false) {
        return None;
    }
    let Some(error) = &row.error else {
        return Some(("unknown".to_owned(), None));
    };
    let phase = error.phase.as_ref().map(|phase| cut(&phase.0));
    let status = row.status.filter(|_| error.kind == "http_status");
    let detail = phase.or_else(|| status.map(|status| status.to_string()));
    Some((cut(&error.kind), detail))
}

/// The URL as written, or as messages show it if it may have credentials.
fn shown_url(row: &RecordedRow<'_>) -> String {
    let has_userinfo = |url: Url| !url.username().is_empty() || url.password().is_some();
    match row.parsed_url().is_some_and(|url| !has_userinfo(url)) {
        true => cut(&row.url),
        false => cut(&shown(&row.url)),
    }
}

/// `text` for people: printable, and without its middle if it is long.
pub(super) fn cut(text: &str) -> String {
    let text = printable(text);
    let length = text.chars().count();
    if length <= LONGEST {
        return text;
    }
    let begin = text.chars().take(LONGEST * 2 / 3);
    let end = text.chars().skip(length - (LONGEST / 3 - 1));
    begin.chain(['\u{2026}']).chain(end).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(url: &str) -> String {
        let text = serde_json::json!({"url": url, "ok": true}).to_string();
        let row = serde_json::from_str(&text).expect("it is a row");
        ReportedRequest::new(&row, None).url
    }

    #[test]
    fn a_url_is_shown_without_credentials_and_in_bounded_length() {
        for (url, expected) in [
            ("https://example.com/@a:b@c", "https://example.com/@a:b@c"),
            ("https://u:p@w@example.com/x", "...@example.com/x"),
            ("https:u:p@h", "...@h"),
            ("https:/u:p@h/x", "...@h/x"),
            ("https:///u:p@h", "...@h"),
            ("https:\\\\u:p@h", "...@h"),
            ("u:p@h", "...@h"),
            ("ssh://u:p@h", "...@h"),
            ("https://u:p@h:port/", "...@h:port/"),
            ("https://example.com?u:p@x", "https://example.com?u:p@x"),
            ("example.com/x", "example.com/x"),
            ("no url", "no url"),
            ("http://h/\u{202e}", "http://h/\\u202e"),
        ] {
            assert_eq!(shown(url), expected, "{url}");
        }
        let long = shown(&format!("http://h/{}end", "\u{e9}".repeat(70_000)));
        assert_eq!(long.chars().count(), LONGEST);
        assert!(
            long.starts_with("http://h/\u{e9}") && long.ends_with("end"),
            "{long}"
        );
    }

    #[test]
    fn the_phases_of_a_request_are_all_of_its_time() {
        let row = |times: &str| format!(r#"{{"url":"x","ok":true,{times}}}"#);
        for (times, phases) in [
            (
                r#""elapsed_ms":41.2,"ttfb_ms":38.0,"dns_ms":12.5,"connect_ms":9.0,"tls_ms":10.0"#,
                [12_500, 9_000, 10_000, 6_500, 3_200],
            ),
            (r#""elapsed_ms":5"#, [0, 0, 0, 5_000, 0]),
            // Times that contradict each other.
            (
                r#""elapsed_ms":5,"ttfb_ms":9,"dns_ms":4,"connect_ms":4,"tls_ms":-1"#,
                [4_000, 1_000, 0, 0, 0],
            ),
        ] {
            let text = row(times);
            let timing = Timing::of(&serde_json::from_str(&text).unwrap()).unwrap();
            assert_eq!(timing.phases.map(|phase| phase.as_micros()), phases);
            assert_eq!(timing.phases.iter().sum::<Duration>(), timing.elapsed);
        }
        for times in [
            r#""elapsed_ms":null"#,
            r#""elapsed_ms":-1"#,
            r#""elapsed_ms":1e300"#,
        ] {
            let text = row(times);
            assert!(Timing::of(&serde_json::from_str(&text).unwrap()).is_none());
        }
    }

    #[test]
    fn what_no_field_has_is_of_the_phase_that_was_not_completed() {
        for (fields, kind, phase, expected) in [
            ("", "timeout", r#""connect""#, [0, 5_000, 0, 0, 0]),
            (
                r#""dns_ms":2,"#,
                "timeout",
                r#""tls""#,
                [2_000, 0, 3_000, 0, 0],
            ),
            ("", "timeout", r#""dns""#, [5_000, 0, 0, 0, 0]),
            ("", "timeout", r#""first_byte""#, [0, 0, 0, 5_000, 0]),
            ("", "dns", "null", [5_000, 0, 0, 0, 0]),
            (r#""dns_ms":2,"#, "connect", "null", [2_000, 3_000, 0, 0, 0]),
            ("", "tls", "null", [0, 0, 5_000, 0, 0]),
            // Made, and broken before the reply.
            (
                r#""connect_ms":1,"#,
                "connect",
                "null",
                [0, 1_000, 0, 4_000, 0],
            ),
            (r#""ttfb_ms":3,"#, "body", "null", [0, 0, 0, 3_000, 2_000]),
            ("", "protocol", "null", [0, 0, 0, 5_000, 0]),
        ] {
            let text = format!(
                r#"{{"url":"x","ok":false,{fields}"elapsed_ms":5,"error":{{"kind":"{kind}","message":"","phase":{phase}}}}}"#
            );
            let timing = Timing::of(&serde_json::from_str(&text).unwrap()).unwrap();
            let phases = timing.phases.map(|phase| phase.as_micros());
            assert_eq!(phases, expected, "{text}");
        }
    }
}
