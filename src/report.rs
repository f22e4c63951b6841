//! The report of a run as one HTML page, from its jsonl.
//!
//! The journal is read once, whatever the order of its rows, in bounded memory; the page is made when all of it has been
//! read. The page refers to nothing outside itself: its Content-Security-Policy allows its own style and script, by their
//! digests, and no request.

mod axis;
mod charts;
mod collect;
mod lanes;
mod notes;
mod page;
mod request;
mod series;
mod timeline;
mod top;

use std::ffi::OsStr;
use std::{io, slice};

use askama::Template;

use self::collect::Collected;
use self::page::ReportPage;
use crate::input::{List, read_run, refuse_output};

/// The report of `journal`.
///
/// # Errors
///
/// The file cannot be read or is no journal, or standard output would change it.
pub(crate) fn page(journal: &List) -> anyhow::Result<String> {
    let hint = "write the page to another file";
    refuse_output(slice::from_ref(journal), io::stdout(), hint)?;
    let mut collected = Collected::new();
    let read = read_run(journal, |row| collected.add(row))?;
    let name = match journal {
        // Folders are of no use to a reader elsewhere.
        List::File(path) => path.file_name().map(OsStr::to_string_lossy),
        List::Stdin | List::Url(_) => None,
    };
    let name = name.unwrap_or("standard input".into());
    Ok(ReportPage::new(&name, collected, read.skipped_text()).render()?)
}
