//! Wrong calls, and the messages about them.

use super::*;

#[cfg(unix)]
#[test]
fn arguments_that_are_not_utf_8() {
    use std::os::unix::ffi::OsStringExt;
    let parse_bytes = |typed: &[&[u8]]| {
        let args = typed.iter().map(|bytes| OsString::from_vec(bytes.to_vec()));
        let args = [OsString::from("fetchpool")].into_iter().chain(args);
        fetched(parse(args, NONE, &|_| None)?)
    };
    let file = OsString::from_vec(b"l\xe9st".to_vec());
    assert_eq!(
        parse_bytes(&[b"l\xe9st"]).unwrap().input.lists,
        [List::File(file.into())]
    );
    let table: [(&[&[u8]], &str); 5] = [
        (
            &[b"http://u:secret@\xe9/"],
            "fetchpool: the URL '...@\u{fffd}/' is not UTF-8",
        ),
        (
            &[b"http://\xe9\x1b/"],
            "fetchpool: the URL 'http://\u{fffd}\\x1b/' is not UTF-8",
        ),
        (
            &[b"-t", b"\xe9"],
            "fetchpool: invalid value '\u{fffd}' for '--timeout <D>': it is not UTF-8",
        ),
        (
            &[b"-HA: \xe9"],
            "fetchpool: invalid value for '--header <N: V>': it is not UTF-8",
        ),
        (&[b"--\xe9"], "fetchpool: "),
    ];
    for (typed, expected) in table {
        let told = usage_error(parse_bytes(typed).unwrap_err());
        assert!(told.starts_with(expected), "{told}");
    }
}

/// Checks how the message of each wrong call begins.
fn assert_told(table: &[(&str, &str)]) {
    for (line, expected) in table {
        let told = usage_error(stop(line));
        assert!(
            told.starts_with(&format!("fetchpool: {expected}")),
            "{line}: {told}"
        );
    }
}

#[test]
fn a_wrong_number_or_span_is_told_what_would_be_right() {
    assert_told(&[
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
            "invalid value '10MB' for '--max-size <SIZE>': 'MB' has two meanings: write 10M (powers of 1024)",
        ),
        (
            "--max-redirects -1",
            "invalid value '-1' for '--max-redirects <N>': not a whole number from 0 to 1000",
        ),
        (
            "--per-host 0",
            "invalid value '0' for '--per-host <N>': not a whole number from 1 to 10000",
        ),
        (
            "--host-failures 0",
            "invalid value '0' for '--host-failures <N>': not a whole number from 1 to 1000000",
        ),
        (
            "--host-delay soon",
            "invalid value 'soon' for '--host-delay <D>': not a duration: write 30, 1.5, 500ms",
        ),
        (
            "--rate 0",
            "invalid value '0' for '--rate <N>': nothing would ever start: write starts a second, such as 100 or 0.5",
        ),
        (
            "--rate 10/s",
            "invalid value '10/s' for '--rate <N>': a rate is by the second: did you mean 10?",
        ),
        (
            "--retries -1",
            "invalid value '-1' for '--retries <N>': not a whole number from 0 to 1000",
        ),
        (
            "--retry-delay 61s",
            "invalid value '61s' for '--retry-delay <D>': too long: no wait before a retry is over 60s",
        ),
        (
            "--retry-delay often",
            "invalid value 'often' for '--retry-delay <D>': not a duration",
        ),
        (
            "--max-size",
            "a value is required for '--max-size <SIZE>' but none was supplied",
        ),
    ]);
}

#[test]
fn a_wrong_request_or_network_option_is_told_what_would_be_right() {
    assert_told(&[
        (
            "-X get",
            "invalid value 'get' for '--method <M>': methods are written in capitals: GET",
        ),
        (
            "-X GET -I",
            "the argument '--method <M>' cannot be used with '--head'",
        ),
        (
            "-I -X HEAD",
            "the argument '--head' cannot be used with '--method <M>'",
        ),
        ("-H Accept", "invalid value for '--header <N: V>': no colon"),
        (
            "-H Content-Length:5",
            "invalid value for '--header <N: V>': Content-Length cannot be set",
        ),
        (
            "--default-scheme ftp",
            "invalid value 'ftp' for '--default-scheme <S>'\n  [possible values: https, http]",
        ),
        (
            "-4 -6",
            "the argument '--ipv4' cannot be used with '--ipv6'",
        ),
        (
            "-6 -4",
            "the argument '--ipv6' cannot be used with '--ipv4'",
        ),
        (
            "--cert c.pem",
            "--cert is given without --key: a file that holds both is named twice",
        ),
        (
            "--key k.pem",
            "--key is given without --cert: a file that holds both is named twice",
        ),
        (
            "--cacert ''",
            "a value is required for '--cacert <FILE>' but none was supplied",
        ),
        (
            "--resolve example.com:80",
            "invalid value 'example.com:80' for '--resolve <RULE>': write HOST:PORT:ADDR, like",
        ),
        (
            "--resolve -a:80:127.0.0.1",
            "invalid value '-a:80:127.0.0.1' for '--resolve <RULE>': the host is not valid",
        ),
        (
            "--dns-servers 9.9.9.9,a.test",
            "invalid value '9.9.9.9,a.test' for '--dns-servers <ADDRS>': an address is not valid: write ADDR",
        ),
        (
            "--dns-servers 9.9.9.9:0",
            "invalid value '9.9.9.9:0' for '--dns-servers <ADDRS>': an address is not valid: write ADDR",
        ),
        (
            "-u ''",
            "invalid value for '--user <USER[:PASS]>': it is empty: write USER:PASSWORD",
        ),
        (
            "--proxy ftp://p",
            "--proxy: a proxy is of http, https, socks4, socks4a, socks5 or socks5h: write",
        ),
    ]);
}

#[test]
fn a_wrong_list_or_output_option_is_told_what_would_be_right() {
    assert_told(&[
        (
            "-f xml",
            "invalid value 'xml' for '--format <F>'\n  [possible values: text, jsonl, csv, tsv]",
        ),
        (
            "--color sometimes",
            "invalid value 'sometimes' for '--color <WHEN>'\n  [possible values: auto, always, never]",
        ),
        (
            "--summary=loud",
            "invalid value 'loud' for '--summary[=<WHEN>]'\n  [possible values: auto, always, never, json]",
        ),
        (
            "-o ''",
            "a value is required for '--output-dir <DIR>' but none was supplied",
        ),
        (
            "--netrc=-",
            "--netrc -: give a netrc file, standard input is for lists",
        ),
        (
            "-b -",
            "--cookies -: give a Netscape cookie file, standard input is for lists",
        ),
        (
            "--resume -",
            "--resume -: give the file that an earlier run has written",
        ),
        (
            "--resume ''",
            "a value is required for '--resume <FILE>' but none was supplied",
        ),
        (
            "--update -",
            "--update -: give the file that an earlier run has written",
        ),
        (
            "--shard 3",
            "invalid value '3' for '--shard <K/N>': not a shard: write K/N for the K-th of N parts, like 1/4",
        ),
        (
            "--shard 5/4",
            "invalid value '5/4' for '--shard <K/N>': there is no such part: of 4 parts the first is 1/4",
        ),
    ]);
}

#[test]
fn an_unknown_flag_is_named_and_nothing_of_it_reaches_the_terminal() {
    assert_told(&[
        (
            "--worker 5",
            "unexpected argument '--worker' found\n\n  tip: a similar argument exists: '--workers'",
        ),
        ("-y 5", "unexpected argument '-y' found"),
        (
            "--\x1b[31mred",
            "unexpected argument '--\\x1b[31mred' found",
        ),
        (
            "-f \x1b[31m",
            "invalid value '\\x1b[31m' for '--format <F>'",
        ),
        (
            "-t 5\x07",
            "invalid value '5\\x07' for '--timeout <D>': '\\x07' is no unit of time",
        ),
    ]);
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
