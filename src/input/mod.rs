//! Reads the lists: each line becomes a numbered target, or a failed record if it is no URL.
//!
//! Lists are streamed: memory does not grow with a list, and a line of a live pipe is returned before the next has come.
//! Only a list that cannot be read is an error.

mod decode;
mod filter;
mod foreign;
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) mod fuzzing;
mod lines;
mod resume;
mod shard;
mod source;
mod target;
#[cfg(test)]
mod tests;
mod url_set;

use decode::Bytes;
use filter::Filter;
use lines::Lines;
use std::collections::VecDeque;
use std::io::{self, Read};
use std::path::PathBuf;
use std::sync::Arc;
use std::{fs, mem};
use target::Content;

pub(crate) use filter::Skipped;
pub(crate) use resume::Resumed;
pub(crate) use shard::ListShard;
pub(crate) use source::{InputError, List, refuse_output};
pub(crate) use target::{Entry, Scheme, Target};

/// The most entries of a batch. The first of them must leave soon.
const BATCH: usize = 256;

/// The most bytes of short lists: to count them takes a hundred microseconds.
const SHORT: u64 = 64 << 10;

/// Which lists to read, and how.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Options {
    /// Read one after the other.
    pub(crate) lists: Vec<List>,
    /// Completes a URL without a scheme, which else is `invalid_url`.
    pub(crate) default_scheme: Option<Scheme>,
    /// Only the targets of this shard.
    pub(crate) shard: Option<ListShard>,
    /// Leave out repeated URLs, compared as normalised and without the fragment.
    pub(crate) unique: bool,
    /// Leave out the URLs that are ok in this file, an earlier run's jsonl.
    pub(crate) resume: Option<PathBuf>,
}

/// The entries of all lists, one after the other.
pub(crate) struct Targets {
    /// Lists that are not open yet.
    lists: VecDeque<List>,
    reading: Option<Reading>,
    default_scheme: Option<Scheme>,
    filter: Filter,
    resumed: Option<Resumed>,
    /// The source of URL arguments, and how many there were so far.
    argument: Arc<str>,
    arguments: u64,
    /// Never read twice: a terminal would wait for another end of input.
    stdin_was_read: bool,
}

/// The list that is being read.
struct Reading {
    source: Arc<str>,
    lines: Lines<Bytes>,
    /// Whether the first line begins with NUL.
    begins_with_nul: bool,
    /// No record has come.
    awaits_first: bool,
}

impl Reading {
    fn new(source: Arc<str>, text: Bytes) -> Self {
        Self {
            source,
            lines: Lines::new(text),
            begins_with_nul: false,
            awaits_first: true,
        }
    }
}

impl Targets {
    /// Checks that each list can be read, without waiting for any. Reads the file of an earlier run: some two seconds for
    /// a million rows.
    ///
    /// # Errors
    ///
    /// A list does not exist, is a directory, or may not be read; the file of an earlier run is none.
    pub(crate) fn open(options: Options) -> Result<Self, InputError> {
        options.lists.iter().try_for_each(source::check)?;
        let read = |path: &PathBuf| resume::read(path, options.default_scheme);
        let (resumed, done) = options.resume.as_ref().map(read).transpose()?.unzip();
        Ok(Self {
            filter: Filter::new(options.shard, options.unique, done),
            resumed,
            lists: options.lists.into(),
            reading: None,
            default_scheme: options.default_scheme,
            argument: "argument".into(),
            arguments: 0,
            stdin_was_read: false,
        })
    }

    /// The file of an earlier run.
    pub(crate) fn resumed(&self) -> Option<&Resumed> {
        self.resumed.as_ref()
    }

    /// How many entries were left out so far.
    pub(crate) fn skipped(&self) -> Arc<Skipped> {
        self.filter.skipped()
    }

    /// Adds between 1 and 256 entries to `out`; `Ok(false)` is the end of all lists. Blocks only for the first entry.
    ///
    /// # Errors
    ///
    /// A list could not be opened or read. Nothing was added to `out`; the next call continues with the next list.
    pub(crate) fn next_batch(&mut self, out: &mut Vec<Entry>) -> Result<bool, InputError> {
        loop {
            if self.take_buffered(out) || self.take_arguments(out) {
                return Ok(true);
            }
            if self.reading.is_none() && !self.open_next()? {
                return Ok(false);
            }
            self.fill()?;
        }
    }

    /// Adds the lines that were read already. False if there are none.
    fn take_buffered(&mut self, out: &mut Vec<Entry>) -> bool {
        let Some(Reading {
            source,
            lines,
            begins_with_nul,
            awaits_first,
        }) = &mut self.reading
        else {
            return false;
        };
        let before = out.len();
        while out.len() - before < BATCH
            && let Some((line, text)) = lines.next_buffered()
        {
            if line == 1 {
                *begins_with_nul = text.bytes().first() == Some(&0);
            }
            let Some(content) = Content::of(text) else {
                continue;
            };
            let mut url = content.url(self.default_scheme);
            if mem::take(awaits_first) {
                url = url.map_err(|failure| foreign::explain(failure, &content, *begins_with_nul));
            }
            if self.filter.admits(&content, &url) {
                out.push(Entry::new(source, line, &content, url));
            }
        }
        out.len() > before
    }

    /// Adds URL arguments up to the next list. False if there are none.
    fn take_arguments(&mut self, out: &mut Vec<Entry>) -> bool {
        let before = out.len();
        while out.len() - before < BATCH
            && self.reading.is_none()
            && let Some(List::Url(text)) = self.lists.front()
        {
            self.arguments += 1;
            let content = Content::Text(text.trim());
            let url = content.url(self.default_scheme);
            if self.filter.admits(&content, &url) {
                out.push(Entry::new(&self.argument, self.arguments, &content, url));
            }
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
        let bytes: Bytes = match list {
            List::File(path) => Box::new(source::open(&path)?),
            List::Stdin if mem::replace(&mut self.stdin_was_read, true) => Box::new(io::empty()),
            List::Stdin => Box::new(source::Stdin::new()),
            List::Url(_) => unreachable!("take_arguments leaves no URL in front"),
        };
        let text = decode::text(bytes).map_err(|error| InputError::reading(&source, 1, error))?;
        self.reading = Some(Reading::new(source, text));
        Ok(true)
    }

    /// Reads once, and closes a list that has ended or failed.
    fn fill(&mut self) -> Result<(), InputError> {
        let Some(Reading { source, lines, .. }) = &mut self.reading else {
            return Ok(());
        };
        let filled = lines
            .fill()
            .map_err(|error| InputError::reading(source, lines.number() + 1, error));
        if !matches!(filled, Ok(true)) {
            self.reading = None;
        }
        filled.map(drop)
    }
}

impl Options {
    /// How many entries the lists have; `None` with a pipe, standard input, or a file that cannot be read.
    ///
    /// Reads every file: about a second for ten million lines, and ten with a shard, which needs the URLs. Entries that
    /// are left out for other reasons are counted.
    pub(crate) fn count(&self) -> Option<u64> {
        self.count_within(u64::MAX)
    }

    /// As [`count`](Self::count); `None` if a list has `most` bytes or more.
    fn count_within(&self, most: u64) -> Option<u64> {
        self.lists
            .iter()
            .map(|list| self.count_list(list, most))
            .sum()
    }

    /// As [`count`](Self::count), if the lists are short files or URLs.
    pub(crate) fn count_if_short(&self) -> Option<u64> {
        // A file without a size may still have content, as in /proc.
        let bytes_of = |list| size_of(list).filter(|&bytes| bytes > 0);
        let bytes: u64 = self.lists.iter().map(bytes_of).sum::<Option<_>>()?;
        if bytes > SHORT {
            return None;
        }
        // A compressed list may be long.
        self.count_within(2 * SHORT)
    }

    fn count_list(&self, list: &List, most: u64) -> Option<u64> {
        match list {
            List::Url(text) => Some(u64::from(self.is_ours(&Content::Text(text.trim())))),
            List::Stdin => None,
            List::File(path) => {
                size_of(list)?;
                self.count_lines(fs::File::open(path).ok()?, most)
            }
        }
    }

    fn count_lines(&self, file: fs::File, most: u64) -> Option<u64> {
        let mut text = decode::text(Box::new(file)).ok()?.take(most);
        let mut lines = Lines::new(&mut text);
        let mut count = 0;
        loop {
            while let Some((_, line)) = lines.next_buffered() {
                count += u64::from(Content::of(line).is_some_and(|content| self.is_ours(&content)));
            }
            if !lines.fill().ok()? {
                return (text.limit() > 0).then_some(count);
            }
        }
    }

    fn is_ours(&self, content: &Content<'_>) -> bool {
        let holds = |shard: ListShard| shard.holds(content, &content.url(self.default_scheme));
        self.shard.is_none_or(holds)
    }
}

/// The size of a list that can be read twice.
fn size_of(list: &List) -> Option<u64> {
    match list {
        List::Url(text) => Some(text.len() as u64),
        List::Stdin => None,
        // To open /dev/stdin or /dev/fd/3 may be to share its descriptor.
        List::File(path) if path.starts_with("/dev") => None,
        List::File(path) => {
            let metadata = fs::metadata(path).ok()?;
            metadata.is_file().then_some(metadata.len())
        }
    }
}
