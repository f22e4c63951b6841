//! Streams are split into the same lines, however reads divide them.

use super::*;

/// Each read returns one piece.
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
fn a_last_line_without_its_end_is_told() {
    let long = "x".repeat(LIMIT + 1);
    let (long, longest) = (long.as_str(), long.repeat(9));
    for (content, unfinished) in [
        ("", false),
        ("\n", false),
        ("a\nb\n", false),
        ("a\nb\r\n", false),
        ("a", true),
        ("a\nb", true),
        ("a\r", true),
        (long, true),
        (&longest, true),
        (&format!("{longest}\n"), false),
    ] {
        let mut lines = Lines::new(content.as_bytes());
        while lines.fill().unwrap() {
            while lines.next_buffered().is_some() {}
        }
        assert_eq!(lines.is_unfinished(), unfinished, "{} bytes", content.len());
    }
}

#[test]
fn another_limit_is_exact_too() {
    for length in [99, 100, 101, 250, 1000] {
        let content = format!("{}\nlast\n", "x".repeat(length));
        let mut lines = Lines::with_limit(content.as_bytes(), 100);
        let mut lengths = Vec::new();
        loop {
            while let Some((_, line)) = lines.next_buffered() {
                lengths.push(match line {
                    Line::Whole(bytes) => (bytes.len(), true),
                    Line::TooLong(bytes) => (bytes.len(), false),
                });
            }
            if !lines.fill().unwrap() {
                break;
            }
        }
        assert_eq!(lengths, [(length.min(100), length <= 100), (4, true)]);
    }
}

#[test]
fn a_line_is_where_it_begins() {
    let long = "x".repeat(250);
    let content = format!("a\r\n\n{long}\nb\n{long}{long}\nlast");
    for size in [1, 7, 90] {
        let mut lines = Lines::with_limit(Pieces::new(content.as_bytes(), size), 100);
        let mut starts = Vec::new();
        loop {
            while let Some((_, line)) = lines.next_buffered() {
                let begun = line.bytes().to_vec();
                starts.push((lines.line_start(), begun));
            }
            if !lines.fill().unwrap() {
                break;
            }
        }
        assert_eq!(starts.len(), 6);
        for (start, begun) in starts {
            let there = &content.as_bytes()[start as usize..];
            assert!(there.starts_with(&begun), "{start} in reads of {size}");
            assert!(start == 0 || content.as_bytes()[start as usize - 1] == b'\n');
        }
    }
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
