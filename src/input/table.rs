//! A row of csv or tsv under its header.

use super::columns::{Header, Meaning, short};
use super::row::{Row, RowReader};
use super::rows::{Cells, RowFault};
use super::target::Content;
use crate::fetch::Failure;
use serde::{Serialize, Serializer};
use serde_json::value::to_raw_value;
use std::borrow::Cow;

#[derive(Clone, Copy)]
pub(super) struct TableRow<'a> {
    pub(super) header: &'a Header,
    pub(super) cells: Cells<'a>,
}

impl<'a> TableRow<'a> {
    /// `None` for a row to skip: blank, or with a comment in place of the URL.
    pub(super) fn content(&self) -> Option<Content<'a>> {
        let url = self.cells.get(self.header.url).unwrap_or_default();
        let cells = self.cells;
        Content::of_cell(url, || cells.fault.is_none() && cells.iter().all(is_blank))
    }

    pub(super) fn row(&self, line: u64) -> (Row, Option<Failure>) {
        let mut reader = RowReader::new(line);
        if let Some(what) = self.unreadable() {
            reader.refuse_row(&what);
            return reader.finish(None);
        }
        let mut is_utf8 = true;
        for (column, cell) in self.header.columns.iter().zip(self.cells.iter()) {
            let Ok(text) = str::from_utf8(cell) else {
                reader.refuse_cell(&column.name, "not UTF-8: a list is UTF-8 text");
                is_utf8 = false;
                continue;
            };
            match (column.meaning, text.trim()) {
                (Meaning::Url, "") => reader.refuse_cell("url", "empty: the row has no URL"),
                (_, "") => {}
                (Meaning::Header, text) => {
                    reader.read_header(&column.name, column.header(), text);
                }
                (meaning, text) => reader.read(&column.name, meaning, text),
            }
        }
        let others = || to_raw_value(&Others(self)).ok();
        let has_others = self.header.has_others && is_utf8;
        reader.finish(has_others.then(others).flatten())
    }

    fn cell_name(&self, index: usize) -> String {
        match self.header.columns.get(index) {
            Some(column) => format!("the cell of column '{}'", short(&column.name)),
            None => format!("cell {}", index + 1),
        }
    }

    /// Why the cells cannot be told apart.
    fn unreadable(&self) -> Option<String> {
        let (has, wants) = (self.cells.len(), self.header.columns.len());
        match self.cells.fault {
            Some(RowFault::TooLong) => Some("the row is over 1 MiB".to_owned()),
            Some(RowFault::OpenQuote) => Some(format!(
                "the quote that opens {} is not closed: a quote inside a cell is doubled",
                self.cell_name(has)
            )),
            Some(RowFault::TextAfterQuote) => Some(format!(
                "{} goes on behind its closing quote: a quote inside a cell is doubled",
                self.cell_name(has)
            )),
            None if has != wants => Some(format!(
                "the row has {}, the header {wants}: a cell with a delimiter in it is quoted",
                if has == 1 {
                    "1 cell".to_owned()
                } else {
                    format!("{has} cells")
                },
            )),
            None => None,
        }
    }

    /// The cell of a column for a name.
    pub(super) fn value(&self, column: &str) -> Option<Cow<'a, str>> {
        let cell = self.cells.get(self.header.find(column)?)?;
        str::from_utf8(cell).ok().map(|text| text.trim().into())
    }
}

fn is_blank(cell: &[u8]) -> bool {
    str::from_utf8(cell).is_ok_and(|text| text.trim().is_empty())
}

/// The cells of columns without a meaning.
struct Others<'a>(&'a TableRow<'a>);

impl Serialize for Others<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let cells = self.0.header.columns.iter().zip(self.0.cells.iter());
        let others = cells.filter(|(column, _)| column.meaning == Meaning::Other);
        serializer
            .collect_map(others.map(|(column, cell)| (&column.name, String::from_utf8_lossy(cell))))
    }
}
