//! Reads the lists, and gives one numbered target a line.
//!
//! Everything is read as it is needed: a target of a live pipe is given before the next line has come,
//! and memory does not grow with the list. A line that is no URL is a target too, one that has failed
//! already; only a list that cannot be read is an error. Nothing is fetched here, and nothing is left
//! out but blank lines, comments, and what the options leave to others (see `filter`).

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
pub(crate) use shard::Shard;
pub(crate) use source::InputError;
pub(crate) use target::{Entry, Scheme, Target};

/// The most targets that one batch adds: enough to spread the cost of handing a batch on, and few
/// enough that the first of them leaves at once.
const BATCH: usize = 256;

/// The bytes of lists, together, that are looked through before anything else is done: a hundred microseconds.
const SHORT: u64 = 64 << 10;

/// One LIST argument, told apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum List {
    /// A file with one URL a line; it may be a pipe.
    File(PathBuf),
    /// Standard input. Given twice, its second time is empty.
    Stdin,
    /// A URL itself.
    Url(String),
}

/// Which lists to read, and how.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Options {
    /// Read in turn, each to its end.
    pub(crate) lists: Vec<List>,
    /// What a URL without a scheme is completed with; without it such a URL is `invalid_url`.
    pub(crate) default_scheme: Option<Scheme>,
    /// Only the targets of this shard.
    pub(crate) shard: Option<Shard>,
    /// Leave out a URL that was met before: the same when normalised, but for the fragment.
    pub(crate) unique: bool,
    /// Leave out the URLs that this file, the jsonl of an earlier run, has as ok.
    pub(crate) resume: Option<PathBuf>,
}

/// The targets of all lists, one after the other.
pub(crate) struct Targets {
    /// Those that have not been begun.
    lists: VecDeque<List>,
    reading: Option<Reading>,
    default_scheme: Option<Scheme>,
    filter: Filter,
    resumed: Option<Resumed>,
    /// The name under which URL arguments are recorded, and how many of them there were so far.
    argument: Arc<str>,
    arguments: u64,
    /// At a terminal the end of input is no lasting state: it would have to be typed once more.
    stdin_was_read: bool,
}

/// The list that is being read.
struct Reading {
    source: Arc<str>,
    lines: Lines<Bytes>,
    /// The first byte is NUL: known when the first line has come.
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
    /// Makes sure that each list can be read, without waiting for any and before any is read. Reads the
    /// file of an earlier run, if there is one, to its end: a second or two for a million rows.
    ///
    /// # Errors
    ///
    /// A list that does not exist, is a directory, or may not be read; and what [`Resumed`] says.
    pub(crate) fn open(options: Options) -> Result<Self, InputError> {
        options.lists.iter().try_for_each(source::check)?;
        let read = |path: &PathBuf| resume::read(path, options.default_scheme);
        let (resumed, done) = options.resume.as_ref().map(read).transpose()?.unzip();
        Ok(Self {
            filter: Filter::new(&options, done),
            resumed,
            lists: options.lists.into(),
            reading: None,
            default_scheme: options.default_scheme,
            argument: "argument".into(),
            arguments: 0,
            stdin_was_read: false,
        })
    }

    /// What there is to know of the file of an earlier run.
    pub(crate) fn resumed(&self) -> Option<&Resumed> {
        self.resumed.as_ref()
    }

    /// How many targets have been left out; it counts on while they are read.
    pub(crate) fn skipped(&self) -> Arc<Skipped> {
        self.filter.skipped()
    }

    /// Adds between 1 and 256 targets to `out`, or says with `Ok(false)` that all lists have ended.
    ///
    /// Blocks until there is one, then takes only what can be had without blocking again.
    ///
    /// # Errors
    ///
    /// A list that could be opened, but not be read further; nothing was added to `out` then. The next
    /// call goes on with the list that follows.
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

    /// Adds what has been read already. False if that was nothing.
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
            if self.filter.admits(&url, || content.written()) {
                out.push(Entry::new(Arc::clone(source), line, content.written(), url));
            }
        }
        out.len() > before
    }

    /// Adds the URL arguments whose turn it is. False if there is none.
    fn take_arguments(&mut self, out: &mut Vec<Entry>) -> bool {
        let before = out.len();
        while out.len() - before < BATCH
            && let Some(text) = self.next_argument()
        {
            let written = text.trim();
            let url = target::normalise(written, self.default_scheme);
            if self.filter.admits(&url, || written.into()) {
                out.push(Entry::new(
                    Arc::clone(&self.argument),
                    self.arguments,
                    written.into(),
                    url,
                ));
            }
        }
        out.len() > before
    }

    /// The next URL argument, if its turn has come.
    fn next_argument(&mut self) -> Option<String> {
        if self.reading.is_some() || !matches!(self.lists.front(), Some(List::Url(_))) {
            return None;
        }
        self.arguments += 1;
        match self.lists.pop_front() {
            Some(List::Url(text)) => Some(text),
            _ => None,
        }
    }

    /// Begins with the next list. False if there is none.
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

    /// Reads once, and leaves a list that has ended or cannot be read.
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
    /// Makes sure that no list is the file that `out` goes to: the run would feed on its own records. Other systems than
    /// Unix do not tell which file it is.
    ///
    /// # Errors
    ///
    /// Names the list.
    #[cfg(unix)]
    pub(crate) fn refuse_output(&self, out: impl std::os::fd::AsFd) -> Result<(), InputError> {
        source::refuse_output(&self.lists, out)
    }

    #[cfg(not(unix))]
    pub(crate) fn refuse_output(&self, _out: impl Sized) -> Result<(), InputError> {
        Ok(())
    }

    /// How many targets the lists hold, or `None` if that cannot be known without taking them: a pipe,
    /// standard input, a file that cannot be read.
    ///
    /// Reads every file from its beginning to its end in constant memory, by the same rules as
    /// [`Targets`]: about a second for ten million lines. Only with a shard every line is read as a URL
    /// as well, which takes ten times as long. What [`Skipped`] counts for other reasons is in it.
    pub(crate) fn count(&self) -> Option<u64> {
        self.count_within(u64::MAX)
    }

    /// As [`count`](Self::count); `None` if a list has `most` bytes of text or more.
    fn count_within(&self, most: u64) -> Option<u64> {
        self.lists
            .iter()
            .map(|list| self.count_list(list, most))
            .sum()
    }

    /// How many targets the lists hold, or a few more, if they are short files or URLs: then that takes no time.
    pub(crate) fn count_if_short(&self) -> Option<u64> {
        // A file that says that it has no bytes may be one that the system makes up as it is read.
        let bytes_of = |list| size_of(list).filter(|&bytes| bytes > 0);
        let bytes: Option<u64> = self.lists.iter().map(bytes_of).sum();
        bytes
            .filter(|&bytes| bytes <= SHORT)
            // What is compressed may be long.
            .and_then(|_| self.count_within(2 * SHORT))
    }

    fn count_list(&self, list: &List, most: u64) -> Option<u64> {
        match list {
            List::Url(text) => Some(u64::from(self.is_ours(&Content::Text(text.trim())))),
            List::Stdin => None,
            List::File(path) => {
                size_of(list).and_then(|_| self.count_lines(fs::File::open(path).ok()?, most))
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
        self.shard.is_none_or(|shard| {
            shard.holds(&content.url(self.default_scheme), || content.written())
        })
    }
}

/// The bytes of a list that can be read twice.
fn size_of(list: &List) -> Option<u64> {
    match list {
        List::Url(text) => Some(text.len() as u64),
        List::Stdin => None,
        // To open one of these may be to duplicate a descriptor: what is read of it then is read.
        List::File(path) if path.starts_with("/dev") => None,
        List::File(path) => {
            let metadata = fs::metadata(path).ok()?;
            metadata.is_file().then_some(metadata.len())
        }
    }
}
