//! `--resume FILE`: which URLs an earlier run has fetched, read from its records.
//!
//! FILE is what `-f jsonl` wrote, and mostly the very file that standard output is appended to: the run
//! that is gone on with may have been killed at any moment, and more than once. So a line that has only
//! the beginning of a row is passed over, wherever it stands, and its URL is fetched again; a file that
//! was never the output of a run is an error, before anything is fetched. FILE is read once, in
//! constant memory, and not written to.

use super::lines::{Line, Lines};
#[cfg(unix)]
use super::source::Identity;
use super::source::InputError;
use super::target::{Scheme, normalise, page};
use super::url_set::UrlSet;
use crate::escape::shown;
use serde::Deserialize;
use std::borrow::Cow;
use std::fs::File;
use std::io;
#[cfg(unix)]
use std::os::fd::AsFd;
use std::path::Path;

/// The longest row that is read, in bytes. What is long in one is a URL or two, and one of 64 KiB takes
/// at most 384 KiB in JSON.
const LONGEST_ROW: usize = 1 << 20;

const RIGHT: &str = "give the file that an earlier run with -f jsonl has written";

/// What an earlier run has left, but for the URLs themselves.
#[derive(Debug)]
pub(crate) struct Resumed {
    name: String,
    /// Which file it is; `None` if it is not there yet, or no regular file.
    #[cfg(unix)]
    identity: Option<Identity>,
    rows: u64,
    /// Lines that are no whole rows; a last line that is unfinished is none of them.
    passed_over: PassedOver,
    /// The last line has no LF behind it.
    unfinished: bool,
    /// There is no such file.
    is_missing: bool,
}

#[derive(Debug, Default)]
struct PassedOver {
    count: u64,
    first: u64,
    last: u64,
}

/// The fields of a row that matter here.
#[derive(Deserialize)]
struct Row<'a> {
    #[serde(borrow)]
    url: Cow<'a, str>,
    ok: bool,
}

/// What a line of FILE is.
enum Kind<'a> {
    Row(Row<'a>),
    Blank,
    /// It begins as a row does, or with the zeros that some file systems leave after a crash.
    Torn,
    /// No run has written it.
    Foreign,
}

/// Reads `path`, and gives what there is to know of it and the URLs that it has as ok.
///
/// A row has its URL as the user wrote it. That is normalised once more, with the `default_scheme` of
/// this run, and compared as `--unique` compares: it may be spelt otherwise in the lists by now. A file
/// that does not exist is a run that has done nothing yet.
///
/// # Errors
///
/// A file that cannot be read; one that has something else before the first row.
pub(super) fn read(
    path: &Path,
    default_scheme: Option<Scheme>,
) -> Result<(Resumed, UrlSet), InputError> {
    let mut done = UrlSet::new();
    let mut resumed = Resumed::new(path);
    let file = match open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            resumed.is_missing = true;
            return Ok((resumed, done));
        }
        opened => opened.map_err(|error| resumed.refuse(None, error, RIGHT))?,
    };
    #[cfg(unix)]
    {
        resumed.identity = Identity::of_open(&file);
    }
    let mut lines = Lines::with_limit(file, LONGEST_ROW);
    loop {
        while let Some((number, line)) = lines.next_buffered() {
            if let Some(row) = resumed.take(number, kind(line))?
                && row.ok
                && let Ok(url) = normalise(row.url.trim(), default_scheme)
            {
                done.insert(page(&url));
            }
        }
        let number = lines.number() + 1;
        let filled = lines.fill();
        if !filled.map_err(|error| resumed.refuse(Some(number), error, RIGHT))? {
            resumed.end(&lines);
            return Ok((resumed, done));
        }
    }
}

fn open(path: &Path) -> io::Result<File> {
    let file = File::open(path)?;
    if file.metadata()?.is_dir() {
        return Err(io::ErrorKind::IsADirectory.into());
    }
    Ok(file)
}

fn kind(line: Line<'_>) -> Kind<'_> {
    let (bytes, is_whole) = match line {
        Line::Whole(bytes) => (bytes, true),
        Line::TooLong(bytes) => (bytes, false),
    };
    let bytes = bytes
        .strip_prefix("\u{feff}".as_bytes())
        .unwrap_or(bytes)
        .trim_ascii();
    match bytes.first() {
        None => Kind::Blank,
        Some(b'{') if is_whole => match serde_json::from_slice(bytes) {
            Ok(row) => Kind::Row(row),
            // An object, but not one with these fields.
            Err(error) if error.is_data() => Kind::Foreign,
            Err(_) => Kind::Torn,
        },
        Some(b'{' | 0) => Kind::Torn,
        Some(_) => Kind::Foreign,
    }
}

impl Resumed {
    fn new(path: &Path) -> Self {
        Self {
            name: path.to_string_lossy().into_owned(),
            #[cfg(unix)]
            identity: None,
            rows: 0,
            passed_over: PassedOver::default(),
            unfinished: false,
            is_missing: false,
        }
    }

    /// What the user should know of the file, on one line without its end.
    pub(crate) fn warning(&self) -> Option<String> {
        let name = shown(&self.name);
        if self.is_missing {
            return Some(format!(
                "note: --resume '{name}': no such file, so nothing is skipped"
            ));
        }
        match self.passed_over {
            PassedOver { count: 0, .. } => None,
            PassedOver {
                count: 1, first, ..
            } => Some(format!(
                "'{name}': line {first} is no whole row, and was passed over"
            )),
            PassedOver { count, first, .. } => Some(format!(
                "'{name}': {count} lines are no whole rows, line {first} the first of them, and were passed over"
            )),
        }
    }

    /// Takes a line into account, and gives the row if it is one.
    fn take<'a>(&mut self, number: u64, kind: Kind<'a>) -> Result<Option<Row<'a>>, InputError> {
        match kind {
            Kind::Row(row) => {
                self.rows += 1;
                return Ok(Some(row));
            }
            Kind::Blank => {}
            Kind::Foreign if self.rows == 0 => {
                let error = io::Error::other("not a row of jsonl with its fields");
                return Err(self.refuse(Some(number), error, RIGHT));
            }
            Kind::Torn | Kind::Foreign => self.passed_over.add(number),
        }
        Ok(None)
    }

    /// Takes the end of the file into account.
    fn end<R: io::Read>(&mut self, lines: &Lines<R>) {
        self.unfinished = lines.is_unfinished();
        if self.unfinished && self.passed_over.last == lines.number() {
            // What a killed run leaves behind is nothing to wonder about.
            self.passed_over.count -= 1;
        }
    }

    fn refuse(&self, line: Option<u64>, error: io::Error, hint: &str) -> InputError {
        InputError::resuming(&self.name, line, error, hint)
    }
}

impl PassedOver {
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
    /// Makes sure, before the first record, that those that go to `out` fit the file that was read,
    /// if it is the same. `Ok(true)` asks for an LF before the first of them, as its last line is
    /// torn.
    ///
    /// # Errors
    ///
    /// `out` is the file, but would be written from its beginning, or not in jsonl.
    pub(crate) fn needs_newline(&self, out: impl AsFd, is_jsonl: bool) -> Result<bool, InputError> {
        use rustix::fs::{OFlags, fcntl_getfl};
        if self.identity.is_none() || Identity::of_open(&out) != self.identity {
            return Ok(false);
        }
        let is_appended = fcntl_getfl(&out).is_ok_and(|flags| flags.contains(OFlags::APPEND));
        let refuse = |what, hint| Err(self.refuse(None, io::Error::other(what), hint));
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
    /// As above; but nobody can tell here which file `_out` is. A blank line too many is better than a
    /// row behind one that is torn.
    pub(crate) fn needs_newline(
        &self,
        _out: impl Sized,
        is_jsonl: bool,
    ) -> Result<bool, InputError> {
        Ok(self.unfinished && is_jsonl)
    }
}
