//! Rows however reads cut them, and their lines.

use super::*;

/// Reads that bring at most this many bytes each.
struct Drip<'a>(&'a [u8], usize);

impl Read for Drip<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let most = self.1.min(into.len());
        self.0.read(&mut into[..most])
    }
}

type Found = (u64, Vec<String>, Option<RowFault>);

fn rows_within(list: &[u8], step: usize, limit: usize) -> Vec<Found> {
    let mut rows = Rows::with_limit(Drip(list, step), b',', limit);
    let mut found = Vec::new();
    loop {
        while let Some((line, cells)) = rows.next_buffered() {
            let text = cells
                .iter()
                .map(|cell| String::from_utf8_lossy(cell).into_owned());
            found.push((line, text.collect(), cells.fault));
        }
        if !rows.fill().unwrap() {
            return found;
        }
    }
}

/// What each way of cutting the list gives.
fn rows(list: &[u8], limit: usize) -> Vec<Found> {
    let whole = rows_within(list, usize::MAX, limit);
    for step in 1..list.len().min(40) {
        assert_eq!(rows_within(list, step, limit), whole, "steps of {step}");
    }
    whole
}

#[test]
fn rows_are_cells_under_the_line_on_which_they_begin() {
    type Table = &'static [(&'static str, &'static [(u64, &'static [&'static str])])];
    let table: Table = &[
        ("", &[]),
        ("\n\r\n\n", &[]),
        ("\u{feff}", &[]),
        ("a", &[(1, &["a"])]),
        ("a,b\n", &[(1, &["a", "b"])]),
        ("a,b\r\nc,d", &[(1, &["a", "b"]), (2, &["c", "d"])]),
        ("\u{feff}a,b\n", &[(1, &["a", "b"])]),
        ("\u{feff}\u{feff}a\n", &[(1, &["\u{feff}a"])]),
        ("\n\n\r\na\n\n\nb\n", &[(4, &["a"]), (7, &["b"])]),
        (
            "a,\"x\ny\r\nz\"\nb,c\n",
            &[(1, &["a", "x\ny\r\nz"]), (4, &["b", "c"])],
        ),
        (
            "\"\"\n\"a\"\"b\",\"c,d\"",
            &[(1, &[""]), (2, &["a\"b", "c,d"])],
        ),
        (",\n,,\n", &[(1, &["", ""]), (2, &["", "", ""])]),
        ("5\" disk,a\"b\n", &[(1, &["5\" disk", "a\"b"])]),
        (" \n", &[(1, &[" "])]),
    ];
    for (list, expected) in table {
        let found = rows(list.as_bytes(), 100);
        let found: Vec<_> = found
            .iter()
            .map(|(line, cells, fault)| {
                assert_eq!(*fault, None, "{list:?}");
                (*line, cells.iter().map(String::as_str).collect::<Vec<_>>())
            })
            .collect();
        let expected: Vec<_> = expected
            .iter()
            .map(|(line, cells)| (*line, cells.to_vec()))
            .collect();
        assert_eq!(found, expected, "{list:?}");
    }
}

#[test]
fn a_row_over_the_limit_is_skipped_to_its_end() {
    let found = rows(b"a,b\n1,23456\n1,234567\nc,d\n", 7);
    let faults: Vec<_> = found
        .iter()
        .map(|(line, cells, fault)| (*line, &*cells[0], *fault))
        .collect();
    let expected = [
        (1, "a", None),
        (2, "1", None),
        (3, "1", Some(RowFault::TooLong)),
        (4, "c", None),
    ];
    assert_eq!(faults, expected);
    let [.., last] = &rows(b"a\nb,\"123456789\n\",x\nc\n", 8)[..] else {
        panic!("there are rows");
    };
    assert_eq!(
        (last.0, last.2),
        (4, None),
        "the row's end is outside quotes"
    );
}

#[test]
fn after_a_mistake_in_quotes_reading_goes_on_with_the_next_line() {
    use RowFault::{OpenQuote, TextAfterQuote};
    type Expected = &'static [(u64, &'static str, Option<RowFault>)];
    let table: [(&str, usize, Expected); 11] = [
        (
            "b,\"oops\nc,3\nd,\"4\"\ne,5",
            100,
            &[
                (1, "b", Some(TextAfterQuote)),
                (2, "c", None),
                (3, "d", None),
                (4, "e", None),
            ],
        ),
        (
            "a,b\nc,\"d\ne,f\n",
            100,
            &[(1, "a", None), (2, "c", Some(OpenQuote)), (3, "e", None)],
        ),
        (
            "a,b\nc,\"d\ne,f\ng,h\n",
            7,
            &[
                (1, "a", None),
                (2, "c", Some(OpenQuote)),
                (3, "e", None),
                (4, "g", None),
            ],
        ),
        (
            "a,\"b\"c\nd,e\n",
            100,
            &[(1, "a", Some(TextAfterQuote)), (2, "d", None)],
        ),
        (
            "a,\"b\"\"c\",\"\"\r\nd,\"\"\"\"\n",
            100,
            &[(1, "a", None), (2, "d", None)],
        ),
        ("a,\"b", 100, &[(1, "a", Some(OpenQuote))]),
        (
            "a,\"b\"c,\"d\ne,f\n",
            100,
            &[(1, "a", Some(TextAfterQuote)), (2, "e", None)],
        ),
        (
            "a,\"b\"c,ddddd\ne,f\n",
            9,
            &[(1, "a", Some(TextAfterQuote)), (2, "e", None)],
        ),
        (
            "a,\"bbbbbbbbb\"\ne,f\n",
            9,
            &[(1, "a", Some(OpenQuote)), (2, "e", None)],
        ),
        (
            "a,\"b\"c\rd,e\r\nf,\"g\"h\r\ni",
            100,
            &[
                (1, "a", Some(TextAfterQuote)),
                (2, "d", None),
                (3, "f", Some(TextAfterQuote)),
                (4, "i", None),
            ],
        ),
        (
            "a\"b,\"c\na\",,\"\nd,\"\"\"e\"\"\"\n",
            100,
            &[
                (1, "a\"b", Some(TextAfterQuote)),
                (2, "a\"", Some(OpenQuote)),
                (3, "d", None),
            ],
        ),
    ];
    for (list, limit, expected) in table {
        let found = rows(list.as_bytes(), limit);
        let found: Vec<_> = found
            .iter()
            .map(|(line, cells, fault)| (*line, &*cells[0], *fault))
            .collect();
        assert_eq!(found, expected, "{list:?}");
    }
}

#[test]
fn what_another_crate_writes_is_read_as_it_reads_it() {
    let cells = [
        "", "a", "\"", "\"\"", "a\"b", ",", "a,b", "\n", "a\r\nb", " ", "\u{e4}",
    ];
    let mut writer = csv::Writer::from_writer(Vec::new());
    for first in cells {
        for second in cells {
            writer.write_record([first, second]).unwrap();
        }
    }
    let list = writer.into_inner().unwrap();
    let found = rows(&list, 100);
    assert_eq!(found.len(), cells.len() * cells.len());
    let mut reader = csv::ReaderBuilder::new();
    let mut reader = reader.has_headers(false).from_reader(&list[..]);
    for (row, (_, cells, fault)) in reader.records().zip(&found) {
        assert!(row.unwrap().iter().eq(cells) && fault.is_none());
    }
}

#[test]
fn lines_behind_a_mistake_in_quotes_are_read_twice_at_most() {
    // Reading up to the limit for each of them would take hours.
    for (line, lines_a_row) in [
        ("a\",,\"\n", 1),
        ("a\"b,\"\n", 1),
        ("a,\"b\n", 1),
        ("\"a\n", 1),
        ("\"\n", 2),
    ] {
        let found = rows_within(line.repeat(40_000).as_bytes(), usize::MAX, LIMIT);
        assert_eq!(found.len(), 40_000 / lines_a_row, "{line:?}");
    }
}

#[test]
fn a_fault_is_told_of_before_the_row_ends() {
    use RowFault::{OpenQuote, TextAfterQuote, TooLong};
    for (begun, fault) in [
        ("a,\"b\nc", OpenQuote),
        ("a,bbbb", TooLong),
        ("a,\"b\"c", TextAfterQuote),
    ] {
        let mut rows = Rows::with_limit(begun.as_bytes().chain(&b"d\ne,f\n"[..]), b',', 5);
        assert!(rows.fill().unwrap());
        let (line, cells) = rows.next_buffered().expect("its fault is buffered");
        assert_eq!(
            (line, cells.get(0), cells.fault),
            (1, Some(&b"a"[..]), Some(fault))
        );
        assert_eq!(cells.len(), 1, "{begun:?}");
        while rows.next_buffered().is_none() {
            assert!(rows.fill().unwrap(), "{begun:?}: the next row is missing");
        }
    }
}

#[test]
fn a_row_is_available_before_the_next_has_come() {
    /// Fails when read beyond what has come.
    struct Live(Vec<&'static [u8]>);
    impl Read for Live {
        fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
            assert!(!self.0.is_empty(), "this would block");
            self.0.remove(0).read(into)
        }
    }
    let mut rows = Rows::new(Live(vec![b"a,b\nc", b",\"d\n", b"\"\r"]), b',');
    for line in [1, 2] {
        loop {
            if let Some((found, _)) = rows.next_buffered() {
                assert_eq!(found, line);
                break;
            }
            assert!(rows.fill().unwrap());
        }
    }
}

#[test]
fn many_cells_and_long_ones_find_room() {
    let list = format!("{}\n{}\n", ",".repeat(5000), "x".repeat(50_000));
    let found = rows_within(list.as_bytes(), 999, LIMIT);
    assert_eq!(found[0].1.len(), 5001);
    assert_eq!(found[1].1[0].len(), 50_000);
}
