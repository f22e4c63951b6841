//! What becomes of errors and of messages.

use std::io;

use super::*;

#[test]
fn system_errors_read_as_part_of_a_sentence() {
    #[cfg(unix)]
    {
        let refused = io::Error::from(rustix::io::Errno::CONNREFUSED);
        assert_eq!(os_text(&refused), "connection refused");
    }
    assert_eq!(os_text(&io::Error::other("TLS is odd")), "TLS is odd");
    assert_eq!(os_text(&io::Error::other("")), "");
}

#[test]
fn a_long_message_loses_its_middle_between_characters() {
    let new = |text: &str| Failure::new(FailureKind::Protocol, text);
    for whole in ["", "a", &"x".repeat(MESSAGE_LIMIT)] {
        assert_eq!(new(whole).message(), whole);
    }
    for shift in 0..4 {
        let long = format!(
            "{}{}: no URL",
            "x".repeat(shift),
            "\u{1f980}".repeat(50_000)
        );
        let failure = new(&long);
        let (begin, end) = failure.message().split_once("...").unwrap();
        assert!(long.starts_with(begin) && long.ends_with(end));
        assert!(end.ends_with(": no URL") && begin.len() > 300);
        assert!(failure.message().len() <= MESSAGE_LIMIT + 3);
    }
    assert!(new(&"\u{1b}".repeat(200_000)).message().len() < 10 * MESSAGE_LIMIT);
}

#[test]
fn a_message_is_one_line_whatever_a_server_sent() {
    let failure = Failure::new(FailureKind::Protocol, "a\r\nb\u{1b}[2J\u{9b}");
    assert_eq!(failure.message(), "a\\r\\nb\\u{1b}[2J\\u{9b}");
}
