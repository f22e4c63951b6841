//! Whole replies, through real connections: a fresh one whose body is kept, and one that had a reply before, whose body
//! is counted. Both come to the same, and to what [`oracle`] reads out of it.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use url::Url;

use super::oracle::{self, Reading};
use crate::fetch::{Client, FailureKind, Options, Outcome, Proxies};

/// The largest page.
const MAX_SIZE: usize = 1 << 20;

/// Replies behind which a connection stays open, framed in each way there is.
const FIRST: [&[u8]; 4] = [
    b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nfirst",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nfirst\r\n0\r\nA: b\r\n\r\n",
    b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.0 404 No\r\nConnection: keep-alive\r\nContent-Length: 5\r\n\r\nfirst",
    b"HTTP/1.1 204 No Content\r\n\r\n",
];

/// What the server says to whoever has sent a head.
#[derive(Clone)]
struct Says {
    reply: Arc<[u8]>,
    then_hangs_up: bool,
}

/// The server, and the client that asks it.
struct Stage {
    says: Mutex<Says>,
    connections: AtomicUsize,
    client: Client,
}

/// All requests go to the server as a proxy, so that no redirect leads anywhere else.
static STAGE: LazyLock<Stage> = LazyLock::new(|| {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("loopback has a port");
    let address = listener.local_addr().expect("it is bound");
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            STAGE.connections.fetch_add(1, Ordering::SeqCst);
            thread::spawn(move || STAGE.serve(stream));
        }
    });
    Stage {
        says: Mutex::new(Says {
            reply: Arc::default(),
            then_hangs_up: true,
        }),
        connections: AtomicUsize::new(0),
        client: client(address),
    }
});

fn client(address: SocketAddr) -> Client {
    let options = Options {
        proxies: Proxies::new(Some(&format!("http://{address}")), &|_| None).expect("it is one"),
        compressed: true,
        max_size: Some(MAX_SIZE as u64),
        max_redirects: 3,
        timeout: Some(Duration::from_secs(20)),
        ..Options::default()
    };
    Client::new(options).expect("these options are good")
}

impl Stage {
    fn says(&self) -> MutexGuard<'_, Says> {
        self.says.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn say(&self, reply: &[u8], then_hangs_up: bool) {
        let reply = reply.into();
        *self.says() = Says {
            reply,
            then_hangs_up,
        };
    }

    fn serve(&self, mut stream: TcpStream) {
        while has_asked(&mut stream) {
            let says = self.says().clone();
            // A client that has gone is no fault of the server's.
            if stream.write_all(&says.reply).is_err() || says.then_hangs_up {
                return;
            }
        }
    }
}

fn has_asked(stream: &mut TcpStream) -> bool {
    let mut head = Vec::new();
    let mut part = [0; 4096];
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read(&mut part) {
            Ok(amount @ 1..) => head.extend_from_slice(&part[..amount]),
            _ => return false,
        }
    }
    true
}

/// A whole reply, head and body: a page that is whole, or a failure in words.
pub(crate) fn transport(data: &[u8]) {
    let mut body = Vec::new();
    let fresh = load_fresh(data, &mut body);
    judge(data, &fresh, &body);
    let kept = load_kept(data);
    assert_eq!(essence(&fresh), essence(&kept));
}

fn load_fresh(data: &[u8], body: &mut Vec<u8>) -> Outcome {
    STAGE.say(data, true);
    let url = Url::parse("http://fresh.test/").expect("it is a URL");
    STAGE.client.load_url(&url, body)
}

/// Behind another reply.
fn load_kept(data: &[u8]) -> Outcome {
    let stage = &*STAGE;
    // A name of its own: no idle connection but the one that is made here leads to it.
    let url = Url::parse("http://kept.test/").expect("it is a URL");
    stage.say(FIRST[data.len() % FIRST.len()], false);
    let first = stage.client.load_url(&url, &mut io::sink());
    assert!(first.status.is_some(), "{:?}", first.result);
    let connections = stage.connections.load(Ordering::SeqCst);
    stage.say(data, true);
    let mut counted = 0;
    let outcome = stage
        .client
        .load_size(&url, &mut |amount| counted += amount);
    if let Ok(page) = outcome.result {
        assert_eq!(page.bytes, counted as u64);
    }
    // Who says nothing at all is asked once more over a new one.
    if outcome.redirects == 0 && !data.is_empty() {
        let now = stage.connections.load(Ordering::SeqCst);
        assert_eq!(now, connections, "the connection was not kept");
    }
    outcome
}

/// What must be the same however a reply came, and wherever its body went.
fn essence(outcome: &Outcome) -> (Result<u64, FailureKind>, Option<u16>, u32) {
    let result = match &outcome.result {
        Ok(page) => Ok(page.bytes),
        Err(failure) => Err(failure.kind()),
    };
    (result, outcome.status, outcome.redirects)
}

fn judge(data: &[u8], outcome: &Outcome, body: &[u8]) {
    match &outcome.result {
        Ok(page) => {
            assert_eq!(page.bytes, body.len() as u64);
            assert!(body.len() <= MAX_SIZE);
            assert!(matches!(outcome.status, Some(200..=299)));
        }
        Err(failure) => {
            // A time limit is long past what anything here takes.
            let is_strange = matches!(
                failure.kind(),
                FailureKind::Internal | FailureKind::Timeout(_) | FailureKind::Cancelled
            );
            assert!(!is_strange, "{failure:?}");
            assert!(failure.message().len() < 2000, "{failure:?}");
        }
    }
    let page = outcome.result.is_ok().then_some(body);
    match oracle::read(data) {
        Reading::Unclear => {}
        Reading::Broken => assert_eq!(page, None, "it is not whole"),
        Reading::Whole { status, body } => {
            let wanted = (200..=299).contains(&status).then_some(body);
            assert_eq!(page, wanted.as_deref(), "{outcome:?}");
        }
        Reading::Coded {
            status,
            coding,
            body,
        } => {
            // What may not be decoded to more than this, or has more behind its end, is no page.
            let wanted = oracle::decoded(&coding, &body);
            let wanted = wanted.filter(|_| (200..=299).contains(&status));
            assert!(page.is_none() || page == wanted.as_deref(), "{outcome:?}");
        }
    }
}
