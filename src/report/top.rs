//! The items with the greatest keys, in bounded memory.

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;

pub(super) struct Top<T> {
    most: usize,
    offered: u64,
    /// The least kept item is on top.
    heap: BinaryHeap<Reverse<Ranked<T>>>,
}

struct Ranked<T> {
    key: u64,
    /// Of equal keys the first stays.
    order: Reverse<u64>,
    item: T,
}

impl<T> Top<T> {
    pub(super) fn new(most: usize) -> Self {
        Self {
            most,
            offered: 0,
            heap: BinaryHeap::new(),
        }
    }

    /// Calls `item` only if it is kept for now.
    pub(super) fn offer(&mut self, key: u64, item: impl FnOnce() -> T) {
        let order = Reverse(self.offered);
        self.offered += 1;
        if self.heap.len() == self.most {
            if self.heap.peek().is_none_or(|least| least.0.key >= key) {
                return;
            }
            self.heap.pop();
        }
        let item = item();
        self.heap.push(Reverse(Ranked { key, order, item }));
    }

    /// How many items were offered.
    pub(super) fn offered(&self) -> u64 {
        self.offered
    }

    pub(super) fn len(&self) -> usize {
        self.heap.len()
    }

    /// Whether all items were kept.
    pub(super) fn is_whole(&self) -> bool {
        self.offered == self.heap.len() as u64
    }

    /// Takes the kept items.
    pub(super) fn take_sorted(&mut self) -> Vec<T> {
        std::mem::replace(self, Self::new(0)).into_sorted()
    }

    /// The kept items, the greatest first.
    pub(super) fn into_sorted(self) -> Vec<T> {
        let ranked = self.heap.into_sorted_vec().into_iter();
        ranked.map(|Reverse(ranked)| ranked.item).collect()
    }
}

impl<T> Ord for Ranked<T> {
    fn cmp(&self, other: &Self) -> Ordering {
        (self.key, self.order).cmp(&(other.key, other.order))
    }
}

impl<T> PartialOrd for Ranked<T> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<T> PartialEq for Ranked<T> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl<T> Eq for Ranked<T> {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_greatest_stay_and_of_equal_ones_the_first() {
        let mut top = Top::new(3);
        for (name, key) in [("a", 1), ("b", 5), ("c", 2), ("d", 5), ("e", 2), ("f", 0)] {
            top.offer(key, || name);
        }
        assert_eq!(top.offered(), 6);
        assert_eq!(top.into_sorted(), ["b", "d", "c"]);
        let mut none = Top::new(0);
        none.offer(1, || ());
        assert!(none.into_sorted().is_empty());
    }
}
