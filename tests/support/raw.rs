//! Servers of bytes, for replies that no honest server sends; a server that accepts connections and never answers; and
//! a port that refuses. All end when they are dropped.

use super::head::read_head;
use socket2::{Domain, Socket, Type};
use std::collections::HashMap;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

/// A connection to a raw server whose request head has been read.
pub(crate) struct Talk {
    stream: TcpStream,
    head: String,
}

impl Talk {
    /// A connection whose head has not been read.
    pub(crate) fn over(stream: TcpStream) -> Talk {
        let head = String::new();
        Talk { stream, head }
    }

    /// The whole head of the request, with its empty line.
    pub(crate) fn head(&self) -> &str {
        &self.head
    }

    /// The second word of the request: the path, or the target for a proxy.
    pub(crate) fn path(&self) -> &str {
        self.head.split(' ').nth(1).unwrap_or("")
    }

    /// The value of a header; the case of its name is ignored.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().skip(1).find_map(|line| {
            let (have, value) = line.split_once(':')?;
            have.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }

    /// Sends a whole reply with this status line, these header lines and this body. The connection closes after it.
    pub(crate) fn reply(&mut self, status: &str, headers: &[&str], body: &[u8]) {
        let mut head = format!("HTTP/1.1 {status}\r\nConnection: close\r\n");
        for header in headers {
            head += &format!("{header}\r\n");
        }
        head += &format!("Content-Length: {}\r\n\r\n", body.len());
        self.send(&[head.as_bytes(), body].concat());
    }

    /// Joins the connection with a new one to `target`, like a tunnel, until either side ends.
    pub(crate) fn join(self, target: &str) {
        let Ok(far) = TcpStream::connect(target) else {
            return;
        };
        let (near, far_too) = (self.stream.try_clone(), far.try_clone());
        let (Ok(near), Ok(far_too)) = (near, far_too) else {
            return;
        };
        let back = std::thread::spawn(move || {
            let _ = std::io::copy(&mut &far_too, &mut &near);
            let _ = near.shutdown(Shutdown::Both);
        });
        let _ = std::io::copy(&mut &self.stream, &mut &far);
        let _ = far.shutdown(Shutdown::Both);
        let _ = back.join();
    }

    /// Sends bytes as they are. It is no error if the client has hung up.
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

/// A server that answers the first request of each connection with a function, each in its own thread, and then closes
/// the connection.
pub(crate) struct RawServer {
    address: SocketAddr,
    shared: Arc<Mutex<Shared>>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Shared {
    ending: bool,
    /// A handle to each connection that is being served, by its number. A connection closes when its last handle is
    /// dropped.
    open: HashMap<usize, TcpStream>,
}

impl RawServer {
    pub(crate) fn start(talk: impl Fn(Talk) + Send + Sync + 'static) -> RawServer {
        RawServer::on_connection(move |stream| {
            if let Some(head) = read_head(&stream) {
                talk(Talk { stream, head });
            }
        })
    }

    /// Answers every request with these bytes and closes the connection.
    pub(crate) fn saying(reply: impl Into<Vec<u8>>) -> RawServer {
        let reply = reply.into();
        RawServer::start(move |mut talk| talk.send(&reply))
    }

    /// Accepts every connection and never answers.
    pub(crate) fn silent() -> RawServer {
        RawServer::on_connection(|stream| Talk::over(stream).hold())
    }

    /// Passes each connection to a function, in its own thread.
    pub(crate) fn on_connection(serve: impl Fn(TcpStream) + Send + Sync + 'static) -> RawServer {
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

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Shared {
    /// Registers the connection, so that the end of the server ends it. False if the server has ended.
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
        // Wakes the accepting thread, which then ends.
        let _ = TcpStream::connect(self.address);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// A port that refuses connections. It is bound while the value lives, so that no other program gets it, and never
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

/// A host that answers no SYN: the queue of its listener is full.
pub(crate) struct SilentHost {
    address: SocketAddr,
    _sockets: Vec<Socket>,
}

impl SilentHost {
    pub(crate) fn start() -> SilentHost {
        let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let socket =
            || Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket can be made");
        let listener = socket();
        listener
            .bind(&any.into())
            .expect("loopback has a free port");
        listener.listen(0).expect("it can listen");
        let address = listener.local_addr().expect("it is bound");
        let mut sockets = vec![listener];
        for _ in 0..8 {
            let client = socket();
            client.set_nonblocking(true).expect("it can be told so");
            // The connection stays in progress.
            let _ = client.connect(&address);
            sockets.push(client);
        }
        SilentHost {
            address: address.as_socket().expect("it is IPv4"),
            _sockets: sockets,
        }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }
}
