//! `--dry-run`: records of what a run would do. It uses no network and creates no file.
//!
//! A signal ends the process at once, as there is nothing to clean up.

use std::io::{self, Write as _};
use std::path::PathBuf;
use std::sync::Arc;

use crate::cli::{Exit, MaxFail};
use crate::escape::printable;
use crate::fetch::Method;
use crate::input::{Entry, Target, Targets};
use crate::output::{DryRun, Record, Summary, Writer, saved_path};

use super::body::name;
use super::finalize::is_closed_pipe;
use super::report::written;

/// What a dry run needs.
pub(crate) struct DryRunner<'a> {
    pub(crate) targets: Targets,
    pub(crate) writer: Writer,
    pub(crate) summary: Option<&'a mut Summary>,
    /// Where bodies would be saved.
    pub(crate) output_dir: Option<PathBuf>,
    /// The method of rows that name none.
    pub(crate) method: Method,
    pub(crate) max_fail: MaxFail,
}

/// What a dry run has found so far.
#[derive(Default)]
struct Found {
    fetches: u64,
    failed: u64,
    list_broken: bool,
}

impl DryRunner<'_> {
    /// Writes a record for each entry of the lists.
    ///
    /// # Errors
    ///
    /// If the records could not be written, unless their reader has closed standard output.
    pub(crate) fn run(mut self) -> anyhow::Result<Exit> {
        let mut found = Found::default();
        let is_written = self.write_all(&mut found);
        if let Some(summary) = &mut self.summary {
            summary.never_started(Some(found.fetches));
        }
        let records = found.fetches + found.failed;
        let exit = if found.list_broken {
            Exit::Unusable
        } else if self.max_fail.allows(found.failed, records) {
            Exit::Success
        } else {
            Exit::SomeFailed
        };
        match is_written {
            Err(error) if !is_closed_pipe(&error) => Err(error),
            _ => Ok(exit),
        }
    }

    fn write_all(&mut self, found: &mut Found) -> anyhow::Result<()> {
        let mut batch = Vec::new();
        loop {
            // Waiting for the next entry of a live pipe must not delay the records so far.
            written(self.writer.out.flush_by(None))?;
            match self.targets.next_batch(&mut batch) {
                Ok(true) => {}
                Ok(false) => return Ok(()),
                Err(error) => {
                    found.list_broken = true;
                    let line = printable(&error.to_string());
                    // Ignore errors: standard error may be closed.
                    let _ = writeln!(io::stderr(), "fetchpool: {line}");
                }
            }
            for entry in batch.drain(..) {
                let record = self.record(entry, found);
                written(self.writer.write(&record))?;
            }
        }
    }

    fn record(&mut self, entry: Entry, found: &mut Found) -> Record {
        match entry {
            Entry::Target(target) => {
                found.fetches += 1;
                let file = self.file(&target);
                Record {
                    file,
                    dry_run: Some(DryRun::Fetch),
                    ..target.into_record()
                }
            }
            Entry::Skipped(record) => *record,
            Entry::Failed(record) => {
                found.failed += 1;
                if let Some(summary) = &mut self.summary {
                    summary.add(&record);
                }
                *record
            }
        }
    }

    /// Where the body of `target` would be saved.
    fn file(&self, target: &Target) -> Option<String> {
        let request = target.request().map(Arc::as_ref);
        let own = request.and_then(|request| request.method.as_ref());
        let dir = self.output_dir.as_ref();
        let dir = dir.filter(|_| *own.unwrap_or(&self.method) != Method::HEAD)?;
        Some(saved_path(dir, &target.url, name(target)))
    }
}

#[cfg(test)]
mod tests;
