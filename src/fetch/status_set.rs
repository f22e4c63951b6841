//! The statuses that make a page, as `--accept` takes them.

use std::str::FromStr;

use super::options_error::OptionsError;

/// A set of HTTP statuses. The default is every 2xx.
///
/// Read from numbers, ranges and classes: `200-299,404,3xx`.
///
/// ```
/// use fetchpool::fetch::StatusSet;
///
/// let set: StatusSet = "2xx,404".parse()?;
/// assert!(set.contains(204) && set.contains(404) && !set.contains(301));
/// # Ok::<(), fetchpool::fetch::OptionsError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatusSet(Vec<(u16, u16)>);

impl StatusSet {
    /// Whether `status` is in the set.
    #[must_use]
    pub fn contains(&self, status: u16) -> bool {
        self.0
            .iter()
            .any(|(first, last)| (*first..=*last).contains(&status))
    }
}

impl Default for StatusSet {
    fn default() -> Self {
        Self(vec![(200, 299)])
    }
}

impl FromStr for StatusSet {
    type Err = OptionsError;

    fn from_str(text: &str) -> Result<Self, OptionsError> {
        let ranges = text.split(',').map(|part| range(part.trim()));
        let ranges = ranges.collect::<Option<_>>();
        ranges.map(Self).ok_or_else(|| {
            OptionsError::new(
                "not a set of statuses: write numbers from 100 to 599, ranges and classes, like 200-299,404,3xx",
            )
        })
    }
}

fn range(part: &str) -> Option<(u16, u16)> {
    if let Some(class) = part.strip_suffix("xx").or_else(|| part.strip_suffix("XX")) {
        let first = status(&format!("{class}00"))?;
        return Some((first, first + 99));
    }
    let (first, last) = part.split_once('-').unwrap_or((part, part));
    let (first, last) = (status(first.trim())?, status(last.trim())?);
    (first <= last).then_some((first, last))
}

fn status(text: &str) -> Option<u16> {
    let is_number = text.len() == 3 && text.bytes().all(|byte| byte.is_ascii_digit());
    let status = text.parse().ok().filter(|_| is_number)?;
    (100..=599).contains(&status).then_some(status)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_are_numbers_ranges_and_classes() {
        for (text, within, without) in [
            ("2xx", &[200, 204, 299][..], &[199, 300, 404][..]),
            ("200", &[200], &[201]),
            (
                "200-299,404,3xx",
                &[200, 299, 404, 300, 399],
                &[400, 199, 403],
            ),
            (" 200 , 5XX ", &[200, 500, 599], &[201]),
        ] {
            let set: StatusSet = text.parse().expect(text);
            assert!(within.iter().all(|status| set.contains(*status)), "{text}");
            assert!(
                !without.iter().any(|status| set.contains(*status)),
                "{text}"
            );
        }
        assert_eq!("200-299".parse(), Ok(StatusSet::default()));
    }

    #[test]
    fn anything_else_says_what_would_be_right() {
        for text in [
            "", ",", "ok", "20", "2000", "6xx", "0xx", "xx", "299-200", "200-", "-5", "+20",
            "200;404", "é",
        ] {
            let error = text.parse::<StatusSet>().expect_err(text).to_string();
            assert!(error.contains("like 200-299,404,3xx"), "{text}: {error}");
        }
    }
}
