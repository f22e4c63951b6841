//! The header line of a table: which column has which meaning.

use super::foreign;
use super::names::NameTemplate;
use super::rows::{Cells, RowFault};
use super::target::begins_as_web;
use crate::escape::{printable, shown};
use crate::fetch::CustomHeader;
use std::collections::HashSet;

/// What a column is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Meaning {
    Url,
    Name,
    Method,
    Accept,
    Timeout,
    MaxSize,
    Size,
    Sha256,
    /// A header in a table, all of them in an object.
    Header,
    /// Carried into the record.
    Other,
}

/// Before the name of a header, in that of its column.
const HEADER: &str = "header.";

impl Meaning {
    fn of(name: &str) -> Self {
        match name {
            "url" => Self::Url,
            "name" => Self::Name,
            "method" => Self::Method,
            "accept" => Self::Accept,
            "timeout" => Self::Timeout,
            "max_size" => Self::MaxSize,
            "size" => Self::Size,
            "sha256" => Self::Sha256,
            _ => Self::Other,
        }
    }

    pub(super) fn of_key(name: &str) -> Self {
        match name {
            "headers" => Self::Header,
            _ => Self::of(name),
        }
    }

    fn of_column(name: &str) -> Self {
        if name.starts_with(HEADER) {
            return Self::Header;
        }
        Self::of(name)
    }
}

#[derive(Debug)]
pub(super) struct Column {
    pub(super) name: Box<str>,
    pub(super) meaning: Meaning,
}

impl Column {
    /// The name of the header that it holds.
    pub(super) fn header(&self) -> &str {
        self.name.strip_prefix(HEADER).unwrap_or_default()
    }
}

/// A header that no row can be read by, and what to do.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct WrongHeader {
    pub(super) what: String,
    pub(super) hint: Option<String>,
}

/// The columns of a table; one of them is `url`.
#[derive(Debug)]
pub(super) struct Header {
    pub(super) columns: Vec<Column>,
    pub(super) url: usize,
    /// Some column has no meaning.
    pub(super) has_others: bool,
}

impl Header {
    /// Reads the first row of a table.
    ///
    /// # Errors
    ///
    /// No column is `url`, two have one name, a name is no text or no header's, or `template` needs another column.
    pub(super) fn of(row: Cells<'_>, template: Option<&NameTemplate>) -> Result<Self, WrongHeader> {
        let names = row.iter().map(|cell| str::from_utf8(cell).map(str::trim));
        let names: Vec<Box<str>> = match names.map(|name| name.map(Into::into)).collect() {
            Ok(names) if row.fault.is_none() => names,
            Ok(_) if row.fault == Some(RowFault::TooLong) => {
                return wrong("the header line is over 1 MiB", None);
            }
            Ok(_) => {
                return wrong(
                    "a quote in the header line is not closed, or a cell goes on behind it",
                    None,
                );
            }
            Err(_) => return wrong("the header line is not UTF-8", None),
        };
        check_names(&names)?;
        let Some(url) = names.iter().position(|name| &**name == "url") else {
            let hint = url_hint(&names);
            return wrong(format!("no column is called 'url': {}", list(&names)), hint);
        };
        let has = |column: &&str| names.iter().any(|name| **name == **column);
        if let Some(column) = template.and_then(|t| t.columns().find(|column| !has(column))) {
            let what = format!(
                "--name has '{{{}}}', but no column is called so: {}",
                printable(column),
                list(&names)
            );
            return wrong(what, None);
        }
        let columns: Vec<_> = names.into_iter().map(Column::from).collect();
        let has_others = columns
            .iter()
            .any(|column| column.meaning == Meaning::Other);
        Ok(Self {
            columns,
            url,
            has_others,
        })
    }

    /// The index of the column `name`.
    pub(super) fn find(&self, name: &str) -> Option<usize> {
        self.columns.iter().position(|column| *column.name == *name)
    }
}

impl From<Box<str>> for Column {
    fn from(name: Box<str>) -> Self {
        let meaning = Meaning::of_column(&name);
        Self { name, meaning }
    }
}

fn wrong<T>(what: impl Into<String>, hint: Option<String>) -> Result<T, WrongHeader> {
    let what = what.into();
    Err(WrongHeader { what, hint })
}

/// Checks that no two names are one, those of headers whatever their case, and that headers may be set.
fn check_names(names: &[Box<str>]) -> Result<(), WrongHeader> {
    let mut known = HashSet::new();
    for name in names {
        let header = name.strip_prefix(HEADER);
        let same = match header {
            Some(_) => name.to_ascii_lowercase().into(),
            None => name.clone(),
        };
        if !known.insert(same) {
            let what = match &**name {
                "" => "two columns have no name".to_owned(),
                name => format!("two columns are called '{}'", short(name)),
            };
            return wrong(what, Some("give each column its own name".to_owned()));
        }
        if let Some(header) = header
            && let Err(error) = header_line(header, "x")
        {
            return wrong(format!("the column '{}': {error}", short(name)), None);
        }
    }
    Ok(())
}

/// The header `name` with `value`.
///
/// # Errors
///
/// It cannot be set. The text does not repeat the value.
pub(super) fn header_line(name: &str, value: &str) -> Result<CustomHeader, String> {
    if name.contains(':') {
        return Err("not a header name: it has letters, digits and hyphens".to_owned());
    }
    let line = format!("{name}: {value}");
    line.parse()
        .map_err(|error: crate::fetch::OptionsError| error.to_string())
}

fn list(names: &[Box<str>]) -> String {
    const MOST: usize = 20;
    let shown = names
        .iter()
        .take(MOST)
        .map(|name| format!("'{}'", short(name)));
    let shown: Vec<_> = shown.collect();
    let more = if names.len() > MOST { ", ..." } else { "" };
    let are = if names.len() == 1 {
        "column is"
    } else {
        "columns are"
    };
    format!("the {are} {}{more}", shown.join(", "))
}

/// How to get a column `url`.
fn url_hint(names: &[Box<str>]) -> Option<String> {
    if let Some(name) = names.iter().find(|name| foreign::is_name(name)) {
        return Some(format!("the column '{}' must be called 'url'", short(name)));
    }
    if names.iter().any(|name| begins_as_web(name, "://")) {
        return Some("the first line must name the columns".to_owned());
    }
    let [only] = names else { return None };
    let cure = [
        ('\t', "read it with -i tsv"),
        (',', "read it with -i csv"),
        (';', "separate the cells by commas"),
    ];
    let cure = cure.iter().find(|(c, _)| only.contains(*c));
    cure.map(|(_, cure)| (*cure).to_owned())
}

/// `text` as a message repeats it: at most 40 characters, escaped, without what may be a password.
pub(super) fn short(text: &str) -> String {
    const MOST: usize = 40;
    // Shorten it afterwards: what tells a password from other text may stand behind.
    let mut shown = shown(text);
    if let Some((end, _)) = shown.char_indices().nth(MOST) {
        shown.truncate(end);
        shown.push_str("...");
    }
    shown
}
