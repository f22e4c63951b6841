//! How long a server asks a client to wait: `Retry-After`, and the headers of rate limits.

use std::time::{Duration, SystemTime};

use http::{HeaderMap, StatusCode};

/// A longer wait is cut to this.
const LONGEST: Duration = Duration::from_secs(300);

/// A larger `X-RateLimit-Reset` is a Unix time, not a number of seconds.
const LARGEST_SPAN: f64 = 1e6;

/// The wait that a reply asks for, at most five minutes: by `Retry-After` (RFC 9110, 10.2.3) or else, with a 429 or 503,
/// by `RateLimit`, `RateLimit-Reset` of its older drafts (draft-ietf-httpapi-ratelimit-headers), or `X-RateLimit-Reset`,
/// which is not standardised.
pub(super) fn asked_wait(
    status: StatusCode,
    headers: &HeaderMap,
    now: impl Fn() -> SystemTime,
) -> Option<Duration> {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let after = text("retry-after").and_then(|value| parse(value, now()));
    if after.is_some() || !matches!(status.as_u16(), 429 | 503) {
        return after;
    }
    // If requests are left, a 503 has another cause than the limit.
    let is_limit = status == StatusCode::TOO_MANY_REQUESTS;
    let is_spent = |name| is_limit || text(name).is_none_or(|left| left.trim() == "0");
    let limits = headers.get_all("ratelimit").iter();
    let spent = limits
        .filter_map(|value| spent_for(value.to_str().ok()?))
        .max();
    let reset = || {
        let reset = text("ratelimit-reset").filter(|_| is_spent("ratelimit-remaining"))?;
        seconds(reset).map(span)
    };
    let unofficial = || {
        let reset = text("x-ratelimit-reset").filter(|_| is_spent("x-ratelimit-remaining"))?;
        let reset = seconds(reset)?;
        if reset <= LARGEST_SPAN {
            return Some(span(reset));
        }
        let since = now().duration_since(SystemTime::UNIX_EPOCH).ok()?;
        Some(span(reset - since.as_secs_f64()))
    };
    spent.or_else(reset).or_else(unofficial)
}

/// Reads a `Retry-After`: seconds, or a date. A date that has passed is a wait of zero.
fn parse(value: &str, now: SystemTime) -> Option<Duration> {
    if let Some(seconds) = seconds(value) {
        return Some(span(seconds));
    }
    let date = httpdate::parse_http_date(value.trim()).ok()?;
    Some(date.duration_since(now).unwrap_or_default().min(LONGEST))
}

/// A number without a sign or an exponent.
fn seconds(value: &str) -> Option<f64> {
    let value = value.trim();
    let is_number = value.starts_with(|c: char| c.is_ascii_digit())
        && value.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    if is_number { value.parse().ok() } else { None }
}

fn span(seconds: f64) -> Duration {
    Duration::from_secs_f64(seconds.clamp(0.0, LONGEST.as_secs_f64()))
}

/// The longest `t` of the members without requests left in a `RateLimit` value, such as `"name";r=0;t=30`.
fn spent_for(value: &str) -> Option<Duration> {
    let members = split(value, ',');
    let waits = members.filter_map(|member| {
        let parameter = |name: char| {
            let mut parameters = split(member, ';');
            parameters.find_map(|text| text.trim().strip_prefix(name)?.strip_prefix('='))
        };
        if parameter('r')?.trim() != "0" {
            return None;
        }
        seconds(parameter('t')?).map(span)
    });
    waits.max()
}

/// Splits `text` at every `separator` outside of quoted strings.
fn split(text: &str, separator: char) -> impl Iterator<Item = &str> {
    let (mut is_quoted, mut is_escaped) = (false, false);
    text.split(move |c| {
        let ends = c == separator && !is_quoted;
        is_quoted ^= c == '"' && !is_escaped;
        is_escaped = c == '\\' && !is_escaped;
        ends
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The number of milliseconds that a reply asks for at 08:49:37.
    fn asked(status: u16, headers: &[(&'static str, &str)]) -> Option<u128> {
        let now = || httpdate::parse_http_date("Sun, 06 Nov 1994 08:49:37 GMT").unwrap();
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, value.parse().unwrap());
        }
        let status = StatusCode::from_u16(status).unwrap();
        asked_wait(status, &map, now).map(|wait| wait.as_millis())
    }

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        for (value, milliseconds) in [
            ("0", Some(0)),
            (" 17 ", Some(17_000)),
            ("2.5", Some(2_500)),
            ("0.001", Some(1)),
            ("300", Some(300_000)),
            ("300.5", Some(300_000)),
            ("99999999999999999999999", Some(300_000)),
            ("Sun, 06 Nov 1994 08:50:37 GMT", Some(60_000)),
            ("Sunday, 06-Nov-94 08:50:37 GMT", Some(60_000)),
            ("Sun Nov  6 08:50:37 1994", Some(60_000)),
            ("Sun, 06 Nov 1994 07:00:00 GMT", Some(0)),
            ("Sat, 06 Nov 2094 07:00:00 GMT", Some(300_000)),
            // Not that day of the week.
            ("Sun, 06 Nov 2094 07:00:00 GMT", None),
            ("-1", None),
            ("+1", None),
            ("1.5.2", None),
            (".5", None),
            ("1e3", None),
            ("inf", None),
            ("soon", None),
            ("", None),
        ] {
            // Behind any status: which of them are tried again is not decided here.
            assert_eq!(
                asked(500, &[("retry-after", value)]),
                milliseconds,
                "{value:?}"
            );
        }
    }

    #[test]
    fn a_rate_limit_that_is_spent_is_a_wait() {
        for (value, milliseconds) in [
            (r#""default";r=0;t=30"#, Some(30_000)),
            (r#""default"; t=30; r=0"#, Some(30_000)),
            (r#""a";r=0;t=30, "b";r=0;t=60,"c";r=1;t=90"#, Some(60_000)),
            (r#""a,b;r=0;t=9\";r=0;t=8";r=0;t=7"#, Some(7_000)),
            (r#""default";r=0;t=9999"#, Some(300_000)),
            (r#""default";r=0;pk=:eA==:;t=5"#, Some(5_000)),
            ("default;r=0;t=5", Some(5_000)),
            (r#""default";r=5;t=30"#, None),
            (r#""default";t=30"#, None),
            (r#""default";r=0"#, None),
            (r#""default";r=0;t=x"#, None),
            ("", None),
        ] {
            for status in [429, 503] {
                assert_eq!(
                    asked(status, &[("ratelimit", value)]),
                    milliseconds,
                    "{value}"
                );
            }
            assert_eq!(asked(500, &[("ratelimit", value)]), None, "{value}");
        }
    }

    #[test]
    fn of_several_headers_one_is_obeyed() {
        // 08:50:37 of that day.
        let unix = "784111837";
        for (headers, milliseconds) in [
            (
                &[("ratelimit", "a;r=0;t=3"), ("ratelimit", "b;r=0;t=4")][..],
                Some(4_000),
            ),
            (
                &[("retry-after", "2"), ("ratelimit", "a;r=0;t=9")],
                Some(2_000),
            ),
            (
                &[("retry-after", "soon"), ("ratelimit", "a;r=0;t=9")],
                Some(9_000),
            ),
            (
                &[("ratelimit", "a;r=0;t=9"), ("x-ratelimit-reset", "5")],
                Some(9_000),
            ),
            (
                &[("ratelimit-remaining", "0"), ("ratelimit-reset", "6")],
                Some(6_000),
            ),
            (
                &[("ratelimit-remaining", "3"), ("ratelimit-reset", "6")],
                Some(6_000),
            ),
            (&[("x-ratelimit-reset", "5")], Some(5_000)),
            (&[("x-ratelimit-reset", "5.5")], Some(5_500)),
            (&[("x-ratelimit-reset", "1000000")], Some(300_000)),
            (&[("x-ratelimit-reset", unix)], Some(60_000)),
            (&[("x-ratelimit-reset", "1000001")], Some(0)),
            (&[("x-ratelimit-reset", "never")], None),
            (&[("ratelimit", "r=0;t=4")], Some(4_000)),
        ] {
            assert_eq!(asked(429, headers), milliseconds, "{headers:?}");
        }
        let left = [
            ("x-ratelimit-remaining", "4987"),
            ("x-ratelimit-reset", "60"),
        ];
        assert_eq!(asked(429, &left), Some(60_000));
        assert_eq!(
            asked(503, &left),
            None,
            "the limit is not why it was refused"
        );
    }
}
