//! `Content-Range` (RFC 9110, 14.4): whether a 206 has the whole page or a part.

use http::{HeaderMap, HeaderValue, header};

use super::failure::{Failure, FailureKind, shortened};

/// The length of a 206's body, if known.
///
/// # Errors
///
/// The body is neither the whole page nor a part that begins where `asked`, the request's `Range`, does.
pub(super) fn range_length(
    headers: &HeaderMap,
    asked: Option<&str>,
) -> Result<Option<u64>, Failure> {
    let shown = |value: &HeaderValue| shortened(value.as_bytes());
    let mut ranges = headers.get_all(header::CONTENT_RANGE).iter();
    let range = ranges.next();
    let what = match ranges.find(|other| Some(*other) != range).zip(range) {
        Some((other, range)) => format!(
            "two Content-Range headers that differ: {} and {}",
            shown(range),
            shown(other)
        ),
        None => match length_of(range.map_or(b"", HeaderValue::as_bytes), asked) {
            Some(length) => return Ok(length),
            None => format!(
                "a part of the page that was not asked for (Content-Range: {})",
                range.map_or_else(|| "none".to_owned(), shown)
            ),
        },
    };
    let text = format!("the server sent {what}");
    Err(Failure::new(FailureKind::Body, text))
}

/// The length of the body. `Some(None)` if `value` does not tell it, `None` if the range was not asked for.
fn length_of(value: &[u8], asked: Option<&str>) -> Option<Option<u64>> {
    let range = range(value);
    let Some(asked) = asked else {
        let (first, last, length) = range?;
        let is_whole = first == 0 && Some(last.checked_add(1)?) == length;
        return is_whole.then_some(length);
    };
    // Several ranges come as multipart, without this header.
    let Some((first, last, _)) = range else {
        return Some(None);
    };
    let begin = asked.trim().strip_prefix("bytes=").and_then(|asked| {
        let (begin, _) = asked.split_once('-')?;
        number(begin)
    });
    let is_asked = begin.is_none_or(|begin| begin == first);
    let length = last.checked_sub(first)?.checked_add(1);
    is_asked.then_some(length)
}

/// The range of a 206 with one part: the first byte, the last, and the length of the whole if known. `None` if there is
/// none, or it cannot be.
pub(super) fn only_range(headers: &HeaderMap) -> Option<(u64, u64, Option<u64>)> {
    let (first, last, length) = range(only_value(headers)?.as_bytes())?;
    (first <= last && last < u64::MAX).then_some((first, last, length))
}

/// The length of the whole that a 416 tells.
pub(super) fn unsatisfied_length(headers: &HeaderMap) -> Option<u64> {
    let value = str::from_utf8(only_value(headers)?.as_bytes()).ok()?;
    let (unit, range) = value.trim().split_once(' ')?;
    let length = range.trim().strip_prefix("*/")?;
    number(length).filter(|_| unit.eq_ignore_ascii_case("bytes"))
}

/// The `Content-Range`, if all are equal.
fn only_value(headers: &HeaderMap) -> Option<&HeaderValue> {
    let mut ranges = headers.get_all(header::CONTENT_RANGE).iter();
    let range = ranges.next()?;
    ranges.all(|other| other == range).then_some(range)
}

/// The first byte, the last, and the length of the whole if known.
fn range(value: &[u8]) -> Option<(u64, u64, Option<u64>)> {
    let (unit, range) = str::from_utf8(value).ok()?.trim().split_once(' ')?;
    let (range, length) = range.split_once('/')?;
    let (first, last) = range.split_once('-')?;
    let length = match length.trim() {
        "*" => None,
        length => Some(number(length)?),
    };
    let is_bytes = unit.eq_ignore_ascii_case("bytes");
    is_bytes.then_some((number(first)?, number(last)?, length))
}

fn number(text: &str) -> Option<u64> {
    let text = text.trim();
    let is_number = text.bytes().all(|b| b.is_ascii_digit());
    text.parse().ok().filter(|_| is_number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_that_differ_are_told() {
        let mut headers = HeaderMap::new();
        for value in ["bytes 0-4/5", "bytes 0-4/5", "bytes 0-4/9"] {
            headers.append(header::CONTENT_RANGE, HeaderValue::from_static(value));
        }
        assert_eq!(
            range_length(&headers, None).unwrap_err().message(),
            "the server sent two Content-Range headers that differ: bytes 0-4/5 and bytes 0-4/9"
        );
    }

    #[test]
    fn what_was_asked_for_begins_where_that_began() {
        for (value, asked, length) in [
            ("bytes 0-4/5", "bytes=0-4", Some(Some(5))),
            ("bytes 0-4/*", "bytes=0-", Some(Some(5))),
            ("bytes 5-9/10", "bytes=0-4", None),
            ("bytes 5-9/10", "bytes=-5", Some(Some(5))),
            ("bytes 4-0/5", "bytes=4-", None),
            ("", "bytes=0-1,4-5", Some(None)),
            ("items 0-4/5", "items=0-4", Some(None)),
        ] {
            let got = length_of(value.as_bytes(), Some(asked));
            assert_eq!(got, length, "{value:?}, {asked:?}");
        }
    }

    #[test]
    fn only_a_range_from_the_first_byte_to_the_last_is_the_whole() {
        for (value, whole) in [
            ("bytes 0-4/5", Some(5)),
            (" Bytes  0 - 4 / 5 ", Some(5)),
            ("bytes 0-0/1", Some(1)),
            (
                "bytes 0-18446744073709551614/18446744073709551615",
                Some(u64::MAX),
            ),
            ("bytes 0-18446744073709551615/0", None),
            ("bytes 0-4/10", None),
            ("bytes 5-9/10", None),
            ("bytes 1-4/5", None),
            ("bytes 0-5/5", None),
            ("bytes 0-4/*", None),
            ("bytes */5", None),
            ("bytes 0-/5", None),
            ("bytes -5/5", None),
            ("bytes +0-4/5", None),
            ("bytes 0-4", None),
            ("0-4/5", None),
            ("items 0-4/5", None),
            ("", None),
        ] {
            assert_eq!(
                length_of(value.as_bytes(), None),
                whole.map(Some),
                "{value:?}"
            );
        }
    }
}
