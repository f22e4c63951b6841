use super::*;

use url::Url;

fn headers(lines: &[(&'static str, &'static str)]) -> HeaderMap {
    let lines = lines.iter();
    lines
        .map(|(name, value)| (http::HeaderName::from_static(name), value.parse().unwrap()))
        .collect()
}

fn recorded(etag: Option<&str>, last_modified: Option<&str>, date: Option<&str>) -> Recorded {
    Recorded {
        etag: etag.map(str::to_owned),
        last_modified: last_modified.map(str::to_owned),
        date: date.map(|date| date.as_bytes().try_into().unwrap()),
        ..Recorded::default()
    }
}

const DAY: &str = "Mon, 13 Jan 2025 20:11:20 GMT";
const SECOND_LATER: &str = "Mon, 13 Jan 2025 20:11:21 GMT";

#[test]
fn only_a_strong_validator_lets_a_body_be_continued() {
    for (etag, last_modified, date, is_strong) in [
        (Some("\"a\""), None, None, true),
        (Some("\"\""), None, None, true),
        (Some("W/\"a\""), None, None, false),
        // RFC 9110, 13.1.5: a date is not sent if there is an entity tag.
        (Some("W/\"a\""), Some(DAY), Some(SECOND_LATER), false),
        (Some("\""), None, None, false),
        (Some("a"), None, None, false),
        (None, Some(DAY), Some(SECOND_LATER), true),
        (None, Some(DAY), Some(DAY), false),
        (None, Some(SECOND_LATER), Some(DAY), false),
        (None, Some(DAY), None, false),
        (None, Some("yesterday"), Some(DAY), false),
        (None, None, Some(DAY), false),
    ] {
        let recorded = recorded(etag, last_modified, date);
        let url = Url::parse("http://a.test/x?y#z").unwrap();
        let version = Version::of(&url, &HeaderMap::new(), &recorded, Some(5));
        assert_eq!(version.is_some(), is_strong, "{recorded:?}");
        let coded = headers(&[("content-encoding", "gzip")]);
        assert_eq!(Version::of(&url, &coded, &recorded, Some(5)), None);
    }
}

#[test]
fn a_validator_is_sent_back_byte_for_byte() {
    let of = |etag: Option<&str>, last_modified: Option<&str>| Version {
        final_url: "http://a.test/x".to_owned(),
        etag: etag.map(str::to_owned),
        last_modified: last_modified.map(str::to_owned),
        ..Version::default()
    };
    for (version, line) in [
        (
            of(Some("\"\u{e4}\u{ff}\""), Some(DAY)),
            &b"\"\xe4\xff\""[..],
        ),
        (of(None, Some(DAY)), DAY.as_bytes()),
    ] {
        let wanted = [b"Range: bytes=7-\r\nIf-Range: ", line, b"\r\n"].concat();
        assert_eq!(
            version.range_lines(&hop("http://a.test/x", Method::GET), 7),
            Some(wanted)
        );
    }
    for validator in ["\"\u{100}\"", "\"a\r\nX: b\"", ""] {
        let version = of(Some(validator), None);
        assert_eq!(
            version.range_lines(&hop("http://a.test/x", Method::GET), 7),
            None
        );
    }
}

fn hop(url: &str, method: Method) -> Hop {
    Hop::first(&Url::parse(url).unwrap(), &method, None).unwrap()
}

#[test]
fn the_rest_is_asked_of_the_same_resource_alone() {
    let of = |etag: Option<&str>| Version {
        final_url: "http://a.test/x?q".to_owned(),
        etag: etag.map(str::to_owned),
        last_modified: Some(DAY.to_owned()),
        ..Version::default()
    };
    for (url, method, by_etag, by_date) in [
        ("http://a.test/x?q#f", Method::GET, true, true),
        ("http://a.test/x?other", Method::GET, true, false),
        ("http://a.test/y?q", Method::GET, false, false),
        ("https://a.test/x?q", Method::GET, false, false),
        ("http://a.test/x?q", Method::POST, false, false),
    ] {
        let hop = hop(url, method);
        let lines = [of(Some("\"a\"")), of(None)].map(|version| version.range_lines(&hop, 7));
        assert_eq!(
            lines.map(|lines| lines.is_some()),
            [by_etag, by_date],
            "{url}"
        );
    }
}

/// The answer to a request for the bytes from 10 on.
fn answer_to(
    length: Option<u64>,
    status: u16,
    lines: &[(&'static str, &'static str)],
    etag: Option<&str>,
) -> Result<Answer, Failure> {
    let version = Version {
        etag: Some("\"a\"".into()),
        length,
        ..Version::default()
    };
    let status = StatusCode::from_u16(status).unwrap();
    answer(
        &(10, version),
        status,
        &headers(lines),
        &recorded(etag, None, None),
    )
}

#[test]
fn only_the_rest_of_the_same_version_is_taken() {
    let rest = |skip, length| {
        Ok(Answer::Rest(Rest {
            from: 10,
            skip,
            length,
            whole: 20,
        }))
    };
    let known = Some(20);
    for (length, status, range, wanted) in [
        (known, 206, "bytes 10-19/20", rest(0, 10)),
        (known, 206, "bytes 10-19/*", rest(0, 10)),
        (None, 206, "bytes 10-19/20", rest(0, 10)),
        (known, 206, "bytes 4-19/20", rest(6, 16)),
        (known, 206, "bytes 10-14/20", rest(0, 5)),
        (known, 416, "bytes */20", Ok(Answer::Useless)),
        (None, 206, "bytes 10-19/*", Ok(Answer::Useless)),
        (known, 206, "bytes 10-19/21", Ok(Answer::Useless)),
        (known, 206, "bytes 10-20/20", Ok(Answer::Useless)),
        (known, 206, "bytes 19-10/20", Ok(Answer::Useless)),
        (known, 206, "items 10-19/20", Ok(Answer::Useless)),
        (known, 206, "", Ok(Answer::Useless)),
        (known, 200, "bytes 10-19/20", Ok(Answer::Other)),
        (known, 404, "", Ok(Answer::Other)),
    ] {
        let got = answer_to(length, status, &[("content-range", range)], Some("\"a\""));
        assert_eq!(got, wanted, "{length:?} {status} {range}");
    }
    let range = ("content-range", "bytes 10-19/20");
    let coded = [range, ("content-encoding", "gzip")];
    let two = [range, ("content-range", "bytes 0-9/20")];
    for lines in [&coded[..], &two, &[]] {
        assert_eq!(answer_to(known, 206, lines, None), Ok(Answer::Useless));
    }
    assert_eq!(
        answer_to(known, 206, &[range], Some("\"b\"")),
        Ok(Answer::Useless)
    );
    assert_eq!(answer_to(known, 206, &[range], None), Ok(Answer::Useless));
}

#[test]
fn a_part_that_is_the_whole_needs_nothing_more() {
    let whole = Ok(Answer::Rest(Rest {
        from: 10,
        skip: 0,
        length: 0,
        whole: 10,
    }));
    for length in [None, Some(10)] {
        let got = answer_to(length, 416, &[("content-range", "bytes */10")], None);
        assert_eq!(got, whole);
    }
    for range in ["bytes */11", "bytes 0-9/10", "items */10", "*/10", ""] {
        let got = answer_to(None, 416, &[("content-range", range)], None);
        assert_eq!(got, Ok(Answer::Useless), "{range}");
    }
}

#[test]
fn what_begins_behind_the_part_or_ends_before_it_is_a_failure() {
    let tag = Some("\"a\"");
    for range in ["bytes 11-19/20", "bytes 0-8/20", "bytes 0-9/20"] {
        let failure = answer_to(Some(20), 206, &[("content-range", range)], tag).unwrap_err();
        assert_eq!(failure.kind(), FailureKind::Body, "{range}");
    }
    let failure = answer_to(None, 206, &[("content-range", "bytes 11-19/20")], tag).unwrap_err();
    assert_eq!(
        failure.message(),
        "the server sent bytes 11 to 19, and those from 10 on were asked for"
    );
}
