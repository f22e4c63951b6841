//! What can be said of headers before anything is fetched.

use super::columns::WrongHeader;
use super::count::size_of;
use super::decode;
use super::format::ListFormat;
use super::records::Records;
use super::source::{self, InputError, List};
use super::{NameTemplate, Options};
use crate::escape::printable;
use std::path::Path;

/// Checks the header of each file with a table, and that no list without columns needs one. True if rows may have
/// names.
///
/// # Errors
///
/// A header has no `url`, a column twice, or lacks one of `--name`; or a list has no columns.
pub(super) fn check(options: &Options) -> Result<bool, InputError> {
    let mut have_names = options.name.is_some();
    for list in &options.lists {
        have_names |= check_list(list, options)?;
    }
    Ok(have_names)
}

fn check_list(list: &List, options: &Options) -> Result<bool, InputError> {
    match (options.format.of(list), list) {
        (ListFormat::Lines, _) => {
            let column = options.name.as_ref().and_then(|name| name.columns().next());
            column.map_or(Ok(false), |column| Err(no_columns(list, column)))
        }
        (ListFormat::Csv | ListFormat::Tsv, List::File(path)) if size_of(list).is_some() => {
            check_header(path, list, options)
        }
        // What a pipe has is not known yet.
        _ => Ok(true),
    }
}

/// Reads the file up to its header. A file that cannot be read fails in its turn.
fn check_header(path: &Path, list: &List, options: &Options) -> Result<bool, InputError> {
    let Ok(text) = decode::text(Box::new(source::open(path)?)) else {
        return Ok(true);
    };
    let mut records = Records::new(text, options.format.of(list));
    let template: Option<&NameTemplate> = options.name.as_ref();
    loop {
        let taken = records.take_header(template);
        taken.map_err(|(line, wrong)| wrong.error(&source::name(list), line))?;
        if let Some(header) = records.header() {
            return Ok(header.find("name").is_some());
        }
        if !records.fill().unwrap_or(false) {
            return Ok(true);
        }
    }
}

fn no_columns(list: &List, column: &str) -> InputError {
    let what = format!(
        "--name has '{{{}}}', but a list of lines has no columns",
        printable(column)
    );
    let hint = match list {
        List::Url(_) => "write {line}, {host}, {stem} or {ext}",
        _ => "write {line}, {host}, {stem} or {ext}; or read a table with -i csv, tsv or jsonl",
    };
    InputError::of_header(&source::name(list), None, what, Some(hint.to_owned()))
}

impl WrongHeader {
    pub(super) fn error(self, list: &str, line: u64) -> InputError {
        InputError::of_header(list, Some(line), self.what, self.hint)
    }
}
