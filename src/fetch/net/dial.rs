//! Opening a TCP connection to one of several addresses: happy eyeballs (RFC 8305).
//!
//! Families take turns, an attempt that has not come through within 250 ms is joined by the next,
//! one that fails is followed by the next at once, and the first that connects wins. A dead address
//! costs no more than the head start.
//!
//! An attempt that nobody has answered yet never keeps a descriptor from the next address: when none
//! is left, the oldest is given up for it, and has its turn again later.

use std::collections::{HashSet, VecDeque};
use std::io;
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};

use socket2::{Domain, Protocol, Socket, Type};

use super::cancel::Cancel;
use super::limits::{Cut, Limits};
use super::seats::{Seat, Seats};
use super::sys::{is_in_progress, is_out_of_descriptors, out_of_descriptors};
use crate::fetch::failure::os_text;

/// "Connection Attempt Delay" of RFC 8305, section 5.
const HEAD_START: Duration = Duration::from_millis(250);
/// How often the head start is doubled at most: beyond four minutes the system has given up itself.
const DOUBLINGS: usize = 10;
/// Addresses of one host that are tried.
pub(super) const MAX_ADDRESSES: usize = 16;
/// How many addresses a failure names.
const NAMED: usize = 3;

/// Why there is no connection.
#[derive(Debug)]
pub(crate) enum DialError {
    /// Every address failed; the text names them.
    Refused(String),
    /// No descriptor was left for a socket.
    NoDescriptor,
    Cut(Cut),
}

impl From<Cut> for DialError {
    fn from(cut: Cut) -> Self {
        Self::Cut(cut)
    }
}

/// The addresses that are tried, each once: the families take turns, beginning with the one that the system
/// prefers (RFC 8305, section 4), and no more are taken than [`MAX_ADDRESSES`].
pub(crate) fn interleave(addresses: &[IpAddr], port: u16) -> Vec<SocketAddr> {
    let Some(first) = addresses.first() else {
        return Vec::new();
    };
    let mut seen = HashSet::new();
    let (preferred, other): (Vec<&IpAddr>, Vec<&IpAddr>) = addresses
        .iter()
        .filter(|address| seen.insert(**address))
        .partition(|a| a.is_ipv4() == first.is_ipv4());
    let mut other = other.into_iter();
    let mut turns = Vec::with_capacity(addresses.len());
    for address in preferred {
        turns.push(SocketAddr::new(*address, port));
        turns.extend(other.next().map(|a| SocketAddr::new(*a, port)));
    }
    turns.extend(other.map(|a| SocketAddr::new(*a, port)));
    turns.truncate(MAX_ADDRESSES);
    turns
}

/// One connection that is being opened, to the first of several addresses that answers.
pub(crate) struct Race {
    addresses: usize,
    /// Those whose turn is yet to come, or to come again.
    waiting: VecDeque<SocketAddr>,
    /// The oldest first.
    running: Vec<(SocketAddr, Socket)>,
    failed: Vec<(SocketAddr, io::Error)>,
    /// How many attempts were given up for their descriptors.
    given_up: usize,
    seats: Arc<Seats>,
    /// Those of the attempts beside the first, for which whoever connects has one.
    more_seats: Vec<Seat>,
}

enum Started {
    Connected(Socket),
    Running,
    Failed,
    NoneLeft,
}

impl Race {
    pub(crate) fn new(addresses: &[SocketAddr], seats: &Arc<Seats>) -> Self {
        Self {
            addresses: addresses.len(),
            waiting: addresses.iter().copied().collect(),
            running: Vec::new(),
            failed: Vec::new(),
            given_up: 0,
            seats: Arc::clone(seats),
            more_seats: Vec::new(),
        }
    }

    /// Connects to the first address that answers. The socket blocks, and has `TCP_NODELAY` set.
    /// `make_room` closes what can be spared, and says whether there was anything.
    ///
    /// After [`DialError::NoDescriptor`] none is held here, and the race may be run on.
    pub(crate) fn run(
        &mut self,
        limits: &Limits,
        cancel: &Cancel,
        make_room: &dyn Fn() -> bool,
    ) -> Result<TcpStream, DialError> {
        let since = Instant::now();
        let mut next_start = since;
        loop {
            let now = Instant::now();
            let left = limits.left(since, now)?;
            if now >= next_start || self.running.is_empty() {
                match self.start_next(make_room)? {
                    Started::Connected(socket) => return Ok(blocking(socket)?),
                    Started::Failed => continue,
                    Started::Running => next_start = now + self.head_start(),
                    Started::NoneLeft if self.running.is_empty() => return Err(self.lost()),
                    Started::NoneLeft => next_start = now + Duration::from_secs(3600),
                }
            }
            let until_next = next_start.saturating_duration_since(now);
            let wait = left.map_or(until_next, |l| l.min(until_next));
            if let Some(socket) = self.wait(wait, cancel)? {
                return Ok(blocking(socket)?);
            }
            if self.running.is_empty() {
                next_start = now;
            }
        }
    }

    fn start_next(&mut self, make_room: &dyn Fn() -> bool) -> Result<Started, DialError> {
        let Some(address) = self.waiting.pop_front() else {
            return Ok(Started::NoneLeft);
        };
        let socket = match self.open(address, make_room) {
            Ok(socket) => socket,
            Err(error) if is_out_of_descriptors(&error) => {
                self.waiting.push_front(address);
                self.more_seats.clear();
                return Err(DialError::NoDescriptor);
            }
            Err(error) => {
                self.failed.push((address, error));
                return Ok(Started::Failed);
            }
        };
        match socket.connect(&address.into()) {
            Ok(()) => Ok(Started::Connected(socket)),
            Err(error) if is_in_progress(&error) => {
                self.running.push((address, socket));
                Ok(Started::Running)
            }
            Err(error) => {
                self.failed.push((address, error));
                Ok(Started::Failed)
            }
        }
    }

    /// Opens a socket, if need be for the descriptors of the attempts that run. To keep those and wait
    /// for another's would stop everybody when all do so, each with a socket that nobody answers.
    fn open(&mut self, address: SocketAddr, make_room: &dyn Fn() -> bool) -> io::Result<Socket> {
        let mut opened = self.open_in_seat(address);
        // Who has none of its own to give up waits where no clock runs, and makes room there.
        let has_own = !self.running.is_empty();
        if has_own && is_short(&opened) && make_room() {
            opened = self.open_in_seat(address);
        }
        // Another worker may be faster to take what was closed.
        while is_short(&opened) && self.give_up_oldest() {
            opened = self.open_in_seat(address);
        }
        opened
    }

    fn open_in_seat(&mut self, address: SocketAddr) -> io::Result<Socket> {
        if self.more_seats.len() < self.running.len() {
            let seat = self.seats.try_take().ok_or_else(out_of_descriptors)?;
            self.more_seats.push(seat);
        }
        open(address)
    }

    /// Closes the attempt that has run for longest; its address is the last in line again.
    fn give_up_oldest(&mut self) -> bool {
        if self.running.is_empty() {
            return false;
        }
        let (address, _closed) = self.running.remove(0);
        self.waiting.push_back(address);
        self.given_up += 1;
        true
    }

    /// How long an attempt runs before it is joined, or given up. It doubles each time that all have
    /// been given up once, so that one that is far away is waited for in the end.
    fn head_start(&self) -> Duration {
        let rounds = self.given_up / self.addresses.max(1);
        HEAD_START * (1 << rounds.min(DOUBLINGS))
    }

    /// Waits for news of the running attempts; the one that came through, if any.
    fn wait(&mut self, wait: Duration, cancel: &Cancel) -> Result<Option<Socket>, Cut> {
        let sockets: Vec<&Socket> = self.running.iter().map(|(_, socket)| socket).collect();
        let news = cancel.wait_opened(&sockets, wait)?;
        for (at, opened) in news.into_iter().enumerate().rev() {
            let Some(opened) = opened else { continue };
            let (address, socket) = self.running.remove(at);
            match opened {
                Ok(()) => return Ok(Some(socket)),
                Err(error) => self.failed.push((address, error)),
            }
        }
        Ok(None)
    }

    fn lost(&self) -> DialError {
        let more = self.failed.len().saturating_sub(NAMED);
        let mut text: Vec<String> = self
            .failed
            .iter()
            .take(NAMED)
            .map(|(a, e)| format!("{a}: {}", os_text(e)))
            .collect();
        if more > 0 {
            text.push(format!("and {more} more"));
        }
        DialError::Refused(text.join("; "))
    }
}

fn is_short(opened: &io::Result<Socket>) -> bool {
    opened.as_ref().is_err_and(is_out_of_descriptors)
}

fn open(address: SocketAddr) -> io::Result<Socket> {
    let socket = Socket::new(
        Domain::for_address(address),
        Type::STREAM,
        Some(Protocol::TCP),
    )?;
    socket.set_nonblocking(true)?;
    // A request is one write: waiting for more to send with it would only cost a round trip.
    socket.set_tcp_nodelay(true)?;
    Ok(socket)
}

fn blocking(socket: Socket) -> Result<TcpStream, Cut> {
    let stream = TcpStream::from(socket);
    stream.set_nonblocking(false).map_err(Cut::Io)?;
    Ok(stream)
}

#[cfg(test)]
mod tests;
