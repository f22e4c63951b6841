//! Records in input order (`--ordered`): a bounded reorder buffer.
//!
//! Every target gets a [`ListIndex`], and its record comes out after those of all lower indices. A caller that heeds
//! [`Ordered::room`] stops reading behind a slow target instead of collecting records.

use std::collections::VecDeque;

/// The number of a target in the input order. Not `Clone`, so that a target has one record.
#[derive(Debug, PartialEq, Eq)]
#[must_use = "an index without a record holds up all that follow"]
pub(crate) struct ListIndex(u64);

#[derive(Debug)]
pub(crate) struct Ordered<R> {
    ahead: usize,
    /// The index of the front of `records`.
    first: u64,
    /// The records from `first` on; `None` while a target is not done.
    records: VecDeque<Option<R>>,
}

impl<R> Ordered<R> {
    /// For at most `ahead` targets from the first without a record on; 0 is taken as 1.
    pub(crate) fn new(ahead: usize) -> Self {
        Ordered {
            ahead: ahead.max(1),
            first: 0,
            records: VecDeque::new(),
        }
    }

    pub(crate) fn room(&self) -> usize {
        self.ahead.saturating_sub(self.records.len())
    }

    pub(crate) fn reserve(&mut self) -> ListIndex {
        let index = self.first + self.records.len() as u64;
        self.records.push_back(None);
        ListIndex(index)
    }

    /// Stores the record of `index`.
    ///
    /// # Panics
    ///
    /// If `index` is of another buffer, or older than a [`Ordered::drain`].
    pub(crate) fn put(&mut self, index: ListIndex, record: R) {
        let place = index.0.checked_sub(self.first);
        let slot = place.and_then(|place| self.records.get_mut(place as usize));
        *slot.expect("the index was reserved here and has no record yet") = Some(record);
    }

    /// Removes the next record in input order, if it is there.
    pub(crate) fn next(&mut self) -> Option<R> {
        let record = self.records.front_mut()?.take()?;
        self.records.pop_front();
        self.first += 1;
        Some(record)
    }

    /// Removes the records that are there, in input order, and all indices.
    pub(crate) fn drain(&mut self) -> impl Iterator<Item = R> {
        self.first += self.records.len() as u64;
        std::mem::take(&mut self.records).into_iter().flatten()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn released<R>(ordered: &mut Ordered<R>) -> Vec<R> {
        std::iter::from_fn(|| ordered.next()).collect()
    }

    #[test]
    fn a_record_comes_out_when_all_before_it_have() {
        let mut ordered = Ordered::new(10);
        let [a, b, c] = [0; 3].map(|_| ordered.reserve());
        ordered.put(c, 'c');
        ordered.put(b, 'b');
        assert_eq!(ordered.next(), None);
        ordered.put(a, 'a');
        assert_eq!(released(&mut ordered), ['a', 'b', 'c']);
    }

    #[test]
    fn a_slow_first_target_stops_the_look_ahead() {
        let mut ordered = Ordered::new(3);
        let slow = ordered.reserve();
        for _ in 0..2 {
            let index = ordered.reserve();
            ordered.put(index, "fast");
            assert_eq!(ordered.next(), None);
        }
        assert_eq!(ordered.room(), 0);
        ordered.put(slow, "slow");
        assert_eq!(released(&mut ordered), ["slow", "fast", "fast"]);
        assert_eq!(ordered.room(), 3);
    }

    #[test]
    fn the_end_of_a_run_leaves_out_only_what_has_no_record() {
        let mut ordered = Ordered::new(10);
        let [_a, b, _c, d] = [0; 4].map(|_| ordered.reserve());
        ordered.put(d, 'd');
        ordered.put(b, 'b');
        assert_eq!(ordered.drain().collect::<Vec<_>>(), ['b', 'd']);
        assert_eq!(ordered.room(), 10);
        let next = ordered.reserve();
        ordered.put(next, 'e');
        assert_eq!(released(&mut ordered), ['e']);
    }

    #[test]
    #[should_panic(expected = "no record yet")]
    fn an_index_from_before_the_end_of_a_run_is_refused() {
        let mut ordered = Ordered::new(10);
        let old = ordered.reserve();
        ordered.drain().for_each(drop);
        let _new = ordered.reserve();
        ordered.put(old, ());
    }

    #[test]
    fn an_empty_look_ahead_is_one() {
        let mut ordered = Ordered::new(0);
        assert_eq!(ordered.room(), 1);
        let index = ordered.reserve();
        assert_eq!(ordered.room(), 0);
        ordered.put(index, ());
        assert_eq!(ordered.next(), Some(()));
    }

    proptest! {
        #[test]
        fn any_order_of_ends_comes_out_in_input_order(
            ahead in 1_usize..20,
            picks in prop::collection::vec(any::<prop::sample::Index>(), 1..200),
        ) {
            let mut ordered = Ordered::new(ahead);
            let (mut out, mut taken, mut given) = (Vec::new(), 0, Vec::new());
            let total = picks.len();
            for pick in picks {
                while ordered.room() > 0 && taken < total {
                    out.push((ordered.reserve(), taken));
                    taken += 1;
                }
                prop_assert!(taken - given.len() <= ahead);
                // The first target without a record is always among them, so a run never gets stuck.
                let (index, record) = out.swap_remove(pick.index(out.len()));
                ordered.put(index, record);
                given.extend(released(&mut ordered));
            }
            prop_assert_eq!(given, (0..total).collect::<Vec<_>>());
        }
    }
}
