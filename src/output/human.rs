//! Numbers for the bar and the summary that indicatif does not format.

/// A rate, with one decimal if it is small.
pub(super) fn rate_text(rate: f64) -> String {
    let decimals = if rate < 9.95 { 1 } else { 0 };
    format!("{rate:.decimals$}")
}

/// A count with its noun, in the singular for 1.
pub(crate) fn counted(count: u64, noun: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{} {noun}{plural}", indicatif::HumanCount(count))
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
            assert_eq!(rate_text(rate), expected);
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
            assert_eq!(counted(count, "URL"), expected);
        }
    }
}
