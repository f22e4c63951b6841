//! Connects a worker to an address that has just answered for its host.
//!
//! That spares the way through the reach thread, a quarter of the cost of a new connection. Only one address is tried,
//! for as long as `reach` would wait before it tries the next one; whatever fails is left to `reach`.

use std::collections::HashMap;
use std::net::{SocketAddr, TcpStream};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::Request;
use super::happy_eyeballs::ATTEMPT_DELAY;

/// How long an address counts after `reach` has connected to it.
const KEEP: Duration = Duration::from_secs(5);
const MOST: usize = 4096;

/// A host, its port, and whether it is a proxy: other addresses are allowed for that.
type Key = (Box<str>, u16, bool);

#[derive(Debug, Default)]
pub(super) struct KnownAddresses(Mutex<HashMap<Key, (SocketAddr, Instant)>>);

impl KnownAddresses {
    /// Notes that `address`, which was checked, has answered.
    pub(super) fn add(&self, request: &Request, address: SocketAddr) {
        let mut known = self.lock();
        if known.len() >= MOST {
            known.clear();
        }
        known.insert(key(request), (address, Instant::now()));
    }

    /// A connection to the address that answered last, if it answers at once. Blocks for at most 250 ms.
    pub(super) fn connect(&self, request: &Request) -> Option<TcpStream> {
        let (address, since) = self.lock().get(&key(request)).copied()?;
        if since.elapsed() > KEEP {
            return None;
        }
        let limit = request.limit.unwrap_or(ATTEMPT_DELAY).min(ATTEMPT_DELAY);
        let tcp = TcpStream::connect_timeout(&address, limit).ok()?;
        // A request is one write: waiting for more data would only cost a round trip.
        tcp.set_nodelay(true).ok()?;
        Some(tcp)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Key, (SocketAddr, Instant)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn key(request: &Request) -> Key {
    (request.host.clone(), request.port, request.is_proxy)
}
