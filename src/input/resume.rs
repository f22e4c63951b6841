//! `--resume FILE`: which URLs an earlier run has fetched.

use super::journal::{Journal, Purpose};
use super::source::InputError;
use super::target::Scheme;
use crate::text_table::TextSet;
use std::path::Path;

/// Reads `path`, and returns the set of its ok URLs.
///
/// # Errors
///
/// The file cannot be read, or does not begin with a row.
pub(super) fn read(
    path: &Path,
    default_scheme: Option<Scheme>,
) -> Result<(Journal, TextSet), InputError> {
    let mut journal = Journal::new(path, Purpose::Resume);
    let mut done = TextSet::new();
    if let Some(file) = journal.open(path)? {
        journal.read_rows(file, default_scheme, |url, _| {
            done.insert(url);
        })?;
    }
    Ok((journal, done))
}
