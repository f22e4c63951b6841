//! What becomes of errors and of messages.

use super::*;

#[test]
fn a_failure_of_our_own_layer_comes_through_the_client_unchanged() {
    let failure = Failure::new(FailureKind::Tls, "unknown issuer");
    assert_eq!(Failure::from_client(failure.clone().into(), false), failure);
    let io = ureq::Error::from(failure.clone()).into_io();
    assert_eq!(Failure::from_body(io, 3, None), failure);
}

#[test]
fn what_the_library_cannot_write_is_not_the_servers_doing() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let error = || {
        let request = ureq::get(&url).header("Host", "a").header("Host", "b");
        request.call().unwrap_err()
    };
    let failure = Failure::from_client(error(), false);
    assert_eq!(failure.kind(), FailureKind::Internal, "{failure}");
    let failure = Failure::from_client(error(), true);
    assert_eq!(failure.kind(), FailureKind::Protocol, "{failure}");
}

#[test]
fn a_cut_body_says_how_much_had_come() {
    let eof = || io::Error::from(io::ErrorKind::UnexpectedEof);
    assert_eq!(
        Failure::from_body(eof(), 3, Some(10)).to_string(),
        "body: the connection was closed after 3 of 10 bytes"
    );
    let reset = ureq::Error::from(Failure::new(FailureKind::Body, "the connection was reset"));
    assert_eq!(
        Failure::from_body(reset.into_io(), 7, None).to_string(),
        "body: the connection was reset after 7 bytes, before the end of the body"
    );
}

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
