//! The `csv` and `tsv` formats: the record's fields, flattened, one row a line under a header line.
//!
//! Unprintable characters are escaped as in the `text` format, so that a row is one line. Cells of `csv` are quoted by RFC
//! 4180 where needed. Cells of `tsv` never are, as awk and cut expect, and their backslashes are escaped for readers of
//! escapes (`mlr --itsv`). Rows end in LF, and null is an empty cell.

use std::fmt::Display;
use std::io::Write as _;

use crate::fetch::{Failure, Phase};

use super::record::{Record, in_milliseconds, in_rfc3339};
use crate::escape::{push_backslashed, push_escaped};

/// A column: its name, and the function that writes its cell.
type Column = (&'static str, fn(&mut RowWriter<'_>, &Record));

#[rustfmt::skip]
pub(super) const COLUMNS: [Column; 23] = [
    ("url", |row, record| row.text(Some(&record.url))),
    ("source", |row, record| row.text(Some(&record.source))),
    ("line", |row, record| row.value(Some(record.line))),
    ("ok", |row, record| row.value(Some(record.ok))),
    ("status", |row, record| row.value(record.status)),
    ("bytes", |row, record| row.value(record.bytes)),
    ("content_type", |row, record| row.text(record.content_type.as_deref())),
    ("final_url", |row, record| row.text(record.final_url.as_deref())),
    ("redirects", |row, record| row.value(record.redirects)),
    ("attempts", |row, record| row.value(Some(record.attempts))),
    ("elapsed_ms", |row, record| row.value(record.elapsed.map(in_milliseconds))),
    ("ttfb_ms", |row, record| row.value(record.ttfb.map(in_milliseconds))),
    ("worker", |row, record| row.value(record.worker)),
    ("started_at", |row, record| row.value(record.started_at.map(in_rfc3339))),
    ("file", |row, record| row.text(record.file.as_deref())),
    ("error_kind", |row, record| row.text(record.error.as_ref().map(|error| error.kind().name()))),
    ("error_message", |row, record| row.text(record.error.as_ref().map(Failure::message))),
    ("error_phase", |row, record| {
        let phase = record.error.as_ref().and_then(|error| error.kind().phase());
        row.text(phase.map(Phase::name));
    }),
    ("remote_ip", |row, record| row.value(record.remote_ip)),
    ("reused", |row, record| row.value(record.reused)),
    ("dns_ms", |row, record| row.value(record.dns.map(in_milliseconds))),
    ("connect_ms", |row, record| row.value(record.connect.map(in_milliseconds))),
    ("tls_ms", |row, record| row.value(record.tls.map(in_milliseconds))),
];

pub(super) fn push_header(out: &mut Vec<u8>, delimiter: u8) {
    let mut row = RowWriter { out, delimiter };
    for (name, _) in COLUMNS {
        row.text(Some(name));
    }
    row.end();
}

/// Appends `record` as a line. The `delimiter` is a comma for `csv`, a tab for `tsv`.
pub(super) fn push(out: &mut Vec<u8>, record: &Record, delimiter: u8) {
    let mut row = RowWriter { out, delimiter };
    for (_, push_cell) in COLUMNS {
        push_cell(&mut row, record);
    }
    row.end();
}

/// Writes one row: a delimiter after every cell; the line end replaces the last.
pub(super) struct RowWriter<'a> {
    out: &'a mut Vec<u8>,
    delimiter: u8,
}

impl RowWriter<'_> {
    fn text(&mut self, text: Option<&str>) {
        let text = text.unwrap_or("");
        if self.delimiter == b'\t' {
            push_backslashed(self.out, text);
        } else if text.contains(['"', ',']) {
            self.quoted(text);
        } else {
            push_escaped(self.out, text);
        }
        self.out.push(self.delimiter);
    }

    fn quoted(&mut self, text: &str) {
        self.out.push(b'"');
        for (n, part) in text.split('"').enumerate() {
            if n > 0 {
                self.out.extend_from_slice(b"\"\"");
            }
            push_escaped(self.out, part);
        }
        self.out.push(b'"');
    }

    /// Writes a value that needs no quotes.
    fn value(&mut self, value: Option<impl Display>) {
        if let Some(value) = value {
            let _infallible = write!(self.out, "{value}");
        }
        self.out.push(self.delimiter);
    }

    fn end(self) {
        self.out.pop();
        self.out.push(b'\n');
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::fetch::FailureKind;
    use crate::output::jsonl;

    fn names() -> [&'static str; 23] {
        COLUMNS.map(|(name, _)| name)
    }

    fn lines(record: &Record, delimiter: u8) -> String {
        let mut out = Vec::new();
        push_header(&mut out, delimiter);
        push(&mut out, record, delimiter);
        String::from_utf8(out).unwrap()
    }

    /// The cells of the only row, as another crate reads `csv`, and awk and cut read `tsv`.
    fn read(lines: &str, delimiter: u8) -> Vec<String> {
        if delimiter == b'\t' {
            let rows = lines
                .lines()
                .map(|line| line.split('\t').map(str::to_owned));
            let rows: Vec<Vec<String>> = rows.map(Iterator::collect).collect();
            assert_eq!(
                (rows.len(), &rows[0][..]),
                (2, &names().map(str::to_owned)[..])
            );
            return rows[1].clone();
        }
        let mut reader = ::csv::ReaderBuilder::new();
        let mut reader = reader.delimiter(delimiter).from_reader(lines.as_bytes());
        assert_eq!(reader.headers().unwrap(), &names()[..]);
        let mut rows = reader.records();
        let row = rows.next().unwrap().unwrap();
        assert!(rows.next().is_none());
        row.iter().map(str::to_owned).collect()
    }

    fn timeout() -> Record {
        let message = "no reply from \"h\", after 60 s\u{2028}";
        let kind = FailureKind::Timeout(Phase::Connect);
        Record {
            worker: None,
            ..Record::failure("http://h/?a=1,2", kind, message)
        }
    }

    #[test]
    fn rows_are_quoted_by_the_book() {
        let header = names().join(",");
        assert_eq!(
            lines(&timeout(), b','),
            format!(
                "{header}\n\"http://h/?a=1,2\",urls.txt,3,false,,,,,,1,41.2,,,2026-01-31T10:00:00.123Z,,timeout,\
                 \"no reply from \"\"h\"\", after 60 s\\u2028\",connect,,,,,\n"
            )
        );
        assert_eq!(
            lines(&Record::page("http://h/?a=1,2", 7), b'\t').replace('\t', "|"),
            format!(
                "{}\nhttp://h/?a=1,2|urls.txt|3|true|200|7|text/html|http://h/?a=1,2|0|1|41.2|38|2|\
                 2026-01-31T10:00:00.123Z|||||192.0.2.7|false|12.5|9|10\n",
                names().join("|")
            )
        );
    }

    #[test]
    fn the_columns_are_the_fields_of_the_schema_in_its_order() {
        let mut row = Vec::new();
        jsonl::push(&mut row, &timeout());
        let row = String::from_utf8(row).unwrap();
        let mut at = 0;
        for column in names() {
            let key = format!("\"{}\":", column.strip_prefix("error_").unwrap_or(column));
            at += row[at..]
                .find(&key)
                .unwrap_or_else(|| panic!("{column} is not in its place: {row}"));
        }
        let Value::Object(fields) = serde_json::from_str(&row).unwrap() else {
            panic!("{row}")
        };
        let Value::Object(error) = &fields["error"] else {
            panic!("{row}")
        };
        assert_eq!(fields.len() - 1 + error.len(), COLUMNS.len());
    }

    #[test]
    fn any_text_stays_in_its_cell_and_on_its_line() {
        let nasty = "=a,b\t\"c\";\r\n'd'\u{1b}[2J\u{2028}\u{e9}\\ ";
        let escaped = "=a,b\\t\"c\";\\r\\n'd'\\x1b[2J\\u2028\u{e9}\\ ";
        for delimiter in [b',', b'\t'] {
            let record = Record {
                source: nasty.into(),
                content_type: Some(nasty.into()),
                final_url: Some(String::new()),
                file: Some("\"".into()),
                ..Record::failure(nasty, FailureKind::Body, "a,b\u{2028}")
            };
            let lines = lines(&record, delimiter);
            // In `tsv` a backslash of the text differs from one that begins an escape.
            let backslash = if delimiter == b'\t' { "\\\\ " } else { "\\ " };
            let shown = &*escaped.replace("\\ ", backslash);
            assert_eq!(lines.matches('\n').count(), 2, "{lines}");
            let cells = read(&lines, delimiter);
            for (column, expected) in [
                (0, shown),
                (1, shown),
                (6, shown),
                (7, ""),
                (14, "\""),
                (15, "body"),
                (16, "a,b\\u2028"),
                (17, ""),
            ] {
                assert_eq!(cells[column], expected, "{}", names()[column]);
            }
        }
    }
}
