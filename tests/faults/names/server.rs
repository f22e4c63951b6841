//! A name server on an address of loopback of its own, at port 53. What it answers is in the name that it is asked for:
//!
//! - `good`: 127.0.0.1; `slow`: that, when half a second has passed; `alias`: that under another name
//! - `crowd`: 127.0.0.1 and nineteen addresses at which nobody is
//! - `twins`: ::1 twenty times, and 127.0.0.1; `half`: 127.0.0.1, and nothing for IPv6; `later`: there is no such name
//!   when it is asked for first, and 127.0.0.1 then
//! - `missing`: there is no such name; `empty`: it has no address; `failing`, `refused`: the server cannot, or will not
//! - `silent`: nothing; `garbage`: bytes; `stranger`: the answer to another question; `loop`: an alias of itself

use std::collections::HashMap;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::thread::JoinHandle;
use std::time::Duration;

/// How late the slow answers are.
const LATE: Duration = Duration::from_millis(500);

const NO_ERROR: u8 = 0;
const SERVER_FAILURE: u8 = 2;
const NO_SUCH_NAME: u8 = 3;
const REFUSED: u8 = 5;

/// How often each name was asked for, by name and whether its addresses of IPv4 were wanted.
type Asked = Arc<Mutex<HashMap<(String, bool), usize>>>;

/// Ends when it is dropped.
pub(super) struct NameServer {
    address: SocketAddr,
    asked: Asked,
    ending: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl NameServer {
    /// Nothing where port 53 may not be used.
    pub(super) fn start() -> Option<NameServer> {
        // Each test of this program has another address, and so has each program.
        static NEXT: AtomicU8 = AtomicU8::new(1);
        let [_, _, high, low] = std::process::id().to_be_bytes();
        let last = NEXT.fetch_add(1, Ordering::Relaxed);
        let address = SocketAddr::from((Ipv4Addr::new(127, 1 | high, low, last), 53));
        let socket = Arc::new(UdpSocket::bind(address).ok()?);
        let ending = Arc::<AtomicBool>::default();
        let asked = Asked::default();
        let (told, counts) = (Arc::clone(&ending), Arc::clone(&asked));
        let thread = std::thread::spawn(move || serve(&socket, &told, &counts));
        Some(NameServer {
            address,
            asked,
            ending,
            thread: Some(thread),
        })
    }

    pub(super) fn address(&self) -> std::net::IpAddr {
        self.address.ip()
    }

    /// How often the addresses of IPv4 and of IPv6 of a name were asked for.
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
        if let (Ok(_), Some(thread)) = (woken, self.thread.take()) {
            let _ = thread.join();
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

/// What was asked (RFC 1035, section 4.1).
struct Question<'a> {
    id: &'a [u8],
    /// Name, type and class, as they came.
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

    /// Nothing if nothing is to be said.
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
        // An answer, to a question that asked for recursion, which there is.
        let flags = [0x81, 0x80 | code];
        let counts = [0, 1, 0, answers.len() as u8, 0, 0, 0, 0];
        let head = [&id[..], &flags, &counts].concat();
        [&head[..], self.section, &answers.concat()].concat()
    }
}

/// An address record for a name (a pointer to byte 12 is the one that was asked for); it holds for no time.
fn record(name: &[u8], address: [u8; 4]) -> Vec<u8> {
    [name, &[0, 1, 0, 1, 0, 0, 0, 0, 0, 4], &address].concat()
}

/// The name that was asked for is an alias of `target`.
fn alias(target: &[u8]) -> Vec<u8> {
    let head = [0xc0, 12, 0, 5, 0, 1, 0, 0, 0, 0, 0, target.len() as u8];
    [&head[..], target].concat()
}
