//! TLS sessions are resumed with many hosts, and too large ones are not kept.

use crate::sessions::{BOTH, Fault, WHOLE, serve};
use crate::support::{Authority, RawServer, anything, fetchpool};
use rustls::{HandshakeKind, ServerConfig};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

/// Fetches a page from each of `hosts`, one after another, each over a new connection.
fn visit(server: &RawServer, hosts: impl Iterator<Item = String>) {
    let port = server.address().port();
    let urls: Vec<String> = hosts
        .map(|host| format!("https://{host}:{port}/\n"))
        .collect();
    fetchpool()
        .list("urls.txt", urls.concat())
        .args(["-k", "-j", "1", "--resolve", &format!("*:{port}:127.0.0.1")])
        .stdout(anything())
        .run();
}

/// A server that closes each connection after its first reply, and counts resumed sessions.
fn counting(config: ServerConfig) -> (RawServer, Arc<AtomicUsize>) {
    let resumed = Arc::<AtomicUsize>::default();
    let counter = Arc::clone(&resumed);
    let server = serve(config, move |mut session, _| {
        if session.shake_hands() && session.read_request() {
            let is_resumed = session.tls.handshake_kind() == Some(HandshakeKind::Resumed);
            counter.fetch_add(usize::from(is_resumed), Ordering::SeqCst);
            let records = session.records(WHOLE);
            session.breaks(records, Fault::End);
        }
    });
    (server, resumed)
}

#[test]
fn sessions_are_resumed_with_hundreds_of_hosts() {
    // A unit test covers the limit itself: that many handshakes take too long here.
    const HOSTS: usize = 200;
    let mut config = Authority::new().config(false, &[&rustls::version::TLS13]);
    config.session_storage = rustls::server::ServerSessionMemoryCache::new(4 * HOSTS);
    let (server, resumed) = counting(config);
    let hosts = (0..2 * HOSTS).map(|n| format!("n{}.test", n % HOSTS));
    visit(&server, hosts);
    assert_eq!(resumed.load(Ordering::SeqCst), HOSTS);
}

/// Makes tickets of a given size without a secret: the server keeps all state.
#[derive(Debug, Default)]
struct Tickets {
    size: usize,
    made: Mutex<Vec<Vec<u8>>>,
}

impl rustls::server::ProducesTickets for Tickets {
    fn enabled(&self) -> bool {
        true
    }

    fn lifetime(&self) -> u32 {
        3600
    }

    fn encrypt(&self, plain: &[u8]) -> Option<Vec<u8>> {
        let mut made = self.made.lock().unwrap();
        made.push(plain.to_vec());
        let mut ticket = vec![0; self.size];
        ticket[..8].copy_from_slice(&made.len().to_be_bytes());
        Some(ticket)
    }

    fn decrypt(&self, ticket: &[u8]) -> Option<Vec<u8>> {
        let number = usize::from_be_bytes(ticket.get(..8)?.try_into().ok()?);
        self.made.lock().unwrap().get(number - 1).cloned()
    }
}

#[test]
fn a_session_that_holds_too_much_is_not_kept() {
    let authority = Authority::new();
    for version in BOTH {
        for (size, wanted) in [(1_000, 3), (40_000, 0)] {
            let mut config = authority.config(false, &[version]);
            let made = Mutex::default();
            config.ticketer = Arc::new(Tickets { size, made });
            // rustls does not accept two tickets of that size in one record.
            config.send_tls13_tickets = 1;
            if *version == rustls::version::TLS12 {
                config.max_fragment_size = Some(32);
            }
            let (server, resumed) = counting(config);
            visit(&server, (0..4).map(|_| "a.test".to_owned()));
            let resumed = resumed.load(Ordering::SeqCst);
            assert_eq!(resumed, wanted, "{version:?}, tickets of {size} bytes");
        }
    }
}
