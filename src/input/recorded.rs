//! The rows of a run's jsonl, for `--report`: read once, in any order, with whatever fields they have.

use super::decode::{self, Bytes};
use super::journal::{Journal, Purpose};
use super::source::{InputError, List, Stdin, name};
use super::target::{Scheme, normalise};
use crate::fetch::Url;
use serde::Deserialize;
use std::borrow::Cow;
use std::io;
use std::path::Path;

/// What a report needs of a row. Only `url` and `ok` must be there: `--fields` and earlier releases leave out others.
#[derive(Debug, Deserialize)]
pub(crate) struct RecordedRow<'a> {
    #[serde(borrow)]
    pub(crate) url: Cow<'a, str>,
    /// `None` in the records of a dry run, but there.
    #[serde(deserialize_with = "Option::deserialize")]
    pub(crate) ok: Option<bool>,
    pub(crate) status: Option<u16>,
    pub(crate) bytes: Option<u64>,
    pub(crate) attempts: Option<u64>,
    pub(crate) elapsed_ms: Option<f64>,
    pub(crate) ttfb_ms: Option<f64>,
    pub(crate) worker: Option<u64>,
    #[serde(borrow)]
    pub(crate) started_at: Option<RecordedText<'a>>,
    #[serde(borrow)]
    pub(crate) error: Option<RecordedError<'a>>,
    #[serde(borrow)]
    pub(crate) method: Option<RecordedText<'a>>,
    pub(crate) dns_ms: Option<f64>,
    pub(crate) connect_ms: Option<f64>,
    pub(crate) tls_ms: Option<f64>,
    pub(crate) unchanged: Option<bool>,
    pub(crate) resumed_from: Option<u64>,
}

impl RecordedRow<'_> {
    /// A row has its URL as written. One without a scheme was completed by `--default-scheme`, whose value no row has, or
    /// failed as no URL.
    pub(crate) fn parsed_url(&self) -> Option<Url> {
        let error = self.error.as_ref();
        let is_completed = error.is_none_or(|error| error.kind != "invalid_url");
        normalise(self.url.trim(), is_completed.then_some(Scheme::Https)).ok()
    }
}

/// serde copies an optional `Cow`, unless it is in a type of its own.
#[derive(Debug, Deserialize)]
pub(crate) struct RecordedText<'a>(#[serde(borrow)] pub(crate) Cow<'a, str>);

#[derive(Debug, Deserialize)]
pub(crate) struct RecordedError<'a> {
    #[serde(borrow)]
    pub(crate) kind: Cow<'a, str>,
    #[serde(borrow)]
    pub(crate) message: Cow<'a, str>,
    #[serde(borrow)]
    pub(crate) phase: Option<RecordedText<'a>>,
}

/// Calls `found` with each whole row of `list`, a file or standard input. It may be compressed by gzip.
///
/// # Errors
///
/// The file does not exist, cannot be read, does not begin with a row, or has lines and no whole row.
pub(crate) fn read_run(
    list: &List,
    mut found: impl FnMut(&RecordedRow<'_>),
) -> Result<Journal, InputError> {
    let mut journal = Journal::new(Path::new(&*name(list)), Purpose::Report);
    let file = match list {
        List::File(path) => journal.open(path)?,
        List::Stdin | List::Url(_) => None,
    };
    let bytes: Bytes = match file {
        Some(file) => Box::new(file),
        None => Box::new(Stdin::new()),
    };
    let text = decode::text(bytes).map_err(|error| journal.refuse(Some(1), error))?;
    let parse = |bytes: &[u8]| serde_json::from_slice(bytes).map(|row| found(&row));
    journal.read(text, parse, |(), _| {})?;
    if journal.has_only_incomplete_rows() {
        return Err(journal.refuse(None, io::Error::other("no row in it is whole")));
    }
    Ok(journal)
}
