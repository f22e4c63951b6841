//! The `text` format: the two lines of the Python documentation's `load_url` example, to the byte.
//!
//! The URL is formatted as Python's `%r`, the message as `%s`, with unprintable characters escaped. Only the verb of a
//! failure has a colour. A dry run has lines of the same form.

use std::io::Write as _;

use super::jsonl::push_value;
use super::record::{DryRun, Record};
use crate::escape::{push_all, push_escaped, push_quoted};
use crate::fetch::Failure;

pub(super) fn push(out: &mut Vec<u8>, record: &Record, color: bool) {
    push_quoted(out, &record.url);
    if let Some(planned) = record.dry_run {
        let planned = match planned {
            DryRun::Fetch => " would be fetched\n",
            DryRun::SkipFetchedBefore => " would be skipped: fetched before\n",
            DryRun::SkipRepeated => " would be skipped: repeated\n",
        };
        return out.extend_from_slice(planned.as_bytes());
    }
    let verb = match color {
        true => "\x1b[31mgenerated an exception\x1b[0m",
        false => "generated an exception",
    };
    let error = record.error.as_ref();
    match (record.ok, record.bytes) {
        (true, Some(bytes)) => {
            push_all(out, &[" page is "]);
            push_value(out, &bytes);
            push_all(out, &[" bytes"]);
        }
        (true, None) => push_all(out, &[" page is of unknown size"]),
        (false, _) => {
            let kind = error.map_or("internal", |error| error.kind().name());
            let _infallible = write!(out, " {verb}: {kind}: ");
        }
    }
    if record.unchanged == Some(true) {
        out.extend_from_slice(b", unchanged");
    }
    if !record.ok {
        // The engine gives every failure a reason.
        push_escaped(out, error.map_or("no reason was given", Failure::message));
    }
    out.push(b'\n');
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fetch::FailureKind;

    fn line(record: &Record, color: bool) -> String {
        let mut out = Vec::new();
        push(&mut out, record, color);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn lines_are_those_of_the_example() {
        for (record, expected) in [
            (
                Record::page("https://example.com/", 1256),
                "'https://example.com/' page is 1256 bytes\n",
            ),
            (
                Record {
                    bytes: None,
                    ..Record::page("http://x/", 0)
                },
                "'http://x/' page is of unknown size\n",
            ),
            (
                Record {
                    unchanged: Some(true),
                    ..Record::page("http://x/", 7)
                },
                "'http://x/' page is 7 bytes, unchanged\n",
            ),
            (
                Record {
                    bytes: None,
                    unchanged: Some(true),
                    ..Record::page("http://x/", 0)
                },
                "'http://x/' page is of unknown size, unchanged\n",
            ),
            (
                Record {
                    unchanged: Some(false),
                    ..Record::page("http://x/", 7)
                },
                "'http://x/' page is 7 bytes\n",
            ),
            (
                Record {
                    dry_run: Some(DryRun::Fetch),
                    ..Record::new("http://x/it's".into(), "-".into(), 1)
                },
                "\"http://x/it's\" would be fetched\n",
            ),
            (
                Record {
                    dry_run: Some(DryRun::SkipFetchedBefore),
                    ..Record::new("http://x/\t".into(), "-".into(), 1)
                },
                "'http://x/\\t' would be skipped: fetched before\n",
            ),
            (
                Record {
                    dry_run: Some(DryRun::SkipRepeated),
                    ..Record::new("http://x/".into(), "-".into(), 1)
                },
                "'http://x/' would be skipped: repeated\n",
            ),
            (
                Record::page("http://x/it's", 1),
                "\"http://x/it's\" page is 1 bytes\n",
            ),
            (
                Record::page("http://x/\u{1b}[2J\u{202e}", 0),
                "'http://x/\\x1b[2J\\u202e' page is 0 bytes\n",
            ),
            (
                Record::failure(
                    "https://nowhere.invalid/",
                    FailureKind::Dns,
                    "no address for nowhere.invalid",
                ),
                "'https://nowhere.invalid/' generated an exception: dns: no address for nowhere.invalid\n",
            ),
            (
                Record::failure(
                    "http://x/",
                    FailureKind::Protocol,
                    "bad status line \"\u{202e}31m\"",
                ),
                "'http://x/' generated an exception: protocol: bad status line \"\\u202e31m\"\n",
            ),
            (
                Record {
                    error: None,
                    ..Record::failure("http://x/", FailureKind::Dns, "")
                },
                "'http://x/' generated an exception: internal: no reason was given\n",
            ),
        ] {
            assert_eq!(line(&record, false), expected);
        }
    }

    #[test]
    fn colour_is_on_the_verb_alone() {
        let failure = Record::failure("http://x/", FailureKind::Dns, "none");
        assert_eq!(
            line(&failure, true),
            "'http://x/' \x1b[31mgenerated an exception\x1b[0m: dns: none\n"
        );
        let page = Record::page("http://x/", 7);
        assert_eq!(line(&page, true), line(&page, false));
    }
}
