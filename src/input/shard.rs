//! `--shard K/N`: divides a list into N parts by host, so that N independent runs share it.
//!
//! The part of a host never changes, in any release and on any machine. It holds all URLs of the host, whatever port and
//! scheme, so that limits per host hold for all runs together. A part can be divided further: K/N is (2K-1)/2N and 2K/2N
//! together, and likewise for other multiples.

use super::target::Content;
use crate::fetch::{Failure, Url};
use crate::host;
use siphasher::sip::SipHasher24;
use std::hash::Hasher;
use std::str::FromStr;

/// The most parts; more are taken for a typing error.
const MOST: u32 = 65_535;

/// The K-th of N parts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ListShard {
    /// From 1 to `of`.
    number: u32,
    of: u32,
}

impl ListShard {
    /// Whether an entry is in this part, by [`host::name`]; a line that is no URL, by the text of its record.
    pub(super) fn holds(self, content: &Content<'_>, url: &Result<Url, Failure>) -> bool {
        match url {
            Ok(url) => self.holds_text(host::name(url)),
            Err(_) => self.holds_text(&content.written()),
        }
    }

    /// K - 1 is the SipHash-2-4 of `text` with the key 0 (Aumasson and Bernstein, 2012), multiplied by N and shifted
    /// right by 64.
    fn holds_text(self, text: &str) -> bool {
        let mut hasher = SipHasher24::new();
        hasher.write(text.as_bytes());
        let part = (u128::from(hasher.finish()) * u128::from(self.of)) >> 64;
        part == u128::from(self.number - 1)
    }
}

impl FromStr for ListShard {
    type Err = String;

    /// Reads `K/N`.
    fn from_str(text: &str) -> Result<Self, String> {
        let number = |text: &str| {
            let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
            // A number that does not fit is out of range.
            digits.then(|| text.parse().unwrap_or(u32::MAX))
        };
        let (number, of) = text
            .split_once('/')
            .and_then(|(k, n)| Some((number(k)?, number(n)?)))
            .ok_or("not a shard: write K/N for the K-th of N parts, like 1/4")?;
        match of {
            1..=MOST if (1..=of).contains(&number) => Ok(Self { number, of }),
            1..=MOST => Err(format!(
                "there is no such part: of {of} parts the first is 1/{of}, the last {of}/{of}"
            )),
            _ => Err(format!("a list is cut into 1 to {MOST} parts")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_stays_where_it_is() {
        // (host, its number of 2, 4, 10 and 65535), worked out by another implementation.
        let table = [
            ("example.com", [1, 2, 4, 21_937]),
            ("www.example.com", [2, 3, 8, 45_891]),
            ("xn--bcher-kva.example", [1, 1, 2, 9_037]),
            ("127.0.0.1", [2, 4, 10, 62_992]),
            ("[::1]", [1, 1, 3, 13_191]),
            ("localhost", [2, 3, 7, 43_305]),
            ("", [1, 1, 2, 7_827]),
            ("nonsense", [1, 2, 5, 30_226]),
        ];
        for (text, numbers) in table {
            for (of, number) in [2, 4, 10, 65_535].into_iter().zip(numbers) {
                assert!(
                    ListShard { number, of }.holds_text(text),
                    "{text} in {number}/{of}"
                );
            }
        }
    }

    #[test]
    fn shards_are_fair_disjoint_and_can_be_cut_further() {
        for of in [1, 2, 3, 7, 100] {
            let mut sizes = vec![0_u32; of as usize];
            for n in 0..20_000 {
                let host = format!("host{n}.example");
                let holds = |number, of| ListShard { number, of }.holds_text(&host);
                let ours: Vec<_> = (1..=of).filter(|number| holds(*number, of)).collect();
                let [number] = ours[..] else {
                    panic!("{host} is in {ours:?} of {of}")
                };
                sizes[number as usize - 1] += 1;
                assert!(
                    holds(2 * number - 1, 2 * of) || holds(2 * number, 2 * of),
                    "{host}"
                );
            }
            let fair = 20_000 / of;
            // Five standard deviations.
            let slack = 5 * fair.isqrt();
            assert!(
                sizes.iter().all(|size| size.abs_diff(fair) <= slack),
                "{sizes:?}"
            );
        }
    }

    #[test]
    fn shards_are_read_as_written() {
        for (text, number, of) in [
            ("1/1", 1, 1),
            ("2/8", 2, 8),
            ("65535/65535", 65_535, 65_535),
            ("03/07", 3, 7),
        ] {
            assert_eq!(text.parse(), Ok(ListShard { number, of }), "{text}");
        }
    }

    #[test]
    fn what_is_no_shard_says_why() {
        let table = [
            ("", "not a shard: write K/N"),
            ("3", "not a shard"),
            ("/", "not a shard"),
            ("1/", "not a shard"),
            ("/4", "not a shard"),
            ("1/2/3", "not a shard"),
            ("-1/4", "not a shard"),
            ("+1/4", "not a shard"),
            ("1 / 4", "not a shard"),
            ("1.5/4", "not a shard"),
            ("a/b", "not a shard"),
            ("٣/٤", "not a shard"),
            (
                "0/4",
                "there is no such part: of 4 parts the first is 1/4, the last 4/4",
            ),
            ("5/4", "there is no such part: of 4 parts"),
            ("99999999999999/4", "there is no such part: of 4 parts"),
            ("1/0", "a list is cut into 1 to 65535 parts"),
            ("0/0", "a list is cut into 1 to 65535 parts"),
            ("1/65536", "a list is cut into 1 to 65535 parts"),
            ("1/99999999999999", "a list is cut into 1 to 65535 parts"),
        ];
        for (text, expected) in table {
            let error = text.parse::<ListShard>().expect_err(text);
            assert!(error.starts_with(expected), "{text}: {error}");
        }
    }
}
