//! The `csv` and `tsv` formats: the record's fields, flattened, one row a line under a header line. Arrays and objects
//! are JSON.
//!
//! Unprintable characters are escaped as in the `text` format, so that a row is one line. Cells of `csv` are quoted by RFC
//! 4180 where needed. Cells of `tsv` never are, as awk and cut expect, and their backslashes are escaped for readers of
//! escapes (`mlr --itsv`). Rows end in LF, and null is an empty cell.

use std::io::Write as _;

use super::fields::Fields;
use super::jsonl;
use super::record::Record;
use super::value::Value;
use crate::escape::{is_plain, push_all, push_backslashed, push_escaped};

pub(super) fn push_header(out: &mut Vec<u8>, fields: &Fields, delimiter: u8) {
    let mut row = RowWriter { out, delimiter };
    for field in fields.iter() {
        row.cell(&Value::Text(field.name));
    }
    row.end();
}

/// Appends `record` as a line. The `delimiter` is a comma for `csv`, a tab for `tsv`.
pub(super) fn push(out: &mut Vec<u8>, record: &Record, fields: &Fields, delimiter: u8) {
    let mut row = RowWriter { out, delimiter };
    for field in fields.iter() {
        row.cell(&(field.value)(record));
    }
    row.end();
}

/// Writes one row: a delimiter after every cell; the line end replaces the last.
struct RowWriter<'a> {
    out: &'a mut Vec<u8>,
    delimiter: u8,
}

impl RowWriter<'_> {
    fn cell(&mut self, value: &Value<'_>) {
        match value {
            Value::Null => {}
            Value::Text(text) => self.text(text),
            Value::Error(_)
            | Value::Hops(_)
            | Value::Headers(_)
            | Value::Json(_)
            | Value::Warc(_) => {
                let start = self.out.len();
                jsonl::push_value(self.out, value);
                let json = self.out.split_off(start);
                self.text(&String::from_utf8_lossy(&json));
            }
            // Neither these nor the others need quotes.
            Value::Bool(_) | Value::Number(_) => jsonl::push_value(self.out, value),
            value => {
                let _infallible = write!(self.out, "{value}");
            }
        }
        self.out.push(self.delimiter);
    }

    fn text(&mut self, text: &str) {
        if is_plain(text) && !text.as_bytes().contains(&self.delimiter) {
            push_all(self.out, &[text]);
        } else if self.delimiter == b'\t' {
            push_backslashed(self.out, text);
        } else if text.contains(['"', ',']) {
            self.quoted(text);
        } else {
            push_escaped(self.out, text);
        }
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

    fn end(self) {
        self.out.pop();
        self.out.push(b'\n');
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::fetch::{FailureKind, Phase};
    use crate::output::Format;

    fn names() -> Vec<&'static str> {
        let fields = Fields::all(Format::Csv);
        fields.iter().map(|field| field.name).collect()
    }

    fn lines(record: &Record, delimiter: u8) -> String {
        lines_with(record, &Fields::all(Format::Csv), delimiter)
    }

    fn lines_with(record: &Record, fields: &Fields, delimiter: u8) -> String {
        let mut out = Vec::new();
        push_header(&mut out, fields, delimiter);
        push(&mut out, record, fields, delimiter);
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
                (
                    2,
                    &names().into_iter().map(str::to_owned).collect::<Vec<_>>()[..]
                )
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
                "{header}\n\"http://h/?a=1,2\",urls.txt,3,false,,,,\"http://h/?a=1,2\",0,1,41.2,,,2026-01-31T10:00:00.123Z,,timeout,\
                 \"no reply from \"\"h\"\", after 60 s\\u2028\",connect,GET,,,,,,,,,,,[],,,\n"
            )
        );
        assert_eq!(
            lines(&Record::page("http://h/?a=1,2", 7), b'\t').replace('\t', "|"),
            format!(
                "{}\nhttp://h/?a=1,2|urls.txt|3|true|200|7|text/html|http://h/?a=1,2|0|1|41.2|38|2|\
                 2026-01-31T10:00:00.123Z|||||GET|192.0.2.7|false|12.5|9|10|\"84238dfc\"|\
                 Mon, 13 Jan 2025 20:11:20 GMT||||[]|||\n",
                names().join("|")
            )
        );
    }

    #[test]
    fn the_columns_are_the_fields_of_the_schema_in_its_order() {
        let mut row = Vec::new();
        jsonl::push(&mut row, &timeout(), &Fields::all(Format::Jsonl));
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
        assert_eq!(fields.len() - 1 + error.len(), names().len());
    }

    #[test]
    fn lists_and_objects_are_json_in_one_cell() {
        let chosen = |format| {
            let names = Some("hops,headers,input,warc,sha256");
            Fields::new(names, format, false, false).unwrap()
        };
        let record = Record::whole("http://x/");
        let csv = lines_with(&record, &chosen(Format::Csv), b',');
        let mut reader = ::csv::Reader::from_reader(csv.as_bytes());
        let row = reader.records().next().unwrap().unwrap();
        let hops = r#"[{"url":"http://example.com/a,b","status":301}]"#;
        let headers = r#"{"server":["a","b\té"],"x-none":[]}"#;
        let input = r#"{"id":1.50,"note":"a \"b\", \u2028"}"#;
        let digest = "00070e151c232a31383f464d545b626970777e858c939aa1a8afb6bdc4cbd2d9";
        assert_eq!(row, vec![hops, headers, input, "", digest]);
        let tsv = lines_with(&record, &chosen(Format::Tsv), b'\t');
        let cells = [hops, headers, input, "", digest].map(|cell| cell.replace('\\', r"\\"));
        assert_eq!(tsv.lines().nth(1), Some(&*cells.join("\t")));
    }

    #[test]
    fn any_text_stays_in_its_cell_and_on_its_line() {
        let nasty = "=a,b\t\"c\";\r\n'd'\u{1b}[2J\u{2028}\u{e9}\\ ";
        let escaped = "=a,b\\t\"c\";\\r\\n'd'\\x1b[2J\\u2028\u{e9}\\ ";
        for delimiter in [b',', b'\t'] {
            let record = Record {
                source: nasty.into(),
                file: Some("\"".into()),
                ..Record::failure(nasty, FailureKind::Body, "a,b\u{2028}")
            };
            let record = record.with(|outcome| {
                outcome.content_type = Some(nasty.into());
                outcome.etag = Some(String::new());
            });
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
                (14, "\""),
                (15, "body"),
                (16, "a,b\\u2028"),
                (17, ""),
                (24, ""),
            ] {
                assert_eq!(cells[column], expected, "{}", names()[column]);
            }
        }
    }
}
