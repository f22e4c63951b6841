//! Files of headers, as `-H @FILE` takes them.
//!
//! A message never repeats a value: it may be a secret.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use anyhow::anyhow;

use crate::cli::HeaderSource;
use crate::escape::shown_path;
use crate::fetch::CustomHeader;
use crate::system::os_text;

/// The most bytes of a file.
const LIMIT: u64 = 64 << 10;

/// The headers of `sources`, in their order.
///
/// # Errors
///
/// A file cannot be read, is too large, or has a line that is no header. The message names the file and the line.
pub(crate) fn read_all(sources: Vec<HeaderSource>) -> anyhow::Result<Vec<CustomHeader>> {
    let mut headers = Vec::new();
    for source in sources {
        match source {
            HeaderSource::Header(header) => headers.push(header),
            HeaderSource::File(path) => headers.extend(read(&path)?),
        }
    }
    Ok(headers)
}

fn read(path: &Path) -> anyhow::Result<Vec<CustomHeader>> {
    let name = shown_path(path);
    let text = read_bytes(path).map_err(|error| anyhow!("-H @{name}: {}", os_text(&error)))?;
    if text.len() as u64 > LIMIT {
        anyhow::bail!("-H @{name}: it is over 64 KiB");
    }
    headers(&text).map_err(|(line, wrong)| anyhow!("-H @{name}, line {line}: {wrong}"))
}

fn read_bytes(path: &Path) -> io::Result<Vec<u8>> {
    let mut text = Vec::new();
    File::open(path)?.take(LIMIT + 1).read_to_end(&mut text)?;
    Ok(text)
}

/// Reads a header a line. An error has the number of its line.
fn headers(text: &[u8]) -> Result<Vec<CustomHeader>, (usize, String)> {
    let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
    let mut headers = Vec::new();
    for (line, number) in text.split(|byte| *byte == b'\n').zip(1..) {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if line.trim_ascii().is_empty() || line.starts_with(b"#") {
            continue;
        }
        let line = std::str::from_utf8(line).map_err(|_| (number, "not UTF-8".to_owned()))?;
        let header = line.parse::<CustomHeader>();
        headers.push(header.map_err(|error| (number, error.to_string()))?);
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
            assert_eq!(headers(text), Ok(parsed(expected)), "{text:?}");
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
            let (number, wrong) = headers(text).expect_err("it is wrong");
            assert_eq!(number, line, "{text:?}");
            assert!(
                wrong.starts_with(expected) && !wrong.contains("hunter2"),
                "{text:?}: {wrong}"
            );
        }
    }

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
        let read = read_all(sources).unwrap();
        assert_eq!(read, parsed(&["A: 1", "B: 2", "C: 3", "D: 4"]));

        let mut full = vec![b'#'; 64 << 10];
        std::fs::write(&path, &full).unwrap();
        assert_eq!(
            read_all(vec![HeaderSource::File(path.clone())]).unwrap(),
            []
        );
        full.push(b'#');
        std::fs::write(&path, &full).unwrap();
        for (path, expected) in [
            (path, "it is over 64 KiB"),
            (dir.path().join("none"), "no such file or directory"),
            (dir.path().to_owned(), "is a directory"),
        ] {
            let told = read_all(vec![HeaderSource::File(path.clone())]).unwrap_err();
            let expected = format!("-H @{}: {expected}", path.display());
            assert_eq!(told.to_string(), expected);
        }
    }
}
