//! Numbers as a person reads them, for the bar and the summary; beside what indicatif brings, which has no rate
//! below one and no span below a second.

use std::fmt::{self, Display, Formatter};
use std::time::Duration;

/// A number per second: one decimal while it is small.
pub(super) struct Rate(pub(super) f64);

impl Display for Rate {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        let decimals = if self.0 < 9.95 { 1 } else { 0 };
        write!(out, "{:.decimals$}", self.0)
    }
}

/// A span of time in two or three digits, with its unit.
pub(super) struct Span(pub(super) Duration);

impl Display for Span {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        // Each unit begins where the one below it would round up to it.
        let seconds = self.0.as_secs_f64();
        let whole = seconds.round() as u64;
        match seconds {
            ..0.000_999_5 => write!(out, "{:.0} us", seconds * 1e6),
            ..0.009_95 => write!(out, "{:.1} ms", seconds * 1e3),
            ..0.999_5 => write!(out, "{:.0} ms", seconds * 1e3),
            ..9.995 => write!(out, "{seconds:.2} s"),
            ..59.95 => write!(out, "{seconds:.1} s"),
            ..3599.5 => write!(out, "{} min {:02} s", whole / 60, whole % 60),
            _ => write!(out, "{} h {:02} min", whole / 3600, whole / 60 % 60),
        }
    }
}

/// A count with its noun, in the singular where it is one.
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
            assert_eq!(Rate(rate).to_string(), expected);
        }
    }

    #[test]
    fn spans() {
        for (micros, expected) in [
            (0, "0 us"),
            (999, "999 us"),
            (1_000, "1.0 ms"),
            (9_940, "9.9 ms"),
            (9_960, "10 ms"),
            (999_400, "999 ms"),
            (999_600, "1.00 s"),
            (1_240_000, "1.24 s"),
            (9_996_000, "10.0 s"),
            (59_940_000, "59.9 s"),
            (59_960_000, "1 min 00 s"),
            (123_400_000, "2 min 03 s"),
            (3_599_600_000, "1 h 00 min"),
            (93_784_000_000, "26 h 03 min"),
        ] {
            assert_eq!(
                Span(Duration::from_micros(micros)).to_string(),
                expected,
                "{micros}"
            );
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
