//! Files that keep secrets out of the command line: of headers (`-H @FILE`), of users and passwords (`--netrc`), of cookies.
//!
//! A message names the option, the file and the line. It never repeats a value: it may be a secret.

use std::fmt::Display;
use std::fs::File;
use std::io::Read;
use std::path::Path;

use anyhow::anyhow;

use crate::cli::HeaderSource;
use crate::escape::shown_path;
use crate::fetch::{Cookies, CustomHeader, Netrc};
use crate::system::os_text;

/// The most bytes of each file.
const MOST_OF_HEADERS: u64 = 64 << 10;
const MOST_OF_NETRC: u64 = 1 << 20;
const MOST_OF_COOKIES: u64 = 16 << 20;

/// The headers of `sources`, in their order.
///
/// # Errors
///
/// A file cannot be read, is too large, or has a line that is no header.
pub(crate) fn headers(sources: Vec<HeaderSource>) -> anyhow::Result<Vec<CustomHeader>> {
    let mut headers = Vec::new();
    for source in sources {
        match source {
            HeaderSource::Header(header) => headers.push(header),
            HeaderSource::File(path) => {
                headers.extend(read("-H @", &path, MOST_OF_HEADERS, header_lines)?);
            }
        }
    }
    Ok(headers)
}

/// # Errors
///
/// The file cannot be read, is too large, or is no netrc file.
pub(crate) fn netrc(path: &Path) -> anyhow::Result<Netrc> {
    read("--netrc=", path, MOST_OF_NETRC, Netrc::parse)
}

/// # Errors
///
/// The file cannot be read, is too large, or is no file of cookies.
pub(crate) fn cookies(path: &Path) -> anyhow::Result<Cookies> {
    let is_cookie = path.as_os_str().as_encoded_bytes().contains(&b'=');
    if is_cookie && !path.exists() {
        // As curl takes it. It may be a secret.
        anyhow::bail!(
            "--cookies takes a file: for a cookie itself write -H 'Cookie: NAME=VALUE', or -H @FILE with that line"
        );
    }
    read("--cookies ", path, MOST_OF_COOKIES, Cookies::parse)
}

/// Reads the file that `option` names. The errors of `parse` begin with the number of the line.
fn read<T, E: Display>(
    option: &str,
    path: &Path,
    limit: u64,
    parse: impl FnOnce(&[u8]) -> Result<T, E>,
) -> anyhow::Result<T> {
    let name = shown_path(path);
    let mut text = Vec::new();
    File::open(path)
        .and_then(|file| file.take(limit + 1).read_to_end(&mut text))
        .map_err(|error| anyhow!("{option}{name}: {}", os_text(&error)))?;
    if text.len() as u64 > limit {
        let (size, unit) = if limit < 1 << 20 {
            (limit >> 10, "KiB")
        } else {
            (limit >> 20, "MiB")
        };
        anyhow::bail!("{option}{name}: it is over {size} {unit}");
    }
    parse(&text).map_err(|wrong| anyhow!("{option}{name}, {wrong}"))
}

/// Reads a header a line.
fn header_lines(text: &[u8]) -> Result<Vec<CustomHeader>, String> {
    let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
    let mut headers = Vec::new();
    for (line, number) in text.split(|byte| *byte == b'\n').zip(1..) {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if line.trim_ascii().is_empty() || line.starts_with(b"#") {
            continue;
        }
        let line = std::str::from_utf8(line).map_err(|_| format!("line {number}: not UTF-8"))?;
        let header = line.parse::<CustomHeader>();
        headers.push(header.map_err(|error| format!("line {number}: {error}"))?);
    }
    Ok(headers)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(lines: &[&str]) -> Vec<CustomHeader> {
        lines.iter().map(|line| line.parse().unwrap()).collect()
    }

    #[test]
    fn a_line_is_a_header() {
        let table: [(&[u8], &[&str]); 8] = [
            (b"", &[]),
            (b"\n \r\n\t\n# A: b\n#\n", &[]),
            (b"A: b", &["A: b"]),
            (
                b"A: b\nC;\nAccept:\n\n# d\nA: e\n",
                &["A: b", "C;", "Accept:", "A: e"],
            ),
            (b"A: b\r\n\r\n# x\r\nC: d\r\n", &["A: b", "C: d"]),
            (b"A: b\r", &["A: b"]),
            (b"\xef\xbb\xbfA: b\n", &["A: b"]),
            ("A: b\u{fc}cher\n".as_bytes(), &["A: b\u{fc}cher"]),
        ];
        for (text, expected) in table {
            assert_eq!(header_lines(text), Ok(parsed(expected)), "{text:?}");
        }
    }

    #[test]
    fn a_wrong_line_is_named_without_its_value() {
        let table: [(&[u8], usize, &str); 7] = [
            (b"hunter2", 1, "no colon"),
            (b"A: b\n\n# c\nhunter2\n", 4, "no colon"),
            (b"A: b\r\nBad name: hunter2\r\n", 2, "not a header name"),
            (b" A: hunter2", 1, "not a header name"),
            (b"A: hunter2\x00\n", 1, "the control character"),
            (b"A: b\nA: hunter2\xff\n", 2, "not UTF-8"),
            (b"Content-Length: 11\n", 1, "Content-Length cannot be set"),
        ];
        for (text, line, expected) in table {
            let wrong = header_lines(text).expect_err("it is wrong");
            let expected = format!("line {line}: {expected}");
            assert!(
                wrong.starts_with(&expected) && !wrong.contains("hunter2"),
                "{text:?}: {wrong}"
            );
        }
    }

    // Windows words errors otherwise.
    #[cfg(unix)]
    #[test]
    fn files_keep_their_place_among_the_headers() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("headers");
        std::fs::write(&path, "B: 2\nC: 3\n").unwrap();
        let header = |text: &str| HeaderSource::Header(text.parse().unwrap());
        let sources = vec![
            header("A: 1"),
            HeaderSource::File(path.clone()),
            header("D: 4"),
        ];
        let read = headers(sources).unwrap();
        assert_eq!(read, parsed(&["A: 1", "B: 2", "C: 3", "D: 4"]));

        let mut full = vec![b'#'; 64 << 10];
        std::fs::write(&path, &full).unwrap();
        assert_eq!(headers(vec![HeaderSource::File(path.clone())]).unwrap(), []);
        full.push(b'#');
        std::fs::write(&path, &full).unwrap();
        for (path, expected) in [
            (path, "it is over 64 KiB"),
            (dir.path().join("none"), "no such file or directory"),
            (dir.path().to_owned(), "is a directory"),
        ] {
            let told = headers(vec![HeaderSource::File(path.clone())]).unwrap_err();
            let expected = format!("-H @{}: {expected}", path.display());
            assert_eq!(told.to_string(), expected);
        }
    }
}
