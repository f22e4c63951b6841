//! Reads durations, sizes and whole numbers as users write them.
//!
//! Each reader takes the text of one option's value and gives the value, or says what is wrong with the
//! text and what would be right; naming the option is left to the caller. All arithmetic is exact and
//! checked: nothing wraps around, and nothing but a written 0 becomes 0.

use crate::escape::shown;
use crate::schedule::PerSecond;
use std::slice;
use std::time::Duration;

const NANOS_PER_SECOND: u128 = 1_000_000_000;

/// The units of time, in the order in which they may follow one another, in nanoseconds.
const TIMES: [(&str, u128); 5] = [
    ("d", 86_400 * NANOS_PER_SECOND),
    ("h", 3600 * NANOS_PER_SECOND),
    ("m", 60 * NANOS_PER_SECOND),
    ("s", NANOS_PER_SECOND),
    ("ms", 1_000_000),
];

/// A hundred years: far enough for anybody, and any `Instant` can be moved by it.
const LONGEST: u128 = 36_500 * 86_400 * NANOS_PER_SECOND;

/// Below this a timeout is a slip of the pen, and rounding would soon make it 0, which means none.
const SHORTEST: u128 = 1_000_000;

const A_DURATION: &str =
    "write 30, 1.5, 500ms, 2m or 1h30m (d, h, m, s, ms; a bare number is seconds)";
const A_RATE: &str = "write starts a second, such as 100 or 0.5";
const TOO_FAST: &str = "too high: at most 1000000";

/// A million a second, in thousandths: more than any machine starts.
const FASTEST: u64 = 1_000_000_000;

const A_SIZE: &str = "write 500, 64K, 10M, 1.5G or 2T (powers of 1024; a bare number is bytes)";

/// Reads a duration: `30`, `1.5`, `500ms`, `2m`, `1h30m`.
///
/// A bare number is seconds. Units go from large to small, each at most once; only the last number may
/// have a fraction. 0 is a duration, what is shorter than a millisecond otherwise is none.
///
/// # Errors
///
/// What is wrong with `text`, and what would be right.
pub(super) fn duration(text: &str) -> Result<Duration, String> {
    refuse_negative(text, "a duration", A_DURATION)?;
    let bare_number = text
        .bytes()
        .all(|byte| byte.is_ascii_digit() || byte == b'.');
    let mut rest = text;
    let mut units = TIMES.iter();
    let mut total = 0_u128;
    loop {
        let (number, unit, behind) =
            part(rest).ok_or_else(|| format!("not a duration: {A_DURATION}"))?;
        let per_unit = match unit {
            "" if bare_number => NANOS_PER_SECOND,
            "" => {
                let (unit, _) = units
                    .next()
                    .ok_or_else(|| format!("not a duration: {A_DURATION}"))?;
                return Err(format!(
                    "the last number has no unit: did you mean {text}{unit}?"
                ));
            }
            _ => unit_of_time(unit, &mut units)?,
        };
        if !behind.is_empty() && number.contains('.') {
            return Err(format!(
                "only the last number may have a fraction: {A_DURATION}"
            ));
        }
        // On overflow it is too long in any case, whatever is added.
        total = total.saturating_add(scaled(number, per_unit).unwrap_or(u128::MAX));
        if behind.is_empty() {
            return in_range(total, text);
        }
        rest = behind;
    }
}

/// The nanoseconds of `unit`, which has to be one of those that are left in `units`.
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

/// `nanos` as a duration, unless it is one that nobody can mean who wrote `text`.
fn in_range(nanos: u128, text: &str) -> Result<Duration, String> {
    match nanos {
        0 if !has_digits_but_zero(text) => Ok(Duration::ZERO),
        0..SHORTEST => Err("too short: at least 1ms".to_owned()),
        // The seconds of LONGEST are far below u64's limit, and the rest is below a second.
        SHORTEST..=LONGEST => Ok(Duration::new(
            (nanos / NANOS_PER_SECOND) as u64,
            (nanos % NANOS_PER_SECOND) as u32,
        )),
        _ => Err("too long: at most 36500d; 0 means none".to_owned()),
    }
}

/// Reads a size in bytes: `500`, `64K`, `10M`, `2G`, in either case; `64KiB` as well.
///
/// A fraction is taken as far as it goes: `1.5K` is 1536, and parts of a byte are dropped.
///
/// # Errors
///
/// What is wrong with `text`, and what would be right.
pub(super) fn size(text: &str) -> Result<u64, String> {
    refuse_negative(text, "a size", A_SIZE)?;
    let (number, unit, behind) = part(text).ok_or_else(|| format!("not a size: {A_SIZE}"))?;
    let per_unit = match unit {
        "" => 1,
        "K" | "k" | "KiB" => 1 << 10,
        "M" | "m" | "MiB" => 1 << 20,
        "G" | "g" | "GiB" => 1 << 30,
        "T" | "t" | "TiB" => 1 << 40,
        // Powers of 1000 to some, of 1024 to others.
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

/// Reads how many starts there may be a second, to the thousandth: `10`, `0.5`.
///
/// # Errors
///
/// What is wrong with `text`, and what would be right.
pub(super) fn rate(text: &str) -> Result<PerSecond, String> {
    refuse_negative(text, "a rate", A_RATE)?;
    let thousandths = match part(text) {
        Some((number, "", "")) => scaled(number, 1000).ok_or(TOO_FAST)?,
        Some((number, unit, _)) if unit.starts_with('/') => return Err(per_unit(number, unit)),
        _ => return Err(format!("not a number: {A_RATE}")),
    };
    match u64::try_from(thousandths) {
        Ok(0) if has_digits_but_zero(text) => Err("too low: at least 0.001".to_owned()),
        Ok(0) => Err(format!("nothing would ever start: {A_RATE}")),
        Ok(thousandths @ 1..=FASTEST) => Ok(PerSecond::thousandths(thousandths)),
        _ => Err(TOO_FAST.to_owned()),
    }
}

/// The complaint about a rate by the minute, say: with the number that was meant.
fn per_unit(number: &str, unit: &str) -> String {
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
///
/// # Errors
///
/// Says what the range is.
pub(super) fn whole<const LEAST: u32, const MOST: u32>(text: &str) -> Result<u32, String> {
    // `parse` would take a sign.
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse()
        .ok()
        .filter(|number| digits && (LEAST..=MOST).contains(number))
        .ok_or_else(|| format!("not a whole number from {LEAST} to {MOST}"))
}

/// Cuts `1h30m` into `1`, `h` and `30m`. `None` if it does not begin with a number.
fn part(text: &str) -> Option<(&str, &str, &str)> {
    let is_number = |c: char| c.is_ascii_digit() || c == '.';
    let (number, rest) = text.split_at(text.find(|c| !is_number(c)).unwrap_or(text.len()));
    let (unit, behind) = rest.split_at(rest.find(is_number).unwrap_or(rest.len()));
    let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
    // `.5` is as good as `0.5`; `5.`, `.` and `1.2.3` are slips.
    let is_decimal = !fraction.is_empty()
        && !fraction.contains('.')
        && (number.contains('.') || !whole.is_empty());
    is_decimal.then_some((number, unit, behind))
}

/// `number`, a decimal as [`part`] gives it, times `per_unit`, rounded down. `None` on overflow.
fn scaled(number: &str, per_unit: u128) -> Option<u128> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    // Eighteen places are finer than a nanosecond of a day or a byte of a TiB, and cannot overflow.
    let fraction = &fraction[..fraction.len().min(18)];
    let digits = |text: &str| {
        if text.is_empty() {
            Some(0)
        } else {
            text.parse::<u128>().ok()
        }
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

/// Whether `text` is a number that is not 0, however small.
fn has_digits_but_zero(text: &str) -> bool {
    text.contains(|c: char| matches!(c, '1'..='9'))
}
