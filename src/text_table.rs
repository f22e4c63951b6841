//! A table of texts, such as URLs, each with a small value or none, that takes at most 40 bytes a text, whatever its length.
//!
//! It keeps 128 bits of SipHash-2-4 (Aumasson and Bernstein, 2012) of each text, with a random key, so that no list can
//! make two URLs collide. Two of a billion URLs have one hash with a probability of 10^-21. A value takes the place of the
//! last bits: with 48 of them, two of ten million URLs collide with a probability of 10^-10.
//!
//! The table is extendible hashing (Fagin, Nievergelt, Pippenger and Strong, TODS 1979): pages of one size, and a
//! directory that finds a page by the first bits of a hash. A full page is split, so growing needs no second table. At
//! peak it took 25 to 33 bytes a URL, a `HashSet<u128>` up to 59.

use siphasher::sip128::{Hasher128, SipHasher24};
use std::hash::{BuildHasher, Hasher, RandomState};

/// Slots of a page, which has 4 KiB.
const SLOTS: usize = 256;

/// A page with so many used slots is split: searching a fuller one takes too long.
const FULL: usize = SLOTS / 8 * 7;

/// An empty slot. A hash of 0 is kept as another.
const EMPTY: u128 = 0;

/// A table without values.
pub(crate) type TextSet = TextTable<0>;

/// A slot is a hash whose last `VALUE_BITS`, at most 64, are the value.
pub(crate) struct TextTable<const VALUE_BITS: u32> {
    hasher: SipHasher24,
    /// The page for the first `depth` bits of a hash.
    directory: Vec<u32>,
    depth: u32,
    pages: Vec<Page<VALUE_BITS>>,
}

/// The hashes that begin with the same `depth` bits.
struct Page<const VALUE_BITS: u32> {
    /// A hash is in the slot of the bits before its value, or the next free one.
    slots: Box<[u128; SLOTS]>,
    len: usize,
    depth: u32,
}

impl TextSet {
    pub(crate) fn contains(&self, text: &str) -> bool {
        self.get(text).is_some()
    }

    /// False if it was there.
    pub(crate) fn insert(&mut self, text: &str) -> bool {
        self.set(text, 0)
    }
}

impl<const VALUE_BITS: u32> TextTable<VALUE_BITS> {
    const VALUE: u128 = (1 << VALUE_BITS) - 1;

    /// Allocates nothing.
    pub(crate) fn new() -> Self {
        const { assert!(VALUE_BITS <= 64) }
        // The keys are random numbers of the system.
        let random = RandomState::new();
        Self {
            hasher: SipHasher24::new_with_keys(random.hash_one(0), random.hash_one(1)),
            directory: Vec::new(),
            depth: 0,
            pages: Vec::new(),
        }
    }

    /// The value of `text`.
    pub(crate) fn get(&self, text: &str) -> Option<u64> {
        let hash = self.hash(text);
        let page = *self.directory.get(first_bits(hash, self.depth))?;
        let page = &self.pages[page as usize];
        let at = page.find(hash).ok()?;
        Some((page.slots[at] & Self::VALUE) as u64)
    }

    /// Gives `text` a value, in place of an earlier one. False if it was there. Of a larger value the last bits are kept.
    pub(crate) fn set(&mut self, text: &str, value: u64) -> bool {
        self.set_slot(self.hash(text) | (u128::from(value) & Self::VALUE))
    }

    /// The hash of `text`, with a value of 0.
    fn hash(&self, text: &str) -> u128 {
        let mut hasher = self.hasher;
        hasher.write(text.as_bytes());
        let hash = hasher.finish128().as_u128() & !Self::VALUE;
        hash.max(1 << VALUE_BITS)
    }

    fn set_slot(&mut self, slot: u128) -> bool {
        if self.pages.is_empty() {
            self.pages.push(Page::new(0));
            self.directory.push(0);
        }
        loop {
            let number = self.directory[first_bits(slot, self.depth)] as usize;
            let page = &mut self.pages[number];
            match page.find(slot) {
                Ok(at) => {
                    page.slots[at] = slot;
                    return false;
                }
                Err(free) if page.len < FULL => {
                    page.slots[free] = slot;
                    page.len += 1;
                    return true;
                }
                // If all hashes went to one side, the loop splits again.
                Err(_) => self.split(number, slot),
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
        // The page's entries are adjacent; in the second half the next bit is 1.
        let entries = 1 << (self.depth - depth);
        let first = first_bits(hash, depth) << (self.depth - depth);
        let added = self.pages.len() as u32;
        self.directory[first + entries / 2..first + entries].fill(added);
        self.pages.push(new);
    }
}

impl<const VALUE_BITS: u32> Page<VALUE_BITS> {
    fn new(depth: u32) -> Self {
        Self {
            slots: Box::new([EMPTY; SLOTS]),
            len: 0,
            depth,
        }
    }

    /// The slot with `hash`, whatever their values, or the free slot for it.
    fn find(&self, hash: u128) -> Result<usize, usize> {
        let hash = hash >> VALUE_BITS;
        let mut at = hash as usize % SLOTS;
        // A page is never full.
        loop {
            match self.slots[at] {
                EMPTY => return Err(at),
                there if there >> VALUE_BITS == hash => return Ok(at),
                _ => at = (at + 1) % SLOTS,
            }
        }
    }

    /// Keeps the hashes whose next bit is 0, and returns the others.
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
    // Shifting by all 128 bits at once would overflow.
    (hash >> 1 >> (127 - count)) as usize
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::{HashMap, HashSet};
    use std::mem::size_of;

    /// The most bytes requested from the allocator so far, with 16 of its own per page.
    fn peak<const VALUE_BITS: u32>(set: &TextTable<VALUE_BITS>) -> usize {
        // While a list doubles, both sizes exist.
        let list = |capacity: usize, size: usize| capacity * size * 3 / 2;
        set.pages.len() * (SLOTS * size_of::<u128>() + 16)
            + list(set.pages.capacity(), size_of::<Page<VALUE_BITS>>())
            + list(set.directory.capacity(), size_of::<u32>())
    }

    #[test]
    fn it_is_a_set() {
        let mut set = TextSet::new();
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
    fn the_last_value_of_a_url_counts() {
        let mut table = TextTable::<48>::new();
        let mut model = HashMap::new();
        for n in 0..60_000_u64 {
            let key = n.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 50;
            // Values as large as can be, and 0.
            let value = (1 << 48) - 1 - n;
            let value = if n % 7 == 0 { 0 } else { value };
            let is_new = model.insert(key, value).is_none();
            assert_eq!(table.set(&key.to_string(), value), is_new, "{key}");
        }
        assert!(model.len() > 10 * SLOTS);
        for (key, value) in model {
            assert_eq!(table.get(&key.to_string()), Some(value), "{key}");
        }
        assert_eq!(table.get("none"), None);
    }

    #[test]
    fn it_never_takes_more_than_40_bytes_a_url() {
        let mut set = TextSet::new();
        let mut table = TextTable::<48>::new();
        assert_eq!((peak(&set), peak(&table)), (0, 0));
        for n in 1..=300_000 {
            assert!(set.insert(&n.to_string()) && table.set(&n.to_string(), n as u64));
            if n >= FULL / 2 {
                let peak = peak(&set).max(peak(&table));
                assert!(peak <= 40 * n, "{peak} bytes for {n}");
            }
        }
    }

    #[test]
    fn hashes_that_share_their_bits_are_kept_apart() {
        let mut set = TextSet::new();
        // First all want the same slot, then all begin alike.
        let last = (0..5000_u128).map(|n| (n << 115) | 77);
        let first = (0..5000_u128).map(|n| (0xabc << 116) | (n << 103) | (n * n + 1));
        let all: Vec<_> = last.chain(first).collect();
        for hash in &all {
            assert!(set.set_slot(*hash), "{hash:x}");
        }
        assert!(all.iter().all(|hash| !set.set_slot(*hash)));
    }

    #[test]
    fn two_sets_have_two_keys() {
        let [a, b] = [TextSet::new(), TextSet::new()];
        assert_ne!(a.hash("http://h/"), b.hash("http://h/"));
        assert_eq!(a.hash("http://h/"), a.hash("http://h/"));
    }
}
