//! A set of URLs that takes at most 40 bytes for each, whatever its length.
//!
//! It keeps 128 bits of SipHash-2-4 (Aumasson and Bernstein, 2012) of each URL, with a random key, so that no list can
//! make one URL pass for another. Two of a billion URLs have one hash with a probability of 10^-21.
//!
//! The table is extendible hashing (Fagin, Nievergelt, Pippenger and Strong, TODS 1979): pages of one size, and a
//! directory that finds a page by the first bits of a hash. A full page is split, so that growing needs no second table.
//! At peak it took 25 to 33 bytes a URL, a `HashSet<u128>` up to 59.

use siphasher::sip128::{Hasher128, SipHasher24};
use std::hash::{BuildHasher, Hasher, RandomState};

/// The hashes of a page, which has 4 KiB.
const SLOTS: usize = 256;

/// A page with so many hashes is split: in a fuller one a search takes too long.
const FULL: usize = SLOTS / 8 * 7;

/// An empty slot. A hash of 0 is kept as 1.
const EMPTY: u128 = 0;

/// See the module.
pub(super) struct UrlSet {
    /// Has the key.
    hasher: SipHasher24,
    /// The page for the first `depth` bits of a hash.
    directory: Vec<u32>,
    depth: u32,
    pages: Vec<Page>,
}

/// The hashes that begin with the same `depth` bits.
struct Page {
    /// A hash is in the slot of its last bits, or in the next free one.
    slots: Box<[u128; SLOTS]>,
    len: usize,
    depth: u32,
}

impl UrlSet {
    /// Allocates nothing.
    pub(super) fn new() -> Self {
        // The keys come from the system's random numbers.
        let random = RandomState::new();
        Self {
            hasher: SipHasher24::new_with_keys(random.hash_one(0), random.hash_one(1)),
            directory: Vec::new(),
            depth: 0,
            pages: Vec::new(),
        }
    }

    pub(super) fn contains(&self, text: &str) -> bool {
        let hash = self.hash(text);
        self.directory
            .get(first_bits(hash, self.depth))
            .is_some_and(|page| self.pages[*page as usize].find(hash).is_ok())
    }

    /// False if `text` was there.
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
                // If all hashes fall to one side, the loop splits again.
                Err(_) => self.split(number, hash),
            }
        }
    }

    /// Moves half of a page to a new one. `hash` belongs to the page.
    fn split(&mut self, number: usize, hash: u128) {
        let depth = self.pages[number].depth;
        if depth == self.depth {
            self.directory = self.directory.iter().flat_map(|page| [*page; 2]).collect();
            self.depth += 1;
        }
        let new = self.pages[number].split();
        // The entries of the page are adjacent; in the second half the next bit is 1.
        let entries = 1 << (self.depth - depth);
        let first = first_bits(hash, depth) << (self.depth - depth);
        let added = self.pages.len() as u32;
        self.directory[first + entries / 2..first + entries].fill(added);
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

    /// The slot of `hash`, or the free slot for it.
    fn find(&self, hash: u128) -> Result<usize, usize> {
        let mut at = hash as usize % SLOTS;
        // A page is never full.
        loop {
            match self.slots[at] {
                EMPTY => return Err(at),
                there if there == hash => return Ok(at),
                _ => at = (at + 1) % SLOTS,
            }
        }
    }

    /// Keeps the hashes whose next bit is 0, and returns a page of the others.
    fn split(&mut self) -> Self {
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
    fn peak(set: &UrlSet) -> usize {
        // A list that has doubled was there in both sizes.
        let list = |capacity: usize, size: usize| capacity * size * 3 / 2;
        set.pages.len() * (SLOTS * size_of::<u128>() + 16)
            + list(set.pages.capacity(), size_of::<Page>())
            + list(set.directory.capacity(), size_of::<u32>())
    }

    #[test]
    fn it_is_a_set() {
        let mut set = UrlSet::new();
        let mut model = HashSet::new();
        // Every text comes about three times, in no order.
        for n in 0..60_000_u64 {
            let text = format!("http://h/{}", n.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 50);
            assert_eq!(set.contains(&text), model.contains(&text), "{text}");
            assert_eq!(set.insert(&text), model.insert(text));
        }
        assert!(model.len() > 10 * SLOTS);
        assert!(
            model
                .iter()
                .all(|text| set.contains(text) && !set.insert(text))
        );
        assert!(!set.contains("http://h") && !set.contains(""));
        assert!(set.insert("") && !set.insert(""));
    }

    #[test]
    fn it_never_takes_more_than_40_bytes_a_url() {
        let mut set = UrlSet::new();
        assert_eq!(peak(&set), 0);
        for n in 1..=300_000 {
            assert!(set.insert(&n.to_string()));
            if n >= FULL / 2 {
                assert!(peak(&set) <= 40 * n, "{} bytes for {n}", peak(&set));
            }
        }
    }

    #[test]
    fn hashes_that_share_their_bits_are_kept_apart() {
        let mut set = UrlSet::new();
        // All of them want the same slot; then all of them begin alike.
        let last = (0..5000_u128).map(|n| (n << 115) | 77);
        let first = (0..5000_u128).map(|n| (0xabc << 116) | (n << 103) | (n * n + 1));
        let all: Vec<_> = last.chain(first).collect();
        for hash in &all {
            assert!(set.insert_hash(*hash), "{hash:x}");
        }
        assert!(all.iter().all(|hash| !set.insert_hash(*hash)));
    }

    #[test]
    fn two_sets_have_two_keys() {
        let [a, b] = [UrlSet::new(), UrlSet::new()];
        assert_ne!(a.hash("http://h/"), b.hash("http://h/"));
        assert_eq!(a.hash("http://h/"), a.hash("http://h/"));
    }
}
