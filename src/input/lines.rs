//! Cuts a byte stream into numbered lines, in constant memory.
//!
//! A line ends with LF or CRLF, the last one also with the end of the stream. A line over [`LIMIT`]
//! bytes is reported by its beginning and the rest of it is skipped while it streams by.
//! Callers may rely on this: [`Lines::next_buffered`] never reads, so a line that has arrived can be
//! taken while its successor has yet to come; only [`Lines::fill`] blocks, for one `read`.
//! It knows nothing of URLs, comments or encodings.

use std::io::{self, BufRead, Read};

/// The longest line that is taken whole, in bytes without its line end.
pub(super) const LIMIT: usize = 64 * 1024;

/// One line of the longest kind, its CR, and room for reads that are still large beside it. The
/// standard library's own buffer of standard input is bypassed by reads of 8 KiB and more.
const CAPACITY: usize = 2 * LIMIT;

/// A line without its line end.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Line<'a> {
    /// All of it.
    Whole(&'a [u8]),
    /// The first [`LIMIT`] bytes of a line that is longer.
    TooLong(&'a [u8]),
}

/// The lines of one stream; see the module's page.
pub(super) struct Lines<R> {
    reader: R,
    buffer: Box<[u8]>,
    /// What has been read and not yet given out is `buffer[start..end]`.
    start: usize,
    end: usize,
    number: u64,
    /// Inside a line that was given out as too long: drop bytes up to its LF.
    skipping: bool,
    ended: bool,
}

impl<R: Read> Lines<R> {
    pub(super) fn new(reader: R) -> Self {
        let buffer = vec![0; CAPACITY].into_boxed_slice();
        Self {
            reader,
            buffer,
            start: 0,
            end: 0,
            number: 0,
            skipping: false,
            ended: false,
        }
    }

    /// How many lines have been given out; the last one has this number.
    pub(super) fn number(&self) -> u64 {
        self.number
    }

    /// The next line that is already here, with its number from 1. Never blocks.
    ///
    /// `None` asks for another [`fill`](Self::fill), until that says that the stream has ended.
    pub(super) fn next_buffered(&mut self) -> Option<(u64, Line<'_>)> {
        if self.skipping && !self.skip() {
            return None;
        }
        let rest = &self.buffer[self.start..self.end];
        let taken = through_newline(rest);
        if taken == 0 {
            return None;
        }
        let complete = rest[taken - 1] == b'\n' || self.ended;
        // Of an unfinished line one byte more than the limit may still turn out to be the CR of CRLF.
        if !complete && taken <= LIMIT + 1 {
            return None;
        }
        self.start += taken;
        self.number += 1;
        self.skipping = !complete;
        let line = without_line_end(&self.buffer[self.start - taken..self.start]);
        let line = if line.len() > LIMIT {
            Line::TooLong(&line[..LIMIT])
        } else {
            Line::Whole(line)
        };
        Some((self.number, line))
    }

    /// Reads once, blocking until something comes. `Ok(false)` says that the stream has ended and
    /// that every line has been given out.
    ///
    /// To be called when [`next_buffered`](Self::next_buffered) has nothing to give.
    pub(super) fn fill(&mut self) -> io::Result<bool> {
        if self.ended {
            return Ok(false);
        }
        self.buffer.copy_within(self.start..self.end, 0);
        self.end -= self.start;
        self.start = 0;
        match read_once(&mut self.reader, &mut self.buffer[self.end..])? {
            0 => self.ended = true,
            count => self.end += count,
        }
        Ok(!self.ended || self.end > 0)
    }

    /// Drops what is here of a line too long. True when its end was found.
    fn skip(&mut self) -> bool {
        let rest = &self.buffer[self.start..self.end];
        let taken = through_newline(rest);
        self.skipping = taken == 0 || rest[taken - 1] != b'\n';
        self.start += taken;
        !self.skipping
    }
}

/// The length of `bytes` up to and with its first LF, or all of it.
fn through_newline(mut bytes: &[u8]) -> usize {
    // The standard library's way to its fast memchr.
    bytes
        .skip_until(b'\n')
        .expect("reading from memory does not fail")
}

fn without_line_end(line: &[u8]) -> &[u8] {
    match line {
        [line @ .., b'\r', b'\n'] | [line @ .., b'\n'] => line,
        line => line,
    }
}

fn read_once(reader: &mut impl Read, into: &mut [u8]) -> io::Result<usize> {
    loop {
        match reader.read(into) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            result => return result,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Hands out its pieces one a read, then the end.
    struct Pieces(std::vec::IntoIter<Vec<u8>>);

    impl Pieces {
        fn new(bytes: &[u8], size: usize) -> Self {
            Self(
                bytes
                    .chunks(size)
                    .map(<[u8]>::to_vec)
                    .collect::<Vec<_>>()
                    .into_iter(),
            )
        }
    }

    impl Read for Pieces {
        fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
            let piece = self.0.next().unwrap_or_default();
            into[..piece.len()].copy_from_slice(&piece);
            Ok(piece.len())
        }
    }

    fn all(reader: impl Read) -> Vec<(u64, String, bool)> {
        let mut lines = Lines::new(reader);
        let mut seen = Vec::new();
        loop {
            while let Some((number, line)) = lines.next_buffered() {
                let (bytes, whole) = match line {
                    Line::Whole(bytes) => (bytes, true),
                    Line::TooLong(bytes) => (bytes, false),
                };
                seen.push((number, String::from_utf8_lossy(bytes).into_owned(), whole));
            }
            if !lines.fill().expect("the reader does not fail") {
                return seen;
            }
        }
    }

    #[test]
    fn lines_are_cut_alike_whatever_the_reads_bring() {
        let table: &[(&str, &[&str])] = &[
            ("", &[]),
            ("\n", &[""]),
            ("a", &["a"]),
            ("a\n", &["a"]),
            ("a\r\n", &["a"]),
            ("a\nb", &["a", "b"]),
            ("a\r\nb\r\n", &["a", "b"]),
            ("a\n\n\nb\n", &["a", "", "", "b"]),
            ("a\rb\n", &["a\rb"]),
            ("a\r", &["a\r"]),
            ("a\r\r\n", &["a\r"]),
            ("a\0b\n\0\n", &["a\0b", "\0"]),
        ];
        for (input, expected) in table {
            for size in [1, 2, 3, 100] {
                let lines = all(Pieces::new(input.as_bytes(), size));
                let texts: Vec<_> = lines.iter().map(|(_, text, _)| text.as_str()).collect();
                assert_eq!(texts, *expected, "{input:?} in reads of {size}");
                let numbers: Vec<_> = lines.iter().map(|(number, ..)| *number).collect();
                assert_eq!(
                    numbers,
                    (1..=expected.len() as u64).collect::<Vec<_>>(),
                    "{input:?}"
                );
            }
        }
    }

    #[test]
    fn the_limit_is_exact_and_reading_goes_on_behind_a_longer_line() {
        for end in ["\n", "\r\n"] {
            for (length, whole) in [
                (LIMIT - 1, true),
                (LIMIT, true),
                (LIMIT + 1, false),
                (LIMIT + 2, false),
                (9 * LIMIT, false),
            ] {
                for size in [4096, LIMIT - 1, 60_000] {
                    let input = format!("first{end}{}{end}last", "x".repeat(length));
                    let lines = all(Pieces::new(input.as_bytes(), size));
                    let about = format!("{length} bytes, {end:?}, reads of {size}");
                    assert_eq!(lines.len(), 3, "{about}");
                    assert_eq!(lines[0], (1, "first".to_owned(), true), "{about}");
                    assert_eq!(
                        (lines[1].0, lines[1].1.len(), lines[1].2),
                        (2, length.min(LIMIT), whole),
                        "{about}"
                    );
                    assert_eq!(lines[2], (3, "last".to_owned(), true), "{about}");
                }
            }
        }
    }

    #[test]
    fn a_last_line_too_long_and_unfinished_is_given_once() {
        for length in [LIMIT + 1, LIMIT + 2, 5 * LIMIT] {
            let lines = all(Pieces::new("x".repeat(length).as_bytes(), 1000));
            assert_eq!(lines.len(), 1, "{length}");
            assert!(!lines[0].2, "{length}");
        }
    }

    #[test]
    fn a_line_is_given_before_the_next_has_come() {
        let mut lines = Lines::new(Pieces(
            vec![b"a\nb\nc".to_vec(), b"d\n".to_vec()].into_iter(),
        ));
        assert_eq!(lines.next_buffered(), None);
        assert!(lines.fill().unwrap());
        assert_eq!(lines.next_buffered(), Some((1, Line::Whole(b"a"))));
        assert_eq!(lines.next_buffered(), Some((2, Line::Whole(b"b"))));
        assert_eq!(lines.next_buffered(), None, "c is unfinished");
        assert!(lines.fill().unwrap());
        assert_eq!(lines.next_buffered(), Some((3, Line::Whole(b"cd"))));
    }

    #[test]
    fn a_read_that_a_signal_interrupted_is_done_again() {
        struct Interrupted(bool);
        impl Read for Interrupted {
            fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
                if std::mem::replace(&mut self.0, false) {
                    return Err(io::ErrorKind::Interrupted.into());
                }
                into[0] = b'a';
                Ok(1)
            }
        }
        assert!(Lines::new(Interrupted(true)).fill().unwrap());
    }
}
