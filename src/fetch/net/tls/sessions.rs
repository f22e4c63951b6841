//! TLS sessions to be resumed, by the name of the server, for all workers of a client.
//!
//! rustls keeps eight tickets a server, whatever their size, and forgets the oldest server. A worker that
//! opens a connection uses up one ticket and gets two, so that two are enough here; a server that was not
//! connected to for longest goes first. What one session holds is bounded by [`Session`](super::session::Session),
//! which knows its size, as rustls tells it to no store.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use rustls::NamedGroup;
use rustls::client::{ClientSessionStore, Tls12ClientSessionValue, Tls13ClientSessionValue};
use rustls::pki_types::ServerName;

/// Servers whose sessions are kept.
const MAX_SERVERS: usize = 1024;
/// Tickets of TLS 1.3 that are kept of a server: each is good for one connection.
const TICKETS: usize = 2;
/// The largest session that is kept, in bytes, certificates and tickets together. All sessions hold 32 MiB at
/// most, and a few KiB a server where no server overdoes it.
pub(in crate::fetch::net) const MAX_SESSION: usize = 16 * 1024;

#[derive(Default)]
pub(crate) struct Sessions {
    servers: Mutex<Servers>,
}

#[derive(Default)]
struct Servers {
    by_name: HashMap<ServerName<'static>, Server>,
    /// Counts the uses.
    uses: u64,
}

#[derive(Default)]
struct Server {
    group: Option<NamedGroup>,
    tls12: Option<Tls12ClientSessionValue>,
    /// The oldest first.
    tls13: VecDeque<Tls13ClientSessionValue>,
    last_use: u64,
}

impl Servers {
    /// The entry of a server, which is a new one if need be, in the place of the one unused for longest.
    fn entry(&mut self, name: ServerName<'static>) -> &mut Server {
        if self.by_name.len() >= MAX_SERVERS && !self.by_name.contains_key(&name) {
            let oldest = self
                .by_name
                .iter()
                .min_by_key(|(_, server)| server.last_use);
            if let Some(oldest) = oldest.map(|(name, _)| name.clone()) {
                self.by_name.remove(&oldest);
            }
        }
        self.uses += 1;
        let server = self.by_name.entry(name).or_default();
        server.last_use = self.uses;
        server
    }
}

impl Sessions {
    fn lock(&self) -> MutexGuard<'_, Servers> {
        // No step of a change leaves the map broken.
        self.servers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Drops everything that is kept of a server.
    pub(in crate::fetch::net) fn forget(&self, name: &ServerName<'static>) {
        self.lock().by_name.remove(name);
    }
}

impl ClientSessionStore for Sessions {
    fn set_kx_hint(&self, name: ServerName<'static>, group: NamedGroup) {
        self.lock().entry(name).group = Some(group);
    }

    fn kx_hint(&self, name: &ServerName<'_>) -> Option<NamedGroup> {
        self.lock().by_name.get(name)?.group
    }

    fn set_tls12_session(&self, name: ServerName<'static>, session: Tls12ClientSessionValue) {
        let mut servers = self.lock();
        let server = servers.entry(name);
        server.tls13.clear();
        server.tls12 = Some(session);
    }

    fn tls12_session(&self, name: &ServerName<'_>) -> Option<Tls12ClientSessionValue> {
        self.lock().by_name.get(name)?.tls12.clone()
    }

    fn remove_tls12_session(&self, name: &ServerName<'static>) {
        if let Some(server) = self.lock().by_name.get_mut(name) {
            server.tls12 = None;
        }
    }

    fn insert_tls13_ticket(&self, name: ServerName<'static>, ticket: Tls13ClientSessionValue) {
        let mut servers = self.lock();
        let server = servers.entry(name);
        server.tls12 = None;
        let tickets = &mut server.tls13;
        if tickets.len() == TICKETS {
            tickets.pop_front();
        }
        tickets.push_back(ticket);
    }

    fn take_tls13_ticket(&self, name: &ServerName<'static>) -> Option<Tls13ClientSessionValue> {
        self.lock().by_name.get_mut(name)?.tls13.pop_back()
    }
}

impl std::fmt::Debug for Sessions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sessions").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_servers_that_were_not_connected_to_for_longest_are_forgotten() {
        let sessions = Sessions::default();
        let name = |n: usize| ServerName::try_from(format!("n{n}.test")).unwrap();
        let connect = |n| sessions.set_kx_hint(name(n), NamedGroup::X25519);
        (0..MAX_SERVERS).for_each(connect);
        // The first is used again, and two new ones come.
        [0, MAX_SERVERS, MAX_SERVERS + 1]
            .into_iter()
            .for_each(connect);
        let is_kept = |n| sessions.kx_hint(&name(n)).is_some();
        let forgotten: Vec<usize> = (0..MAX_SERVERS + 2).filter(|&n| !is_kept(n)).collect();
        assert_eq!(forgotten, [1, 2]);
    }
}
