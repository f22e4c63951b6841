//! Opening a TCP connection to one of several addresses: happy eyeballs (RFC 8305).
//!
//! The address families take turns. The next attempt starts when the last one has run for 250 ms or has failed, and
//! the first to connect wins.
//!
//! A pending attempt never keeps a descriptor from the next address: when none is left, the oldest attempt is given up,
//! and its address is tried again later.

use std::collections::{HashSet, VecDeque};
use std::io;
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};

use socket2::{Domain, Protocol, Socket, Type};

use super::budget::{Budget, Permit};
use crate::fetch::net::io::cancel::{Cancel, Wait};
use crate::fetch::net::io::sys::is_in_progress;
use crate::fetch::net::io::timeouts::WaitError;
use crate::system::{is_out_of_descriptors, os_text};

/// "Connection Attempt Delay" of RFC 8305, section 5.
const ATTEMPT_DELAY: Duration = Duration::from_millis(250);
/// How often the delay is doubled at most: after four minutes the system has given up itself.
const DOUBLINGS: usize = 10;
/// Addresses tried per host.
pub(in crate::fetch::net) const MAX_ADDRESSES: usize = 16;
/// Addresses that a failure names.
const NAMED: usize = 3;

#[derive(Debug)]
pub(in crate::fetch::net) enum ConnectError {
    /// Every address failed; the text names them.
    Refused(String),
    /// No descriptor was left for a socket.
    NoDescriptor,
    WaitError(WaitError),
}

impl From<WaitError> for ConnectError {
    fn from(error: WaitError) -> Self {
        Self::WaitError(error)
    }
}

/// The addresses to try, each once and at most [`MAX_ADDRESSES`]: the families take turns, beginning with the one that
/// the system prefers (RFC 8305, section 4).
pub(in crate::fetch::net) fn interleave(addresses: &[IpAddr], port: u16) -> Vec<SocketAddr> {
    let Some(first) = addresses.first() else {
        return Vec::new();
    };
    let mut seen = HashSet::new();
    let (preferred, other): (Vec<IpAddr>, Vec<IpAddr>) = addresses
        .iter()
        .filter(|address| seen.insert(**address))
        .partition(|address| address.is_ipv4() == first.is_ipv4());
    let mut other = other.into_iter();
    let mut turns = Vec::with_capacity(addresses.len());
    for address in preferred {
        turns.push(address);
        turns.extend(other.next());
    }
    turns.extend(other);
    turns.truncate(MAX_ADDRESSES);
    turns
        .into_iter()
        .map(|address| SocketAddr::new(address, port))
        .collect()
}

/// One connection that is being opened, to the first of several addresses that answers.
pub(in crate::fetch::net) struct HappyEyeballs<'a> {
    addresses: usize,
    /// Addresses to try, or to try again.
    waiting: VecDeque<SocketAddr>,
    /// The oldest first.
    running: Vec<(SocketAddr, Socket)>,
    failed: Vec<(SocketAddr, io::Error)>,
    /// Attempts given up for their descriptors.
    given_up: usize,
    budget: &'a Arc<Budget>,
    /// Permits of the attempts after the first, for which the caller holds one.
    more_permits: Vec<Permit>,
}

enum Started {
    Connected(Socket),
    Running,
    Failed,
    NoneLeft,
}

impl<'a> HappyEyeballs<'a> {
    pub(in crate::fetch::net) fn new(addresses: &[SocketAddr], budget: &'a Arc<Budget>) -> Self {
        Self {
            addresses: addresses.len(),
            waiting: addresses.iter().copied().collect(),
            running: Vec::new(),
            failed: Vec::new(),
            given_up: 0,
            budget,
            more_permits: Vec::new(),
        }
    }

    /// Connects to the first address that answers. `evict` closes an idle connection and returns whether there was one.
    ///
    /// After [`ConnectError::NoDescriptor`] no descriptor is held here, and `run` may be called again.
    pub(in crate::fetch::net) fn run(
        &mut self,
        wait: &Wait<'_>,
        evict: &dyn Fn() -> bool,
    ) -> Result<TcpStream, ConnectError> {
        let since = Instant::now();
        let mut next_start = since;
        loop {
            let now = Instant::now();
            let left = wait.limits.left(since, now)?;
            if now >= next_start || self.running.is_empty() {
                match self.start_next(evict)? {
                    Started::Connected(socket) => return Ok(blocking(socket)?),
                    Started::Failed => continue,
                    Started::Running => next_start = now + self.attempt_delay(),
                    Started::NoneLeft if self.running.is_empty() => return Err(self.refused()),
                    Started::NoneLeft => next_start = now + Duration::from_secs(3600),
                }
            }
            let until_next = next_start.saturating_duration_since(now);
            let longest = left.map_or(until_next, |left| left.min(until_next));
            if let Some(socket) = self.wait(longest, wait.cancel)? {
                return Ok(blocking(socket)?);
            }
            if self.running.is_empty() {
                next_start = now;
            }
        }
    }

    fn start_next(&mut self, evict: &dyn Fn() -> bool) -> Result<Started, ConnectError> {
        let Some(address) = self.waiting.pop_front() else {
            return Ok(Started::NoneLeft);
        };
        let socket = match self.open(address, evict) {
            Ok(Some(socket)) => socket,
            Ok(None) => {
                self.waiting.push_front(address);
                self.more_permits.clear();
                return Err(ConnectError::NoDescriptor);
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

    /// Opens a socket; `None` if no descriptor is left and no attempt is running.
    ///
    /// Running attempts are given up for it. If every connection kept its attempts and waited for another's descriptor,
    /// all would wait for ever.
    fn open(
        &mut self,
        address: SocketAddr,
        evict: &dyn Fn() -> bool,
    ) -> io::Result<Option<Socket>> {
        let mut opened = self.try_open(address)?;
        // Without a running attempt the caller evicts, and waits with the clock stopped.
        if opened.is_none() && !self.running.is_empty() && evict() {
            opened = self.try_open(address)?;
        }
        // Another worker may have taken the descriptor.
        while opened.is_none() && self.give_up_oldest() {
            opened = self.try_open(address)?;
        }
        Ok(opened)
    }

    fn try_open(&mut self, address: SocketAddr) -> io::Result<Option<Socket>> {
        if self.more_permits.len() < self.running.len() {
            let Some(permit) = self.budget.try_acquire() else {
                return Ok(None);
            };
            self.more_permits.push(permit);
        }
        match open(address) {
            Err(error) if is_out_of_descriptors(&error) => Ok(None),
            opened => opened.map(Some),
        }
    }

    /// Closes the attempt that has run for longest; its address becomes the last to try.
    fn give_up_oldest(&mut self) -> bool {
        if self.running.is_empty() {
            return false;
        }
        let (address, _closed) = self.running.remove(0);
        self.waiting.push_back(address);
        self.given_up += 1;
        true
    }

    /// How long an attempt runs before the next starts. It doubles with each round of given-up attempts, so that a distant
    /// address can connect in the end.
    fn attempt_delay(&self) -> Duration {
        let rounds = self.given_up / self.addresses.max(1);
        ATTEMPT_DELAY * (1 << rounds.min(DOUBLINGS))
    }

    /// Waits until a running attempt has connected or failed; returns one that has connected.
    fn wait(&mut self, left: Duration, cancel: &Cancel) -> Result<Option<Socket>, WaitError> {
        let sockets: Vec<&Socket> = self.running.iter().map(|(_, socket)| socket).collect();
        let results = cancel.wait_opened(&sockets, left)?;
        for (at, opened) in results.into_iter().enumerate().rev() {
            let Some(opened) = opened else { continue };
            let (address, socket) = self.running.remove(at);
            match opened {
                Ok(()) => return Ok(Some(socket)),
                Err(error) => self.failed.push((address, error)),
            }
        }
        Ok(None)
    }

    fn refused(&self) -> ConnectError {
        let mut text: Vec<String> = self
            .failed
            .iter()
            .take(NAMED)
            .map(|(address, error)| format!("{address}: {}", os_text(error)))
            .collect();
        if self.failed.len() > NAMED {
            text.push(format!("and {} more", self.failed.len() - NAMED));
        }
        ConnectError::Refused(text.join("; "))
    }
}

fn open(address: SocketAddr) -> io::Result<Socket> {
    let socket = Socket::new(
        Domain::for_address(address),
        Type::STREAM,
        Some(Protocol::TCP),
    )?;
    socket.set_nonblocking(true)?;
    // A request is one write: waiting for more data would only cost a round trip.
    socket.set_tcp_nodelay(true)?;
    Ok(socket)
}

fn blocking(socket: Socket) -> Result<TcpStream, WaitError> {
    let stream = TcpStream::from(socket);
    stream.set_nonblocking(false).map_err(WaitError::Io)?;
    Ok(stream)
}

#[cfg(test)]
mod tests;
