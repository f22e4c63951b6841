//! The server. It answers each request as the plan says, with a thread for each connection.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::Duration;

use crate::plan::{Fault, MAX_SIZE};

/// The stack of a thread. There are hundreds, and each needs only a connection's buffers.
const STACK: usize = 256 * 1024;

const PAGE: [u8; 4096] = [b'x'; 4096];

pub(crate) struct Server {
    address: SocketAddr,
    /// How often each URL of the list was asked for.
    asked: Arc<[AtomicU32]>,
}

impl Server {
    /// Starts a server of `urls` URLs, which ends with the process.
    pub(crate) fn start(urls: usize) -> Self {
        let listener =
            TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("loopback has a free port");
        let address = listener.local_addr().expect("it is bound");
        let asked: Arc<[AtomicU32]> = (0..urls).map(|_| AtomicU32::new(0)).collect();
        let counts = Arc::clone(&asked);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let counts = Arc::clone(&counts);
                let builder = thread::Builder::new().stack_size(STACK);
                let serve = move || Connection { stream }.serve(&counts);
                drop(builder.spawn(serve).expect("a thread can be started"));
            }
        });
        Self { address, asked }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// The number of requests for URLs of the list.
    pub(crate) fn requests(&self) -> u64 {
        let counts = self.asked.iter();
        counts
            .map(|count| u64::from(count.load(Ordering::Relaxed)))
            .sum()
    }

    /// Checks that every URL was asked for, and only once. The exception: if a kept connection is reset before the
    /// first byte of a reply, or delivers something that is not HTTP, the request is sent once more over a new one
    /// (RFC 9112, 9.3.1).
    pub(crate) fn assert_asked_for_all(&self) {
        for (number, count) in self.asked.iter().enumerate() {
            let fault = Fault::of(number);
            let is_unanswered = matches!(fault, Fault::ResetBeforeReply | Fault::Garbage);
            let most = if is_unanswered { 2 } else { 1 };
            let count = count.load(Ordering::Relaxed);
            assert!(
                (1..=most).contains(&count),
                "{number}, {fault:?}: {count} requests"
            );
        }
    }
}

struct Connection {
    stream: TcpStream,
}

/// Whether a connection takes another request.
#[derive(PartialEq)]
enum Then {
    GoesOn,
    Ends,
}

impl Connection {
    fn serve(mut self, asked: &[AtomicU32]) {
        let _ = self.stream.set_nodelay(true);
        let mut head = Vec::with_capacity(1024);
        while let Some(path) = self.request(&mut head) {
            let redirected = path.strip_prefix("/to/");
            let number = redirected.unwrap_or(&path[1..]).parse().ok();
            // A request for an unknown path closes the connection, which no plan expects.
            let Some(number) = number.filter(|&number: &usize| number < asked.len()) else {
                return;
            };
            let fault = if redirected.is_some() {
                Fault::None
            } else {
                asked[number].fetch_add(1, Ordering::Relaxed);
                Fault::of(number)
            };
            if self.answer(fault, number) == Then::Ends {
                return;
            }
        }
    }

    /// The path of the next request; `None` if the client has closed the connection.
    fn request(&mut self, head: &mut Vec<u8>) -> Option<String> {
        head.clear();
        let mut buffer = [0; 1024];
        while !head.ends_with(b"\r\n\r\n") {
            match self.stream.read(&mut buffer) {
                Ok(0) | Err(_) => return None,
                Ok(amount) => head.extend_from_slice(&buffer[..amount]),
            }
        }
        let line = std::str::from_utf8(head).ok()?.split(' ').nth(1)?;
        Some(line.to_owned())
    }

    fn answer(&mut self, fault: Fault, number: usize) -> Then {
        let size = fault.size(number);
        let whole = page("200 OK", "", size);
        match fault {
            Fault::None => self.send(&whole),
            Fault::ServerError => self.send(&page("500 Oh", "", size)),
            Fault::NotFound => self.send(&page("404 Gone", "", size)),
            Fault::SlowDrip => self.drip(&whole),
            Fault::Redirect => {
                let location = format!("Location: /to/{number}\r\n");
                self.send(&page("302 Found", &location, 10))
            }
            fault => {
                self.go_wrong(fault, &whole, size);
                Then::Ends
            }
        }
    }

    /// The faults that end the connection.
    fn go_wrong(&mut self, fault: Fault, whole: &[u8], size: usize) {
        let half = whole.len() - size / 2;
        match fault {
            Fault::ResetBeforeReply => self.reset(b""),
            Fault::ResetInHead => self.reset(&whole[..20]),
            Fault::ResetInBody => self.reset(&whole[..half]),
            Fault::TruncatedBody => self.send_and_end(&whole[..half]),
            Fault::TruncatedChunks => self.send_and_end(&chunks(size)),
            Fault::StalledReply => self.stall(b""),
            Fault::StalledBody => self.stall(&whole[..half]),
            Fault::Garbage => self.stall(b"\x00\xff no HTTP\r\n\r\n"),
            Fault::GarbageInChunks => self.stall(&[&chunks(size)[..], b"what?\r\n"].concat()),
            Fault::FloodOfHeaders => self.flood(
                b"HTTP/1.1 200 OK\r\n",
                &b"X-Filler: more of it\r\n".repeat(200),
            ),
            Fault::FloodOfInterims => {
                self.flood(b"", &b"HTTP/1.1 100 Continue\r\n\r\n".repeat(200));
            }
            Fault::TooLarge => self.flood(&page("200 OK", "", 0)[..17], &too_large()),
            Fault::CloseBehindReply => self.send_and_end(whole),
            Fault::ResetBehindReply => self.reset(whole),
            Fault::BytesBehindReply => self.stall(&[whole, b"HTTP/1.1 200 OK\r\n"].concat()),
            Fault::None
            | Fault::ServerError
            | Fault::NotFound
            | Fault::SlowDrip
            | Fault::Redirect => {
                unreachable!("a whole reply")
            }
        }
    }

    fn send(&mut self, bytes: &[u8]) -> Then {
        match self.stream.write_all(bytes) {
            Ok(()) => Then::GoesOn,
            Err(_) => Then::Ends,
        }
    }

    fn send_and_end(&mut self, bytes: &[u8]) {
        let _ = self.stream.write_all(bytes);
    }

    fn reset(&mut self, bytes: &[u8]) {
        let _ = self.stream.write_all(bytes);
        let _ = socket2::SockRef::from(&self.stream).set_linger(Some(Duration::ZERO));
    }

    /// Sends `bytes` and waits until the client hangs up.
    fn stall(&mut self, bytes: &[u8]) {
        let _ = self.stream.write_all(bytes);
        while matches!(self.stream.read(&mut [0; 1024]), Ok(1..)) {}
    }

    fn flood(&mut self, first: &[u8], block: &[u8]) {
        let mut sent = self.stream.write_all(first);
        while sent.is_ok() {
            sent = self.stream.write_all(block);
        }
    }

    /// Sends the head at once, and the body at a byte a millisecond.
    fn drip(&mut self, bytes: &[u8]) -> Then {
        let head = bytes.len() - Fault::SlowDrip.size(0);
        let mut then = self.send(&bytes[..head]);
        for byte in &bytes[head..] {
            thread::sleep(Duration::from_millis(1));
            then = self.send(&[*byte]);
        }
        then
    }
}

fn page(status: &str, headers: &str, size: usize) -> Vec<u8> {
    let head = format!("HTTP/1.1 {status}\r\n{headers}Content-Length: {size}\r\n\r\n");
    [head.as_bytes(), &PAGE[..size]].concat()
}

/// A body in chunks without the last one.
fn chunks(size: usize) -> Vec<u8> {
    let head = format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{size:x}\r\n");
    [head.as_bytes(), &PAGE[..size], b"\r\n"].concat()
}

/// The rest of a head without a length, larger than the limit.
fn too_large() -> Vec<u8> {
    [&b"\r\n"[..], &PAGE.repeat(MAX_SIZE / PAGE.len() + 1)].concat()
}
