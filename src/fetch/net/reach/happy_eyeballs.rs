//! Opening a TCP connection to one of several addresses: happy eyeballs (RFC 8305).
//!
//! The address families take turns. The next attempt starts when the last one has run for 250 ms or has failed, and
//! the first to connect wins.
//!
//! A pending attempt never keeps a descriptor from the next address: when none is left, the oldest attempt is given up,
//! and its address is tried again later.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::io;
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::pin::{Pin, pin};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::net::{TcpSocket, TcpStream as AsyncStream};
use tokio::time::{Instant, sleep_until};

use super::Config;
use super::budget::Permit;
use super::lookup::Lookup;
use crate::system::{is_out_of_descriptors, os_text};

/// "Connection Attempt Delay" of RFC 8305, section 5.
pub(super) const ATTEMPT_DELAY: Duration = Duration::from_millis(250);
/// How often the delay is doubled at most: after four minutes the system has given up itself.
const DOUBLINGS: usize = 10;
/// Addresses tried per host.
pub(super) const MAX_ADDRESSES: usize = 16;
/// Addresses that a failure names.
const NAMED: usize = 3;

#[derive(Debug)]
pub(super) enum ConnectError {
    /// Every address failed; the text names them.
    Refused(String),
    /// No descriptor was left for a socket.
    NoDescriptor,
    /// A connected socket failed.
    Io(io::Error),
}

/// The addresses without repetition: the families take turns, beginning with that of the first (RFC 8305, section 4).
fn interleave(addresses: &[IpAddr]) -> Vec<IpAddr> {
    let mut families: [VecDeque<IpAddr>; 2] = Default::default();
    let mut turn = usize::from(addresses.first().is_some_and(IpAddr::is_ipv6));
    for &address in addresses {
        let family = &mut families[usize::from(address.is_ipv6())];
        if !family.contains(&address) {
            family.push_back(address);
        }
    }
    let mut turns = Vec::with_capacity(addresses.len());
    while let Some(address) = families[turn]
        .pop_front()
        .or_else(|| families[1 - turn].pop_front())
    {
        turns.push(address);
        turn = usize::from(address.is_ipv4());
    }
    turns
}

struct Attempt {
    address: IpAddr,
    connecting: Pin<Box<dyn Future<Output = io::Result<AsyncStream>>>>,
}

/// One connection that is being opened, to the first of several addresses that answers.
pub(super) struct HappyEyeballs<'a> {
    config: &'a Config,
    port: u16,
    /// Where more addresses may come from.
    lookup: &'a mut Lookup,
    addresses: usize,
    /// Addresses to try, or to try again.
    waiting: VecDeque<IpAddr>,
    /// The oldest first.
    running: Vec<Attempt>,
    failed: Vec<(IpAddr, io::Error)>,
    /// Attempts given up for their descriptors.
    given_up: usize,
    /// Permits of the attempts after the first, for which the caller holds one.
    more_permits: Vec<Permit>,
}

enum Event {
    Connected(AsyncStream),
    Failed,
    Found(Vec<IpAddr>),
    Next,
}

impl<'a> HappyEyeballs<'a> {
    pub(super) fn new(
        config: &'a Config,
        addresses: &[IpAddr],
        port: u16,
        lookup: &'a mut Lookup,
    ) -> Self {
        let mut this = Self {
            config,
            port,
            lookup,
            addresses: 0,
            waiting: VecDeque::new(),
            running: Vec::new(),
            failed: Vec::new(),
            given_up: 0,
            more_permits: Vec::new(),
        };
        this.add(addresses);
        this
    }

    /// Connects to the first address that answers.
    ///
    /// After [`ConnectError::NoDescriptor`] no descriptor is held here, and `run` may be called again.
    pub(super) async fn run(&mut self) -> Result<TcpStream, ConnectError> {
        let mut next_start = Instant::now();
        loop {
            if !self.waiting.is_empty() && (self.running.is_empty() || Instant::now() >= next_start)
            {
                self.start_next()?;
                next_start = Instant::now() + self.attempt_delay();
            }
            if self.waiting.is_empty() && self.running.is_empty() && self.lookup.is_complete() {
                return Err(self.refused());
            }
            match self.next_event(next_start).await {
                Event::Connected(stream) => return blocking(stream).map_err(ConnectError::Io),
                Event::Found(addresses) => self.add(&addresses),
                Event::Failed => next_start = Instant::now(),
                Event::Next => {}
            }
        }
    }

    /// More addresses: their families come first.
    fn add(&mut self, addresses: &[IpAddr]) {
        let mut all = addresses.to_vec();
        all.extend(&self.waiting);
        let started = self.addresses - self.waiting.len().min(self.addresses);
        let mut turns = interleave(&all);
        turns.truncate(MAX_ADDRESSES.saturating_sub(started));
        self.addresses = started + turns.len();
        self.waiting = turns.into();
    }

    fn start_next(&mut self) -> Result<(), ConnectError> {
        let Some(address) = self.waiting.pop_front() else {
            return Ok(());
        };
        match self.open(address) {
            Ok(Some(socket)) => {
                let connecting = Box::pin(socket.connect(SocketAddr::new(address, self.port)));
                self.running.push(Attempt {
                    address,
                    connecting,
                });
            }
            Ok(None) => {
                self.waiting.push_front(address);
                self.more_permits.clear();
                return Err(ConnectError::NoDescriptor);
            }
            Err(error) => self.failed.push((address, error)),
        }
        Ok(())
    }

    async fn next_event(&mut self, next_start: Instant) -> Event {
        let mut timer = pin!(sleep_until(next_start));
        poll_fn(|context| {
            if let Some(event) = self.poll_attempts(context) {
                return Poll::Ready(event);
            }
            if let Poll::Ready(Some(addresses)) = self.lookup.poll_next(context) {
                return Poll::Ready(Event::Found(addresses));
            }
            let is_idle = self.running.is_empty();
            let has_ended = is_idle && self.waiting.is_empty() && self.lookup.is_complete();
            let is_due =
                !self.waiting.is_empty() && (is_idle || timer.as_mut().poll(context).is_ready());
            if has_ended || is_due {
                return Poll::Ready(Event::Next);
            }
            Poll::Pending
        })
        .await
    }

    fn poll_attempts(&mut self, context: &mut Context<'_>) -> Option<Event> {
        for at in 0..self.running.len() {
            if let Poll::Ready(result) = self.running[at].connecting.as_mut().poll(context) {
                let address = self.running.remove(at).address;
                return Some(match result {
                    Ok(stream) => Event::Connected(stream),
                    Err(error) => {
                        self.failed.push((address, error));
                        Event::Failed
                    }
                });
            }
        }
        None
    }

    /// Opens a socket; `None` if no descriptor is left and no attempt is running.
    ///
    /// Running attempts are given up for it. If every connection kept its attempts and waited for another's descriptor,
    /// all would wait for ever.
    fn open(&mut self, address: IpAddr) -> io::Result<Option<TcpSocket>> {
        let mut opened = self.try_open(address)?;
        // Without a running attempt the caller evicts, and waits with the clock stopped.
        if opened.is_none() && !self.running.is_empty() && self.config.evict() {
            opened = self.try_open(address)?;
        }
        while opened.is_none() && self.give_up_oldest() {
            opened = self.try_open(address)?;
        }
        Ok(opened)
    }

    fn try_open(&mut self, address: IpAddr) -> io::Result<Option<TcpSocket>> {
        if self.more_permits.len() < self.running.len() {
            let Some(permit) = self.config.budget.try_acquire() else {
                return Ok(None);
            };
            self.more_permits.push(permit);
        }
        let socket = match address {
            IpAddr::V4(_) => TcpSocket::new_v4(),
            IpAddr::V6(_) => TcpSocket::new_v6(),
        };
        match socket {
            Err(error) if is_out_of_descriptors(&error) => Ok(None),
            socket => {
                let socket = socket?;
                // A request is one write: waiting for more data would only cost a round trip.
                socket.set_nodelay(true)?;
                Ok(Some(socket))
            }
        }
    }

    /// Closes the attempt that has run for longest; its address becomes the last to try.
    fn give_up_oldest(&mut self) -> bool {
        if self.running.is_empty() {
            return false;
        }
        self.waiting.push_back(self.running.remove(0).address);
        self.given_up += 1;
        true
    }

    /// How long an attempt runs before the next starts. It doubles with each round of given-up attempts, so that a distant
    /// address can connect in the end.
    fn attempt_delay(&self) -> Duration {
        let rounds = self.given_up / self.addresses.max(1);
        ATTEMPT_DELAY * (1 << rounds.min(DOUBLINGS))
    }

    fn refused(&self) -> ConnectError {
        let named = self.failed.iter().take(NAMED);
        let mut text: Vec<String> = named
            .map(|(address, error)| {
                format!(
                    "{}: {}",
                    SocketAddr::new(*address, self.port),
                    os_text(error)
                )
            })
            .collect();
        if self.failed.len() > NAMED {
            text.push(format!("and {} more", self.failed.len() - NAMED));
        }
        ConnectError::Refused(text.join("; "))
    }
}

fn blocking(stream: AsyncStream) -> io::Result<TcpStream> {
    let stream = stream.into_std()?;
    stream.set_nonblocking(false)?;
    Ok(stream)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn families_take_turns_beginning_with_the_first() {
        for (given, turns) in [
            ("::1 ::2 ::3 1.1.1.1", "::1 1.1.1.1 ::2 ::3"),
            ("1.1.1.1 ::1 ::2 ::3", "1.1.1.1 ::1 ::2 ::3"),
            ("1.1.1.1 1.1.1.2", "1.1.1.1 1.1.1.2"),
            ("::1 ::1 1.1.1.1 ::2 1.1.1.1", "::1 1.1.1.1 ::2"),
            ("", ""),
        ] {
            let parse = |list: &str| -> Vec<IpAddr> {
                list.split_whitespace()
                    .map(|word| word.parse().unwrap())
                    .collect()
            };
            assert_eq!(interleave(&parse(given)), parse(turns), "{given}");
        }
    }
}
