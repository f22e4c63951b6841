//! Idle connections by origin, shared by all workers.
//!
//! Each origin belongs to a shard, so that no lock is contended. The connection used last is reused first; one that is
//! too old, closed, or has unread bytes is never reused.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::io::stream::Stream;
use super::io::sys::is_silent;
use super::reach::budget::Permit;
use crate::fetch::outcome::ConnectionInfo;
use crate::host::plain_hash;

const SHARDS: usize = 64;
/// Longer than most servers keep a connection, shorter than most middleboxes do.
const MAX_AGE: Duration = Duration::from_secs(60);
/// How often a shard closes old connections.
const SWEEP_EVERY: Duration = Duration::from_secs(10);

#[derive(Debug)]
pub(super) struct Connection {
    /// The proxy, if any, and the origin as the beginning of a URL.
    key: Box<str>,
    pub(super) stream: Box<dyn Stream>,
    /// How it was opened.
    pub(super) info: ConnectionInfo,
    idle_since: Instant,
    /// The last field, so that it is returned after the descriptor is closed.
    pub(super) permit: Option<Permit>,
}

impl Connection {
    pub(super) fn new(
        key: &str,
        stream: Box<dyn Stream>,
        info: ConnectionInfo,
        permit: Option<Permit>,
    ) -> Self {
        Self {
            key: key.into(),
            stream,
            info,
            idle_since: Instant::now(),
            permit,
        }
    }

    /// How long it was idle.
    pub(super) fn was_idle(&self, now: Instant) -> Duration {
        now.saturating_duration_since(self.idle_since)
    }
}

/// All idle connections.
#[derive(Debug)]
pub(super) struct Idle {
    /// Those that have carried a request, by origin.
    pub(super) used: IdlePool,
    /// TCP connections that were opened ahead of their first request, by [`first_key`]. The schedule limits them.
    pub(super) first: IdlePool,
}

impl Idle {
    pub(super) fn new(cap: usize) -> Self {
        Self {
            used: IdlePool::new(cap),
            first: IdlePool::new(usize::MAX),
        }
    }

    /// Closes an idle connection, which frees a descriptor. `false` if there is no idle connection.
    pub(super) fn evict(&self) -> bool {
        self.used.evict() || self.first.evict()
    }
}

/// The key of a connection that has carried nothing.
pub(super) fn first_key(host: &str, port: u16) -> String {
    format!("{host}:{port}")
}

#[derive(Debug, Default)]
struct IdleShard {
    /// By key, in the order of their last use. A tree: comparing a few keys takes less than hashing one.
    origins: BTreeMap<Box<str>, Vec<Connection>>,
    swept: Option<Instant>,
}

#[derive(Debug)]
pub(super) struct IdlePool {
    shards: Vec<Mutex<IdleShard>>,
    cap: usize,
    count: AtomicUsize,
    /// The shard to evict from next.
    next_shard: AtomicUsize,
}

impl IdlePool {
    pub(super) fn new(cap: usize) -> Self {
        Self {
            shards: (0..SHARDS).map(|_| Mutex::default()).collect(),
            cap,
            count: AtomicUsize::new(0),
            next_shard: AtomicUsize::new(0),
        }
    }

    pub(super) fn take(&self, origin: &str, now: Instant) -> Option<Connection> {
        loop {
            // Release the lock before checking or closing the connection.
            let connection = self.shard(origin).origins.get_mut(origin)?.pop()?;
            self.count.fetch_sub(1, Ordering::Relaxed);
            // An unread byte is the remains of an earlier reply, or the end.
            if connection.was_idle(now) < MAX_AGE && is_silent(connection.stream.socket()) {
                return Some(connection);
            }
        }
    }

    /// Keeps `connection` for the next request to its origin. At the cap, evicts another.
    pub(super) fn put(&self, mut connection: Connection, now: Instant) {
        if self.cap == 0 {
            return;
        }
        if self.count.fetch_add(1, Ordering::Relaxed) >= self.cap {
            self.evict();
        }
        connection.idle_since = now;
        let mut shard = self.shard(&connection.key);
        let old = shard.sweep(now);
        match shard.origins.get_mut(&connection.key) {
            Some(others) => others.push(connection),
            None => {
                let key = connection.key.clone();
                shard.origins.insert(key, vec![connection]);
            }
        }
        drop(shard);
        self.count.fetch_sub(old.len(), Ordering::Relaxed);
    }

    /// Closes the oldest connection of the next shard. It need not be the oldest of all. `false` if all shards are empty.
    pub(super) fn evict(&self) -> bool {
        let from = self.next_shard.fetch_add(1, Ordering::Relaxed);
        let oldest = (from..from + SHARDS).find_map(|at| lock(&self.shards[at % SHARDS]).oldest());
        if oldest.is_some() {
            self.count.fetch_sub(1, Ordering::Relaxed);
        }
        oldest.is_some()
    }

    fn shard(&self, origin: &str) -> MutexGuard<'_, IdleShard> {
        // Origins that share a shard only share its lock.
        lock(&self.shards[plain_hash(origin) % SHARDS])
    }
}

impl IdleShard {
    fn oldest(&mut self) -> Option<Connection> {
        let used = self.origins.values_mut().filter(|idle| !idle.is_empty());
        Some(used.min_by_key(|idle| idle[0].idle_since)?.remove(0))
    }

    /// Every [`SWEEP_EVERY`], takes out old connections and removes empty origins.
    fn sweep(&mut self, now: Instant) -> Vec<Connection> {
        let swept = *self.swept.get_or_insert(now);
        if now.saturating_duration_since(swept) < SWEEP_EVERY {
            return Vec::new();
        }
        self.swept = Some(now);
        let mut old = Vec::new();
        self.origins.retain(|_, idle| {
            let young = idle.partition_point(|connection| connection.was_idle(now) >= MAX_AGE);
            old.extend(idle.drain(..young));
            !idle.is_empty()
        });
        old
    }
}

fn lock(shard: &Mutex<IdleShard>) -> MutexGuard<'_, IdleShard> {
    shard.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, TcpStream};
    use std::sync::Arc;

    use super::super::io::tcp::Tcp;
    use super::super::reach::budget::Budget;
    use super::*;

    struct Peer {
        listener: TcpListener,
        accepted: Vec<TcpStream>,
    }

    impl Peer {
        fn new() -> Self {
            Self {
                listener: TcpListener::bind("127.0.0.1:0").unwrap(),
                accepted: Vec::new(),
            }
        }

        fn connect(&mut self, origin: &str) -> Connection {
            let stream = TcpStream::connect(self.listener.local_addr().unwrap()).unwrap();
            self.accepted.push(self.listener.accept().unwrap().0);
            let permit = Budget::new(None).try_acquire();
            let info = ConnectionInfo::default();
            Connection::new(origin, Box::new(Tcp::new(stream)), info, permit)
        }
    }

    fn port(connection: &Connection) -> u16 {
        connection.stream.socket().local_addr().unwrap().port()
    }

    #[test]
    fn the_last_used_of_the_same_origin_is_reused_first() {
        let (mut peer, pool, now) = (Peer::new(), IdlePool::new(10), Instant::now());
        let (a, b) = (peer.connect("http://a"), peer.connect("http://a"));
        let ports = [port(&b), port(&a)];
        pool.put(a, now);
        pool.put(b, now);
        assert!(pool.take("http://b", now).is_none());
        assert_eq!(
            [(); 2].map(|()| port(&pool.take("http://a", now).unwrap())),
            ports
        );
        assert!(pool.take("http://a", now).is_none());
    }

    #[test]
    fn neither_closed_nor_talking_nor_old_connections_are_reused() {
        let (mut peer, pool, now) = (Peer::new(), IdlePool::new(10), Instant::now());
        for spoil in [
            (|p: &mut Peer| drop(p.accepted.pop())) as fn(&mut Peer),
            |p| {
                let late = b"HTTP/1.1 408 Timeout\r\n\r\n";
                std::io::Write::write_all(&mut p.accepted[0], late).unwrap();
            },
        ] {
            let connection = peer.connect("http://a");
            let stream = Arc::clone(connection.stream.socket());
            pool.put(connection, now);
            spoil(&mut peer);
            // The loopback delivers at once, but not before the peer has run: wait for it.
            stream.peek(&mut [0]).unwrap();
            assert!(pool.take("http://a", now).is_none());
            peer.accepted.clear();
        }
        pool.put(peer.connect("http://a"), now);
        assert!(pool.take("http://a", now + MAX_AGE).is_none());
        assert_eq!(pool.count.load(Ordering::Relaxed), 0);
    }

    #[test]
    fn the_cap_holds_over_all_origins_and_old_ones_are_swept() {
        let (mut peer, pool, now) = (Peer::new(), IdlePool::new(4), Instant::now());
        for i in 0..40 {
            pool.put(peer.connect(&format!("http://{i}")), now);
            assert!(pool.count.load(Ordering::Relaxed) <= 4);
        }
        let kept = pool
            .shards
            .iter()
            .map(|s| lock(s).origins.values().map(Vec::len).sum::<usize>());
        assert_eq!(kept.sum::<usize>(), 4);
        assert!(pool.evict());
        let later = now + MAX_AGE + SWEEP_EVERY;
        for i in 0..SHARDS * 8 {
            pool.put(peer.connect(&format!("http://late/{i}")), later);
        }
        assert_eq!(pool.count.load(Ordering::Relaxed), 4);
        IdlePool::new(0).put(peer.connect("http://a"), now);
    }
}
