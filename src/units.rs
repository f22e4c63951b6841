//! Durations, sizes, rates, whole numbers and methods, as people write them in options and in the cells of lists.
//!
//! Errors say what is wrong with the text and what would be right. The arithmetic is exact and checked, and only a
//! written 0 becomes 0.

use crate::escape::shown;
use crate::fetch::Method;
use crate::schedule::PerSecond;
use std::slice;
use std::time::Duration;

const NANOS_PER_SECOND: u128 = 1_000_000_000;

/// The units of time in nanoseconds, in the order in which a duration may have them.
const TIMES: [(&str, u128); 5] = [
    ("d", 86_400 * NANOS_PER_SECOND),
    ("h", 3600 * NANOS_PER_SECOND),
    ("m", 60 * NANOS_PER_SECOND),
    ("s", NANOS_PER_SECOND),
    ("ms", 1_000_000),
];

/// A hundred years, which can be added to any `Instant`.
const LONGEST: u128 = 36_500 * 86_400 * NANOS_PER_SECOND;

/// A millisecond. A shorter time is a mistake, and rounded to 0 it would mean no limit.
const SHORTEST: u128 = 1_000_000;

const A_DURATION: &str =
    "write 30, 1.5, 500ms, 2m or 1h30m (d, h, m, s, ms; a bare number is seconds)";
const A_RATE: &str = "write starts a second, such as 100 or 0.5";
const TOO_FAST: &str = "too high: at most 1000000";

/// A million a second, in thousandths.
const FASTEST: u64 = 1_000_000_000;

const A_SIZE: &str = "write 500, 64K, 10M, 1.5G or 2T (powers of 1024; a bare number is bytes)";

/// Reads a duration: `30`, `1.5`, `500ms`, `2m`, `1h30m`.
///
/// A bare number is seconds. Units go from large to small, each at most once; only the last number may have a fraction.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    refuse_negative(text, "a duration", A_DURATION)?;
    let mut units = TIMES.iter();
    let mut total = 0_u128;
    let mut rest = text;
    loop {
        let no_duration = || format!("not a duration: {A_DURATION}");
        let (number, unit, behind) = part(rest).ok_or_else(no_duration)?;
        let per_unit = if !unit.is_empty() {
            unit_of_time(unit, &mut units)?
        } else if rest == text {
            NANOS_PER_SECOND
        } else {
            let (next, _) = units.next().ok_or_else(no_duration)?;
            return Err(format!(
                "the last number has no unit: did you mean {text}{next}?"
            ));
        };
        if !behind.is_empty() && number.contains('.') {
            return Err(format!(
                "only the last number may have a fraction: {A_DURATION}"
            ));
        }
        total = total.saturating_add(scaled(number, per_unit).unwrap_or(u128::MAX));
        if behind.is_empty() {
            return in_range(total, text);
        }
        rest = behind;
    }
}

/// The nanoseconds of `unit`, one of the remaining `units`.
fn unit_of_time(unit: &str, units: &mut slice::Iter<'_, (&str, u128)>) -> Result<u128, String> {
    match units.find(|(name, _)| *name == unit) {
        Some((_, nanos)) => Ok(*nanos),
        None if TIMES.iter().any(|(name, _)| *name == unit) => Err(format!(
            "units go from large to small, each once: {A_DURATION}"
        )),
        None => Err(format!(
            "'{}' is no unit of time: {A_DURATION}",
            shown(unit)
        )),
    }
}

fn in_range(nanos: u128, text: &str) -> Result<Duration, String> {
    match nanos {
        0 if !has_digits_but_zero(text) => Ok(Duration::ZERO),
        0..SHORTEST => Err("too short: at least 1ms".to_owned()),
        // LONGEST is far below the limit of u64 seconds.
        SHORTEST..=LONGEST => Ok(Duration::new(
            (nanos / NANOS_PER_SECOND) as u64,
            (nanos % NANOS_PER_SECOND) as u32,
        )),
        _ => Err("too long: at most 36500d; 0 means none".to_owned()),
    }
}

/// Reads a size in bytes: `500`, `64K`, `10m`, `1.5G`, `64KiB`. Parts of a byte are dropped.
pub(crate) fn size(text: &str) -> Result<u64, String> {
    refuse_negative(text, "a size", A_SIZE)?;
    let (number, unit, behind) = part(text).ok_or_else(|| format!("not a size: {A_SIZE}"))?;
    let per_unit = match unit {
        "" => 1,
        "K" | "k" | "KiB" => 1 << 10,
        "M" | "m" | "MiB" => 1 << 20,
        "G" | "g" | "GiB" => 1 << 30,
        "T" | "t" | "TiB" => 1 << 40,
        // Some tools read these as powers of 1000, others as powers of 1024.
        "KB" | "kB" | "kb" | "MB" | "mb" | "GB" | "gb" | "TB" | "tb" => {
            let meant = unit[..1].to_ascii_uppercase();
            return Err(format!(
                "'{unit}' has two meanings: write {number}{meant} (powers of 1024)"
            ));
        }
        _ => {
            return Err(format!("'{}' is no unit of size: {A_SIZE}", shown(unit)));
        }
    };
    if !behind.is_empty() {
        return Err(format!("'{}' is too much: {A_SIZE}", shown(behind)));
    }
    if unit.is_empty() && number.contains('.') {
        return Err(format!("a byte has no fractions: {A_SIZE}"));
    }
    let bytes = scaled(number, per_unit)
        .and_then(|bytes| u64::try_from(bytes).ok())
        .ok_or("too large: at most 16777215T")?;
    match bytes {
        0 if has_digits_but_zero(text) => Err("less than a byte".to_owned()),
        _ => Ok(bytes),
    }
}

/// Reads a number of starts a second, `10` or `0.5`, rounded down to thousandths.
pub(crate) fn rate(text: &str) -> Result<PerSecond, String> {
    refuse_negative(text, "a rate", A_RATE)?;
    let thousandths = match part(text) {
        Some((number, "", "")) => scaled(number, 1000).ok_or(TOO_FAST)?,
        Some((number, unit, _)) if unit.starts_with('/') => return Err(rate_by_unit(number, unit)),
        _ => return Err(format!("not a number: {A_RATE}")),
    };
    match u64::try_from(thousandths) {
        Ok(0) if has_digits_but_zero(text) => Err("too low: at least 0.001".to_owned()),
        Ok(0) => Err(format!("nothing would ever start: {A_RATE}")),
        Ok(thousandths @ 1..=FASTEST) => Ok(PerSecond::thousandths(thousandths)),
        _ => Err(TOO_FAST.to_owned()),
    }
}

/// The error about a rate such as `30/m`, with the number a second.
fn rate_by_unit(number: &str, unit: &str) -> String {
    let seconds = match &unit[1..] {
        "s" | "sec" | "second" => 1.0,
        "m" | "min" | "minute" => 60.0,
        "h" | "hour" => 3600.0,
        _ => return format!("not a number: {A_RATE}"),
    };
    let meant = number.parse::<f64>().unwrap_or_default() / seconds;
    let rounded = (meant * 1000.0).round() / 1000.0;
    format!("a rate is by the second: did you mean {rounded}?")
}

/// Reads a whole number from `LEAST` to `MOST`.
pub(crate) fn whole<const LEAST: u32, const MOST: u32>(text: &str) -> Result<u32, String> {
    // `parse` would take a sign.
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse()
        .ok()
        .filter(|number| digits && (LEAST..=MOST).contains(number))
        .ok_or_else(|| format!("not a whole number from {LEAST} to {MOST}"))
}

/// Reads a method. Methods are case-sensitive; all registered ones are in capitals.
pub(crate) fn method(text: &str) -> Result<Method, String> {
    let method = Method::from_bytes(text.as_bytes())
        .ok()
        // A method may begin with a hyphen, but `-X -I` is a mistake.
        .filter(|_| text.starts_with(|c: char| c.is_ascii_alphabetic()))
        .ok_or("not a method: it is a word like GET, HEAD, OPTIONS or DELETE")?;
    if method == Method::CONNECT {
        return Err("CONNECT asks for a tunnel, not for a page".to_owned());
    }
    if text.contains(|c: char| c.is_ascii_lowercase()) {
        let capitals = text.to_ascii_uppercase();
        return Err(format!("methods are written in capitals: {capitals}"));
    }
    Ok(method)
}

/// Cuts `1h30m` into `1`, `h` and `30m`. `None` if the text does not begin with a number.
fn part(text: &str) -> Option<(&str, &str, &str)> {
    let is_number = |c: char| c.is_ascii_digit() || c == '.';
    let (number, rest) = text.split_at(text.find(|c| !is_number(c)).unwrap_or(text.len()));
    let (unit, behind) = rest.split_at(rest.find(is_number).unwrap_or(rest.len()));
    let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
    // `.5` is a number; `5.`, `.` and `1.2.3` are not.
    let is_decimal = !fraction.is_empty()
        && !fraction.contains('.')
        && (number.contains('.') || !whole.is_empty());
    is_decimal.then_some((number, unit, behind))
}

/// `number`, a decimal of [`part`], times `per_unit`, rounded down. `None` on overflow.
fn scaled(number: &str, per_unit: u128) -> Option<u128> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    // 18 digits are precise enough for nanoseconds and bytes, and cannot overflow.
    let fraction = &fraction[..fraction.len().min(18)];
    let digits = |text: &str| match text {
        "" => Some(0),
        _ => text.parse::<u128>().ok(),
    };
    let parts = digits(fraction)?.checked_mul(per_unit)? / 10_u128.pow(fraction.len() as u32);
    digits(whole)?.checked_mul(per_unit)?.checked_add(parts)
}

fn refuse_negative(text: &str, what: &str, right: &str) -> Result<(), String> {
    match text.strip_prefix('-') {
        Some(rest) if rest.starts_with(|c: char| c.is_ascii_digit() || c == '.') => {
            Err(format!("{what} cannot be negative: {right}"))
        }
        _ => Ok(()),
    }
}

/// Whether `text` has a digit other than 0.
fn has_digits_but_zero(text: &str) -> bool {
    text.contains(|c: char| matches!(c, '1'..='9'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn methods() {
        for text in [
            "GET", "HEAD", "POST", "DELETE", "OPTIONS", "TRACE", "PROPFIND", "M-SEARCH", "X1",
        ] {
            assert_eq!(method(text).unwrap(), *text);
        }
        let table = [
            ("", "not a method"),
            ("GE T", "not a method"),
            ("GET\r\nEvil: x", "not a method"),
            ("GÊT", "not a method"),
            ("-I", "not a method"),
            ("CONNECT", "CONNECT asks for a tunnel"),
            ("get", "methods are written in capitals: GET"),
            ("Get", "methods are written in capitals: GET"),
        ];
        for (text, expected) in table {
            let error = method(text).expect_err(text);
            assert!(error.starts_with(expected), "{text:?}: {error}");
        }
    }
}
