//! A span of time as text.

use std::fmt::{self, Display, Formatter};
use std::time::Duration;

/// Displays a duration in two or three digits with its unit: `41ms`, `1.3s`, `1h30m`.
pub(crate) struct Span(pub(crate) Duration);

impl Display for Span {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        // The bounds are where the smaller unit rounds up to the larger.
        let seconds = self.0.as_secs_f64();
        let whole = seconds.round() as u64;
        match seconds {
            ..0.000_999_5 => write!(out, "{:.0}us", seconds * 1e6),
            ..0.009_95 => write!(out, "{}ms", short(seconds * 1e3, 1)),
            ..0.999_5 => write!(out, "{:.0}ms", seconds * 1e3),
            ..9.995 => write!(out, "{}s", short(seconds, 2)),
            ..99.95 => write!(out, "{}s", short(seconds, 1)),
            ..3599.5 => pair(out, whole / 60, 'm', whole % 60, 's'),
            ..172_799.5 => pair(out, whole / 3600, 'h', whole / 60 % 60, 'm'),
            _ => pair(out, whole / 86_400, 'd', whole / 3600 % 24, 'h'),
        }
    }
}

/// `number` without trailing zeros.
fn short(number: f64, decimals: usize) -> String {
    let text = format!("{number:.decimals$}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

fn pair(out: &mut Formatter<'_>, large: u64, unit: char, small: u64, less: char) -> fmt::Result {
    write!(out, "{large}{unit}")?;
    match small {
        0 => Ok(()),
        _ => write!(out, "{small:02}{less}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans() {
        for (micros, expected) in [
            (0, "0us"),
            (999, "999us"),
            (1_000, "1ms"),
            (1_500, "1.5ms"),
            (9_940, "9.9ms"),
            (9_960, "10ms"),
            (200_000, "200ms"),
            (999_400, "999ms"),
            (999_600, "1s"),
            (1_240_000, "1.24s"),
            (1_500_000, "1.5s"),
            (9_996_000, "10s"),
            (60_000_000, "60s"),
            (99_900_000, "99.9s"),
            (99_960_000, "1m40s"),
            (120_000_000, "2m"),
            (123_400_000, "2m03s"),
            (3_599_600_000, "1h"),
            (5_399_000_000, "1h29m"),
            (93_784_000_000, "26h03m"),
            (172_799_600_000, "2d"),
            (835_000_000_000, "9d15h"),
        ] {
            let shown = Span(Duration::from_micros(micros)).to_string();
            assert_eq!(shown, expected, "{micros}");
        }
    }
}
