//! The names to look up, in the order in which they were asked for. Pure: no threads, no clock.
//!
//! One zone may use half of the look-ups that run, so that a zone with silent servers delays only its own names.

use std::collections::{BTreeMap, HashMap};

/// Look-ups that run at one time, at most. Each costs a descriptor and a thread that sleeps, of whose stack it touches
/// some 20 KB. A name without an answer occupies one for 10 to 30 s: eight such names a second delay no others.
pub(in crate::fetch::net) const MAX_RUNNING: usize = 256;
/// At most in one zone.
const MAX_IN_ZONE: usize = MAX_RUNNING / 2;

/// A name's position in the order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::fetch::net) struct Position(u64);

#[derive(Debug, Default)]
pub(in crate::fetch::net) struct LookupQueue {
    /// Names that may be next.
    ready: BTreeMap<Position, Box<str>>,
    zones: HashMap<Box<str>, Zone>,
    next: u64,
}

/// A zone with running look-ups.
#[derive(Debug, Default)]
struct Zone {
    running: usize,
    /// Names that wait until a look-up of the zone ends.
    held: BTreeMap<Position, Box<str>>,
}

impl LookupQueue {
    pub(in crate::fetch::net) fn push(&mut self, name: &str) -> Position {
        let position = Position(self.next);
        self.next += 1;
        self.ready.insert(position, name.into());
        position
    }

    /// Removes a name, unless it was taken already.
    pub(in crate::fetch::net) fn withdraw(&mut self, position: Position, name: &str) {
        if self.ready.remove(&position).is_none()
            && let Some(zone) = self.zones.get_mut(zone_of(name))
        {
            zone.held.remove(&position);
        }
    }

    /// The next name to look up. The caller calls [`ended`](Self::ended) after the look-up.
    pub(in crate::fetch::net) fn take(&mut self) -> Option<Box<str>> {
        while let Some((position, name)) = self.ready.pop_first() {
            let zone = self.zones.entry(zone_of(&name).into()).or_default();
            if zone.running < MAX_IN_ZONE {
                zone.running += 1;
                return Some(name);
            }
            zone.held.insert(position, name);
        }
        None
    }

    /// A look-up has ended. The next name of its zone keeps its position in the order.
    pub(in crate::fetch::net) fn ended(&mut self, name: &str) {
        let zone_name = zone_of(name);
        let Some(zone) = self.zones.get_mut(zone_name) else {
            return;
        };
        zone.running -= 1;
        if let Some((position, name)) = zone.held.pop_first() {
            self.ready.insert(position, name);
        } else if zone.running == 0 {
            self.zones.remove(zone_name);
        }
    }

    /// How many names may be taken, at most.
    pub(in crate::fetch::net) fn ready(&self) -> usize {
        self.ready.len()
    }
}

/// The last two labels: usually one registration with one set of servers.
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
        let mut queue = LookupQueue::default();
        for i in 0..1000 {
            queue.push(&format!("{i}.dead.test"));
        }
        queue.push("good.test");
        let mut taken = Vec::new();
        while let Some(name) = queue.take() {
            taken.push(name);
        }
        assert_eq!(taken.len(), MAX_IN_ZONE + 1);
        assert_eq!(taken.last().unwrap().as_ref(), "good.test");
        // The rest come in order, one for each that ends.
        queue.push("late.test");
        queue.ended("0.dead.test");
        let next = format!("{MAX_IN_ZONE}.dead.test");
        assert_eq!(queue.take().as_deref(), Some(next.as_str()));
        assert_eq!(queue.take().as_deref(), Some("late.test"));
        assert_eq!(queue.take(), None);
    }

    #[test]
    fn what_was_withdrawn_is_not_taken_and_leaves_nothing_behind() {
        let mut queue = LookupQueue::default();
        let names: Vec<_> = (0..MAX_IN_ZONE + 10)
            .map(|i| format!("{i}.dead.test"))
            .collect();
        let positions: Vec<_> = names.iter().map(|n| queue.push(n)).collect();
        // Here none is held yet; then ten are.
        queue.withdraw(positions[0], &names[0]);
        let taken: Vec<_> = std::iter::from_fn(|| queue.take()).collect();
        assert_eq!(taken.len(), MAX_IN_ZONE);
        for (position, name) in positions.iter().zip(&names) {
            queue.withdraw(*position, name);
        }
        for name in &taken {
            queue.ended(name);
        }
        assert_eq!(queue.take(), None);
        assert!(queue.zones.is_empty() && queue.ready.is_empty());
    }
}
