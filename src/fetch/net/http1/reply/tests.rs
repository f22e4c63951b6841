//! Heads as servers send them, and what is made of each.

use super::super::framing::Framing;
use super::super::head::inspect;

fn reduced(headers: &str) -> String {
    let head = format!("HTTP/1.1 200 OK\r\n{headers}\r\n");
    let new = inspect(head.as_bytes()).unwrap().reduced;
    assert!(new.len() <= head.len(), "{headers:?} has grown");
    String::from_utf8(new).unwrap()
}

#[test]
fn the_library_sees_what_is_asked_for_and_nothing_else() {
    for (headers, shown) in [
        ("", ""),
        ("A: b\r\nno colon\r\n: no name\r\nX Y: z\n", ""),
        (
            "Date: today\r\nContent-Length: 5\r\nContent-Type: \t\u{e4} \r\n",
            "",
        ),
        (
            "LOCATION:/a\nretry-after: 1\n",
            "LOCATION:/a\nretry-after: 1\n",
        ),
        (
            "\u{b}CONTENT-ENCODING\u{1}: br\r\n",
            "CONTENT-ENCODING: br\n",
        ),
        (
            "Content-Encoding: \u{b}gzip\r\n",
            "Content-Encoding: ?gzip\n",
        ),
        (
            "Content-Range: bytes 0-4/5\n",
            "Content-Range: bytes 0-4/5\n",
        ),
        ("Connection: close\r\n", ""),
        ("Connection: Keep-Alive, x\n", ""),
        ("Connection: upgrade\n", ""),
        (
            "Location: a\nRetry-After: 1\nLocation: b\nRetry-After: 2\n",
            "Location: a\nRetry-After: 1\n",
        ),
        (
            "Content-Encoding:\nContent-Encoding: identity,\nContent-Encoding: br\n",
            "Content-Encoding: br\n",
        ),
        (
            "Content-Encoding: NONE\nContent-Encoding: br\nContent-Encoding: gzip, x\n",
            "Content-Encoding: br\nContent-Encoding: gzip, x\n",
        ),
    ] {
        assert_eq!(
            reduced(headers),
            format!("HTTP/1.1 200\n{shown}\n"),
            "{headers:?}"
        );
    }
}

#[test]
fn a_rate_limit_is_shown_behind_a_status_that_refuses() {
    let limits = "RateLimit: a;r=0;t=1\nRateLimit: b\nX-RateLimit-Reset: 5\n";
    for (status, shown) in [(200, ""), (403, ""), (429, limits), (503, limits)] {
        let head = format!("HTTP/1.1 {status} A\n{limits}RateLimit-Policy: c\n\n");
        let reduced = inspect(head.as_bytes()).unwrap().reduced;
        let expected = format!("HTTP/1.1 {status}\n{shown}\n");
        assert_eq!(String::from_utf8(reduced).unwrap(), expected);
    }
}

#[test]
fn what_others_put_up_with_is_repaired() {
    for (headers, repaired) in [
        ("Location: b\r\n c\r\n\td\r\nE: f\r\n", "Location: b c d\n"),
        ("Location: b\u{1}c\u{7f}d\r\n", "Location: b c d\n"),
        ("Location: b\r\n\u{c}\r\n c\r\n", "Location: b\n"),
        ("Location: b\r\n \t \r\n c\r\n", "Location: b c\n"),
        ("\t \r\n c\r\nLocation: b\r\n", "Location: b\n"),
        ("Location\r\n : b\r\n", "Location: b\n"),
    ] {
        assert_eq!(
            reduced(headers),
            format!("HTTP/1.1 200\n{repaired}\n"),
            "{headers:?}"
        );
    }
    let many: String = (0..500).map(|i| format!("X-{i}: {i}\r\n")).collect();
    let headers = format!("{many}Location: /here\r\n{many}");
    assert_eq!(reduced(&headers), "HTTP/1.1 200\nLocation: /here\n\n");
    for (status, expected) in [
        ("HTTP/1.1  404  Gone", "HTTP/1.1 404\n\n"),
        ("HTTP/1.0 200 \u{1b}[2J", "HTTP/1.0 200\n\n"),
        ("HTTP/1.2 200 OK", "HTTP/1.1 200\n\n"),
        ("HTTP/1.9\t200\tOK", "HTTP/1.1 200\n\n"),
        ("HTTP/1.1 200\t OK", "HTTP/1.1 200\n\n"),
        ("HTTP/1.1\u{b}\u{c}200\u{c}", "HTTP/1.1 200\n\n"),
    ] {
        let inspected = inspect(format!("{status}\r\n\r\n").as_bytes()).unwrap();
        assert_eq!(inspected.reduced, expected.as_bytes(), "{status:?}");
    }
}

#[test]
fn a_content_type_is_kept_as_text() {
    for (headers, kept) in [
        ("", None),
        ("Content-Type:\r\n", Some("")),
        (
            "Content-Type: \t\u{e4} \r\nContent-Type: b\r\n",
            Some("\u{e4}"),
        ),
        ("content-type : a\u{1}b\r\n", Some("a b")),
    ] {
        let head = format!("HTTP/1.1 200 OK\r\n{headers}\r\n");
        let recorded = inspect(head.as_bytes()).unwrap().recorded;
        assert_eq!(recorded.content_type.as_deref(), kept, "{headers:?}");
    }
}

#[test]
fn nothing_that_is_wanted_is_lost_behind_many_others() {
    for many in [
        "Content-Type: a\n",
        "Retry-After: 1\n",
        "Content-Encoding: identity\n",
        "Content-Length: 5\n",
        "Connection: keep-alive\n",
    ] {
        for wanted in ["Content-Encoding: br\n", "Location: /x\n"] {
            let shown = reduced(&(many.repeat(500) + wanted));
            assert!(shown.contains(wanted), "{many:?} {wanted:?}: {shown:?}");
            assert!(shown.lines().count() < 10, "{shown:?}");
        }
        let head = format!("HTTP/1.1 200 OK\n{}Connection: close\n\n", many.repeat(500));
        assert!(!inspect(head.as_bytes()).unwrap().stays_open, "{many:?}");
    }
}

#[test]
fn a_length_is_a_number_and_the_same_wherever_it_is_told() {
    for (headers, length) in [
        ("Content-Length: 5\r\n", Some(5)),
        ("Content-Length : 5\r\n", Some(5)),
        ("Content-Length\t \t:\t5 \r\n", Some(5)),
        ("Content-Length: 5\nContent-Length:005\n", Some(5)),
        ("Content-Length: 5, 5\n", Some(5)),
        ("Content-Length: 18446744073709551615\n", Some(u64::MAX)),
        ("Content-Length: 5\nContent-Length : 6\n", None),
        (
            "Content-Length: 5\nContent-Length:5\nContent-Length: 6\n",
            None,
        ),
        ("Content-Length: 5, 6\n", None),
        ("Content-Length: 5,\n", None),
        ("Content-Length:\n", None),
        ("Content-Length: 5\u{1}\r\n", None),
        ("Content-Length: \u{c}5\r\n", None),
        ("Content-Length: +5\n", None),
        ("Content-Length: -5\n", None),
        ("Content-Length: 0x5\n", None),
        ("Content-Length: 18446744073709551616\n", None),
        ("Content-Length: x\nContent-Length: 5\n", None),
    ] {
        let head = format!("HTTP/1.1 200 OK\n{headers}\n");
        match inspect(head.as_bytes()) {
            Ok(inspected) => {
                assert_eq!(inspected.length, length, "{headers:?}");
                assert!(matches!(inspected.framing, Framing::Length(n) if Some(n) == length));
            }
            Err(refusal) => {
                assert!(refusal.contains("Content-Length"), "{refusal}");
                assert_eq!(length, None, "{headers:?}");
            }
        }
        // Chunks override lengths.
        let head = format!("HTTP/1.1 200 OK\n{headers}Transfer-Encoding: chunked\n\n");
        let inspected = inspect(head.as_bytes()).unwrap();
        assert!(inspected.framing.is_chunked() && inspected.length.is_none());
    }
}

#[test]
fn the_framing_is_read_by_the_letter() {
    for (version, headers, is_chunked, stays_open) in [
        ("1.1", "", false, true),
        ("1.0", "", false, false),
        ("1.0", "Connection: Keep-Alive\r\n", false, true),
        ("1.1", "connection: foo, CLOSE\r\n", false, false),
        ("1.1", "Transfer-Encoding: Chunked\r\n", true, true),
        ("1.0", "Transfer-Encoding: chunked\r\n", true, false),
        ("1.1", "Transfer-Encoding: identity\r\n", false, true),
        ("1.1", "Transfer-Encoding:\r\n chunked\r\n", true, true),
        ("1.1", "Transfer-Encoding : chunked\r\n", true, true),
        ("1.1", "Transfer-Encoding\r\n : chunked\r\n", true, true),
        ("1.1", "Connection : close\r\n", false, false),
        ("1.2", "", false, true),
        (
            "1.1",
            "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
            true,
            true,
        ),
    ] {
        let head = format!("HTTP/{version} 200 OK\r\n{headers}\r\n");
        let inspected = inspect(head.as_bytes()).unwrap();
        assert_eq!(inspected.framing.is_chunked(), is_chunked, "{head:?}");
        assert_eq!(inspected.stays_open, stays_open, "{head:?}");
    }
}

#[test]
fn what_only_looks_like_http_is_refused() {
    let (version, status) = ("in another version", "no status of three digits");
    for (status_line, words) in [
        ("HTTP/2 200", version),
        ("HTTP/1 200 OK", version),
        ("HTTP/1.10 200 OK", version),
        ("HTTP/1.x 200 OK", version),
        ("HTTP/1.1200 OK", version),
        ("HTTP/1.1 20 OK", status),
        ("HTTP/1.1 2000 OK", status),
        ("HTTP/1.1 200\u{a0}OK", status),
        ("HTTP/1.1 099 OK", status),
        ("HTTP/1.1 OK", status),
        ("HTTP/1.1", status),
    ] {
        let refusal = inspect(format!("{status_line}\r\n\r\n").as_bytes()).unwrap_err();
        let is_quoted = refusal.contains(&format!("\"{}\"", status_line.as_bytes().escape_ascii()));
        assert!(refusal.contains(words) && is_quoted, "{refusal}");
    }
    for coding in [
        "gzip, chunked",
        "\u{b}chunked",
        "chunked\u{c}",
        "chunked\u{1}",
        "chun\r\n ked",
        "\r\n \u{c}chunked",
    ] {
        let head = format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: {coding}\r\n\r\n");
        assert!(inspect(head.as_bytes()).is_err(), "{head:?}");
    }
}
