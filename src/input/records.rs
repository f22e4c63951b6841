//! A list as its format has it: lines, rows of a table, or objects.

use super::columns::{Header, WrongHeader};
use super::format::ListFormat;
use super::lines::{Line, Lines};
use super::names::NameTemplate;
use super::object::Object;
use super::row::Row;
use super::rows::{self, Rows};
use super::table::TableRow;
use super::target::Content;
use crate::fetch::Failure;
use std::borrow::Cow;
use std::io::{self, Read};

pub(super) enum Records<R> {
    Lines(Lines<R>),
    Objects(Lines<R>),
    Table {
        rows: Box<Rows<R>>,
        /// `None` until it has been read.
        header: Option<Header>,
    },
}

/// A line or row, blank ones too.
pub(super) enum RecordText<'a> {
    Line(Line<'a>),
    Object(Object<'a>),
    Row(TableRow<'a>),
}

impl<R: Read> Records<R> {
    pub(super) fn new(reader: R, format: ListFormat) -> Self {
        match format.delimiter() {
            Some(delimiter) => Self::Table {
                rows: Box::new(Rows::new(reader, delimiter)),
                header: None,
            },
            None if format == ListFormat::Jsonl => {
                Self::Objects(Lines::with_limit(reader, rows::LIMIT))
            }
            None => Self::Lines(Lines::new(reader)),
        }
    }

    /// The line on which the current or next record begins.
    pub(super) fn line(&self) -> u64 {
        match self {
            Self::Lines(lines) | Self::Objects(lines) => lines.number() + 1,
            Self::Table { rows, .. } => rows.line(),
        }
    }

    /// Reads the header of a table if it is buffered and was not read.
    ///
    /// # Errors
    ///
    /// The line of a header by which no row can be read.
    pub(super) fn take_header(
        &mut self,
        template: Option<&NameTemplate>,
    ) -> Result<(), (u64, WrongHeader)> {
        let Self::Table { rows, header } = self else {
            return Ok(());
        };
        while header.is_none()
            && let Some((line, cells)) = rows.next_buffered()
        {
            let is_blank =
                cells.fault.is_none() && cells.iter().all(|cell| cell.trim_ascii().is_empty());
            if !is_blank {
                *header = Some(Header::of(cells, template).map_err(|wrong| (line, wrong))?);
            }
        }
        Ok(())
    }

    /// The header of a table, if it has been read.
    pub(super) fn header(&self) -> Option<&Header> {
        match self {
            Self::Table { header, .. } => header.as_ref(),
            Self::Lines(_) | Self::Objects(_) => None,
        }
    }

    /// The next buffered record, with the line on which it begins, from 1; `None` until the next
    /// [`fill`](Self::fill).
    pub(super) fn next_buffered(&mut self) -> Option<(u64, RecordText<'_>)> {
        match self {
            Self::Lines(lines) => {
                let (number, line) = lines.next_buffered()?;
                Some((number, RecordText::Line(line)))
            }
            Self::Objects(lines) => {
                let (number, line) = lines.next_buffered()?;
                Some((number, RecordText::Object(Object::of(line))))
            }
            Self::Table { rows, header } => {
                let header = header.as_ref()?;
                let (line, cells) = rows.next_buffered()?;
                Some((line, RecordText::Row(TableRow { header, cells })))
            }
        }
    }

    /// Reads once, after [`next_buffered`](Self::next_buffered) returned `None`. `Ok(false)` is the end.
    pub(super) fn fill(&mut self) -> io::Result<bool> {
        match self {
            Self::Lines(lines) | Self::Objects(lines) => lines.fill(),
            Self::Table { rows, .. } => rows.fill(),
        }
    }
}

impl RecordText<'_> {
    /// The URL as written; `None` if the record is blank or a comment.
    pub(super) fn content(&self) -> Option<Content<'_>> {
        match self {
            Self::Line(line) => Content::of(*line),
            Self::Object(object) => object.content(),
            Self::Row(row) => row.content(),
        }
    }

    /// What it holds beside the URL, and what is wrong with that. `line` is the one on which it begins.
    pub(super) fn row(&self, line: u64) -> (Row, Option<Failure>) {
        match self {
            Self::Line(_) => (Row::default(), None),
            Self::Object(object) => object.row(line),
            Self::Row(row) => row.row(line),
        }
    }

    /// `failure` of its URL, with its place in a table.
    pub(super) fn located(&self, failure: Failure, line: u64) -> Failure {
        if let Self::Line(_) = self {
            return failure;
        }
        let message = format!("line {line}, column 'url': {}", failure.message());
        Failure::new(failure.kind(), message)
    }

    /// The value of a column for a name.
    pub(super) fn value(&self, column: &str) -> Option<Cow<'_, str>> {
        match self {
            Self::Line(_) => None,
            Self::Object(object) => object.value(column),
            Self::Row(row) => row.value(column),
        }
    }
}
