//! How many failures leave the exit status at 0.

use std::str::FromStr;

/// The value of `--max-fail`. The default is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum MaxFail {
    Count(u64),
    /// Millionths of a percent of all records.
    Share(u64),
}

/// The decimals of a share.
const DECIMALS: usize = 6;
const ONE_PERCENT: u64 = 10_u64.pow(DECIMALS as u32);

impl MaxFail {
    /// Whether `failed` failures of `records` leave the exit status at 0.
    pub(crate) fn allows(self, failed: u64, records: u64) -> bool {
        match self {
            Self::Count(most) => failed <= most,
            Self::Share(share) => {
                let most = u128::from(records) * u128::from(share);
                u128::from(failed) * 100 * u128::from(ONE_PERCENT) <= most
            }
        }
    }
}

impl Default for MaxFail {
    fn default() -> Self {
        Self::Count(0)
    }
}

impl FromStr for MaxFail {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let right = "write a number like 10, or a share of all records like 5% or 0.5%";
        if let Some(share) = text.strip_suffix('%') {
            let share = millionths(share).ok_or_else(|| format!("not a share: {right}"))?;
            if share > 100 * ONE_PERCENT {
                return Err(format!("over 100%: {right}"));
            }
            return Ok(Self::Share(share));
        }
        let count = digits(text).map(Self::Count);
        count.ok_or_else(|| format!("not a whole number: {right}"))
    }
}

/// Reads a decimal with at most [`DECIMALS`] decimals.
fn millionths(text: &str) -> Option<u64> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    if fraction.len() > DECIMALS {
        return None;
    }
    let fraction = digits(fraction)? * 10_u64.pow((DECIMALS - fraction.len()) as u32);
    digits(whole)?
        .checked_mul(ONE_PERCENT)?
        .checked_add(fraction)
}

fn digits(text: &str) -> Option<u64> {
    // `parse` would take a sign.
    let all_digits = text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|_| all_digits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_or_a_share_may_fail() {
        // (text, failed, records, is allowed)
        let table = [
            ("0", 0, 0, true),
            ("0", 1, 9, false),
            ("3", 3, 3, true),
            ("3", 4, 1000, false),
            ("18446744073709551615", u64::MAX, u64::MAX, true),
            ("0%", 0, 10, true),
            ("0%", 1, u64::MAX, false),
            ("5%", 5, 100, true),
            ("5%", 5, 99, false),
            ("5%", 0, 0, true),
            ("12.5%", 1, 8, true),
            ("12.5%", 1, 7, false),
            ("0.1%", 1, 1000, true),
            ("0.1%", 1, 999, false),
            ("0.000001%", 1, 100_000_000, true),
            ("0.000001%", 1, 99_999_999, false),
            ("33.333333%", 1, 3, false),
            ("33.333334%", 1, 3, true),
            ("100%", u64::MAX, u64::MAX, true),
            ("100.0%", 7, 7, true),
        ];
        for (text, failed, records, expected) in table {
            let most: MaxFail = text.parse().expect(text);
            assert_eq!(
                most.allows(failed, records),
                expected,
                "{text}: {failed} of {records}"
            );
        }
        assert!(!MaxFail::default().allows(1, 1));
    }

    #[test]
    fn anything_else_says_what_would_be_right() {
        for (text, expected) in [
            ("", "not a whole number"),
            ("-1", "not a whole number"),
            ("+1", "not a whole number"),
            ("1.5", "not a whole number"),
            ("some", "not a whole number"),
            ("18446744073709551616", "not a whole number"),
            ("%", "not a share"),
            ("5 %", "not a share"),
            ("-5%", "not a share"),
            (".5%", "not a share"),
            ("5.%", "not a share"),
            ("0.0000001%", "not a share"),
            ("5%%", "not a share"),
            ("18446744073709551615%", "not a share"),
            ("100.000001%", "over 100%"),
            ("101%", "over 100%"),
        ] {
            let error = text.parse::<MaxFail>().expect_err(text);
            assert!(error.starts_with(expected), "{text:?}: {error}");
            assert!(error.ends_with("like 5% or 0.5%"), "{text:?}: {error}");
        }
    }
}
