//! The FILE of `--resume`, `--update` and `--report`: the records of an earlier run. For the first two, those that are ok
//! count.
//!
//! FILE is the output of `-f jsonl`, often the file that this run appends to. An incomplete row, which a killed run may
//! leave, is skipped, and its URL is fetched again. A file that no run has written is an error. FILE is read once, in
//! constant memory.

use super::lines::{Line, Lines};
#[cfg(unix)]
use super::same_file::FileId;
use super::source::InputError;
use super::target::{Scheme, normalise, page};
use crate::escape::shown;
use crate::output::counted;
use serde::Deserialize;
use std::borrow::Cow;
use std::fs::{self, File};
use std::io::{self, Read};
#[cfg(unix)]
use std::os::fd::AsFd;
use std::path::Path;

/// The longest row, in bytes: a body of 10 MiB, the limit of `--body`, may take six times as much in JSON. The buffer has
/// memory only for what is read.
const LONGEST_ROW: usize = 64 << 20;

/// What the file of an earlier run is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    Resume,
    Update,
    Report,
}

/// The file of an earlier run, without its URLs.
#[derive(Debug)]
pub(crate) struct Journal {
    purpose: Purpose,
    name: String,
    /// `None` if it does not exist, or is no regular file.
    #[cfg(unix)]
    identity: Option<FileId>,
    rows: u64,
    /// Incomplete rows, the unfinished last line apart.
    skipped: SkippedLines,
    /// The last line has no LF.
    unfinished: bool,
    /// The file does not exist, which is no error.
    is_missing: bool,
}

#[derive(Debug, Default)]
struct SkippedLines {
    count: u64,
    first: u64,
    last: u64,
}

#[derive(Deserialize)]
struct PastRow<'a> {
    #[serde(borrow)]
    url: Cow<'a, str>,
    /// `None` in the records of a dry run, but there.
    #[serde(deserialize_with = "Option::deserialize")]
    ok: Option<bool>,
}

/// A line of FILE.
enum RowLine<T> {
    Whole(T),
    Blank,
    /// The beginning of a row, or the zeros of some file systems after a crash.
    Torn,
    /// Anything else.
    Foreign,
}

fn row_line<T>(line: Line<'_>, parse: impl FnOnce(&[u8]) -> serde_json::Result<T>) -> RowLine<T> {
    let (bytes, is_whole) = match line {
        Line::Whole(bytes) => (bytes, true),
        Line::TooLong(bytes) => (bytes, false),
    };
    let bytes = bytes
        .strip_prefix("\u{feff}".as_bytes())
        .unwrap_or(bytes)
        .trim_ascii();
    match bytes.first() {
        None => RowLine::Blank,
        Some(b'{') if is_whole => match parse(bytes) {
            Ok(row) => RowLine::Whole(row),
            // An object without these fields.
            Err(error) if error.is_data() => RowLine::Foreign,
            Err(_) => RowLine::Torn,
        },
        Some(b'{' | 0) => RowLine::Torn,
        Some(_) => RowLine::Foreign,
    }
}

impl Purpose {
    fn verb(self) -> &'static str {
        match self {
            Self::Resume => "resume from",
            Self::Update => "update from",
            Self::Report => "report on",
        }
    }

    /// What a file that does not exist means; `None` if that is an error.
    fn of_missing(self) -> Option<(&'static str, &'static str)> {
        match self {
            Self::Resume => Some(("--resume", "nothing is skipped")),
            Self::Update => Some(("--update", "every URL is new")),
            Self::Report => None,
        }
    }
}

impl Journal {
    pub(super) fn new(path: &Path, purpose: Purpose) -> Self {
        Self {
            purpose,
            name: path.to_string_lossy().into_owned(),
            #[cfg(unix)]
            identity: None,
            rows: 0,
            skipped: SkippedLines::default(),
            unfinished: false,
            is_missing: false,
        }
    }

    /// Opens `path`; `None` if it does not exist, and so has no rows.
    ///
    /// # Errors
    ///
    /// It is a directory, or cannot be opened. For an update it must be a regular file.
    pub(super) fn open(&mut self, path: &Path) -> Result<Option<File>, InputError> {
        let opened = fs::metadata(path).and_then(|metadata| {
            if metadata.is_dir() {
                return Err(io::ErrorKind::IsADirectory.into());
            }
            // Opening a named pipe would wait for its writer.
            if self.purpose == Purpose::Update && !metadata.is_file() {
                return Err(io::Error::other(
                    "it is no regular file, and its rows are read more than once",
                ));
            }
            File::open(path)
        });
        match opened {
            Err(error)
                if error.kind() == io::ErrorKind::NotFound
                    && self.purpose.of_missing().is_some() =>
            {
                self.is_missing = true;
                Ok(None)
            }
            Err(error) => Err(self.refuse(None, error)),
            Ok(file) => {
                #[cfg(unix)]
                {
                    self.identity = FileId::of_open(&file);
                }
                Ok(Some(file))
            }
        }
    }

    pub(super) fn has_only_incomplete_rows(&self) -> bool {
        self.rows == 0 && self.skipped.count > 0
    }

    /// A line for the user about a missing file or incomplete rows.
    pub(crate) fn warning(&self) -> Option<String> {
        let name = shown(&self.name);
        if self.is_missing {
            let (option, meaning) = self.purpose.of_missing()?;
            return Some(format!(
                "note: {option} '{name}': no such file, so {meaning}"
            ));
        }
        let skipped = self.skipped_text()?;
        Some(format!("'{name}': {skipped}"))
    }

    /// Which lines were passed over, without the name of the file.
    pub(crate) fn skipped_text(&self) -> Option<String> {
        let SkippedLines { count, first, .. } = self.skipped;
        match count {
            0 => None,
            1 => Some(format!("line {first} is no whole row, and was passed over")),
            _ => Some(format!(
                "{} are no whole rows, line {first} the first of them, and were passed over",
                counted(count, "line")
            )),
        }
    }

    /// Calls `found` with each URL of an ok row, in order, and where the row's line begins.
    ///
    /// A row has its URL as written, so it is normalised with this run's `default_scheme`.
    ///
    /// # Errors
    ///
    /// `file` cannot be read, or does not begin with a row.
    pub(super) fn read_rows(
        &mut self,
        file: impl Read,
        default_scheme: Option<Scheme>,
        mut found: impl FnMut(&str, u64),
    ) -> Result<(), InputError> {
        let url = |bytes: &[u8]| {
            let row: PastRow<'_> = serde_json::from_slice(bytes)?;
            let is_ok = row.ok == Some(true);
            let url = is_ok.then(|| normalise(row.url.trim(), default_scheme).ok());
            Ok(url.flatten())
        };
        self.read(file, url, |url, place| {
            if let Some(url) = url {
                found(page(&url), place);
            }
        })
    }

    /// Calls `found` with each whole row as `parse` returns it, in order, and where the row's line begins.
    ///
    /// # Errors
    ///
    /// As those of [`read_rows`](Self::read_rows).
    pub(super) fn read<T>(
        &mut self,
        file: impl Read,
        mut parse: impl FnMut(&[u8]) -> serde_json::Result<T>,
        mut found: impl FnMut(T, u64),
    ) -> Result<(), InputError> {
        let mut lines = Lines::with_limit(file, LONGEST_ROW);
        loop {
            while let Some((number, line)) = lines.next_buffered() {
                if let Some(row) = self.take(number, row_line(line, &mut parse))? {
                    found(row, lines.line_start());
                }
            }
            let number = lines.number() + 1;
            let filled = lines.fill();
            if !filled.map_err(|error| self.refuse(Some(number), error))? {
                break;
            }
        }
        self.unfinished = lines.is_unfinished();
        let is_fetched_again = self.purpose != Purpose::Report;
        if is_fetched_again && self.unfinished && self.skipped.last == lines.number() {
            // No warning: killed runs leave such a line, and its URL is not lost. A report does not have its row.
            self.skipped.count -= 1;
        }
        Ok(())
    }

    /// Counts a line, and returns its row.
    fn take<T>(&mut self, number: u64, line: RowLine<T>) -> Result<Option<T>, InputError> {
        match line {
            RowLine::Whole(row) => {
                self.rows += 1;
                return Ok(Some(row));
            }
            RowLine::Blank => {}
            RowLine::Foreign if self.rows == 0 => {
                let error = io::Error::other("not a row of jsonl with its fields");
                return Err(self.refuse(Some(number), error));
            }
            RowLine::Torn | RowLine::Foreign => self.skipped.add(number),
        }
        Ok(None)
    }

    fn error(&self, line: Option<u64>, error: io::Error, hint: &str) -> InputError {
        InputError::of_file(self.purpose.verb(), &self.name, line, error, hint)
    }

    pub(super) fn refuse(&self, line: Option<u64>, error: io::Error) -> InputError {
        let hint = "give the file that an earlier run with -f jsonl has written";
        self.error(line, error, hint)
    }
}

impl SkippedLines {
    fn add(&mut self, line: u64) {
        if self.count == 0 {
            self.first = line;
        }
        self.count += 1;
        self.last = line;
    }
}

#[cfg(unix)]
impl Journal {
    /// Checks `out` if it is the same file. True if that ends in an incomplete line, so that an LF must come first.
    ///
    /// # Errors
    ///
    /// `out` is the file, but is not appended to, or not in jsonl.
    pub(crate) fn needs_newline(&self, out: impl AsFd, is_jsonl: bool) -> Result<bool, InputError> {
        use rustix::fs::{OFlags, fcntl_getfl};
        if self.identity.is_none() || FileId::of_open(&out) != self.identity {
            return Ok(false);
        }
        let is_appended = fcntl_getfl(&out).is_ok_and(|flags| flags.contains(OFlags::APPEND));
        let refuse = |what, hint| {
            let error = io::Error::other(what);
            Err(self.error(None, error, hint))
        };
        if !is_jsonl {
            return refuse(
                "standard output goes to it, but not as jsonl",
                "add -f jsonl",
            );
        }
        if !is_appended {
            return refuse(
                "standard output is written over it",
                "append to it with >> instead of >",
            );
        }
        Ok(self.unfinished)
    }
}

#[cfg(not(unix))]
impl Journal {
    /// As above. The system does not tell which file `_out` is; a needless blank line does no harm.
    pub(crate) fn needs_newline(
        &self,
        _out: impl Sized,
        is_jsonl: bool,
    ) -> Result<bool, InputError> {
        Ok(self.unfinished && is_jsonl)
    }
}
