//! What a row of a table holds beside its URL, read cell by cell.

use super::columns::{Meaning, header_line, short};
use crate::fetch::{Failure, FailureKind, RequestOptions};
use crate::units::{duration, method, size};
use serde_json::value::RawValue;
use std::sync::Arc;

#[derive(Clone, Debug, Default)]
pub(crate) struct Row {
    /// The columns without a meaning, a JSON object.
    pub(crate) input: Option<Box<RawValue>>,
    /// The file of its body, relative to the directory of `-o`; `None` if the URL names it.
    pub(crate) name: Option<Box<str>>,
    /// What its request asks for, and what its body must be.
    pub(crate) request: Option<Arc<RequestOptions>>,
}

impl Row {
    /// Bytes of text in it.
    pub(crate) fn text(&self) -> usize {
        let input = self.input.as_ref().map_or(0, |input| input.get().len());
        let request = self.request.as_ref().map_or(0, |request| request.text());
        input + request + self.name.as_ref().map_or(0, |name| name.len())
    }

    /// `None` if it is empty.
    pub(super) fn boxed(self) -> Option<Box<Self>> {
        let is_empty = self.input.is_none() && self.name.is_none() && self.request.is_none();
        (!is_empty).then(|| Box::new(self))
    }
}

/// The row that begins on `line`, as its cells are read.
pub(super) struct RowReader {
    line: u64,
    name: Option<Box<str>>,
    request: Option<RequestOptions>,
    /// The first that is wrong with it.
    wrong: Option<Failure>,
}

impl RowReader {
    pub(super) fn new(line: u64) -> Self {
        Self {
            line,
            name: None,
            request: None,
            wrong: None,
        }
    }

    /// Reads a cell of the column `column`, which is not blank and no header.
    pub(super) fn read(&mut self, column: &str, meaning: Meaning, text: &str) {
        if matches!(meaning, Meaning::Url | Meaning::Other) {
            return;
        }
        if meaning == Meaning::Name {
            self.name = Some(text.into());
            return;
        }
        if let Err(error) = read_option(self.request.get_or_insert_default(), meaning, text) {
            let colon = if error.starts_with("not ") {
                " is"
            } else {
                ":"
            };
            self.refuse_cell(column, &format!("'{}'{colon} {error}", short(text)));
        }
    }

    /// Reads the value of the header `name`, which may be a secret.
    pub(super) fn read_header(&mut self, column: &str, name: &str, text: &str) {
        match header_line(name, text) {
            Ok(header) => self.request.get_or_insert_default().headers.push(header),
            Err(error) => self.refuse_cell(column, &error),
        }
    }

    pub(super) fn refuse_cell(&mut self, column: &str, what: &str) {
        self.refuse(format_args!(", column '{}': {what}", short(column)));
    }

    pub(super) fn refuse_row(&mut self, what: &str) {
        self.refuse(format_args!(": {what}"));
    }

    fn refuse(&mut self, what: std::fmt::Arguments<'_>) {
        let line = self.line;
        self.wrong.get_or_insert_with(|| invalid_row(line, what));
    }

    /// The row, and what is wrong with it.
    pub(super) fn finish(self, input: Option<Box<RawValue>>) -> (Row, Option<Failure>) {
        let row = Row {
            input,
            name: self.name,
            request: self.request.map(Arc::new),
        };
        (row, self.wrong)
    }
}

fn read_option(request: &mut RequestOptions, meaning: Meaning, text: &str) -> Result<(), String> {
    match meaning {
        Meaning::Method => request.method = Some(method(text)?),
        Meaning::Accept => {
            let accept = text.parse();
            request.accept = Some(accept.map_err(|e: crate::fetch::OptionsError| e.to_string())?);
        }
        Meaning::Timeout => request.timeout = Some(duration(text)?),
        Meaning::MaxSize => request.max_size = Some(size(text)?),
        Meaning::Size => request.size = Some(size(text)?),
        Meaning::Sha256 => request.sha256 = Some(sha256(text)?),
        Meaning::Url | Meaning::Name | Meaning::Header | Meaning::Other => {}
    }
    Ok(())
}

pub(super) fn sha256(text: &str) -> Result<[u8; 32], String> {
    let digit = |c: u8| char::from(c).to_digit(16);
    let byte = |pair: &[u8]| Some((digit(pair[0])? * 16 + digit(pair[1])?) as u8);
    let bytes: Option<Vec<u8>> = text.as_bytes().chunks_exact(2).map(byte).collect();
    bytes
        .filter(|_| text.len() == 64)
        .and_then(|bytes| bytes.try_into().ok())
        .ok_or_else(|| "not a SHA-256: write its 64 hexadecimal digits".to_owned())
}

/// A failure of the row that begins on `line`; `what` continues the message.
pub(super) fn invalid_row(line: u64, what: std::fmt::Arguments<'_>) -> Failure {
    Failure::new(FailureKind::InvalidRow, format!("line {line}{what}"))
}
