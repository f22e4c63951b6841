//! The short form: every entry of the corpus, and mutations of them from a seed that is always the same.
//!
//! `FETCHPOOL_FUZZ_ROUNDS` asks for more rounds, `FETCHPOOL_FUZZ_SEED` for others.

use super::{TARGETS, Target};
use crate::schedule::retry::Jitter;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

/// Mutations of each target; a few seconds for all of them.
const ROUNDS: u64 = 4000;
/// As many as a connection each allows.
const ROUNDS_OF_TRANSPORT: u64 = 400;
/// No input grows beyond this.
const LONGEST: usize = 4096;

/// What random bytes would never come to by themselves.
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

/// What the mutations are drawn from.
struct Random(Jitter);

impl Random {
    fn next(&mut self) -> u64 {
        self.0.next()
    }

    /// Below `end`, or 0.
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

/// The seed, and all that is kept of earlier runs. In a package that was published there is none of the latter.
fn corpus(target: &Target) -> Vec<Vec<u8>> {
    let fuzz = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz");
    let mut corpus = vec![target.seed.to_vec()];
    if fuzz.join("Cargo.toml").exists() {
        let path = fuzz.join("corpus").join(target.name);
        let kept = std::fs::read_to_string(&path);
        let kept = kept.unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        // What broke a promise once, if anything did.
        let found = std::fs::read_to_string(fuzz.join("found").join(target.name));
        corpus.extend(
            [kept, found.unwrap_or_default()]
                .iter()
                .flat_map(|text| text.lines())
                .map(entry),
        );
    }
    corpus
}

/// An entry out of the line that `fuzz/corpus.py` has made of it.
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

fn short(name: &str) {
    let target = TARGETS.iter().find(|target| target.name == name);
    let target = target.expect("it is one of the targets");
    let corpus = corpus(target);
    let try_one = |data: &[u8]| {
        if catch_unwind(AssertUnwindSafe(|| (target.check)(data))).is_err() {
            panic!("{name} breaks at b\"{}\"", data.escape_ascii());
        }
    };
    corpus.iter().for_each(|data| try_one(data));
    let rounds = if name == "transport" {
        ROUNDS_OF_TRANSPORT
    } else {
        ROUNDS
    };
    let mut random = Random(Jitter::new(
        variable("FETCHPOOL_FUZZ_SEED").unwrap_or_default(),
    ));
    for _ in 0..variable("FETCHPOOL_FUZZ_ROUNDS").unwrap_or(rounds) {
        try_one(&random.mutate(&corpus));
    }
}

/// One test for each target, and one that says so if there is a target without.
macro_rules! shorts {
    ($($name:ident),*) => {
        $(#[test]
        fn $name() {
            short(stringify!($name));
        })*

        #[test]
        fn every_target_is_tried() {
            let tried = [$(stringify!($name)),*];
            assert_eq!(TARGETS.map(|target| target.name), tried);
        }
    };
}

shorts!(
    list,
    url,
    resume,
    shard,
    head,
    chunked,
    transport,
    location,
    proxy,
    rule,
    retry_after,
    saved_names,
    options
);
