//! `--remote-time`: a saved file has the time of its reply's `Last-Modified`. Pure: `now` is an argument.

use std::time::{Duration, SystemTime};

/// How far a server's clock may be ahead. A later value is a mistake (RFC 9110, 8.8.2.1), and tools that compare times
/// would take the file for newer than anything.
const AHEAD: Duration = Duration::from_secs(24 * 60 * 60);

/// The time that `last_modified` tells, unless it is no date or in the future.
pub(super) fn modified(last_modified: &str, now: SystemTime) -> Option<SystemTime> {
    let at = httpdate::parse_http_date(last_modified.trim()).ok()?;
    let is_wrong = at.duration_since(now).is_ok_and(|ahead| ahead > AHEAD);
    Some(at).filter(|_| !is_wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_date_that_is_not_in_the_future_is_a_time() {
        let second = |seconds| SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
        let now = second(784_111_777);
        for (value, seconds) in [
            ("Sun, 06 Nov 1994 08:49:37 GMT", Some(784_111_777)),
            (" Sunday, 06-Nov-94 08:49:37 GMT ", Some(784_111_777)),
            ("Sun Nov  6 08:49:37 1994", Some(784_111_777)),
            ("Thu, 01 Jan 1970 00:00:00 GMT", Some(0)),
            ("Mon, 07 Nov 1994 08:49:37 GMT", Some(784_198_177)),
            ("Mon, 07 Nov 1994 08:49:38 GMT", None),
            ("Fri, 31 Dec 9999 23:59:59 GMT", None),
            ("Wed, 31 Dec 1969 23:59:59 GMT", None),
            ("Sun, 32 Nov 1994 08:49:37 GMT", None),
            ("Sun, 06 Nov 1994 08:49:37 CET", None),
            ("784111777", None),
            ("", None),
        ] {
            assert_eq!(modified(value, now), seconds.map(second), "{value:?}");
        }
    }
}
