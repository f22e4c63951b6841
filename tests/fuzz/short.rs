//! The short form of a check: every entry of its corpus, and mutations of them from a fixed seed.
//!
//! `FETCHPOOL_FUZZ_ROUNDS` sets the number of mutations, `FETCHPOOL_FUZZ_SEED` the seed.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

/// The largest input.
const LONGEST: usize = 4096;

/// Text that random mutations would not find.
const WORDS: [&str; 44] = [
    "\r\n",
    "\n",
    "\r",
    "\r\r\n",
    "\0",
    "\u{feff}",
    "http://",
    "https://",
    "//",
    "/../",
    "%2e%2e",
    "%0d%0a",
    "@",
    ":",
    " :",
    "[::1]",
    "localhost",
    ".body",
    "index.html",
    "~",
    "?",
    "#",
    "HTTP/1.1 ",
    "HTTP/1.0 200\r\n\r\n",
    "100 ",
    "206 \r\nContent-Range: bytes 0-4/5\r\n",
    "302 Found\r\n",
    "408 ",
    "Location: ",
    "Content-Length: ",
    "Transfer-Encoding: chunked\r\n",
    "Content-Encoding: gzip\r\n",
    "Connection: close\r\n",
    "0\r\n\r\n",
    "ffffffffffffffff",
    "18446744073709551616",
    "-1",
    "1e9",
    "ms",
    "65536",
    "{\"url\":\"",
    "\",\"ok\":true}",
    "\u{130}",
    "xn--",
];

/// SplitMix64.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `end`, or 0.
    fn below(&mut self, end: usize) -> usize {
        (self.next() % end.max(1) as u64) as usize
    }

    fn mutate(&mut self, corpus: &[Vec<u8>]) -> Vec<u8> {
        let mut data = corpus[self.below(corpus.len())].clone();
        for _ in 0..=self.below(6) {
            let at = self.below(data.len() + 1);
            let end = at + self.below(data.len() - at + 1).min(1 << self.below(9));
            match self.below(7) {
                0 => data[at..end]
                    .iter_mut()
                    .for_each(|byte| *byte = self.next() as u8),
                1 => data[at..end]
                    .iter_mut()
                    .take(1)
                    .for_each(|byte| *byte ^= 1 << self.below(8)),
                2 => drop(data.drain(at..end)),
                3 => data.insert(at, self.next() as u8),
                4 => {
                    let part = data[at..end].to_vec();
                    data.splice(at..at, part);
                }
                5 => {
                    let other = &corpus[self.below(corpus.len())];
                    let from = self.below(other.len() + 1);
                    data.splice(at..end, other[from..].iter().copied());
                }
                _ => {
                    let word = WORDS[self.below(WORDS.len())];
                    data.splice(at..at, word.bytes());
                }
            }
            data.truncate(LONGEST);
        }
        data
    }
}

fn variable(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

/// Empty input, and the corpus in `fuzz/`, which a published package does not contain.
fn corpus(name: &str) -> Vec<Vec<u8>> {
    let fuzz = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz");
    let mut corpus = vec![Vec::new()];
    if fuzz.join("Cargo.toml").exists() {
        let path = fuzz.join("corpus").join(name);
        let kept = std::fs::read_to_string(&path);
        let kept = kept.unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        // Inputs that once broke a promise.
        let found = std::fs::read_to_string(fuzz.join("found").join(name));
        corpus.extend(
            [kept, found.unwrap_or_default()]
                .iter()
                .flat_map(|text| text.lines())
                .map(entry),
        );
    }
    corpus
}

/// Decodes a line in the format of `fuzz/corpus.py`.
fn entry(line: &str) -> Vec<u8> {
    let mut parts = line.split("\\x");
    let mut data = parts.next().unwrap_or_default().as_bytes().to_vec();
    for part in parts {
        let (byte, rest) = part.split_at(2);
        data.push(u8::from_str_radix(byte, 16).expect("two digits"));
        data.extend_from_slice(rest.as_bytes());
    }
    data
}

/// Runs `check` over its corpus and `rounds` mutations.
pub(crate) fn run(name: &str, check: fn(&[u8]), rounds: u64) {
    let corpus = corpus(name);
    let try_one = |data: &[u8]| {
        if catch_unwind(AssertUnwindSafe(|| check(data))).is_err() {
            panic!("{name} breaks at b\"{}\"", data.escape_ascii());
        }
    };
    corpus.iter().for_each(|data| try_one(data));
    let mut random = Random(variable("FETCHPOOL_FUZZ_SEED").unwrap_or_default());
    for _ in 0..variable("FETCHPOOL_FUZZ_ROUNDS").unwrap_or(rounds) {
        try_one(&random.mutate(&corpus));
    }
}
