//! Heads in reads of any size.

use super::*;

/// Reads `input` as the transport does, in reads of `step` bytes. Returns the status, and how many bytes were read and
/// had come.
fn read_in_steps(reader: &mut HeadReader, input: &[u8], step: usize) -> (HeadStatus, usize, usize) {
    let (mut from, mut to) = (0, 0);
    loop {
        let (amount, status) = reader.read(&input[from..to]);
        from += amount;
        if status != HeadStatus::Partial || to == input.len() {
            return (status, from, to);
        }
        to = input.len().min(to + step);
    }
}

fn read(input: &str) -> (HeadStatus, usize, usize) {
    read_in_steps(&mut HeadReader::default(), input.as_bytes(), usize::MAX / 2)
}

#[test]
fn the_end_is_found_wherever_reads_cut() {
    for head in [
        "HTTP/1.1 200 OK\r\nA: b\r\n\r\n",
        "HTTP/1.1 200 OK\n\n",
        "HTTP/1.0 200 OK\r\n\n",
        "HTTP/1.1 200 OK\nA: b\r\n\n",
    ] {
        for step in [1, 2, 3, 5, 100] {
            let mut reader = HeadReader::default();
            let read = read_in_steps(&mut reader, head.as_bytes(), step);
            let whole = (HeadStatus::Whole, head.len(), head.len());
            assert_eq!(read, whole, "{head:?} in steps of {step}");
        }
    }
}

#[test]
fn interim_replies_and_empty_lines_are_passed_over() {
    let interim = "HTTP/1.2\t103 Early Hints\r\nLink: </a>\r\n\r\n";
    let last = "HTTP/1.1 200 OK\r\nA: b\r\n\r\n";
    let all = format!("\r\n{interim}{last}");
    for step in [1, 2, 3, 5, 100] {
        let mut reader = HeadReader::new(Vec::new(), true);
        let (status, read, _) = read_in_steps(&mut reader, format!("{all}x").as_bytes(), step);
        assert_eq!((status, read), (HeadStatus::Whole, all.len()));
        let (inspected, raw) = reader.finish().unwrap();
        assert_eq!(inspected.reduced, b"HTTP/1.1 200\n\n");
        assert_eq!(raw.as_deref(), Some(last.as_bytes()));
    }
    assert_eq!(
        read("HTTP/1.1 101 Switching Protocols\r\n\r\n"),
        (HeadStatus::Whole, 36, 36)
    );
}

#[test]
fn of_a_long_line_only_what_is_read_is_held() {
    let long = "x".repeat(LONG_LINE * 3);
    for (line, is_held) in [
        (format!("HTTP/1.1 200 {long}"), false),
        (
            format!("HTTP/1.1 200 OK\r\nX-Long: {long}\r\n folded"),
            false,
        ),
        (format!("HTTP/1.1 200 OK\r\n{long}"), false),
        (format!("HTTP/1.1 200 OK\r\nLocation: {long}"), true),
    ] {
        for step in [1, 1000, usize::MAX / 2] {
            let mut reader = HeadReader::default();
            let (status, read, came) = read_in_steps(&mut reader, line.as_bytes(), step);
            assert_eq!(status, HeadStatus::Partial);
            assert_eq!(came - read > LONG_LINE, is_held, "{:?}", &line[..30]);
            let rest = format!("{}\r\nRetry-After: 5\r\n\r\n", &line[read..]);
            assert_eq!(reader.read(rest.as_bytes()).1, HeadStatus::Whole);
            let reduced = reader.finish().unwrap().0.reduced;
            assert!(reduced.ends_with(b"Retry-After: 5\n\n"));
            assert_eq!(reduced.len() > LONG_LINE, is_held);
        }
    }
}

#[test]
fn what_is_not_http_is_found_out_by_its_first_bytes() {
    for input in [
        "SSH-2.0-OpenSSH",
        "x",
        "<html>",
        "ICY 200 OK\r\n",
        "\u{16}\u{3}\u{1}",
    ] {
        let (HeadStatus::Bad(reason), ..) = read(input) else {
            panic!("{input:?} was taken for HTTP");
        };
        assert!(reason.contains("not HTTP"), "{reason}");
    }
    assert_eq!(read("").0, HeadStatus::Partial);
    assert_eq!(read("HT").0, HeadStatus::Partial);
}

#[test]
fn bytes_that_no_head_may_hold_are_refused_wherever_reads_cut() {
    for (input, word) in [
        ("HTTP/1.1 200 OK\r\nA: b\rC: d\r\n\r\n", "CR"),
        ("HTTP/1.1 200 OK\rA: b\r\r", "CR"),
        ("HTTP/1.1 200 OK\r\nA: b\r\r\n", "CR"),
        ("HTTP/1.1 200 OK\r\n\r\r\n", "CR"),
        ("HTTP/1.1 200 OK\n\r\r\n", "CR"),
        ("HTTP/1.1 103 Hints\r\nA: b\r C\r\n\r\n", "CR"),
        ("\r\n\rHTTP/1.1 200 OK\r\n\r\n", "not HTTP"),
        ("HTTP/1.1 103 Hints\r\nA: \0\r\n\r\n", "NUL"),
    ] {
        for step in [1, 2, 3, 5, 100] {
            let mut reader = HeadReader::default();
            let (status, ..) = read_in_steps(&mut reader, input.as_bytes(), step);
            let HeadStatus::Bad(reason) = status else {
                panic!("{input:?} was taken, in steps of {step}");
            };
            assert!(reason.contains(word), "{input:?}: {reason}");
        }
    }
}

#[test]
fn endless_heads_are_cut() {
    let status_line = "HTTP/1.1 200 OK\r\n";
    for endless in ["a", "a: b\r\n", "a\r\n ", "HTTP/1.1 100 Continue\r\n\r\n"] {
        for step in [1000, usize::MAX / 2] {
            let begin = if endless.contains("HTTP") {
                ""
            } else {
                status_line
            };
            let head = begin.to_owned() + &endless.repeat(HEAD_LIMIT / endless.len());
            let mut reader = HeadReader::default();
            let (status, _, came) = read_in_steps(&mut reader, head.as_bytes(), step);
            let is_cut = matches!(&status, HeadStatus::Bad(reason) if reason.contains("256 KiB"));
            assert_eq!(is_cut, head.len() >= HEAD_LIMIT, "{endless:?}: {status:?}");
            assert!(came >= HEAD_LIMIT.min(head.len()));
        }
    }
    let name = "HTTP/1.1 200 OK\r\na: ";
    for (size, is_whole) in [(HEAD_LIMIT, true), (HEAD_LIMIT + 1, false)] {
        let head = format!("{name}{}\r\n\r\n", "b".repeat(size - name.len() - 4));
        assert_eq!(read(&head).0 == HeadStatus::Whole, is_whole, "{size}");
    }
}

#[test]
fn a_header_counts_however_its_line_is_cut() {
    let blanks = " ".repeat(100 * LONG_LINE);
    let controls = "\u{1}".repeat(3 * LONG_LINE);
    for (head, reduced) in [
        (
            format!("HTTP/1.1 200 OK\r\nRetry-After{blanks}: 5\r\n\r\n"),
            "Retry-After: 5\n",
        ),
        (
            format!("HTTP/1.1 200 OK\r\nRetry-After\r\n{blanks}: 5\r\n\r\n"),
            "Retry-After: 5\n",
        ),
        (
            format!("HTTP/1.1 200 OK\r\n{controls}Retry-After: 5\r\n\r\n"),
            "Retry-After: 5\n",
        ),
        (format!("HTTP/1.1{blanks}200 OK\r\n\r\n"), ""),
        (format!("HTTP/1.1 200{blanks}\r\n\r\n"), ""),
    ] {
        for step in [1, 700, usize::MAX / 2] {
            let mut reader = HeadReader::default();
            let (status, ..) = read_in_steps(&mut reader, head.as_bytes(), step);
            assert_eq!(
                status,
                HeadStatus::Whole,
                "{:?} in steps of {step}",
                &head[..40]
            );
            let shown = String::from_utf8(reader.finish().unwrap().0.reduced).unwrap();
            assert_eq!(shown, format!("HTTP/1.1 200\n{reduced}\n"));
        }
    }
}
