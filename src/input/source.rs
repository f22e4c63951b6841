//! Files, standard input and arguments as lists, and their errors.
//!
//! Any number of lists takes one descriptor: [`check`] examines a list before the run, [`open`] opens it when it is
//! read.

use crate::escape::shown;
use crate::system;
use std::borrow::Cow;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::{error, fmt};

/// One LIST argument.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum List {
    /// A file or a pipe.
    File(PathBuf),
    /// Standard input; empty the second time.
    Stdin,
    Url(String),
}

impl List {
    /// The path of a file.
    pub(crate) fn path(&self) -> Option<&Path> {
        match self {
            Self::File(path) => Some(path),
            _ => None,
        }
    }
}

/// A file could not be opened or read: the program ends with status 2. The text names the file, the cause and, if
/// known, the remedy.
#[derive(Debug)]
pub(crate) struct InputError {
    verb: &'static str,
    name: String,
    /// The line that was being read.
    line: Option<u64>,
    hint: Option<String>,
    source: io::Error,
}

impl InputError {
    fn new(verb: &'static str, name: &str, source: io::Error) -> Self {
        Self {
            verb,
            name: name.to_owned(),
            line: None,
            hint: None,
            source,
        }
    }

    pub(super) fn reading(name: &str, line: u64, source: io::Error) -> Self {
        Self {
            line: Some(line),
            ..Self::new("read", name, source)
        }
    }

    /// A list whose header, or lack of one, fits no row.
    pub(super) fn of_header(
        name: &str,
        line: Option<u64>,
        what: String,
        hint: Option<String>,
    ) -> Self {
        Self {
            line,
            hint,
            ..Self::new("read", name, io::Error::other(what))
        }
    }

    /// A file of the run, with the remedy.
    pub(super) fn of_file(
        verb: &'static str,
        name: &str,
        line: Option<u64>,
        source: io::Error,
        hint: &str,
    ) -> Self {
        Self {
            line,
            hint: Some(hint.to_owned()),
            ..Self::new(verb, name, source)
        }
    }

    pub(crate) fn panicked() -> Self {
        let source = io::Error::other("the thread that reads it panicked");
        Self::new("read", "the rest of the list", source)
    }

    fn opening(path: &Path, source: io::Error) -> Self {
        let name = path.to_string_lossy();
        Self {
            hint: hint(&name, source.kind()),
            ..Self::new("open", &name, source)
        }
    }
}

impl fmt::Display for InputError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot {} '{}'", self.verb, shown(&self.name))?;
        if let Some(line) = self.line {
            write!(f, ", line {line}")?;
        }
        f.write_str(": ")?;
        match self.source.kind() {
            io::ErrorKind::NotFound => f.write_str("no such file")?,
            io::ErrorKind::PermissionDenied => f.write_str("permission denied")?,
            io::ErrorKind::IsADirectory => f.write_str("it is a directory")?,
            io::ErrorKind::UnexpectedEof => f.write_str("its compressed data is cut short")?,
            _ => f.write_str(&system::os_text(&self.source))?,
        }
        self.hint
            .as_ref()
            .map_or(Ok(()), |hint| write!(f, "; {hint}"))
    }
}

/// Without a source, which is in the text.
impl error::Error for InputError {}

pub(super) fn name(list: &List) -> Cow<'_, str> {
    match list {
        List::File(path) => path.to_string_lossy(),
        List::Stdin => "-".into(),
        List::Url(_) => "argument".into(),
    }
}

/// Checks that `list` can be read. Does not open a pipe: that would wait for the writer, and closing it would end the
/// writer.
pub(super) fn check(list: &List) -> Result<(), InputError> {
    let List::File(path) = list else {
        return Ok(());
    };
    let look = || {
        let metadata = fs::metadata(path)?;
        if metadata.is_dir() {
            return Err(io::ErrorKind::IsADirectory.into());
        }
        if metadata.is_file() {
            File::open(path)?;
        }
        Ok(())
    };
    look().map_err(|error| InputError::opening(path, error))
}

/// Opens a list. Blocks for the writer of a named pipe.
pub(super) fn open(path: &Path) -> Result<File, InputError> {
    File::open(path).map_err(|error| InputError::opening(path, error))
}

/// Standard input, which another process may have made non-blocking.
pub(super) struct Stdin(io::Stdin);

impl Stdin {
    pub(super) fn new() -> Self {
        Self(io::stdin())
    }
}

impl Read for Stdin {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        loop {
            match read(&mut self.0, into) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => wait(&self.0)?,
                result => return result,
            }
        }
    }
}

/// The standard library reports an unreadable descriptor as an empty list.
#[cfg(unix)]
fn read(stdin: &mut io::Stdin, into: &mut [u8]) -> io::Result<usize> {
    Ok(rustix::io::read(stdin, into)?)
}

#[cfg(not(unix))]
fn read(stdin: &mut io::Stdin, into: &mut [u8]) -> io::Result<usize> {
    stdin.read(into)
}

#[cfg(unix)]
fn wait(stdin: &io::Stdin) -> io::Result<()> {
    use rustix::event::{PollFd, PollFlags, poll};
    poll(&mut [PollFd::new(stdin, PollFlags::IN)], None)?;
    Ok(())
}

#[cfg(not(unix))]
fn wait(_: &io::Stdin) -> io::Result<()> {
    Err(io::ErrorKind::WouldBlock.into())
}

/// The remedy for a list `name` that cannot be opened.
fn hint(name: &str, kind: io::ErrorKind) -> Option<String> {
    match kind {
        io::ErrorKind::IsADirectory => Some("give a file with one URL a line".to_owned()),
        io::ErrorKind::NotFound if name.is_empty() => {
            Some("give a file, - for standard input, or a URL".to_owned())
        }
        io::ErrorKind::NotFound if matches!(name, "auto" | "always" | "never") => Some(format!(
            "if it is meant for --summary, write --summary={name}"
        )),
        io::ErrorKind::NotFound if looks_like_host(&shown(name)) => {
            Some(format!("if it is a URL, write https://{}", shown(name)))
        }
        io::ErrorKind::NotFound if name.contains("//") => {
            Some("a URL begins with http:// or https://".to_owned())
        }
        _ => None,
    }
}

/// Whether a file name may be a URL without a scheme, such as `example.com/x`.
fn looks_like_host(name: &str) -> bool {
    const LIST_ENDINGS: [&str; 11] = [
        "txt", "csv", "tsv", "json", "jsonl", "ndjson", "gz", "list", "lst", "urls", "log",
    ];
    let authority = &name[..name.find(['/', '?', '#']).unwrap_or(name.len())];
    let has_path = authority.len() < name.len();
    let authority = authority
        .rsplit_once('@')
        .map_or(authority, |(_, host)| host);
    let host = authority
        .split_once(':')
        .map_or(authority, |(host, _)| host);
    let is_label =
        |label: &str| !label.is_empty() && label.chars().all(|c| c.is_alphanumeric() || c == '-');
    match host.rsplit_once('.') {
        _ if !host.split('.').all(is_label) => false,
        Some((_, ending)) => {
            has_path || !LIST_ENDINGS.contains(&ending.to_ascii_lowercase().as_str())
        }
        None => host == "localhost",
    }
}

#[cfg(test)]
mod tests {
    use super::looks_like_host;

    #[test]
    fn a_host_is_told_from_a_file_name() {
        for host in [
            "example.com",
            "example.com/x",
            "www.example.com:8080/a",
            "localhost:8000",
            "localhost",
            "bücher.example",
            "1.2.3.4",
            "example.txt/x",
            "a.example?q=1",
        ] {
            assert!(looks_like_host(host), "{host}");
        }
        for file in [
            "urls.txt",
            "urls",
            "URLS.TXT",
            "lists/urls",
            "./example.com",
            "../x",
            "/etc/x.y",
            "a..b",
            "a b.com",
            "",
            ".",
            "-x_y.z",
            "C:\\urls.txt",
            "x.jsonl",
            "x.csv.gz",
        ] {
            assert!(!looks_like_host(file), "{file}");
        }
    }
}
