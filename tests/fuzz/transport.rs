//! Whole replies over real connections: a new one whose body is kept, and a reused one whose body is counted. One of the
//! two comes in two reads. Both outcomes are the same, and as [`oracle`] expects.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use fetchpool::fetch::{Client, FailureKind, Options, Outcome, Proxies, Url};

use crate::oracle::{self, Reading};

/// The largest page.
const MAX_SIZE: usize = 1 << 20;

/// Replies after which a connection stays open, one for each framing.
const FIRST: [&[u8]; 4] = [
    b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nfirst",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nfirst\r\n0\r\nA: b\r\n\r\n",
    b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.0 404 No\r\nConnection: keep-alive\r\nContent-Length: 5\r\n\r\nfirst",
    b"HTTP/1.1 204 No Content\r\n\r\n",
];

/// The size of a first read: the interim reply fills it.
const FULL: usize = 4 * 1024;

/// What the server does with a request.
#[derive(Clone)]
struct Answer {
    reply: Arc<[u8]>,
    then_hangs_up: bool,
}

/// The server and its client.
struct Stage {
    /// Held during a check, as all checks share the server.
    turn: Mutex<()>,
    answer: Mutex<Answer>,
    connections: AtomicUsize,
    client: Client,
}

/// The server is a proxy for all requests, so that no redirect leads elsewhere.
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
        turn: Mutex::default(),
        answer: Mutex::new(Answer {
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
    fn answer(&self) -> MutexGuard<'_, Answer> {
        self.answer.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn say(&self, reply: &[u8], then_hangs_up: bool) {
        let reply = reply.into();
        *self.answer() = Answer {
            reply,
            then_hangs_up,
        };
    }

    fn serve(&self, mut stream: TcpStream) {
        while has_asked(&mut stream) {
            let answer = self.answer().clone();
            // The client may have closed the connection.
            if stream.write_all(&answer.reply).is_err() || answer.then_hangs_up {
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

/// A reply, head and body, is a whole page or a failure.
pub(crate) fn transport(data: &[u8]) {
    let sum: usize = data.iter().map(|&byte| usize::from(byte)).sum();
    check(data, sum % (data.len() + 1), data.len().is_multiple_of(2));
}

/// One of the two replies comes in two reads, cut after `cut` bytes.
fn check(data: &[u8], cut: usize, kept_is_cut: bool) {
    // A failed check poisons it.
    let _turn = STAGE.turn.lock().unwrap_or_else(PoisonError::into_inner);
    let in_two = in_two_reads(data, cut);
    let (to_fresh, to_kept) = if kept_is_cut {
        (data, &in_two[..])
    } else {
        (&in_two[..], data)
    };
    let mut body = Vec::new();
    let fresh = load_fresh(to_fresh, &mut body);
    judge(data, &fresh, &body);
    let kept = load_kept(to_kept);
    assert_eq!(essence(&fresh), essence(&kept));
}

/// Puts an interim reply in front that fills the first read but for `cut` bytes.
fn in_two_reads(data: &[u8], cut: usize) -> Vec<u8> {
    const BEGIN: &[u8] = b"HTTP/1.1 103 Early Hints\r\nA: ";
    const END: &[u8] = b"\r\n\r\n";
    let room = FULL - BEGIN.len() - END.len();
    let filler = vec![b'a'; room - cut.min(room)];
    [BEGIN, &filler, END, data].concat()
}

fn load_fresh(reply: &[u8], body: &mut Vec<u8>) -> Outcome {
    STAGE.say(reply, true);
    let url = Url::parse("http://fresh.test/").expect("it is a URL");
    STAGE.client.load_url(&url, body)
}

/// Over a connection that has served another reply.
fn load_kept(reply: &[u8]) -> Outcome {
    let stage = &*STAGE;
    // This name has only the idle connection that is made here.
    let url = Url::parse("http://kept.test/").expect("it is a URL");
    stage.say(FIRST[reply.len() % FIRST.len()], false);
    let first = stage.client.load_url(&url, &mut io::sink());
    assert!(first.status.is_some(), "{:?}", first.result);
    let connections = stage.connections.load(Ordering::SeqCst);
    stage.say(reply, true);
    let mut counted = 0;
    let outcome = stage
        .client
        .load_size(&url, &mut |amount| counted += amount);
    if let Ok(page) = outcome.result {
        assert_eq!(page.bytes, counted as u64);
    }
    // Without bytes, with bytes that begin no reply, or with 408, the request is sent again over a new connection.
    if outcome.hops.is_empty() && reply.starts_with(b"HTTP/") && outcome.status != Some(408) {
        let now = stage.connections.load(Ordering::SeqCst);
        assert_eq!(now, connections, "the connection was not kept");
    }
    outcome
}

/// What does not depend on how a reply came and where its body went.
fn essence(outcome: &Outcome) -> (Result<u64, FailureKind>, Option<u16>, usize) {
    let result = match &outcome.result {
        Ok(page) => Ok(page.bytes),
        Err(failure) => Err(failure.kind()),
    };
    (result, outcome.status, outcome.hops.len())
}

fn judge(data: &[u8], outcome: &Outcome, body: &[u8]) {
    match &outcome.result {
        Ok(page) => {
            assert_eq!(page.bytes, body.len() as u64);
            assert!(body.len() <= MAX_SIZE);
            assert!(matches!(outcome.status, Some(200..=299)));
        }
        Err(failure) => {
            // The time limits are much longer than a check takes.
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
            // The client also refuses bodies that are too large, or go on after their coding.
            let wanted = oracle::decoded(&coding, &body);
            let wanted = wanted.filter(|_| (200..=299).contains(&status));
            assert!(page.is_none() || page == wanted.as_deref(), "{outcome:?}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `hello hello hello`.
    const GZIP: &[u8] = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\x03\xcb\x48\xcd\xc9\xc9\x57\xc8\x40\x90\x00\x80\x88\xf9\xe5\x11\x00\x00\x00";

    /// `hello`; its end is in the last byte.
    const BROTLI: &[u8] = b"\x0b\x02\x80hello\x03";

    fn replies() -> Vec<Vec<u8>> {
        let reply = |fields: &str, body: &[u8]| {
            let head = format!("HTTP/1.1 200 OK\r\n{fields}\r\n");
            [head.as_bytes(), body].concat()
        };
        let coded = |coding: &str, body: &[u8]| {
            let length = body.len();
            let with_length = format!("Content-Encoding: {coding}\r\nContent-Length: {length}\r\n");
            let in_chunks = format!("Content-Encoding: {coding}\r\nTransfer-Encoding: chunked\r\n");
            let size = format!("{length:x}\r\n");
            let chunks = [size.as_bytes(), body, b"\r\n0\r\n\r\n"].concat();
            [reply(&with_length, body), reply(&in_chunks, &chunks)]
        };
        let chunks = b"5;a=b\r\nhello\r\n6\r\n hello\r\n0\r\nA: b\r\n\r\n";
        let plain = [
            reply("Content-Length: 12\r\n", b"hello, hello"),
            reply("Transfer-Encoding: chunked\r\n", chunks),
            reply("", b"to the end"),
        ];
        [&plain[..], &coded("gzip", GZIP), &coded("br", BROTLI)].concat()
    }

    #[test]
    fn replies_are_pages_however_they_come_and_none_once_they_are_cut() {
        assert_eq!(
            oracle::decoded("gzip", GZIP).as_deref(),
            Some(&b"hello hello hello"[..])
        );
        assert_eq!(
            oracle::decoded("br", BROTLI).as_deref(),
            Some(&b"hello"[..])
        );
        for reply in replies() {
            {
                let _turn = STAGE.turn.lock().unwrap_or_else(PoisonError::into_inner);
                let whole = load_fresh(&reply, &mut Vec::new());
                assert!(whole.result.is_ok(), "{whole:?}");
            }
            for at in 0..=reply.len() {
                for kept_is_cut in [false, true] {
                    check(&reply, at, kept_is_cut);
                    check(&reply[..at], at / 2, kept_is_cut);
                }
            }
        }
    }
}
