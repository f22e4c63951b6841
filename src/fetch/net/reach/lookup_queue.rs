//! The names that wait to be looked up, in the order in which they were asked for, and how the look-ups
//! that run are shared out.
//!
//! Names of one zone may have half of them and no more: a zone whose servers do not answer holds up
//! its own names and nobody else's. Pure: no threads, no clock.

use std::collections::{BTreeMap, HashMap};

/// Look-ups that run at one time, at most. A look-up sleeps: what it costs is a thread's stack, of
/// which it touches some 20 KB, and a descriptor. A name that is not answered occupies one for 10 to
/// 30 s, also when nobody waits for it any more; with these, eight such names a second hold up no
/// other.
pub(in crate::fetch::net) const MAX_RUNNING: usize = 256;
/// Those of one zone.
const MAX_IN_ZONE: usize = MAX_RUNNING / 2;

/// Where a name stands in the order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::fetch::net) struct Position(u64);

#[derive(Debug, Default)]
pub(in crate::fetch::net) struct LookupQueue {
    /// Those that may be next.
    ready: BTreeMap<Position, Box<str>>,
    zones: HashMap<Box<str>, Zone>,
    next: u64,
}

/// A zone of which look-ups are running.
#[derive(Debug, Default)]
struct Zone {
    running: usize,
    /// Those that wait until one of its own has ended.
    held: BTreeMap<Position, Box<str>>,
}

impl LookupQueue {
    /// Puts a name at the end.
    pub(in crate::fetch::net) fn push(&mut self, name: &str) -> Position {
        let place = Position(self.next);
        self.next += 1;
        self.ready.insert(place, name.into());
        place
    }

    /// Takes back a name that nobody waits for any more, unless it was taken already.
    pub(in crate::fetch::net) fn withdraw(&mut self, place: Position, name: &str) {
        if self.ready.remove(&place).is_none()
            && let Some(zone) = self.zones.get_mut(zone_of(name))
        {
            zone.held.remove(&place);
        }
    }

    /// The next name to look up. [`ended`](Self::ended) is told when that has ended.
    pub(in crate::fetch::net) fn take(&mut self) -> Option<Box<str>> {
        while let Some((place, name)) = self.ready.pop_first() {
            let zone = self.zones.entry(zone_of(&name).into()).or_default();
            if zone.running < MAX_IN_ZONE {
                zone.running += 1;
                return Some(name);
            }
            zone.held.insert(place, name);
        }
        None
    }

    /// A look-up has ended. The next of its zone keeps the place that it had in the order.
    pub(in crate::fetch::net) fn ended(&mut self, name: &str) {
        let zone_name = zone_of(name);
        let Some(zone) = self.zones.get_mut(zone_name) else {
            return;
        };
        zone.running -= 1;
        if let Some((place, name)) = zone.held.pop_first() {
            self.ready.insert(place, name);
        } else if zone.running == 0 {
            self.zones.remove(zone_name);
        }
    }

    /// How many may be taken, as far as is known without trying.
    pub(in crate::fetch::net) fn ready(&self) -> usize {
        self.ready.len()
    }
}

/// The last two labels: what is most often one registration, and answered by one set of servers.
fn zone_of(name: &str) -> &str {
    let bare = name.strip_suffix('.').unwrap_or(name);
    match bare.rmatch_indices('.').nth(1) {
        Some((dot, _)) => &bare[dot + 1..],
        None => bare,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_zone_is_the_last_two_labels() {
        for (name, zone) in [
            ("a.b.example.com", "example.com"),
            ("a.example.com.", "example.com"),
            ("example.com", "example.com"),
            ("localhost", "localhost"),
            ("", ""),
            (".", ""),
            ("..a", ".a"),
        ] {
            assert_eq!(zone_of(name), zone, "{name}");
        }
    }

    #[test]
    fn one_zone_leaves_half_for_the_others() {
        let mut questions = LookupQueue::default();
        for i in 0..1000 {
            questions.push(&format!("{i}.dead.test"));
        }
        questions.push("good.test");
        let mut taken = Vec::new();
        while let Some(name) = questions.take() {
            taken.push(name);
        }
        assert_eq!(taken.len(), MAX_IN_ZONE + 1);
        assert_eq!(taken.last().unwrap().as_ref(), "good.test");
        // The rest come in order, one for each that ends.
        questions.push("late.test");
        questions.ended("0.dead.test");
        let next = format!("{MAX_IN_ZONE}.dead.test");
        assert_eq!(questions.take().as_deref(), Some(next.as_str()));
        assert_eq!(questions.take().as_deref(), Some("late.test"));
        assert_eq!(questions.take(), None);
    }

    #[test]
    fn what_was_withdrawn_is_not_taken_and_leaves_nothing_behind() {
        let mut questions = LookupQueue::default();
        let names: Vec<_> = (0..MAX_IN_ZONE + 10)
            .map(|i| format!("{i}.dead.test"))
            .collect();
        let places: Vec<_> = names.iter().map(|n| questions.push(n)).collect();
        // Nothing of it is held yet; then ten are.
        questions.withdraw(places[0], &names[0]);
        let taken: Vec<_> = std::iter::from_fn(|| questions.take()).collect();
        assert_eq!(taken.len(), MAX_IN_ZONE);
        for (place, name) in places.iter().zip(&names) {
            questions.withdraw(*place, name);
        }
        for name in &taken {
            questions.ended(name);
        }
        assert_eq!(questions.take(), None);
        assert!(questions.zones.is_empty() && questions.ready.is_empty());
    }
}
