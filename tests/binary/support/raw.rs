//! Servers below HTTP: bytes in, bytes out, for replies that no honest server gives; one that takes
//! connections and never says a word; and a port where nobody listens. All end with their value.

use socket2::{Domain, Socket, Type};
use std::collections::HashMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

/// One connection of a raw server, whose request head has been read.
pub(crate) struct Talk {
    stream: TcpStream,
}

impl Talk {
    /// Sends bytes as they are. A client that has gone is no fault of the server's.
    pub(crate) fn send(&mut self, bytes: &[u8]) {
        let _ = self.stream.write_all(bytes);
    }

    /// Ends the connection with a reset instead of an orderly close.
    pub(crate) fn reset(self) {
        let _ = Socket::from(self.stream).set_linger(Some(std::time::Duration::ZERO));
    }

    /// Blocks until the client has closed, or the server is dropped.
    pub(crate) fn hold(self) {
        let _ = std::io::copy(&mut &self.stream, &mut std::io::sink());
    }
}

/// A server that answers each connection's first request by a function, each on a thread of its own,
/// and then closes it.
pub(crate) struct RawServer {
    address: SocketAddr,
    shared: Arc<Mutex<Shared>>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Shared {
    ending: bool,
    /// A handle to each connection that is being served, by its number. No longer than that: a connection
    /// is closed when its last handle is.
    open: HashMap<usize, TcpStream>,
}

impl RawServer {
    pub(crate) fn start(talk: impl Fn(Talk) + Send + Sync + 'static) -> RawServer {
        RawServer::on_connection(move |stream| {
            if read_head(&stream).is_some() {
                talk(Talk { stream });
            }
        })
    }

    /// Answers every request with these bytes and an orderly close.
    pub(crate) fn saying(reply: impl Into<Vec<u8>>) -> RawServer {
        let reply = reply.into();
        RawServer::start(move |mut talk| talk.send(&reply))
    }

    /// Takes every connection and never answers.
    pub(crate) fn silent() -> RawServer {
        RawServer::on_connection(|stream| Talk { stream }.hold())
    }

    fn on_connection(serve: impl Fn(TcpStream) + Send + Sync + 'static) -> RawServer {
        let listener =
            TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("loopback has a free port");
        let address = listener
            .local_addr()
            .expect("a bound socket has an address");
        let shared = Arc::<Mutex<Shared>>::default();
        let theirs = Arc::clone(&shared);
        let serve = Arc::new(serve);
        let thread = std::thread::spawn(move || {
            let mut talks = Vec::new();
            for (number, stream) in listener.incoming().flatten().enumerate() {
                if !theirs.lock().unwrap().keep(number, &stream) {
                    break;
                }
                let (serve, theirs) = (Arc::clone(&serve), Arc::clone(&theirs));
                talks.push(std::thread::spawn(move || {
                    serve(stream);
                    theirs.lock().unwrap().open.remove(&number);
                }));
            }
            for talk in talks {
                let _ = talk.join();
            }
        });
        RawServer {
            address,
            shared,
            thread: Some(thread),
        }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }
}

impl Shared {
    /// Remembers the connection, so that the end of the server ends it; false when it has come.
    fn keep(&mut self, number: usize, stream: &TcpStream) -> bool {
        self.open
            .extend(stream.try_clone().map(|stream| (number, stream)));
        !self.ending
    }
}

impl Drop for RawServer {
    fn drop(&mut self) {
        let mut shared = self.shared.lock().unwrap();
        shared.ending = true;
        for stream in shared.open.values() {
            let _ = stream.shutdown(Shutdown::Both);
        }
        drop(shared);
        // Wakes the thread that accepts, which then sees that it is over.
        let _ = TcpStream::connect(self.address);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Reads to the empty line that ends a request's head; nothing if the client left before it.
fn read_head(stream: &TcpStream) -> Option<()> {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    while line.trim_end() != "" || line.is_empty() {
        line.clear();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
    }
    Some(())
}

/// A port that refuses: bound for as long as the value lives, so that nobody else gets it, and never
/// listened on.
pub(crate) struct DeadHost {
    _socket: Socket,
    pub(crate) address: SocketAddr,
}

pub(crate) fn dead_host() -> DeadHost {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket can be made");
    let any_port = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    socket
        .bind(&any_port.into())
        .expect("loopback has a free port");
    let address = socket.local_addr().expect("a bound socket has an address");
    let address = address.as_socket().expect("it is an IPv4 address");
    DeadHost {
        _socket: socket,
        address,
    }
}

impl DeadHost {
    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }
}
