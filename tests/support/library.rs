//! A server of bytes for the network tests: each test says what is read and written on each connection.
//!
//! The server speaks no HTTP, so it can misbehave in any way. The thread of a connection ends with its script, or when
//! the client hangs up. Only the guard against hanging uses a clock.

#![allow(dead_code, reason = "each test file uses its own part of this")]

#[path = "head.rs"]
pub(crate) mod head;

use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use fetchpool::fetch::{Client, Options, Outcome, Url};
use head::read_head;

/// The longest time that a test waits.
pub(crate) const HANG: Duration = Duration::from_secs(20);

/// The server's end of a connection.
pub(crate) struct Conn {
    pub(crate) stream: TcpStream,
    /// The number of the connection, counted from 0 in the order of accepting.
    pub(crate) number: usize,
    seen: Arc<Mutex<Vec<String>>>,
}

impl Conn {
    /// Reads the head of a request; `None` if the client has hung up.
    pub(crate) fn request(&mut self) -> Option<String> {
        let head = read_head(&self.stream)?;
        self.seen.lock().unwrap().push(head.clone());
        Some(head)
    }

    /// Writes bytes. It is no error if the client has hung up.
    pub(crate) fn send(&mut self, bytes: impl AsRef<[u8]>) {
        let _ = self.stream.write_all(bytes.as_ref());
    }

    /// Answers requests with the same bytes until the client hangs up.
    pub(crate) fn answer_all(&mut self, reply: impl AsRef<[u8]>) {
        while self.request().is_some() {
            self.send(&reply);
        }
    }

    /// Ends the connection with a reset instead of an orderly end.
    pub(crate) fn reset(self) {
        socket2::SockRef::from(&self.stream)
            .set_linger(Some(Duration::ZERO))
            .unwrap();
    }

    /// Waits until the client has hung up.
    pub(crate) fn wait_for_hangup(&mut self) {
        while matches!(self.stream.read(&mut [0; 1024]), Ok(1..)) {}
    }
}

/// A listener that runs a script for each connection, in its own thread.
pub(crate) struct Server {
    pub(crate) addr: SocketAddr,
    seen: Arc<Mutex<Vec<String>>>,
}

impl Server {
    pub(crate) fn start(script: impl Fn(Conn) + Send + Sync + 'static) -> Self {
        Self::start_at(Ipv4Addr::LOCALHOST.into(), script)
    }

    /// The same at a given address.
    pub(crate) fn start_at(address: IpAddr, script: impl Fn(Conn) + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind((address, 0)).unwrap();
        let addr = listener.local_addr().unwrap();
        let seen = Arc::<Mutex<Vec<String>>>::default();
        let (script, log) = (Arc::new(script), Arc::clone(&seen));
        thread::spawn(move || {
            for (number, stream) in listener.incoming().enumerate() {
                let (script, seen) = (Arc::clone(&script), Arc::clone(&log));
                let stream = stream.unwrap();
                stream.set_nodelay(true).unwrap();
                let conn = Conn {
                    stream,
                    number,
                    seen,
                };
                thread::spawn(move || script(conn));
            }
        });
        Self { addr, seen }
    }

    /// Answers every request on every connection with the same bytes.
    pub(crate) fn always(reply: impl AsRef<[u8]> + Send + Sync + 'static) -> Self {
        Self::start(move |mut conn| conn.answer_all(&reply))
    }

    /// Answers one request on each connection with these bytes, then ends the connection.
    pub(crate) fn once(reply: impl AsRef<[u8]> + Send + Sync + 'static) -> Self {
        Self::start(move |mut conn| {
            if conn.request().is_some() {
                conn.send(&reply);
                let _ = conn.stream.shutdown(Shutdown::Write);
                conn.wait_for_hangup();
            }
        })
    }

    pub(crate) fn url(&self, path: &str) -> Url {
        Url::parse(&format!("http://{}{path}", self.addr)).unwrap()
    }

    /// The heads of all requests so far, in order.
    pub(crate) fn requests(&self) -> Vec<String> {
        self.seen.lock().unwrap().clone()
    }
}

/// Removes the proxies of the developer's environment.
pub(crate) fn without_proxies(command: &mut Command) -> &mut Command {
    for name in ["http_proxy", "https_proxy", "all_proxy", "no_proxy"] {
        command.env_remove(name).env_remove(name.to_uppercase());
    }
    command
}

/// A client with the given options.
pub(crate) fn client(options: Options) -> Client {
    Client::new(options).unwrap()
}

/// The default options, with a limit that ends a test that hangs.
pub(crate) fn options() -> Options {
    Options {
        timeout: Some(HANG),
        ..Options::default()
    }
}

/// Makes one attempt with a new client. Returns the outcome and the body.
pub(crate) fn fetch(options: Options, url: &Url) -> (Outcome, Vec<u8>) {
    let mut body = Vec::new();
    let outcome = client(options).load_url(url, &mut body);
    (outcome, body)
}

/// The failure as `kind: message`, with the phase after the message of a timeout.
pub(crate) fn failure(outcome: &Outcome) -> String {
    match &outcome.result {
        Ok(page) => panic!("expected a failure, got {page:?}"),
        Err(failure) => match failure.kind().phase() {
            Some(phase) => format!("{failure} [{}]", phase.name()),
            None => failure.to_string(),
        },
    }
}

/// The size of a page. Panics with the failure if there is none.
pub(crate) fn bytes(outcome: &Outcome) -> u64 {
    match &outcome.result {
        Ok(page) => page.bytes,
        Err(failure) => panic!("{} failed: {failure}", outcome.final_url),
    }
}

/// A complete reply with a length.
pub(crate) fn page(body: &str) -> String {
    format!(
        "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

/// A redirect without a body.
pub(crate) fn redirect(status: u16, location: &str) -> String {
    format!("HTTP/1.1 {status} Moved\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n")
}
