//! Connections that wait for their next request, shared by all workers.
//!
//! They lie in shards by origin, each with a lock of its own, so that no lock is hot; within an
//! origin the one that was used last is lent first. A cap on their number holds over all shards,
//! and none is lent that has been idle for too long, was closed, or has something to say that
//! nobody asked for.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::connection::Connection;

const SHARDS: usize = 64;
/// Longer than most servers keep a connection, shorter than most middle boxes forget it.
const MAX_AGE: Duration = Duration::from_secs(60);
/// How often a shard looks for connections that have grown too old although nobody asks for their
/// origin.
const SWEEP_EVERY: Duration = Duration::from_secs(10);

#[derive(Debug)]
struct Idle {
    connection: Connection,
    since: Instant,
}

#[derive(Debug, Default)]
struct Shard {
    /// By key; the one that was used last is at the end.
    origins: HashMap<Box<str>, Vec<Idle>>,
    swept: Option<Instant>,
}

#[derive(Debug)]
pub(crate) struct IdlePool {
    shards: Vec<Mutex<Shard>>,
    hasher: RandomState,
    cap: usize,
    count: AtomicUsize,
    /// The shard that is asked first to give one up.
    hand: AtomicUsize,
}

impl IdlePool {
    pub(crate) fn new(cap: usize) -> Self {
        Self {
            shards: (0..SHARDS).map(|_| Mutex::default()).collect(),
            hasher: RandomState::new(),
            cap,
            count: AtomicUsize::new(0),
            hand: AtomicUsize::new(0),
        }
    }

    /// An idle connection to `origin` that is still good.
    pub(crate) fn take(&self, origin: &str, now: Instant) -> Option<Connection> {
        loop {
            // The lock is given back before the connection is tried, and before a bad one is
            // closed.
            let idle = self.shard(origin).origins.get_mut(origin)?.pop()?;
            self.count.fetch_sub(1, Ordering::Relaxed);
            if now.saturating_duration_since(idle.since) < MAX_AGE && idle.connection.is_quiet() {
                return Some(idle.connection);
            }
        }
    }

    /// Keeps `connection` for the next request to its origin, if the cap allows or an older one can
    /// go.
    pub(crate) fn put(&self, connection: Connection, now: Instant) {
        if self.cap == 0 {
            return;
        }
        if self.count.fetch_add(1, Ordering::Relaxed) >= self.cap {
            drop(self.evict());
        }
        let mut shard = self.shard(connection.key());
        let old = shard.sweep(now);
        match shard.origins.get_mut(connection.key()) {
            Some(idle) => idle.push(Idle {
                connection,
                since: now,
            }),
            None => {
                let origin = connection.key().into();
                shard.origins.insert(
                    origin,
                    vec![Idle {
                        connection,
                        since: now,
                    }],
                );
            }
        }
        drop(shard);
        self.count.fetch_sub(old.len(), Ordering::Relaxed);
    }

    /// Gives up the oldest connection of some shard: nearly the oldest of all, without a lock over
    /// all.
    pub(crate) fn evict(&self) -> Option<Connection> {
        let from = self.hand.fetch_add(1, Ordering::Relaxed);
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

    /// Takes out what is too old, now and then, and forgets origins that have nothing left.
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
    // No code that can panic runs under the lock.
    shard.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, TcpStream};

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
            Connection::for_tests(origin, stream)
        }
    }

    fn port(connection: &Connection) -> u16 {
        connection
            .layer
            .wire()
            .stream()
            .local_addr()
            .unwrap()
            .port()
    }

    #[test]
    fn the_last_used_of_the_same_origin_is_lent_first() {
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
    fn neither_closed_nor_talking_nor_old_connections_are_lent() {
        let (mut peer, pool, now) = (Peer::new(), IdlePool::new(10), Instant::now());
        for spoil in [
            (|p: &mut Peer| drop(p.accepted.pop())) as fn(&mut Peer),
            |p| {
                let late = b"HTTP/1.1 408 Timeout\r\n\r\n";
                std::io::Write::write_all(&mut p.accepted[0], late).unwrap();
            },
        ] {
            let connection = peer.connect("http://a");
            let stream = std::sync::Arc::clone(connection.layer.wire().stream());
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
