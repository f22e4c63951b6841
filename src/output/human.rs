//! Numbers for the bar and the summary that indicatif does not format.

use std::fmt::{self, Display, Formatter};

/// A rate, with one decimal if it is small.
pub(super) struct RateText(pub(super) f64);

impl Display for RateText {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        let decimals = if self.0 < 9.95 { 1 } else { 0 };
        write!(out, "{:.decimals$}", self.0)
    }
}

/// A count with its noun, in the singular for 1.
pub(super) struct Counted(pub(super) u64, pub(super) &'static str);

impl Display for Counted {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        let Self(count, noun) = self;
        let plural = if *count == 1 { "" } else { "s" };
        write!(out, "{} {noun}{plural}", indicatif::HumanCount(*count))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates() {
        for (rate, expected) in [
            (0.04, "0.0"),
            (0.25, "0.2"),
            (9.94, "9.9"),
            (9.96, "10"),
            (98.6, "99"),
            (12345.6, "12346"),
        ] {
            assert_eq!(RateText(rate).to_string(), expected);
        }
    }

    #[test]
    fn counts() {
        for (count, expected) in [
            (0, "0 URLs"),
            (1, "1 URL"),
            (2, "2 URLs"),
            (1_234_567, "1,234,567 URLs"),
        ] {
            assert_eq!(Counted(count, "URL").to_string(), expected);
        }
    }
}
