//! Hosts without running or waiting items that must not be asked before a time.
//!
//! With `--host-delay 1h` these are all hosts of the last hour, so an entry has 16 bytes: a hash of the name, and a time
//! whose lowest bit says whether the host refuses requests. With free slots that is at most 40 bytes a host (10,000,000
//! hosts took 280 MB, and 420 MB while the table doubled). Expired entries are removed before the table grows.
//!
//! Two hosts with the same hash share the later time. Among 10,000,000 hosts the odds of that are 1 in 370,000, and the hash
//! has a random key, so that a list cannot cause it.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::time::{Duration, Instant};

/// A table with fewer entries is not swept.
const FEW: usize = 1024;

#[derive(Debug)]
pub(super) struct Cooldown {
    /// By the hash of the name: nanoseconds after `origin`, shifted left by one, and the bit of a host that refuses. An
    /// [`Instant`] would be twice as large.
    until: HashMap<u64, u64>,
    names: RandomState,
    /// The time of the first call.
    origin: Option<Instant>,
    sweep_at: usize,
}

impl Cooldown {
    pub(super) fn new() -> Self {
        Cooldown {
            until: HashMap::new(),
            names: RandomState::new(),
            origin: None,
            sweep_at: FEW,
        }
    }

    /// Remembers `until` for `host` unless a later time is known, and whether it refuses requests.
    pub(super) fn remember(&mut self, host: &str, until: Instant, is_refusing: bool, now: Instant) {
        let origin = *self.origin.get_or_insert(now);
        if self.until.len() >= self.sweep_at {
            self.sweep(nanos_between(origin, now));
        }
        let until = nanos_between(origin, until) << 1;
        let known = self.until.entry(self.names.hash_one(host)).or_insert(until);
        let flag = *known & 1 | u64::from(is_refusing);
        *known = until.max(*known & !1) | flag;
    }

    /// Removes `host`, and returns its time and whether it refuses requests.
    pub(super) fn recall(&mut self, host: &str) -> Option<(Instant, bool)> {
        if self.until.is_empty() {
            return None;
        }
        let until = self.until.remove(&self.names.hash_one(host))?;
        // `remember` was passed this time, so it does not overflow.
        let time = self.origin?.checked_add(Duration::from_nanos(until >> 1));
        Some((time?, until & 1 == 1))
    }

    pub(super) fn is_refusing(&self, host: &str) -> bool {
        let known = || self.until.get(&self.names.hash_one(host));
        !self.until.is_empty() && known().is_some_and(|until| until & 1 == 1)
    }

    /// Linear, but called only when the table has doubled.
    fn sweep(&mut self, now: u64) {
        self.until.retain(|_, until| *until >> 1 > now);
        self.sweep_at = FEW.max(self.until.len() * 2);
        self.until.shrink_to(self.sweep_at);
    }

    /// How many hosts are remembered, and for how many there is memory.
    #[cfg(test)]
    pub(super) fn size(&self) -> (usize, usize) {
        (self.until.len(), self.until.capacity())
    }
}

/// Cut to what 63 bits hold, 292 years.
fn nanos_between(earlier: Instant, later: Instant) -> u64 {
    let nanos = later.saturating_duration_since(earlier).as_nanos();
    u64::try_from(nanos).unwrap_or(u64::MAX).min(u64::MAX >> 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_remembered_is_recalled_once() {
        let now = Instant::now();
        let until = now + Duration::from_nanos(1_234_567_891);
        let mut cooldown = Cooldown::new();
        cooldown.remember("a:80", until, false, now);
        assert_eq!(cooldown.recall("b:80"), None);
        assert_eq!(cooldown.recall("a:80"), Some((until, false)));
        assert_eq!(cooldown.recall("a:80"), None);
    }

    #[test]
    fn the_longer_time_stands() {
        let now = Instant::now();
        let after = |seconds| now + Duration::from_secs(seconds);
        let mut cooldown = Cooldown::new();
        for seconds in [2, 3, 1] {
            cooldown.remember("a:80", after(seconds), seconds == 2, now);
        }
        assert!(cooldown.is_refusing("a:80") && !cooldown.is_refusing("b:80"));
        assert_eq!(cooldown.recall("a:80"), Some((after(3), true)));
    }

    #[test]
    fn a_host_costs_at_most_forty_bytes() {
        assert_eq!(size_of::<(u64, u64)>(), 16);
        let now = Instant::now();
        let until = now + Duration::from_secs(3600);
        let mut cooldown = Cooldown::new();
        for host in 0..100_000 {
            cooldown.remember(&format!("host-{host}:443"), until, false, now);
            let (hosts, room) = cooldown.size();
            // A table is at most 7/8 full, and has a byte of its own for each slot.
            let bytes = room * 8 / 7 * 17;
            assert!(
                hosts < FEW || bytes <= hosts * 40,
                "{bytes} bytes for {hosts} hosts"
            );
        }
        assert_eq!(cooldown.size().0, 100_000);
    }

    #[test]
    fn hosts_whose_time_is_over_make_room_and_no_others() {
        let start = Instant::now();
        let time = |ms| start + Duration::from_millis(ms);
        let mut cooldown = Cooldown::new();
        let mut most = 0;
        // Each is remembered for as long as the next 5,000 take.
        for host in 0..50_000 {
            let now = time(host);
            cooldown.remember(&host.to_string(), time(host + 5000), false, now);
            most = most.max(cooldown.size().0);
            if let Some(oldest) = host.checked_sub(4999) {
                let (name, until) = (oldest.to_string(), time(oldest + 5000));
                assert_eq!(cooldown.recall(&name), Some((until, false)), "{name}");
                cooldown.remember(&name, until, false, now);
            }
        }
        assert!((5_000..=10_001).contains(&most), "{most} at once");
    }

    #[test]
    fn memory_is_given_back_when_few_are_left() {
        let start = Instant::now();
        let mut cooldown = Cooldown::new();
        for host in 0..100_000 {
            cooldown.remember(
                &host.to_string(),
                start + Duration::from_secs(1),
                false,
                start,
            );
        }
        let later = start + Duration::from_secs(2);
        for host in 0..200_000 {
            let now = later + Duration::from_millis(host);
            cooldown.remember(
                &host.to_string(),
                now + Duration::from_millis(1),
                false,
                now,
            );
        }
        let (hosts, room) = cooldown.size();
        assert!(room <= 4 * FEW, "room for {room} hosts, {hosts} there");
    }
}
