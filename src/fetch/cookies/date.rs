//! The dates of cookies, by the rules of RFC 6265, 5.1.1: any order, and any words between.

const MONTHS: [&str; 12] = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
];

/// Seconds since 1970, and 0 for a date before that. `None` if `text` is no date.
pub(super) fn parse(text: &[u8]) -> Option<u64> {
    let (mut time, mut day, mut month, mut year) = (None, None, None, None);
    for word in text.split(|byte| is_delimiter(*byte)) {
        if time.is_none()
            && let Some(found) = time_of(word)
        {
            time = Some(found);
        } else if day.is_none()
            && let Some((found, _)) = number(word, 1, 2)
        {
            day = Some(found);
        } else if month.is_none()
            && let Some(found) = month_of(word)
        {
            month = Some(found);
        } else if year.is_none()
            && let Some((found, _)) = number(word, 2, 4)
        {
            year = Some(found);
        }
    }
    let ([hour, minute, second], day, month) = (time?, day?, month?);
    let year = match year? {
        year @ 70..100 => year + 1900,
        year @ 0..70 => year + 2000,
        year => year,
    };
    let next_month = if month == 12 {
        (year + 1, 1)
    } else {
        (year, month + 1)
    };
    let is_valid = year >= 1601 && day > 0 && hour < 24 && minute < 60 && second < 60;
    if !is_valid || days(year, month, day) >= days(next_month.0, next_month.1, 1) {
        return None;
    }
    let seconds = (days(year, month, day) * 24 + hour) * 3600 + minute * 60 + second;
    Some(seconds.saturating_sub(DAYS_BEFORE_1970 * 86_400))
}

/// From 1 March of the year 0 to 1 January 1970.
const DAYS_BEFORE_1970: u64 = 719_468;

/// From 1 March of the year 0. The leap day is then the last of its year.
fn days(year: u64, month: u64, day: u64) -> u64 {
    let (year, month) = if month < 3 {
        (year - 1, month + 9)
    } else {
        (year, month - 3)
    };
    365 * year + year / 4 - year / 100 + year / 400 + (153 * month + 2) / 5 + day - 1
}

fn is_delimiter(byte: u8) -> bool {
    matches!(byte, b'\t' | 0x20..=0x2f | 0x3b..=0x40 | 0x5b..=0x60 | 0x7b..=0x7e)
}

/// `least` to `most` digits, which no other follows, and what is behind them.
fn number(word: &[u8], least: usize, most: usize) -> Option<(u64, &[u8])> {
    let length = word.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (digits, rest) = word.split_at(length);
    let value = str::from_utf8(digits).ok()?.parse().ok()?;
    (least..=most).contains(&length).then_some((value, rest))
}

fn time_of(word: &[u8]) -> Option<[u64; 3]> {
    let (hour, rest) = number(word, 1, 2)?;
    let (minute, rest) = number(rest.strip_prefix(b":")?, 1, 2)?;
    let (second, _) = number(rest.strip_prefix(b":")?, 1, 2)?;
    Some([hour, minute, second])
}

/// From 1 on.
fn month_of(word: &[u8]) -> Option<u64> {
    let word = word.get(..3)?;
    let is_word = |month: &&str| word.eq_ignore_ascii_case(month.as_bytes());
    (1..)
        .zip(MONTHS)
        .find(|(_, month)| is_word(month))
        .map(|(number, _)| number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_as_servers_write_them() {
        for (text, expected) in [
            ("Sun, 06 Nov 1994 08:49:37 GMT", Some(784_111_777)),
            ("Sunday, 06-Nov-94 08:49:37 GMT", Some(784_111_777)),
            ("Sun Nov  6 08:49:37 1994", Some(784_111_777)),
            ("sun 6-NOVEMBER-1994 8:49:37 +0000", Some(784_111_777)),
            ("1994 Nov 6 08:49:37", Some(784_111_777)),
            ("08:49:37 6 Nov 1994", Some(784_111_777)),
            ("Thu, 01-Jan-1970 00:00:00 GMT", Some(0)),
            ("Thu, 01-Jan-70 00:00:10 GMT", Some(10)),
            ("Mon, 01 Jan 1601 00:00:00 GMT", Some(0)),
            ("Mon, 01 Jan 1600 00:00:00 GMT", None),
            ("Tue, 29 Feb 2000 12:00:00 GMT", Some(951_825_600)),
            ("Wed, 01 Mar 2000 00:00:00 GMT", Some(951_868_800)),
            ("Tue, 19 Jan 2038 03:14:08 GMT", Some(2_147_483_648)),
            ("Tue, 19 Jan 38 03:14:08 GMT", Some(2_147_483_648)),
            ("Fri, 31 Dec 9999 23:59:59 GMT", Some(253_402_300_799)),
            ("Sun, 06 Nov 1994 24:49:37 GMT", None),
            ("Sun, 06 Nov 1994 08:60:37 GMT", None),
            ("Thu, 30 Feb 2000 12:00:00 GMT", None),
            ("Thu, 29 Feb 2001 12:00:00 GMT", None),
            ("Thu, 31 Apr 2001 12:00:00 GMT", None),
            ("Sun, 31 Dec 2000 00:00:00 GMT", Some(978_220_800)),
            ("Sun, 32 Nov 1994 08:49:37 GMT", None),
            ("Sun, 00 Nov 1994 08:49:37 GMT", None),
            ("Sun, 06 Nov 19940 08:49:37 GMT", None),
            ("Sun, 06 Nov 1994", None),
            ("06 1994 08:49:37", None),
            ("0", None),
            ("", None),
        ] {
            assert_eq!(parse(text.as_bytes()), expected, "{text}");
        }
    }
}
