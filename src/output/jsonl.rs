//! The `jsonl` format: one JSON object a line.
//!
//! Characters that a terminal might act on (DEL, C1, bidi overrides, line separators) are written as `\uNNNN`, even
//! where JSON does not demand it: a reader gets the same string, and `cat` is safe.

use std::io::{self, Write};

use serde::Serialize;
use serde_json::Serializer;
use serde_json::ser::Formatter;

use super::fields::Fields;
use super::record::Record;
use super::value::{Value, in_rfc3339};
use crate::escape::{is_plain, is_printable, push_all};

pub(super) fn push(out: &mut Vec<u8>, record: &Record, fields: &Fields) {
    let begin = out.len();
    for field in fields.iter() {
        push_all(out, &[field.key]);
        match (field.value)(record) {
            Value::Null => push_all(out, &["null"]),
            Value::Text(text) if is_plain(text) => push_all(out, &["\"", text, "\""]),
            Value::Time(time) => {
                let _infallible = write!(out, "\"{}\"", in_rfc3339(time));
            }
            value => push_value(out, &value),
        }
    }
    // In place of the first comma.
    out[begin] = b'{';
    out.extend_from_slice(b"}\n");
}

/// Appends `value` as JSON on one line.
pub(super) fn push_value(out: &mut Vec<u8>, value: &impl Serialize) {
    let written = value.serialize(&mut Serializer::with_formatter(out, Printable));
    written.expect("writing to memory does not fail, and all keys are strings");
}

/// Compact JSON with unprintable characters escaped.
struct Printable;

impl Formatter for Printable {
    fn write_string_fragment<W: ?Sized + Write>(
        &mut self,
        out: &mut W,
        fragment: &str,
    ) -> io::Result<()> {
        if fragment.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
            return out.write_all(fragment.as_bytes());
        }
        let mut copied = 0;
        for (at, c) in fragment.char_indices().filter(|(_, c)| !is_printable(*c)) {
            out.write_all(&fragment.as_bytes()[copied..at])?;
            copied = at + c.len_utf8();
            for unit in c.encode_utf16(&mut [0; 2]) {
                write!(out, "\\u{unit:04x}")?;
            }
        }
        out.write_all(&fragment.as_bytes()[copied..])
    }

    /// Unprintable characters can only be within strings: no white space outside them is a tab or a line end.
    fn write_raw_fragment<W: ?Sized + Write>(
        &mut self,
        out: &mut W,
        fragment: &str,
    ) -> io::Result<()> {
        self.write_string_fragment(out, fragment)
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use serde_json::{Value, json};

    use super::*;
    use crate::fetch::{Failure, FailureKind, Phase};
    use crate::output::{DryRun, Format};

    fn line(record: &Record) -> String {
        line_with(record, &Fields::all(Format::Jsonl))
    }

    fn line_with(record: &Record, fields: &Fields) -> String {
        let mut out = Vec::new();
        push(&mut out, record, fields);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_page_is_the_row_that_the_contract_shows() {
        assert_eq!(
            line(&Record::page("https://example.com/", 1256)),
            concat!(
                r#"{"url":"https://example.com/","source":"urls.txt","line":3,"ok":true,"status":200,"bytes":1256,"#,
                r#""content_type":"text/html","final_url":"https://example.com/","redirects":0,"attempts":1,"#,
                r#""elapsed_ms":41.2,"ttfb_ms":38.0,"worker":2,"started_at":"2026-01-31T10:00:00.123Z","#,
                r#""file":null,"error":null,"method":"GET","remote_ip":"192.0.2.7","reused":false,"#,
                r#""dns_ms":12.5,"connect_ms":9.0,"tls_ms":10.0,"etag":"\"84238dfc\"","#,
                r#""last_modified":"Mon, 13 Jan 2025 20:11:20 GMT","unchanged":null,"resumed_from":null,"#,
                r#""sha256":null,"hops":[],"headers":null,"input":null,"warc":null}"#,
                "\n"
            )
        );
    }

    #[test]
    fn a_failure_has_every_field_too() {
        let record = Record {
            source: "-".into(),
            attempts: 0,
            worker: None,
            outcome: None,
            error: Some(Failure::new(
                FailureKind::Timeout(Phase::Connect),
                "no reply",
            )),
            ..Record::failure("x", FailureKind::Dns, "")
        };
        assert_eq!(
            line(&record),
            concat!(
                r#"{"url":"x","source":"-","line":3,"ok":false,"status":null,"bytes":null,"content_type":null,"#,
                r#""final_url":null,"redirects":null,"attempts":0,"elapsed_ms":null,"ttfb_ms":null,"worker":null,"#,
                r#""started_at":null,"file":null,"error":{"kind":"timeout","message":"no reply","phase":"connect"},"#,
                r#""method":null,"remote_ip":null,"reused":null,"dns_ms":null,"connect_ms":null,"tls_ms":null,"#,
                r#""etag":null,"last_modified":null,"unchanged":null,"resumed_from":null,"sha256":null,"hops":null,"#,
                r#""headers":null,"input":null,"warc":null}"#,
                "\n"
            )
        );
    }

    #[test]
    fn lists_objects_and_digests_are_json() {
        let names = Some("sha256,hops,headers,input");
        let fields = Fields::new(names, Format::Jsonl, false, false).unwrap();
        assert_eq!(
            line_with(&Record::whole("http://x/"), &fields),
            concat!(
                r#"{"sha256":"00070e151c232a31383f464d545b626970777e858c939aa1a8afb6bdc4cbd2d9","#,
                r#""hops":[{"url":"http://example.com/a,b","status":301}],"#,
                r#""headers":{"server":["a","b\té"],"x-none":[]},"#,
                r#""input":{"id":1.50,"note":"a \"b\", \u2028"}}"#,
                "\n"
            )
        );
    }

    #[test]
    fn a_body_is_text_or_base64() {
        let names = Some("body,body_base64");
        let fields = Fields::new(names, Format::Jsonl, true, false).unwrap();
        let nasty = "\0\t\n\"\\\u{1b}\u{2028}\u{1f600}";
        for (body, text, base64) in [
            (Some(&b""[..]), Some(""), None),
            (Some("hé".as_bytes()), Some("hé"), None),
            (Some(nasty.as_bytes()), Some(nasty), None),
            (Some(b"\xff\0ab"), None, Some("/wBhYg==")),
            (Some(b"cut \xe2\x82"), None, Some("Y3V0IOKC")),
            (None, None, None),
        ] {
            let record = Record {
                body: body.map(|body| body.to_vec().into()),
                ..Record::page("x", 0)
            };
            let line = line_with(&record, &fields);
            assert!(!line.trim_end_matches('\n').contains(|c| !is_printable(c)));
            let row: Value = serde_json::from_str(&line).unwrap();
            assert_eq!(row, json!({"body": text, "body_base64": base64}));
        }
    }

    #[test]
    fn a_dry_run_says_what_would_be_done() {
        let names = Some("url,ok,dry_run");
        let fields = Fields::new(names, Format::Jsonl, false, true).unwrap();
        for (planned, expected) in [
            (
                Some(DryRun::Fetch),
                r#"{"url":"x","ok":null,"dry_run":"fetch"}"#,
            ),
            (
                Some(DryRun::SkipFetchedBefore),
                r#"{"url":"x","ok":null,"dry_run":"skip: fetched before"}"#,
            ),
            (
                Some(DryRun::SkipRepeated),
                r#"{"url":"x","ok":null,"dry_run":"skip: repeated"}"#,
            ),
            (None, r#"{"url":"x","ok":false,"dry_run":null}"#),
        ] {
            let record = Record {
                dry_run: planned,
                ..Record::new("x".into(), "-".into(), 1)
            };
            assert_eq!(line_with(&record, &fields), format!("{expected}\n"));
        }
    }

    #[test]
    fn any_text_comes_back_and_none_is_raw() {
        let all: String = (0..=0x0010_ffff).filter_map(char::from_u32).collect();
        let nasty = "\0\t\n\"\\\u{1b}[31m\u{7f}\u{9b}\u{2028}\u{202e}\u{e0001}\u{1f600}";
        let mut record = Record::failure(&all, FailureKind::Body, nasty)
            .with(|outcome| outcome.content_type = Some(nasty.into()));
        record.source = nasty.into();
        let line = line(&record);
        assert!(!line.trim_end_matches('\n').contains(|c| !is_printable(c)));
        let row: Value = serde_json::from_str(&line).unwrap();
        assert_eq!(row["url"].as_str(), Some(all.as_str()));
        let message = record.error.as_ref().unwrap().message();
        for (field, expected) in [
            (&row["source"], nasty),
            (&row["content_type"], nasty),
            (&row["error"]["message"], message),
        ] {
            assert_eq!(field.as_str(), Some(expected));
        }
    }

    #[test]
    fn spans_have_three_decimals_at_most() {
        for (nanos, expected) in [
            (0, "0.0"),
            (499, "0.0"),
            (500, "0.001"),
            (1_234_567, "1.235"),
            (100_100_000, "100.1"),
            (59_999_999_499, "59999.999"),
            (59_999_999_500, "60000.0"),
            (86_400_000_001_000, "86400000.001"),
        ] {
            let record =
                Record::page("x", 0).with(|outcome| outcome.elapsed = Duration::from_nanos(nanos));
            let field = format!("\"elapsed_ms\":{expected},");
            assert!(
                line(&record).contains(&field),
                "{nanos} ns: {}",
                line(&record)
            );
        }
        let longest = Record::page("x", 0).with(|outcome| outcome.elapsed = Duration::MAX);
        let row: Value = serde_json::from_str(&line(&longest)).unwrap();
        assert!(row["elapsed_ms"].is_f64());
    }

    #[test]
    fn a_clock_that_is_wrong_still_gives_a_date() {
        for (time, expected) in [
            (UNIX_EPOCH, "1970-01-01T00:00:00.000Z"),
            (
                UNIX_EPOCH - Duration::from_secs(1),
                "1970-01-01T00:00:00.000Z",
            ),
            (
                UNIX_EPOCH + Duration::from_secs(300_000_000_000),
                "9999-12-31T23:59:59.000Z",
            ),
        ] {
            let record = Record::page("x", 0).with(|outcome| outcome.started_at = time);
            let row: Value = serde_json::from_str(&line(&record)).unwrap();
            assert_eq!(row["started_at"], json!(expected));
        }
    }
}
