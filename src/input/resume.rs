//! `--resume FILE`: which URLs an earlier run has fetched, read from its records.
//!
//! FILE is the output of `-f jsonl`, often the file that this run appends to. An incomplete row, which a killed run may
//! leave, is skipped, and its URL is fetched again. A file that no run has written is an error. FILE is read once, in
//! constant memory.

use super::lines::{Line, Lines};
#[cfg(unix)]
use super::source::FileId;
use super::source::InputError;
use super::target::{Scheme, normalise, page};
use super::url_set::UrlSet;
use crate::escape::shown;
use serde::Deserialize;
use std::borrow::Cow;
use std::fs::File;
use std::io::{self, Read};
#[cfg(unix)]
use std::os::fd::AsFd;
use std::path::Path;

/// The longest row, in bytes: a body of 10 MiB, the limit of `--body`, may take six times as much in JSON. The buffer has
/// memory only for what is read.
const LONGEST_ROW: usize = 64 << 20;

/// The file of an earlier run, without its URLs.
#[derive(Debug, Default)]
pub(crate) struct Resumed {
    name: String,
    /// `None` if it does not exist, or is no regular file.
    #[cfg(unix)]
    identity: Option<FileId>,
    rows: u64,
    /// Incomplete rows, the unfinished last line apart.
    skipped: SkippedLines,
    /// The last line has no LF.
    unfinished: bool,
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
enum RowLine<'a> {
    Whole(PastRow<'a>),
    Blank,
    /// The beginning of a row, or the zeros of some file systems after a crash.
    Torn,
    /// Anything else.
    Foreign,
}

/// Reads `path`, and returns the set of its ok URLs. A file that does not exist has no rows.
///
/// # Errors
///
/// The file cannot be read, or does not begin with a row.
pub(super) fn read(
    path: &Path,
    default_scheme: Option<Scheme>,
) -> Result<(Resumed, UrlSet), InputError> {
    let mut resumed = Resumed {
        name: path.to_string_lossy().into_owned(),
        ..Resumed::default()
    };
    let file = match open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            resumed.is_missing = true;
            return Ok((resumed, UrlSet::new()));
        }
        opened => opened.map_err(|error| resumed.refuse(None, error))?,
    };
    #[cfg(unix)]
    {
        resumed.identity = FileId::of_open(&file);
    }
    let done = resumed.read_rows(file, default_scheme)?;
    Ok((resumed, done))
}

fn open(path: &Path) -> io::Result<File> {
    let file = File::open(path)?;
    if file.metadata()?.is_dir() {
        return Err(io::ErrorKind::IsADirectory.into());
    }
    Ok(file)
}

fn row_line(line: Line<'_>) -> RowLine<'_> {
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
        Some(b'{') if is_whole => match serde_json::from_slice(bytes) {
            Ok(row) => RowLine::Whole(row),
            // An object without these fields.
            Err(error) if error.is_data() => RowLine::Foreign,
            Err(_) => RowLine::Torn,
        },
        Some(b'{' | 0) => RowLine::Torn,
        Some(_) => RowLine::Foreign,
    }
}

impl Resumed {
    /// A line for the user about a missing file or incomplete rows.
    pub(crate) fn warning(&self) -> Option<String> {
        let name = shown(&self.name);
        if self.is_missing {
            return Some(format!(
                "note: --resume '{name}': no such file, so nothing is skipped"
            ));
        }
        match self.skipped {
            SkippedLines { count: 0, .. } => None,
            SkippedLines {
                count: 1, first, ..
            } => Some(format!(
                "'{name}': line {first} is no whole row, and was passed over"
            )),
            SkippedLines { count, first, .. } => Some(format!(
                "'{name}': {count} lines are no whole rows, line {first} the first of them, and were passed over"
            )),
        }
    }

    /// The set of the ok URLs.
    ///
    /// A row has its URL as written, so it is normalised with this run's `default_scheme`.
    pub(super) fn read_rows(
        &mut self,
        file: impl Read,
        default_scheme: Option<Scheme>,
    ) -> Result<UrlSet, InputError> {
        let mut done = UrlSet::new();
        let mut lines = Lines::with_limit(file, LONGEST_ROW);
        loop {
            while let Some((number, line)) = lines.next_buffered() {
                if let Some(row) = self.take(number, row_line(line))?
                    && row.ok == Some(true)
                    && let Ok(url) = normalise(row.url.trim(), default_scheme)
                {
                    done.insert(page(&url));
                }
            }
            let number = lines.number() + 1;
            let filled = lines.fill();
            if !filled.map_err(|error| self.refuse(Some(number), error))? {
                break;
            }
        }
        self.unfinished = lines.is_unfinished();
        if self.unfinished && self.skipped.last == lines.number() {
            // No warning: killed runs leave such a line.
            self.skipped.count -= 1;
        }
        Ok(done)
    }

    /// Counts a line, and returns its row.
    fn take<'a>(
        &mut self,
        number: u64,
        line: RowLine<'a>,
    ) -> Result<Option<PastRow<'a>>, InputError> {
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

    fn refuse(&self, line: Option<u64>, error: io::Error) -> InputError {
        let hint = "give the file that an earlier run with -f jsonl has written";
        InputError::resuming(&self.name, line, error, hint)
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
impl Resumed {
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
            Err(InputError::resuming(&self.name, None, error, hint))
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
impl Resumed {
    /// As above. The system does not tell which file `_out` is; a needless blank line does no harm.
    pub(crate) fn needs_newline(
        &self,
        _out: impl Sized,
        is_jsonl: bool,
    ) -> Result<bool, InputError> {
        Ok(self.unfinished && is_jsonl)
    }
}
