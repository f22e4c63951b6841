//! `Content-Range` (RFC 9110, 14.4): whether a 206 brings the whole of a page or a part of it.

/// The length of the whole page in bytes, if `value` says that all of it comes.
pub(crate) fn whole_length(value: &[u8]) -> Option<u64> {
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
    use super::whole_length;

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
            assert_eq!(whole_length(value.as_bytes()), whole, "{value:?}");
        }
    }
}
