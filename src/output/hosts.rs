//! The hosts that fail most, in bounded memory.
//!
//! The algorithm is that of Misra and Gries, "Finding repeated elements" (1982), with [`COUNTERS`] counters. If a
//! new host finds no free counter, every counter goes down by one. A count is never too high, and too low by at most the number of
//! failures divided by [`COUNTERS`]. Up to [`COUNTERS`] hosts it is exact.

use std::collections::HashMap;

/// Finds every host with over a thousandth of all failures.
const COUNTERS: usize = 1024;
/// The longest name in DNS. A longer one is cut, to bound memory.
const LONGEST: usize = 253;

/// Failures by `host` or `host:port`.
#[derive(Default)]
pub(crate) struct WorstHosts {
    counters: HashMap<Box<str>, u64>,
    /// How often every counter went down.
    lowered: u64,
}

impl WorstHosts {
    pub(crate) fn add(&mut self, host: &str) {
        let host = host.get(..LONGEST).unwrap_or(host);
        if let Some(count) = self.counters.get_mut(host) {
            *count += 1;
        } else if self.counters.len() < COUNTERS {
            self.counters.insert(host.into(), 1);
        } else {
            // A pass takes at most as many steps as it subtracts, so all passes together take at most one step per
            // failure.
            self.lowered += 1;
            self.counters.retain(|_, count| {
                *count -= 1;
                *count > 0
            });
        }
    }

    /// The `most` worst hosts and their failures, by count, then by name. Empty if every host failed once and there are
    /// more than `most`.
    pub(crate) fn worst(&self, most: usize) -> Vec<(&str, u64)> {
        let mut hosts: Vec<_> = self
            .counters
            .iter()
            .map(|(host, count)| (&**host, *count))
            .collect();
        hosts.sort_unstable_by(|(a, most), (b, least)| least.cmp(most).then(a.cmp(b)));
        if hosts.len() > most && hosts[0].1 == 1 {
            hosts.clear();
        }
        hosts.truncate(most);
        hosts
    }

    /// Whether the counts may be too low, as there were more hosts than counters.
    pub(crate) fn is_crowded(&self) -> bool {
        self.lowered > 0
    }

    /// By how much a count may be too low: a host without a counter has failed at most this often.
    pub(crate) fn too_low_by(&self) -> u64 {
        self.lowered
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worst_come_first_then_by_name() {
        let mut hosts = WorstHosts::default();
        for host in ["b", "c", "a", "c", "d", "d", "d"] {
            hosts.add(host);
        }
        assert_eq!(hosts.worst(3), [("d", 3), ("c", 2), ("a", 1)]);
        assert!(!hosts.is_crowded());
    }

    #[test]
    fn many_hosts_with_one_failure_each_say_nothing() {
        let mut hosts = WorstHosts::default();
        for n in 0..6 {
            hosts.add(&format!("h{n}"));
        }
        assert!(hosts.worst(5).is_empty());
        assert_eq!(hosts.worst(6).len(), 6);
    }

    #[test]
    fn memory_is_bounded_and_the_worst_is_still_found() {
        let mut hosts = WorstHosts::default();
        let all: u64 = 100_000;
        for n in 0..all {
            let host = if n % 10 == 0 {
                "worst".into()
            } else {
                format!("h{n}")
            };
            hosts.add(&host);
            assert!(hosts.counters.len() <= COUNTERS);
        }
        assert!(hosts.is_crowded());
        let (host, count) = hosts.worst(1)[0];
        assert_eq!(host, "worst");
        assert!(
            count <= all / 10 && count >= all / 10 - all / COUNTERS as u64,
            "{count}"
        );
        assert!(hosts.too_low_by() <= all / COUNTERS as u64);
        hosts.add(&"x".repeat(60_000));
        assert!(hosts.counters.keys().all(|host| host.len() <= LONGEST));
    }
}
