//! TLS sessions to resume, by server name, for all workers of a client.
//!
//! rustls's own store keeps eight tickets of any size per server. [`Session`](super::session::Session) bounds the size
//! of one session, which rustls does not tell a store.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use rustls::NamedGroup;
use rustls::client::{ClientSessionStore, Tls12ClientSessionValue, Tls13ClientSessionValue};
use rustls::pki_types::ServerName;

const MAX_SERVERS: usize = 1024;
/// Tickets of TLS 1.3 per server. A new connection uses one, and usually gets two.
const TICKETS: usize = 2;
/// The largest session, in bytes of certificates and tickets: all sessions hold 32 MiB at most.
pub(super) const MAX_SESSION: usize = 16 * 1024;

#[derive(Default)]
pub(in crate::fetch::net) struct Sessions {
    servers: Mutex<Servers>,
}

#[derive(Default)]
struct Servers {
    by_name: HashMap<ServerName<'static>, Server>,
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
    /// The entry of a server. A new one replaces the least recently used at [`MAX_SERVERS`].
    fn entry(&mut self, name: ServerName<'static>) -> &mut Server {
        if self.by_name.len() >= MAX_SERVERS && !self.by_name.contains_key(&name) {
            let servers = self.by_name.iter();
            let oldest = servers.min_by_key(|(_, server)| server.last_use);
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
        self.servers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn forget(&self, name: &ServerName<'static>) {
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
    fn the_least_recently_used_servers_are_forgotten() {
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
