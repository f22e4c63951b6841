//! `Content-Range` (RFC 9110, 14.4): whether a 206 brings the whole page or a part of it.

use http::{HeaderMap, HeaderValue, header};

use super::failure::{Failure, FailureKind, shortened};

/// The length of the page, if a 206 that was not asked for brings all of it.
pub(super) fn whole_length(headers: &HeaderMap) -> Result<u64, Failure> {
    let range = headers.get(header::CONTENT_RANGE);
    let range = range.map_or(&b"no Content-Range"[..], HeaderValue::as_bytes);
    length_if_whole(range).ok_or_else(|| {
        let shown = shortened(range);
        let text = format!("the server sent a part of the page, which was not asked for: {shown}");
        Failure::new(FailureKind::Body, text)
    })
}

fn length_if_whole(value: &[u8]) -> Option<u64> {
    let (unit, range) = str::from_utf8(value).ok()?.trim().split_once(' ')?;
    let (range, length) = range.split_once('/')?;
    let (first, last) = range.split_once('-')?;
    let (first, last, length) = (number(first)?, number(last)?, number(length)?);
    let is_whole = first == 0 && last.checked_add(1) == Some(length);
    (is_whole && unit.eq_ignore_ascii_case("bytes")).then_some(length)
}

fn number(text: &str) -> Option<u64> {
    let text = text.trim();
    let is_number = text.bytes().all(|b| b.is_ascii_digit());
    text.parse().ok().filter(|_| is_number)
}

#[cfg(test)]
mod tests {
    use super::length_if_whole;

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
            assert_eq!(length_if_whole(value.as_bytes()), whole, "{value:?}");
        }
    }
}
