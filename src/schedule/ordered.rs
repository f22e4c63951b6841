//! Records in input order (`--ordered`): a bounded reorder buffer.
//!
//! Every target gets a [`Place`], and its record comes out after those of all earlier places. From the first target
//! without a record on, at most `ahead` targets have a place: a caller that heeds [`Ordered::room`] stops reading behind
//! a slow target instead of collecting records.

use std::collections::VecDeque;

/// The place of one target in the input order. Not `Clone`, so that a target has one record.
#[derive(Debug, PartialEq, Eq)]
#[must_use = "a place without a record holds up all that follow"]
pub(crate) struct Place(u64);

/// See the module's head.
#[derive(Debug)]
pub(crate) struct Ordered<R> {
    ahead: usize,
    /// The place of the front of `records`.
    first: u64,
    /// The records from `first` on; `None` while a target is not done.
    records: VecDeque<Option<R>>,
}

impl<R> Ordered<R> {
    /// At most `ahead` targets have a place at a time; 0 is taken as 1.
    pub(crate) fn new(ahead: usize) -> Self {
        Ordered {
            ahead: ahead.max(1),
            first: 0,
            records: VecDeque::new(),
        }
    }

    /// How many more places may be taken now.
    pub(crate) fn room(&self) -> usize {
        self.ahead.saturating_sub(self.records.len())
    }

    /// The place of the next target of the list.
    pub(crate) fn take_place(&mut self) -> Place {
        let place = self.first + self.records.len() as u64;
        self.records.push_back(None);
        Place(place)
    }

    /// Stores the record of `place`.
    ///
    /// # Panics
    ///
    /// If `place` is of another buffer, or older than a [`Ordered::drain`].
    pub(crate) fn put(&mut self, place: Place, record: R) {
        let index = place.0.checked_sub(self.first).map(|index| index as usize);
        let slot = index.and_then(|index| self.records.get_mut(index));
        *slot.expect("the place was taken from this buffer and not answered yet") = Some(record);
    }

    /// Removes the next record in input order, if it is there.
    pub(crate) fn next(&mut self) -> Option<R> {
        let record = self.records.front_mut()?.take()?;
        self.records.pop_front();
        self.first += 1;
        Some(record)
    }

    /// Removes the records that are there, in input order, and all places.
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
        let [a, b, c] = [0; 3].map(|_| ordered.take_place());
        ordered.put(c, 'c');
        ordered.put(b, 'b');
        assert_eq!(ordered.next(), None);
        ordered.put(a, 'a');
        assert_eq!(released(&mut ordered), ['a', 'b', 'c']);
    }

    #[test]
    fn a_slow_first_target_stops_the_look_ahead() {
        let mut ordered = Ordered::new(3);
        let slow = ordered.take_place();
        for _ in 0..2 {
            let place = ordered.take_place();
            ordered.put(place, "fast");
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
        let [_a, b, _c, d] = [0; 4].map(|_| ordered.take_place());
        ordered.put(d, 'd');
        ordered.put(b, 'b');
        assert_eq!(ordered.drain().collect::<Vec<_>>(), ['b', 'd']);
        assert_eq!(ordered.room(), 10);
        let next = ordered.take_place();
        ordered.put(next, 'e');
        assert_eq!(released(&mut ordered), ['e']);
    }

    #[test]
    #[should_panic(expected = "not answered yet")]
    fn a_place_from_before_the_end_of_a_run_is_refused() {
        let mut ordered = Ordered::new(10);
        let old = ordered.take_place();
        ordered.drain().for_each(drop);
        let _new = ordered.take_place();
        ordered.put(old, ());
    }

    #[test]
    fn an_empty_look_ahead_is_one() {
        let mut ordered = Ordered::new(0);
        assert_eq!(ordered.room(), 1);
        let place = ordered.take_place();
        assert_eq!(ordered.room(), 0);
        ordered.put(place, ());
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
                    out.push((ordered.take_place(), taken));
                    taken += 1;
                }
                prop_assert!(taken - given.len() <= ahead);
                // Whoever is out includes the first in line, so a run never gets stuck.
                let (place, record) = out.swap_remove(pick.index(out.len()));
                ordered.put(place, record);
                given.extend(released(&mut ordered));
            }
            prop_assert_eq!(given, (0..total).collect::<Vec<_>>());
        }
    }
}
