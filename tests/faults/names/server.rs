//! A name server on its own loopback address, at port 53. A label of the name selects the answer:
//!
//! - `good`: 127.0.0.1; `slow`: the same, half a second late; `alias`: the same for another name
//! - `crowd`: 127.0.0.1 and nineteen addresses at which nothing listens
//! - `twins`: ::1 twenty times, and 127.0.0.1; `half`: 127.0.0.1, and no answer about IPv6; `later`: at first no such
//!   name, then 127.0.0.1
//! - `missing`: no such name; `empty`: no address; `failing`, `refused`: the server cannot or will not answer
//! - `silent`: no answer; `garbage`: random bytes; `stranger`: the answer to another question, by its id; `liar`: to a
//!   question for another name; `loop`: an alias of itself
//! - `cut`: a truncated answer over UDP, and 127.0.0.1 over TCP

use std::collections::HashMap;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::thread::JoinHandle;
use std::time::Duration;

/// The delay of slow answers.
const LATE: Duration = Duration::from_millis(500);

const NO_ERROR: u8 = 0;
const SERVER_FAILURE: u8 = 2;
const NO_SUCH_NAME: u8 = 3;
const REFUSED: u8 = 5;

/// The number of questions for each name, separately for IPv4 (true) and IPv6.
type Asked = Arc<Mutex<HashMap<(String, bool), usize>>>;

/// A running server; dropping it ends it.
pub(super) struct NameServer {
    address: SocketAddr,
    asked: Asked,
    ending: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

impl NameServer {
    /// `None` if port 53 may not be used.
    pub(super) fn start() -> Option<NameServer> {
        // Each test has its own address, also across test programs.
        static NEXT: AtomicU8 = AtomicU8::new(1);
        let [_, _, high, low] = std::process::id().to_be_bytes();
        let last = NEXT.fetch_add(1, Ordering::Relaxed);
        let address = SocketAddr::from((Ipv4Addr::new(127, 1 | high, low, last), 53));
        let socket = Arc::new(UdpSocket::bind(address).ok()?);
        let listener = TcpListener::bind(address).ok()?;
        let ending = Arc::<AtomicBool>::default();
        let asked = Asked::default();
        let (told, counts) = (Arc::clone(&ending), Arc::clone(&asked));
        let udp = std::thread::spawn(move || serve(&socket, &told, &counts));
        let told = Arc::clone(&ending);
        let tcp = std::thread::spawn(move || serve_tcp(&listener, &told));
        Some(NameServer {
            address,
            asked,
            ending,
            threads: vec![udp, tcp],
        })
    }

    pub(super) fn address(&self) -> std::net::IpAddr {
        self.address.ip()
    }

    /// The number of questions for a name: about IPv4, and about IPv6.
    pub(super) fn asked(&self, name: &str) -> [usize; 2] {
        let asked = self.asked.lock().unwrap();
        [true, false].map(|ipv4| asked.get(&(name.to_owned(), ipv4)).copied().unwrap_or(0))
    }
}

impl Drop for NameServer {
    fn drop(&mut self) {
        self.ending.store(true, Ordering::SeqCst);
        let waker = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0));
        let woken = waker.and_then(|waker| waker.send_to(b"", self.address));
        if woken.is_ok() && TcpStream::connect(self.address).is_ok() {
            for thread in self.threads.drain(..) {
                let _ = thread.join();
            }
        }
    }
}

fn serve(socket: &Arc<UdpSocket>, ending: &AtomicBool, asked: &Asked) {
    let (late, wait) = mpsc::channel::<(std::time::Instant, SocketAddr, Vec<u8>)>();
    let theirs = Arc::clone(socket);
    let sender = std::thread::spawn(move || {
        let (_never, clock) = mpsc::channel::<()>();
        for (due, client, reply) in wait {
            let left = due.saturating_duration_since(std::time::Instant::now());
            let _ = clock.recv_timeout(left);
            let _ = theirs.send_to(&reply, client);
        }
    });
    let mut buffer = [0; 1500];
    while let Ok((amount, client)) = socket.recv_from(&mut buffer) {
        if ending.load(Ordering::SeqCst) {
            break;
        }
        let Some(question) = Question::parse(&buffer[..amount]) else {
            continue;
        };
        let name = (question.labels.join("."), question.wants_ipv4);
        let is_first = {
            let mut asked = asked.lock().unwrap();
            let times = asked.entry(name).or_default();
            *times += 1;
            *times == 1
        };
        let Some(reply) = question.reply(is_first) else {
            continue;
        };
        if question.is_about("slow") {
            let _ = late.send((std::time::Instant::now() + LATE, client, reply));
        } else {
            let _ = socket.send_to(&reply, client);
        }
    }
    drop(late);
    let _ = sender.join();
}

fn serve_tcp(listener: &TcpListener, ending: &AtomicBool) {
    for stream in listener.incoming() {
        if ending.load(Ordering::SeqCst) {
            break;
        }
        let answered = stream.and_then(|mut stream| {
            let mut length = [0; 2];
            stream.read_exact(&mut length)?;
            let mut packet = vec![0; usize::from(u16::from_be_bytes(length))];
            stream.read_exact(&mut packet)?;
            let reply = Question::parse(&packet).and_then(|question| question.reply(false));
            let mut reply = reply.unwrap_or_default();
            // Over TCP nothing is truncated.
            reply[2] &= !TRUNCATED;
            let length = (reply.len() as u16).to_be_bytes();
            stream.write_all(&[&length[..], &reply].concat())
        });
        // The client may have left.
        drop(answered);
    }
}

/// In the third byte of a packet.
const TRUNCATED: u8 = 2;

/// A question (RFC 1035, section 4.1).
struct Question<'a> {
    id: &'a [u8],
    /// Name, type and class, as received.
    section: &'a [u8],
    labels: Vec<String>,
    wants_ipv4: bool,
}

impl Question<'_> {
    fn parse(packet: &[u8]) -> Option<Question<'_>> {
        let mut at = 12;
        let mut labels = Vec::new();
        while *packet.get(at)? > 0 {
            let end = at + 1 + usize::from(packet[at]);
            labels.push(String::from_utf8_lossy(packet.get(at + 1..end)?).to_lowercase());
            at = end;
        }
        let section = packet.get(12..at + 5)?;
        Some(Question {
            id: &packet[..2],
            section,
            labels,
            wants_ipv4: packet.get(at + 1..at + 3)? == [0, 1],
        })
    }

    fn is_about(&self, label: &str) -> bool {
        self.labels.iter().any(|have| have == label)
    }

    /// `None` for no answer.
    fn reply(&self, is_first: bool) -> Option<Vec<u8>> {
        let about = |label| self.is_about(label);
        let here = [127, 0, 0, 1];
        if about("silent") || about("half") && !self.wants_ipv4 {
            return None;
        }
        if about("garbage") {
            return Some([self.id, &[0xff; 40]].concat());
        }
        let code = match () {
            () if about("missing") || about("later") && is_first => NO_SUCH_NAME,
            () if about("failing") => SERVER_FAILURE,
            () if about("refused") => REFUSED,
            () => NO_ERROR,
        };
        let mut answers: Vec<Vec<u8>> = Vec::new();
        if about("loop") {
            answers.push(alias(&[0xc0, 12]));
        } else if about("twins") && !self.wants_ipv4 {
            let address = Ipv6Addr::LOCALHOST.octets();
            let head = [0xc0, 12, 0, 28, 0, 1, 0, 0, 0, 0, 0, 16];
            answers.extend((0..20).map(|_| [&head[..], &address].concat()));
        } else if self.wants_ipv4 && code == NO_ERROR && !about("empty") {
            if about("crowd") {
                answers.extend((1..20).map(|last| record(&[0xc0, 12], [127, 0, 0, last])));
            }
            if about("alias") {
                let target = b"\x04else\x04test\x00";
                answers.push(alias(target));
                answers.push(record(target, here));
            } else {
                answers.push(record(&[0xc0, 12], here));
            }
        }
        Some(self.packet(code, &answers))
    }

    fn packet(&self, code: u8, answers: &[Vec<u8>]) -> Vec<u8> {
        let mut id = [self.id[0], self.id[1]];
        if self.is_about("stranger") {
            id[0] ^= 0x55;
        }
        // Flags: an answer; recursion was desired and is available.
        let cut = if self.is_about("cut") { TRUNCATED } else { 0 };
        let flags = [0x81 | cut, 0x80 | code];
        let counts = [0, 1, 0, answers.len() as u8, 0, 0, 0, 0];
        let head = [&id[..], &flags, &counts].concat();
        let mut section = self.section.to_vec();
        if self.is_about("liar") {
            section[1] ^= 1;
        }
        [&head[..], &section, &answers.concat()].concat()
    }
}

/// An address record with a lifetime of 0. A pointer to byte 12 is the name of the question.
fn record(name: &[u8], address: [u8; 4]) -> Vec<u8> {
    [name, &[0, 1, 0, 1, 0, 0, 0, 0, 0, 4], &address].concat()
}

/// A record that makes the name of the question an alias of `target`.
fn alias(target: &[u8]) -> Vec<u8> {
    let head = [0xc0, 12, 0, 5, 0, 1, 0, 0, 0, 0, 0, target.len() as u8];
    [&head[..], target].concat()
}
