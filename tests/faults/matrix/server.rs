//! The server of one cell: it serves every URL well except one, where it makes the cell's fault.

use super::cell::{AFTER, BEFORE, Cell, Fault, GARBAGE, HALF, LANDING, Link, PAGE, Phase, Times};
use crate::support::{RawServer, read_head};
use socket2::SockRef;
use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// The time between two bytes of a drip without an end.
const SLOWLY: Duration = Duration::from_millis(250);
/// The time between two bytes of a drip with an end.
const QUICKLY: Duration = Duration::from_millis(5);

pub(super) struct Faulty {
    pub(super) cell: Cell,
    server: RawServer,
    asked: Arc<Mutex<Vec<usize>>>,
}

impl Faulty {
    pub(super) fn start(cell: Cell) -> Faulty {
        let asked = Arc::<Mutex<Vec<usize>>>::default();
        let notes = Arc::clone(&asked);
        let server = RawServer::on_connection(move |stream| {
            let _ = stream.set_nodelay(true);
            let talk = Talk {
                cell,
                stream: &stream,
                notes: &notes,
            };
            talk.serve();
        });
        Faulty {
            cell,
            server,
            asked,
        }
    }

    /// The URLs before, with and after the fault.
    pub(super) fn urls(&self) -> Vec<String> {
        if self.cell.phase == Phase::Handshake {
            return vec![self.server.url("/").replace("http:", "https:")];
        }
        ["/before", "/fault", "/after"]
            .map(|path| self.server.url(path))
            .to_vec()
    }

    /// Whether the first request for the URL with the fault followed another on its connection.
    pub(super) fn came_over_a_used_connection(&self) -> bool {
        self.asked
            .lock()
            .unwrap()
            .first()
            .is_some_and(|&before| before > 0)
    }
}

struct Talk<'a> {
    cell: Cell,
    stream: &'a TcpStream,
    /// For each request for the URL with the fault, the number of requests before it on its connection.
    notes: &'a Mutex<Vec<usize>>,
}

impl Talk<'_> {
    fn serve(&self) {
        if self.cell.phase == Phase::Handshake {
            // A part of the client's first TLS record is here, so the client waits for an answer.
            let _ = (&*self.stream).read(&mut [0; 1024]);
            return self.go_wrong(b"", b"");
        }
        let mut before = 0;
        while let Some(path) = self.request() {
            match path.as_str() {
                "/before" if self.cell.phase == Phase::Between => {
                    return self.go_wrong(&reply("200 OK", "", BEFORE), b"");
                }
                "/before" => self.send(&reply("200 OK", self.connection(), BEFORE)),
                "/after" => self.send(&reply("200 OK", "", AFTER)),
                "/landing" => self.send(&reply("200 OK", "", LANDING)),
                _ => {
                    let is_first = self.note(before);
                    let is_wrong = is_first || self.cell.times == Times::Always;
                    if is_wrong && self.cell.phase != Phase::Between {
                        let (sent, rest) = halves(self.cell.phase);
                        return self.go_wrong(&sent, &rest);
                    }
                    self.send(&reply("200 OK", "", PAGE));
                }
            }
            before += 1;
            if self.cell.link == Link::Fresh {
                return;
            }
        }
    }

    fn connection(&self) -> &'static str {
        match self.cell.link {
            Link::Fresh => "Connection: close\r\n",
            Link::Kept => "",
        }
    }

    fn note(&self, before: usize) -> bool {
        let mut notes = self.notes.lock().unwrap();
        notes.push(before);
        notes.len() == 1
    }

    /// Sends `sent`, then makes the fault; `rest` would complete the reply.
    fn go_wrong(&self, sent: &[u8], rest: &[u8]) {
        let phase = self.cell.phase;
        match self.cell.fault {
            Fault::Reset => {
                // On Linux a reset does not discard bytes that the client has received.
                self.send(sent);
                let _ = SockRef::from(self.stream).set_linger(Some(Duration::ZERO));
            }
            Fault::Truncate => self.send(sent),
            Fault::Stall => {
                self.send(sent);
                self.hold();
            }
            Fault::Drip => {
                // The first byte leaves at once: between two replies it must arrive before the next request.
                self.send(&[sent, &more(phase)[..1]].concat());
                let more = more(phase).into_iter().cycle().skip(1);
                self.drip(more, SLOWLY);
            }
            Fault::DripToTheEnd => {
                self.send(sent);
                self.drip(rest.iter().copied(), QUICKLY);
            }
            Fault::Garbage => self.babble(sent),
            Fault::Flood => {
                // If the reply has a length, the flood comes after it.
                let behind = if has_length(phase) { rest } else { b"" };
                self.flood(&[sent, behind].concat());
            }
        }
    }

    fn babble(&self, sent: &[u8]) {
        let garbage = match self.cell.phase {
            // The whole body.
            Phase::LengthBody => GARBAGE.repeat(PAGE),
            _ => GARBAGE.to_vec(),
        };
        self.send(&[sent, &garbage].concat());
        if self.cell.phase != Phase::OpenBody {
            self.hold();
        }
    }

    fn flood(&self, sent: &[u8]) {
        let block = more(self.cell.phase).repeat(16);
        let mut bytes = [sent, &block].concat();
        while self.try_send(&bytes) {
            bytes.clone_from(&block);
        }
    }

    /// The path of the next request; `None` if the client has closed.
    fn request(&self) -> Option<String> {
        let head = read_head(self.stream)?;
        head.split(' ').nth(1).map(str::to_owned)
    }

    fn send(&self, bytes: &[u8]) {
        self.try_send(bytes);
    }

    fn try_send(&self, bytes: &[u8]) -> bool {
        (&*self.stream).write_all(bytes).is_ok()
    }

    /// Answers nothing until the client closes or the server ends.
    fn hold(&self) {
        let _ = std::io::copy(&mut &*self.stream, &mut std::io::sink());
    }

    fn drip(&self, bytes: impl Iterator<Item = u8>, pause: Duration) {
        let _ = self.stream.set_read_timeout(Some(pause));
        for byte in bytes {
            let is_gone = match (&*self.stream).read(&mut [0; 1024]) {
                Ok(amount) => amount == 0,
                Err(error) => !matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut),
            };
            if is_gone || !self.try_send(&[byte]) {
                return;
            }
        }
        let _ = self.stream.shutdown(Shutdown::Write);
        let _ = self.stream.set_read_timeout(None);
        self.hold();
    }
}

/// A whole reply with a page of `bytes` bytes.
fn reply(status: &str, headers: &str, bytes: usize) -> Vec<u8> {
    let mut reply = format!("HTTP/1.1 {status}\r\n{headers}Content-Length: {bytes}\r\n\r\n");
    reply.extend(std::iter::repeat_n('x', bytes));
    reply.into_bytes()
}

fn has_length(phase: Phase) -> bool {
    matches!(
        phase,
        Phase::LengthBody | Phase::ErrorBody | Phase::RedirectBody
    )
}

/// A reply in two pieces, with the fault between them.
fn halves(phase: Phase) -> (Vec<u8>, Vec<u8>) {
    let page = reply("200 OK", "", PAGE);
    let half = "x".repeat(HALF);
    let (reply, cut) = match phase {
        Phase::Handshake | Phase::Between | Phase::BeforeReply => (page, 0),
        Phase::AfterInterim => {
            let interim = b"HTTP/1.1 100 Continue\r\n\r\n";
            ([&interim[..], &page].concat(), interim.len())
        }
        Phase::StatusLine => (page, "HTTP/1.1 200 O".len()),
        Phase::Head => (page, "HTTP/1.1 200 OK\r\nContent".len()),
        Phase::LengthBody => {
            let cut = page.len() - PAGE + HALF;
            (page, cut)
        }
        Phase::ChunkedBody => {
            let head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
            let chunk = format!("{HALF:x}\r\n{half}\r\n");
            let reply = format!("{head}{chunk}{chunk}0\r\n\r\n");
            (reply.into_bytes(), head.len() + chunk.len())
        }
        Phase::OpenBody => {
            let head = "HTTP/1.1 200 OK\r\n\r\n";
            let reply = format!("{head}{half}{half}");
            (reply.into_bytes(), head.len() + HALF)
        }
        Phase::ErrorBody => {
            let error = reply("404 Not Found", "", PAGE);
            let cut = error.len() - HALF;
            (error, cut)
        }
        Phase::RedirectBody => {
            let redirect = reply("302 Found", "Location: /landing\r\n", PAGE);
            let cut = redirect.len() - HALF;
            (redirect, cut)
        }
    };
    let (sent, rest) = reply.split_at(cut);
    (sent.to_vec(), rest.to_vec())
}

/// What a flood repeats.
fn more(phase: Phase) -> Vec<u8> {
    match phase {
        // A handshake record of 16 KiB.
        Phase::Handshake => [&b"\x16\x03\x03\x40\x00"[..], &[0xff; 16384]].concat(),
        Phase::BeforeReply | Phase::AfterInterim => b"HTTP/1.1 100 Continue\r\n\r\n".to_vec(),
        Phase::Head => b"X-Filler: and more\r\n".repeat(64),
        Phase::ChunkedBody => format!("400\r\n{}\r\n", "x".repeat(0x400)).into_bytes(),
        _ => vec![b'x'; 1024],
    }
}
