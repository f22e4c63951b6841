//! Durations, sizes and numbers as users write them.

use super::super::units::{duration, rate, size, whole};
use crate::schedule::PerSecond;
use std::time::Duration;

#[test]
fn durations() {
    let table = [
        ("30", 30_000_000),
        ("0", 0),
        ("0s", 0),
        ("0.0", 0),
        ("00", 0),
        ("1.5", 1_500_000),
        (".5", 500_000),
        ("007", 7_000_000),
        ("500ms", 500_000),
        ("1ms", 1_000),
        ("1.5ms", 1_500),
        ("0.001", 1_000),
        ("2m", 120_000_000),
        ("1.5m", 90_000_000),
        ("1h30m", 5_400_000_000),
        ("1h30s", 3_630_000_000),
        ("1h30m15s500ms", 5_415_500_000),
        ("1m0.5s", 60_500_000),
        ("0h5s", 5_000_000),
        ("2d", 172_800_000_000),
        ("36500d", 3_153_600_000_000_000),
        ("0.3333333333333333333333333", 333_333),
    ];
    for (text, micros) in table {
        let read = duration(text).unwrap_or_else(|error| panic!("{text}: {error}"));
        assert_eq!(read.as_micros(), micros, "{text}");
    }
    assert_eq!(
        duration("1.123456789"),
        Ok(Duration::new(1, 123_456_789)),
        "to the nanosecond"
    );
}

#[test]
fn what_is_no_duration_says_why() {
    let table = [
        ("", "not a duration"),
        (" ", "not a duration"),
        (" 5", "not a duration"),
        ("s", "not a duration"),
        ("abc", "not a duration"),
        ("NaN", "not a duration"),
        ("inf", "not a duration"),
        ("+5", "not a duration"),
        ("-", "not a duration"),
        ("--help", "not a duration"),
        (".", "not a duration"),
        ("5.", "not a duration"),
        ("1.2.3", "not a duration"),
        ("1..2", "not a duration"),
        ("٣", "not a duration"),
        ("-5", "a duration cannot be negative"),
        ("-0.5s", "a duration cannot be negative"),
        ("5 s", "' s' is no unit of time"),
        ("5S", "'S' is no unit of time"),
        ("5M", "'M' is no unit of time"),
        ("5min", "'min' is no unit of time"),
        ("1e3", "'e' is no unit of time"),
        ("0x10", "'x' is no unit of time"),
        ("1,5", "',' is no unit of time"),
        ("5s\x1b", r"'s\x1b' is no unit of time"),
        ("5us", "'us' is no unit of time"),
        ("1h30", "the last number has no unit: did you mean 1h30m?"),
        ("5ms3", "not a duration"),
        ("1m30", "the last number has no unit: did you mean 1m30s?"),
        ("30m1h", "units go from large to small"),
        ("1m1m", "units go from large to small"),
        ("1.5h30m", "only the last number may have a fraction"),
        ("0.0001", "too short: at least 1ms"),
        ("0.5ms", "too short: at least 1ms"),
        ("0.00000000000000000000001", "too short: at least 1ms"),
        ("36501d", "too long: at most 36500d"),
        ("36500d1ms", "too long: at most 36500d"),
        ("18446744073709551616", "too long: at most 36500d"),
        (
            "99999999999999999999999999999999999999999999",
            "too long: at most 36500d",
        ),
        (
            "340282366920938463463374607431768211455d1s",
            "too long: at most 36500d",
        ),
    ];
    for (text, expected) in table {
        let error = duration(text).expect_err(text);
        assert!(error.starts_with(expected), "{text}: {error}");
    }
}

#[test]
fn sizes() {
    let table = [
        ("0", 0),
        ("500", 500),
        ("64K", 65_536),
        ("64k", 65_536),
        ("10M", 10_485_760),
        ("10m", 10_485_760),
        ("2G", 2_147_483_648),
        ("1T", 1_099_511_627_776),
        ("1.5K", 1_536),
        ("10KiB", 10_240),
        ("1.5MiB", 1_572_864),
        (".5M", 524_288),
        ("0.3333333K", 341),
        ("18446744073709551615", u64::MAX),
        ("16777215T", 18_446_742_974_197_923_840),
    ];
    for (text, bytes) in table {
        assert_eq!(size(text), Ok(bytes), "{text}");
    }
}

#[test]
fn what_is_no_size_says_why() {
    let table = [
        ("", "not a size"),
        ("K", "not a size"),
        ("ten", "not a size"),
        ("NaN", "not a size"),
        ("-1", "a size cannot be negative"),
        ("1.5", "a byte has no fractions"),
        ("0.0001K", "less than a byte"),
        ("64KB", "'KB' has two meanings: write 64K (powers of 1024)"),
        ("1.5mb", "'mb' has two meanings: write 1.5M"),
        ("10B", "'B' is no unit of size"),
        ("64Ki", "'Ki' is no unit of size"),
        ("64 K", "' K' is no unit of size"),
        ("1e3", "'e' is no unit of size"),
        ("1K5", "'5' is too much"),
        ("18446744073709551616", "too large"),
        ("16777216T", "too large"),
        ("99999999999999999999999999999999999999999999", "too large"),
    ];
    for (text, expected) in table {
        let error = size(text).expect_err(text);
        assert!(error.starts_with(expected), "{text}: {error}");
    }
}

#[test]
fn rates() {
    let table = [
        ("1", 1000),
        ("100", 100_000),
        ("0.5", 500),
        (".25", 250),
        ("2.5", 2500),
        ("0.001", 1),
        ("1.0009", 1000),
        ("1000000", 1_000_000_000),
    ];
    for (text, thousandths) in table {
        assert_eq!(
            rate(text),
            Ok(PerSecond::thousandths(thousandths)),
            "{text}"
        );
    }
}

#[test]
fn what_is_no_rate_says_why() {
    let table = [
        (
            "",
            "not a number: write starts a second, such as 100 or 0.5",
        ),
        ("fast", "not a number"),
        ("NaN", "not a number"),
        ("1e3", "not a number"),
        ("5/day", "not a number"),
        ("-1", "a rate cannot be negative"),
        ("0", "nothing would ever start"),
        ("0.0", "nothing would ever start"),
        ("0.0001", "too low: at least 0.001"),
        ("1000000.1", "too high: at most 1000000"),
        ("99999999999999999999999999999999999999999999", "too high"),
        ("30/m", "a rate is by the second: did you mean 0.5?"),
        ("10/s", "a rate is by the second: did you mean 10?"),
        ("100/h", "a rate is by the second: did you mean 0.028?"),
    ];
    for (text, expected) in table {
        let error = rate(text).expect_err(text);
        assert!(error.starts_with(expected), "{text}: {error}");
    }
}

#[test]
fn whole_numbers() {
    for (text, number) in [("1", 1), ("5", 5), ("010", 10), ("10000", 10_000)] {
        assert_eq!(whole::<1, 10_000>(text), Ok(number), "{text}");
    }
    for text in [
        "",
        "0",
        "10001",
        "-1",
        "+5",
        "5.0",
        "1e3",
        "5 ",
        "five",
        "٣",
        "4294967297",
    ] {
        assert_eq!(
            whole::<1, 10_000>(text).unwrap_err(),
            "not a whole number from 1 to 10000",
            "{text}"
        );
    }
}
