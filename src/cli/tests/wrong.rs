//! Calls that are wrong, and what is said about them.

use super::*;

#[cfg(unix)]
#[test]
fn arguments_that_are_not_utf_8() {
    use std::os::unix::ffi::OsStringExt;
    let parse_bytes = |typed: &[&[u8]]| {
        let args = typed.iter().map(|bytes| OsString::from_vec(bytes.to_vec()));
        let args = [OsString::from("fetchpool")].into_iter().chain(args);
        parse(args, NONE, &|_| None)
    };
    let file = OsString::from_vec(b"l\xe9st".to_vec());
    assert_eq!(
        parse_bytes(&[b"l\xe9st"]).unwrap().input.lists,
        [List::File(file.into())]
    );
    let table: [(&[&[u8]], &str); 5] = [
        (
            &[b"http://u:secret@\xe9/"],
            "error: the URL '\u{fffd}/' is not UTF-8",
        ),
        (
            &[b"http://\xe9\x1b/"],
            "error: the URL 'http://\u{fffd}\\u{1b}/' is not UTF-8",
        ),
        (
            &[b"-t", b"\xe9"],
            "error: invalid value '\u{fffd}' for '--timeout <D>': it is not UTF-8",
        ),
        (
            &[b"-HA: \xe9"],
            "error: invalid value 'A: \u{fffd}' for '--header <N: V>': it is not UTF-8",
        ),
        (&[b"--\xe9"], "error: "),
    ];
    for (typed, expected) in table {
        let told = usage_error(parse_bytes(typed).unwrap_err());
        assert!(told.starts_with(expected), "{told}");
    }
}

#[test]
fn a_wrong_call_is_told_what_was_typed_and_what_would_be_right() {
    let table = [
        (
            "-j 0",
            "invalid value '0' for '--jobs <N>': not a whole number from 1 to 10000",
        ),
        (
            "--workers 10001",
            "invalid value '10001' for '--jobs <N>': not a whole number from 1 to 10000",
        ),
        (
            "-j -1",
            "invalid value '-1' for '--jobs <N>': not a whole number from 1 to 10000",
        ),
        (
            "-j ''",
            "invalid value '' for '--jobs <N>': not a whole number from 1 to 10000",
        ),
        (
            "-t -5",
            "invalid value '-5' for '--timeout <D>': a duration cannot be negative: write 30, 1.5, 500ms",
        ),
        (
            "-t 1e3",
            "invalid value '1e3' for '--timeout <D>': 'e' is no unit of time: write 30, 1.5, 500ms",
        ),
        (
            "-t --help",
            "invalid value '--help' for '--timeout <D>': not a duration: write 30",
        ),
        (
            "--connect-timeout x",
            "invalid value 'x' for '--connect-timeout <D>': not a duration",
        ),
        (
            "--stall-timeout 1h30",
            "invalid value '1h30' for '--stall-timeout <D>': the last number has no unit",
        ),
        (
            "--deadline NaN",
            "invalid value 'NaN' for '--deadline <D>': not a duration",
        ),
        (
            "--max-size 10MB",
            "invalid value '10MB' for '--max-size <SIZE>': 'MB' is no unit of size: write 500, 64K",
        ),
        (
            "--max-redirects -1",
            "invalid value '-1' for '--max-redirects <N>': not a whole number from 0 to 1000",
        ),
        (
            "-X get",
            "invalid value 'get' for '--method <M>': methods are written in capitals: GET",
        ),
        (
            "-X CONNECT",
            "invalid value 'CONNECT' for '--method <M>': CONNECT asks for a tunnel",
        ),
        (
            "-X GET -I",
            "the argument '--method <M>' cannot be used with '--head'",
        ),
        (
            "-I -X HEAD",
            "the argument '--head' cannot be used with '--method <M>'",
        ),
        (
            "-H Accept",
            "invalid value 'Accept' for '--header <N: V>': no colon",
        ),
        (
            "-H Content-Length:5",
            "invalid value 'Content-Length:5' for '--header <N: V>': Content-Length cannot be set",
        ),
        ("-H Host:a -H host:b", "the header Host is given twice"),
        (
            "-f xml",
            "invalid value 'xml' for '--format <F>'\n  [possible values: text, jsonl]",
        ),
        (
            "--color sometimes",
            "invalid value 'sometimes' for '--color <WHEN>'\n  [possible values: auto, always, never]",
        ),
        (
            "--default-scheme ftp",
            "invalid value 'ftp' for '--default-scheme <S>'\n  [possible values: https, http]",
        ),
        (
            "--summary=loud",
            "invalid value 'loud' for '--summary[=<WHEN>]'\n  [possible values: auto, always, never]",
        ),
        (
            "--max-size",
            "a value is required for '--max-size <SIZE>' but none was supplied",
        ),
        (
            "--worker 5",
            "unexpected argument '--worker' found\n\n  tip: a similar argument exists: '--workers'",
        ),
        ("-n 5", "unexpected argument '-n' found"),
        (
            "--\x1b[31mred",
            "unexpected argument '--\\u{1b}[31mred' found",
        ),
        (
            "-f \x1b[31m",
            "invalid value '\\u{1b}[31m' for '--format <F>'",
        ),
        (
            "-t 5\x07",
            "invalid value '5\\u{7}' for '--timeout <D>': '\\u{7}' is no unit of time",
        ),
    ];
    for (line, expected) in table {
        let told = usage_error(stop(line));
        assert!(
            told.starts_with(&format!("error: {expected}")),
            "{line}: {told}"
        );
    }
}

#[test]
fn a_header_cannot_be_smuggled_in() {
    for value in ["A: b\r\nEvil: c", "A: b\nEvil: c", "A\r\nEvil: c"] {
        for option in ["-H", "-A"] {
            if option == "-A" && value.starts_with("A\r") {
                continue;
            }
            let told = usage_error(parse_all(NONE, &[], &[option, value]).unwrap_err());
            assert!(!told.contains("\nEvil"), "{told}");
        }
    }
}
