//! Reads the lists: each line or row becomes a numbered target, or a failed record if it is no URL or a wrong row.
//!
//! Lists are streamed: memory does not grow with a list, and a line of a live pipe is returned before the next has
//! come. Only an unreadable list is an error, and a table whose header has no `url`.

mod columns;
mod count;
mod decode;
mod filter;
mod foreign;
mod format;
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) mod fuzzing;
mod headers;
mod journal;
mod lines;
mod names;
mod object;
mod origins;
mod past;
mod recorded;
mod records;
mod resume;
mod row;
mod rows;
mod same_file;
mod shard;
mod source;
mod table;
mod target;
#[cfg(test)]
mod tests;

use crate::fetch::Failure;
use crate::output::Case;
use decode::Bytes;
use filter::Filter;
use lines::Line;
use names::Names;
use origins::Origins;
use records::{RecordText, Records};
use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::Arc;
use std::{io, mem};
use target::Content;

pub(crate) use filter::Skipped;
pub(crate) use format::ListFormat;
pub(crate) use journal::Journal;
pub(crate) use names::NameTemplate;
pub(crate) use past::{PastRecord, PastRecords};
pub(crate) use recorded::{RecordedRow, read_run};
pub(crate) use same_file::{refuse_archive, refuse_output};
pub(crate) use shard::ListShard;
pub(crate) use source::{InputError, List};
pub(crate) use target::{Entry, Scheme, Target};

/// The most entries of a batch, whose first must not wait long.
const BATCH: usize = 256;

/// Which lists to read, and how.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Options {
    /// Read one after the other.
    pub(crate) lists: Vec<List>,
    /// For URLs without one, which otherwise are `invalid_url`.
    pub(crate) default_scheme: Option<Scheme>,
    /// Only the targets of this shard.
    pub(crate) shard: Option<ListShard>,
    /// Leave out repeated URLs, compared as normalised, without the fragment.
    pub(crate) unique: bool,
    /// Leave out URLs that are ok in this file, an earlier run's jsonl.
    pub(crate) resume: Option<PathBuf>,
    pub(crate) format: ListFormat,
    /// Bodies are saved: check the names that rows give to files.
    pub(crate) saves: bool,
    pub(crate) name: Option<NameTemplate>,
    /// Return what is left out as records, too.
    pub(crate) dry_run: bool,
}

/// The entries of all lists in order.
pub(crate) struct Targets {
    /// Lists that are not open yet.
    lists: VecDeque<List>,
    format: ListFormat,
    reading: Option<Reading>,
    selection: Selection,
    resumed: Option<Journal>,
    /// The source of URL arguments, and how many there were so far.
    argument: Arc<str>,
    arguments: u64,
    /// Read once: a terminal would wait for another end of input.
    stdin_was_read: bool,
}

struct Reading {
    source: Arc<str>,
    records: Records<Bytes>,
    /// Whether the first line begins with NUL.
    begins_with_nul: bool,
    /// It has lines, and no record has come.
    awaits_first: bool,
}

/// Makes entries of records.
struct Selection {
    default_scheme: Option<Scheme>,
    origins: Origins,
    filter: Filter,
    names: Names,
    dry_run: bool,
}

impl Reading {
    fn new(source: Arc<str>, text: Bytes, format: ListFormat) -> Self {
        Self {
            source,
            records: Records::new(text, format),
            begins_with_nul: false,
            awaits_first: format == ListFormat::Lines,
        }
    }
}

impl Targets {
    /// Checks that each list can be read, without waiting for any, and the header of each file with a table. Reads the
    /// file of an earlier run: some two seconds for a million rows.
    ///
    /// # Errors
    ///
    /// A list does not exist, is a directory, or may not be read; the header of a table has no `url`; `--name` has a
    /// column, and a list none; or the file of an earlier run has other content.
    pub(crate) fn open(options: Options) -> Result<Self, InputError> {
        options.lists.iter().try_for_each(source::check)?;
        let have_names = headers::check(&options)?;
        let read = |path: &PathBuf| resume::read(path, options.default_scheme);
        let (resumed, done) = options.resume.as_ref().map(read).transpose()?.unzip();
        let names = Names::new(options.name, options.saves && have_names);
        Ok(Self {
            selection: Selection {
                default_scheme: options.default_scheme,
                origins: Origins::default(),
                filter: Filter::new(options.shard, options.unique, done),
                names,
                dry_run: options.dry_run,
            },
            resumed,
            lists: options.lists.into(),
            format: options.format,
            reading: None,
            argument: "argument".into(),
            arguments: 0,
            stdin_was_read: false,
        })
    }

    /// Says how the file system treats capitals in names. Call it before the first batch.
    pub(crate) fn set_case(&mut self, case: Case) {
        self.selection.names.set_case(case);
    }

    /// The file of an earlier run.
    pub(crate) fn resumed(&self) -> Option<&Journal> {
        self.resumed.as_ref()
    }

    pub(crate) fn skipped(&self) -> Arc<Skipped> {
        self.selection.filter.skipped()
    }

    /// Adds 1 to 256 entries to `out`; `Ok(false)` is the end of all lists. Blocks only for the first entry.
    ///
    /// # Errors
    ///
    /// A list could not be opened or read. Nothing was added; the next call continues with the next list.
    pub(crate) fn next_batch(&mut self, out: &mut Vec<Entry>) -> Result<bool, InputError> {
        loop {
            self.take_header()?;
            if self.take_buffered(out)? || self.take_arguments(out) {
                return Ok(true);
            }
            if self.reading.is_none() && !self.open_next()? {
                return Ok(false);
            }
            self.fill()?;
        }
    }

    /// Reads the header of a table once it is buffered, and closes a list that has a wrong one.
    fn take_header(&mut self) -> Result<(), InputError> {
        let Some(Reading {
            source, records, ..
        }) = &mut self.reading
        else {
            return Ok(());
        };
        let taken = records.take_header(self.selection.names.template());
        let taken = taken.map_err(|(line, wrong)| wrong.error(source, line));
        if taken.is_err() {
            self.reading = None;
        }
        taken
    }

    /// Adds the records already read. False if there are none.
    fn take_buffered(&mut self, out: &mut Vec<Entry>) -> Result<bool, InputError> {
        let Some(Reading {
            source,
            records,
            begins_with_nul,
            awaits_first,
        }) = &mut self.reading
        else {
            return Ok(false);
        };
        let before = out.len();
        while out.len() - before < BATCH
            && let Some((line, record)) = records.next_buffered()
        {
            if let RecordText::Line(text) = &record
                && line == 1
            {
                *begins_with_nul = text.bytes().first() == Some(&0);
            }
            let Some(content) = record.content() else {
                continue;
            };
            let is_first = mem::take(awaits_first);
            if is_first && foreign::is_netrc(content.bytes()) {
                let what = "it is a netrc file".to_owned();
                let hint = format!("write --netrc={source}");
                let error = InputError::of_header(source, Some(line), what, Some(hint));
                self.reading = None;
                return Err(error);
            }
            let explain = |failure| {
                if is_first {
                    return foreign::explain(failure, &content, *begins_with_nul);
                }
                failure
            };
            let entry = self
                .selection
                .entry(source, line, &record, &content, explain);
            out.extend(entry);
        }
        Ok(out.len() > before)
    }

    /// Adds URL arguments up to the next list. False if there are none.
    fn take_arguments(&mut self, out: &mut Vec<Entry>) -> bool {
        let before = out.len();
        while out.len() - before < BATCH
            && self.reading.is_none()
            && let Some(List::Url(text)) = self.lists.front()
        {
            self.arguments += 1;
            let text = text.trim();
            let (record, content) = (
                RecordText::Line(Line::Whole(text.as_bytes())),
                Content::Text(text),
            );
            let (source, line) = (&self.argument, self.arguments);
            let entry = self
                .selection
                .entry(source, line, &record, &content, |failure| failure);
            out.extend(entry);
            self.lists.pop_front();
        }
        out.len() > before
    }

    /// Opens the next list. False if there is none.
    fn open_next(&mut self) -> Result<bool, InputError> {
        let Some(list) = self.lists.pop_front() else {
            return Ok(false);
        };
        let source: Arc<str> = source::name(&list).into();
        let format = self.format.of(&list);
        let bytes: Bytes = match list {
            List::File(path) => Box::new(source::open(&path)?),
            List::Stdin if mem::replace(&mut self.stdin_was_read, true) => Box::new(io::empty()),
            List::Stdin => Box::new(source::Stdin::new()),
            List::Url(_) => unreachable!("take_arguments leaves no URL in front"),
        };
        let text = decode::text(bytes).map_err(|error| InputError::reading(&source, 1, error))?;
        self.reading = Some(Reading::new(source, text, format));
        Ok(true)
    }

    /// Reads once, and closes a list that has ended or failed.
    fn fill(&mut self) -> Result<(), InputError> {
        let Some(Reading {
            source, records, ..
        }) = &mut self.reading
        else {
            return Ok(());
        };
        let filled = records
            .fill()
            .map_err(|error| InputError::reading(source, records.line(), error));
        if !matches!(filled, Ok(true)) {
            self.reading = None;
        }
        filled.map(drop)
    }
}

impl Selection {
    /// The entry of a record, unless it is left out. `explain` may improve a failure of its URL.
    fn entry(
        &mut self,
        source: &Arc<str>,
        line: u64,
        record: &RecordText<'_>,
        content: &Content<'_>,
        explain: impl FnOnce(Failure) -> Failure,
    ) -> Option<Entry> {
        let url = content.url(self.default_scheme, |text| self.origins.parse(text));
        let url = url.map_err(explain);
        let is_ours = self.filter.is_ours(content, &url);
        if !is_ours && !self.names.are_used() {
            return None;
        }
        let (mut row, wrong) = record.row(line);
        // Rows that are left out take their names, too: another run has saved them, or will. A repetition has that of
        // its URL.
        let settled = match (wrong, &url) {
            (Some(wrong), _) => Err(wrong),
            (None, Ok(url)) if !(self.names.are_used() && self.filter.is_repeated(url)) => {
                self.names.settle(record, line, url, &mut row)
            }
            (None, _) => Ok(()),
        };
        if !is_ours {
            return None;
        }
        if let (Ok(()), Ok(url)) = (&settled, &url)
            && let Some(why) = self.filter.skips(url)
        {
            let skipped = || Entry::skipped(source, line, content, why, row);
            return self.dry_run.then(skipped);
        }
        let url = url.map_err(|failure| record.located(failure, line));
        Some(Entry::new(source, line, content, settled.and(url), row))
    }
}
