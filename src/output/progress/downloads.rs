//! The row of the bar while a few large bodies are what is left: which, how far, how fast.

use std::time::Duration;

use indicatif::HumanBytes;
use url::Url;

use super::row::{FAR, Row, Share, in_seconds};

/// A smaller body is not shown on its own.
const LARGE: u64 = 1 << 20;
/// Columns for the name of a body.
const NAME: usize = 24;

/// The bytes received of a body, and its length if that is known.
type Sizes = (u64, Option<u64>);

/// Large bodies that are being received.
pub(crate) struct Downloads {
    /// The places of their jobs, by which the next look knows them.
    slots: Vec<usize>,
    /// Of the one with the most bytes left.
    name: String,
    received: u64,
    /// `None` if one length is not known.
    length: Option<u64>,
}

impl Downloads {
    /// Those of `bodies` that are large; `None` if there are none.
    pub(crate) fn of<'a>(bodies: impl Iterator<Item = (usize, &'a Url, Sizes)>) -> Option<Self> {
        let mut most_left = 0;
        let mut found: Option<Self> = None;
        for (slot, url, (received, length)) in bodies {
            if length.unwrap_or(received) < LARGE {
                continue;
            }
            // The end of a body without a length is farthest.
            let left = length.map_or(u64::MAX, |length| length.saturating_sub(received));
            let Some(all) = &mut found else {
                most_left = left;
                found = Some(Self {
                    slots: vec![slot],
                    name: name(url),
                    received,
                    length,
                });
                continue;
            };
            if left > most_left {
                most_left = left;
                all.name = name(url);
            }
            all.slots.push(slot);
            // Servers may tell any length.
            all.received = all.received.saturating_add(received);
            all.length = all
                .length
                .zip(length)
                .map(|(all, length)| all.saturating_add(length));
        }
        found
    }

    pub(super) fn slots(&self) -> &[usize] {
        &self.slots
    }

    pub(super) fn received(&self) -> u64 {
        self.received
    }

    /// The row behind `head`, at `rate` bytes a second if it is known, with `failed` failures.
    pub(super) fn row(&self, head: String, rate: Option<f64>, failed: u64) -> Row {
        let (received, others) = (self.received, self.slots.len() - 1);
        let share = self.length.map(|length| Share(received, length));
        let far = match self.length {
            Some(length) => format!("{} of {}", HumanBytes(received), HumanBytes(length)),
            None => HumanBytes(received).to_string(),
        };
        // The conversion saturates.
        let speed = rate.map(|rate| match rate as u64 {
            0 => "stalled".to_owned(),
            rate => format!("{}/s", HumanBytes(rate)),
        });
        let more = (others > 0).then(|| format!("+{others} more"));
        let left = rate.and_then(|rate| self.left(rate));
        let parts = vec![
            (3, Some(self.name.clone())),
            (3, more),
            (4, Some(far)),
            (1, share.map(Share::percent)),
            (5, speed),
            (6, left.map(|left| format!("ETA {}", in_seconds(left)))),
            (2, (failed > 0).then(|| format!("{failed} failed"))),
        ];
        Row {
            head,
            share,
            bar_rank: 7,
            parts,
        }
    }

    /// The remaining time, if it is known.
    fn left(&self, rate: f64) -> Option<Duration> {
        let left = self.length?.saturating_sub(self.received);
        let left = Duration::try_from_secs_f64(left as f64 / rate).ok()?;
        (left < FAR).then_some(left)
    }
}

/// The last part of the path, or the host if there is none. In ASCII, as all of a URL.
fn name(url: &Url) -> String {
    let mut parts = url.path().rsplit('/');
    let last = parts.find(|part| !part.is_empty());
    let name = last.or(url.host_str()).unwrap_or_default();
    if name.len() <= NAME {
        return name.to_owned();
    }
    format!("{}...", &name[..NAME - 3])
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1 << 20;

    fn downloads(bodies: &[(&str, u64, Option<u64>)]) -> Option<Downloads> {
        let urls: Vec<Url> = bodies
            .iter()
            .map(|(url, ..)| url.parse().unwrap())
            .collect();
        let sizes = bodies
            .iter()
            .map(|(_, received, length)| (*received, *length));
        let bodies = urls.iter().zip(sizes).enumerate();
        Downloads::of(bodies.map(|(slot, (url, sizes))| (slot, url, sizes)))
    }

    fn row(bodies: &[(&str, u64, Option<u64>)], rate: u64, width: usize) -> String {
        let row = downloads(bodies)
            .unwrap()
            .row("7/9".into(), Some(rate as f64), 1);
        row.fit(width)
    }

    #[test]
    fn a_row_says_what_fits() {
        let body = ("http://e.x/iso/big.iso?mirror=1", 50 * MIB, Some(200 * MIB));
        for (width, expected) in [
            (
                92,
                "7/9 [====>           ]  big.iso  50.00 MiB of 200.00 MiB  25%  2.00 MiB/s  ETA 75s  1 failed",
            ),
            (
                77,
                "7/9  big.iso  50.00 MiB of 200.00 MiB  25%  2.00 MiB/s  ETA 75s  1 failed",
            ),
            (
                70,
                "7/9  big.iso  50.00 MiB of 200.00 MiB  25%  2.00 MiB/s  1 failed",
            ),
            (60, "7/9  big.iso  50.00 MiB of 200.00 MiB  25%  1 failed"),
            (40, "7/9  big.iso  25%  1 failed"),
            (20, "7/9  25%  1 failed"),
            (10, "7/9  25%"),
            (3, "7/9"),
            (0, ""),
        ] {
            assert_eq!(row(&[body], 2 * MIB, width), expected, "{width}");
        }
    }

    #[test]
    fn several_are_shown_in_all_with_the_name_of_the_last_to_end() {
        let bodies = [
            ("http://e.x/a", 90 * MIB, Some(100 * MIB)),
            ("http://e.x/b", 10 * MIB, Some(60 * MIB)),
            ("http://e.x/small", 10, Some(20)),
        ];
        assert_eq!(
            row(&bodies, 10 * MIB, 80),
            "7/9  b  +1 more  100.00 MiB of 160.00 MiB  62%  10.00 MiB/s  ETA 6s  1 failed"
        );
        let mut unknown = bodies;
        unknown[0].2 = None;
        assert_eq!(
            row(&unknown, 0, 80),
            "7/9  a  +1 more  100.00 MiB  stalled  1 failed"
        );
    }

    #[test]
    fn small_bodies_are_not_shown() {
        for (received, length, is_shown) in [
            (0, None, false),
            (MIB - 1, None, false),
            (MIB, None, true),
            (0, Some(MIB), true),
            (5, Some(MIB - 1), false),
        ] {
            let found = downloads(&[("http://e.x/a", received, length)]);
            assert_eq!(found.is_some(), is_shown, "{received} {length:?}");
        }
    }

    #[test]
    fn names_are_short_and_printable() {
        for (url, expected) in [
            ("http://e.x/", "e.x"),
            ("http://e.x/a/b.iso/", "b.iso"),
            ("http://e.x/%1b[2J\u{1b}ü", "%1b[2J%1B%C3%BC"),
            ("http://bücher.example/", "xn--bcher-kva.example"),
            (
                "http://e.x/a-name-that-is-too-long.tar.gz",
                "a-name-that-is-too-lo...",
            ),
        ] {
            assert_eq!(name(&url.parse().unwrap()), expected);
        }
    }

    #[test]
    fn an_end_that_is_a_guess_is_not_told() {
        let bodies = [("http://e.x/a", 0, Some(u64::MAX)); 2];
        for rate in [0, 1] {
            let shown = row(&bodies, rate, 80);
            assert!(!shown.contains("ETA"), "{shown}");
        }
    }
}
