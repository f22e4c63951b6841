//! The `csv` and `tsv` formats: the record's fields, flattened, one row a line under a header line.
//!
//! Unprintable characters are escaped as in the `text` format, so that a row is one line. Then cells of `csv` are quoted
//! by RFC 4180 if they must be. Cells of `tsv` are not, as awk and cut expect; there a backslash is escaped too, for
//! readers of escapes (`mlr --itsv`). Rows end in LF, and null is an empty cell. A leading `=`, a formula in spreadsheets,
//! stays as the user wrote it.

use std::fmt::Display;
use std::io::{self, Write as _};

use crate::fetch::{Failure, Phase};

use super::record::{Record, in_milliseconds, in_rfc3339};
use crate::escape::{push_backslashed, push_escaped};

pub(super) const COLUMNS: [&str; 18] = [
    "url",
    "source",
    "line",
    "ok",
    "status",
    "bytes",
    "content_type",
    "final_url",
    "redirects",
    "attempts",
    "elapsed_ms",
    "ttfb_ms",
    "worker",
    "started_at",
    "file",
    "error_kind",
    "error_message",
    "error_phase",
];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Delimiter {
    Comma = b',' as isize,
    Tab = b'\t' as isize,
}

/// Appends the header line.
pub(super) fn push_header(out: &mut Vec<u8>, delimiter: Delimiter) {
    let mut row = RowWriter { out, delimiter };
    COLUMNS.into_iter().for_each(|name| row.text(Some(name)));
    row.end();
}

/// Appends `record` as one line, its end included.
pub(super) fn push(out: &mut Vec<u8>, record: &Record, delimiter: Delimiter) -> io::Result<()> {
    let error = record.error.as_ref();
    let mut row = RowWriter { out, delimiter };
    row.text(Some(&record.url));
    row.text(Some(&record.source));
    row.value(Some(record.line))?;
    row.value(Some(record.ok))?;
    row.value(record.status)?;
    row.value(record.bytes)?;
    row.text(record.content_type.as_deref());
    row.text(record.final_url.as_deref());
    row.value(record.redirects)?;
    row.value(Some(record.attempts))?;
    row.value(record.elapsed.map(in_milliseconds))?;
    row.value(record.ttfb.map(in_milliseconds))?;
    row.value(record.worker)?;
    row.value(record.started_at.map(in_rfc3339))?;
    row.text(record.file.as_deref());
    row.text(error.map(|error| error.kind().name()));
    row.text(error.map(Failure::message));
    row.text(
        error
            .and_then(|error| error.kind().phase())
            .map(Phase::name),
    );
    row.end();
    Ok(())
}

/// Writes one row: a delimiter after every cell, which the line end replaces after the last.
struct RowWriter<'a> {
    out: &'a mut Vec<u8>,
    delimiter: Delimiter,
}

impl RowWriter<'_> {
    fn text(&mut self, text: Option<&str>) {
        let start = self.out.len();
        let text = text.unwrap_or("");
        let delimiter = self.delimiter as u8;
        if self.delimiter == Delimiter::Tab {
            push_backslashed(self.out, text);
            self.out.push(delimiter);
            return;
        }
        push_escaped(self.out, text);
        if self.out[start..]
            .iter()
            .any(|byte| *byte == b'"' || *byte == delimiter)
        {
            let cell = self.out.split_off(start);
            self.out.push(b'"');
            for byte in cell {
                if byte == b'"' {
                    self.out.push(b'"');
                }
                self.out.push(byte);
            }
            self.out.push(b'"');
        }
        self.out.push(delimiter);
    }

    /// A number, a date or a boolean, which needs no quotes.
    fn value(&mut self, value: Option<impl Display>) -> io::Result<()> {
        if let Some(value) = value {
            write!(self.out, "{value}")?;
        }
        self.out.push(self.delimiter as u8);
        Ok(())
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

    fn lines(record: &Record, delimiter: Delimiter) -> String {
        let mut out = Vec::new();
        push_header(&mut out, delimiter);
        push(&mut out, record, delimiter).unwrap();
        String::from_utf8(out).unwrap()
    }

    /// The cells of the one row, read by a reader that is not ours, or for `tsv` as awk and cut do it.
    fn read(lines: &str, delimiter: Delimiter) -> Vec<String> {
        if delimiter == Delimiter::Tab {
            let rows = lines
                .lines()
                .map(|line| line.split('\t').map(str::to_owned));
            let rows: Vec<Vec<String>> = rows.map(Iterator::collect).collect();
            assert_eq!(
                (rows.len(), &rows[0][..]),
                (2, &COLUMNS.map(str::to_owned)[..])
            );
            return rows[1].clone();
        }
        let mut reader = ::csv::ReaderBuilder::new();
        let mut reader = reader
            .delimiter(delimiter as u8)
            .from_reader(lines.as_bytes());
        assert_eq!(reader.headers().unwrap(), &COLUMNS[..]);
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
        let header = COLUMNS.join(",");
        assert_eq!(
            lines(&timeout(), Delimiter::Comma),
            format!(
                "{header}\n\"http://h/?a=1,2\",urls.txt,3,false,,,,,,1,41.2,,,2026-01-31T10:00:00.123Z,,timeout,\
                 \"no reply from \"\"h\"\", after 60 s\\u2028\",connect\n"
            )
        );
        assert_eq!(
            lines(&Record::page("http://h/?a=1,2", 7), Delimiter::Tab).replace('\t', "|"),
            format!(
                "{}\nhttp://h/?a=1,2|urls.txt|3|true|200|7|text/html|http://h/?a=1,2|0|1|41.2|38|2|\
                 2026-01-31T10:00:00.123Z||||\n",
                COLUMNS.join("|")
            )
        );
    }

    #[test]
    fn the_columns_are_the_fields_of_the_schema_in_its_order() {
        let mut row = Vec::new();
        jsonl::push(&mut row, &timeout()).unwrap();
        let row = String::from_utf8(row).unwrap();
        let mut at = 0;
        for column in COLUMNS {
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
        for delimiter in [Delimiter::Comma, Delimiter::Tab] {
            let record = Record {
                source: nasty.into(),
                content_type: Some(nasty.into()),
                final_url: Some(String::new()),
                file: Some("\"".into()),
                ..Record::failure(nasty, FailureKind::Body, "a,b\u{2028}")
            };
            let lines = lines(&record, delimiter);
            // A reader of escapes must be able to tell a backslash from one that begins an escape.
            let backslash = if delimiter == Delimiter::Tab {
                "\\\\ "
            } else {
                "\\ "
            };
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
                assert_eq!(cells[column], expected, "{}", COLUMNS[column]);
            }
        }
    }
}
