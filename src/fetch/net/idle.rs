//! Idle connections by origin, shared by all workers.
//!
//! Each origin belongs to a shard with its own lock, so that no lock is contended. The connection used last is reused
//! first. One cap holds over all shards. Never reuse a connection that is too old, closed, or has unread bytes.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::connection::Connection;

const SHARDS: usize = 64;
/// Longer than most servers keep a connection, shorter than most middleboxes do.
const MAX_AGE: Duration = Duration::from_secs(60);
/// How often a shard closes connections that are too old.
const SWEEP_EVERY: Duration = Duration::from_secs(10);

#[derive(Debug)]
struct Idle {
    connection: Connection,
    since: Instant,
}

#[derive(Debug, Default)]
struct Shard {
    /// By key; the connection used last is at the end.
    origins: HashMap<Box<str>, Vec<Idle>>,
    swept: Option<Instant>,
}

#[derive(Debug)]
pub(super) struct IdlePool {
    shards: Vec<Mutex<Shard>>,
    hasher: RandomState,
    cap: usize,
    count: AtomicUsize,
    /// The shard to evict from next.
    next_shard: AtomicUsize,
}

impl IdlePool {
    pub(super) fn new(cap: usize) -> Self {
        Self {
            shards: (0..SHARDS).map(|_| Mutex::default()).collect(),
            hasher: RandomState::new(),
            cap,
            count: AtomicUsize::new(0),
            next_shard: AtomicUsize::new(0),
        }
    }

    /// An idle connection to `origin` that can be reused.
    pub(super) fn take(&self, origin: &str, now: Instant) -> Option<Connection> {
        loop {
            // Release the lock before checking or closing the connection.
            let idle = self.shard(origin).origins.get_mut(origin)?.pop()?;
            self.count.fetch_sub(1, Ordering::Relaxed);
            if now.saturating_duration_since(idle.since) < MAX_AGE && idle.connection.is_silent() {
                return Some(idle.connection);
            }
        }
    }

    /// Keeps `connection` for the next request to its origin. At the cap, evicts another.
    pub(super) fn put(&self, connection: Connection, now: Instant) {
        if self.cap == 0 {
            return;
        }
        if self.count.fetch_add(1, Ordering::Relaxed) >= self.cap {
            drop(self.evict());
        }
        let mut shard = self.shard(connection.key());
        let old = shard.sweep(now);
        let idle = Idle {
            connection,
            since: now,
        };
        match shard.origins.get_mut(idle.connection.key()) {
            Some(others) => others.push(idle),
            None => {
                let key = idle.connection.key().into();
                shard.origins.insert(key, vec![idle]);
            }
        }
        drop(shard);
        self.count.fetch_sub(old.len(), Ordering::Relaxed);
    }

    /// Takes out the oldest connection of one shard: nearly the oldest of all, without a lock over all shards.
    pub(super) fn evict(&self) -> Option<Connection> {
        let from = self.next_shard.fetch_add(1, Ordering::Relaxed);
        for at in from..from + SHARDS {
            let idle = lock(&self.shards[at % SHARDS]).oldest();
            if let Some(idle) = idle {
                self.count.fetch_sub(1, Ordering::Relaxed);
                return Some(idle.connection);
            }
        }
        None
    }

    fn shard(&self, origin: &str) -> MutexGuard<'_, Shard> {
        let hash = self.hasher.hash_one(origin);
        lock(&self.shards[hash as usize % SHARDS])
    }
}

impl Shard {
    fn oldest(&mut self) -> Option<Idle> {
        let (_, idle) = self
            .origins
            .iter_mut()
            .filter(|(_, i)| !i.is_empty())
            .min_by_key(|(_, i)| i[0].since)?;
        Some(idle.remove(0))
    }

    /// Takes out connections that are too old, and removes empty origins, every [`SWEEP_EVERY`].
    fn sweep(&mut self, now: Instant) -> Vec<Idle> {
        let swept = *self.swept.get_or_insert(now);
        if now.saturating_duration_since(swept) < SWEEP_EVERY {
            return Vec::new();
        }
        self.swept = Some(now);
        let mut old = Vec::new();
        self.origins.retain(|_, idle| {
            let young = idle.partition_point(|i| now.saturating_duration_since(i.since) >= MAX_AGE);
            old.extend(idle.drain(..young));
            !idle.is_empty()
        });
        old
    }
}

fn lock(shard: &Mutex<Shard>) -> MutexGuard<'_, Shard> {
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
            Connection::new(origin, Box::new(Tcp::new(stream)), permit)
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
        assert!(pool.evict().is_some());
        let later = now + MAX_AGE + SWEEP_EVERY;
        for i in 0..SHARDS * 8 {
            pool.put(peer.connect(&format!("http://late/{i}")), later);
        }
        assert_eq!(pool.count.load(Ordering::Relaxed), 4);
        IdlePool::new(0).put(peer.connect("http://a"), now);
    }
}
