//! Opening a TCP connection to one of several addresses: happy eyeballs (RFC 8305).
//!
//! Families take turns, an attempt that has not come through within 250 ms is joined by the next,
//! one that fails is followed by the next at once, and the first that connects wins. A dead address
//! costs no more than the head start.

use std::io;
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use socket2::{Domain, Protocol, Socket, Type};

use super::cancel::Cancel;
use super::limits::{Cut, Limits};
use super::sys::{is_in_progress, is_out_of_descriptors};
use crate::fetch::failure::os_text;

/// "Connection Attempt Delay" of RFC 8305, section 5.
const HEAD_START: Duration = Duration::from_millis(250);
/// How many addresses a failure names.
const NAMED: usize = 3;

/// Why there is no connection.
#[derive(Debug)]
pub(crate) enum DialError {
    /// Every address failed; the text names them.
    Refused(String),
    /// The same, but one of them had let us in before it hung up.
    HungUp(String),
    /// No descriptor was left for a socket.
    NoDescriptor,
    Cut(Cut),
}

impl From<Cut> for DialError {
    fn from(cut: Cut) -> Self {
        Self::Cut(cut)
    }
}

/// The first families take turns, beginning with the one that the system prefers (RFC 8305, section
/// 4).
pub(crate) fn interleave(addresses: &[IpAddr], port: u16) -> Vec<SocketAddr> {
    let Some(first) = addresses.first() else {
        return Vec::new();
    };
    let (preferred, other): (Vec<&IpAddr>, Vec<&IpAddr>) = addresses
        .iter()
        .partition(|a| a.is_ipv4() == first.is_ipv4());
    let mut other = other.into_iter();
    let mut turns = Vec::with_capacity(addresses.len());
    for address in preferred {
        turns.push(SocketAddr::new(*address, port));
        turns.extend(other.next().map(|a| SocketAddr::new(*a, port)));
    }
    turns.extend(other.map(|a| SocketAddr::new(*a, port)));
    turns
}

/// Connects to the first of `addresses` that answers. The socket blocks, and has `TCP_NODELAY` set.
pub(crate) fn dial(
    addresses: &[SocketAddr],
    limits: &Limits,
    cancel: &Cancel,
) -> Result<TcpStream, DialError> {
    let mut race = Race {
        waiting: addresses.iter(),
        running: Vec::new(),
        failed: Vec::new(),
    };
    let since = Instant::now();
    let mut next_start = since;
    loop {
        let now = Instant::now();
        let left = limits.left(since, now)?;
        if now >= next_start || race.running.is_empty() {
            match race.start_next()? {
                Started::Connected(socket) => return Ok(blocking(socket)?),
                Started::Failed => continue,
                Started::Running | Started::Short => next_start = now + HEAD_START,
                Started::NoneLeft if race.running.is_empty() => return Err(race.lost()),
                Started::NoneLeft => next_start = now + Duration::from_secs(3600),
            }
        }
        let until_next = next_start.saturating_duration_since(now);
        let wait = left.map_or(until_next, |l| l.min(until_next));
        if let Some(socket) = race.wait(wait, cancel)? {
            return Ok(blocking(socket)?);
        }
        if race.running.is_empty() {
            next_start = now;
        }
    }
}

struct Race<'a> {
    waiting: std::slice::Iter<'a, SocketAddr>,
    running: Vec<(SocketAddr, Socket)>,
    failed: Vec<(SocketAddr, io::Error)>,
}

enum Started {
    Connected(Socket),
    Running,
    Failed,
    NoneLeft,
    /// No descriptor is left while others run: it stays first in line.
    Short,
}

impl Race<'_> {
    fn start_next(&mut self) -> Result<Started, DialError> {
        let Some(&address) = self.waiting.as_slice().first() else {
            return Ok(Started::NoneLeft);
        };
        let socket = match open(address) {
            Ok(socket) => socket,
            Err(error) if is_out_of_descriptors(&error) => {
                return if self.running.is_empty() {
                    Err(DialError::NoDescriptor)
                } else {
                    Ok(Started::Short)
                };
            }
            Err(error) => {
                self.waiting.next();
                self.failed.push((address, error));
                return Ok(Started::Failed);
            }
        };
        self.waiting.next();
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

    fn lost(self) -> DialError {
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
        let text = text.join("; ");
        // Who does not let anybody in refuses; only an open connection can be reset.
        let hung_up = |(_, e): &(SocketAddr, io::Error)| e.kind() == io::ErrorKind::ConnectionReset;
        if self.failed.iter().any(hung_up) {
            DialError::HungUp(text)
        } else {
            DialError::Refused(text)
        }
    }
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
mod tests {
    use std::net::TcpListener;

    use super::*;

    fn addresses(list: &[&str]) -> Vec<IpAddr> {
        list.iter().map(|a| a.parse().unwrap()).collect()
    }

    #[test]
    fn families_take_turns_beginning_with_the_preferred_one() {
        for (given, turns) in [
            (
                &["::1", "::2", "::3", "1.1.1.1"][..],
                &["::1", "1.1.1.1", "::2", "::3"][..],
            ),
            (
                &["1.1.1.1", "::1", "::2", "::3"],
                &["1.1.1.1", "::1", "::2", "::3"],
            ),
            (&["1.1.1.1", "1.1.1.2"], &["1.1.1.1", "1.1.1.2"]),
            (&[], &[]),
        ] {
            let got: Vec<IpAddr> = interleave(&addresses(given), 80)
                .iter()
                .map(SocketAddr::ip)
                .collect();
            assert_eq!(got, addresses(turns), "{given:?}");
        }
    }

    fn refusing() -> SocketAddr {
        TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap()
    }

    #[test]
    fn a_refusing_address_is_followed_by_the_next_at_once() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let good = listener.local_addr().unwrap();
        let cancel = Cancel::new().unwrap();
        let stream = dial(&[refusing(), good], &Limits::default(), &cancel).unwrap();
        assert_eq!(stream.peer_addr().unwrap(), good);
        assert!(stream.nodelay().unwrap());
    }

    #[test]
    fn the_failure_names_address_and_reason() {
        let cancel = Cancel::new().unwrap();
        let (one, two) = (refusing(), refusing());
        let Err(DialError::Refused(text)) = dial(&[one, two], &Limits::default(), &cancel) else {
            panic!("connected to a port that nobody listens on");
        };
        assert_eq!(
            text,
            format!("{one}: connection refused; {two}: connection refused")
        );
    }

    #[test]
    fn an_address_that_does_not_answer_costs_no_more_than_the_head_start() {
        // A listener whose queue is full: the handshake of a further connection is left unanswered.
        let full = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        full.bind(&"127.0.0.1:0".parse::<SocketAddr>().unwrap().into())
            .unwrap();
        full.listen(0).unwrap();
        let silent = full.local_addr().unwrap().as_socket().unwrap();
        let cancel = Cancel::new().unwrap();
        let short = Limits::new(None, Some(Duration::from_millis(50)));
        let mut fill = Vec::new();
        while let Ok(stream) = dial(&[silent], &short, &cancel) {
            fill.push(stream);
        }
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let good = listener.local_addr().unwrap();
        let stream = dial(&[silent, good], &Limits::default(), &cancel).unwrap();
        assert_eq!(stream.peer_addr().unwrap(), good);

        std::thread::scope(|s| {
            let dialer = s.spawn(|| dial(&[silent], &Limits::default(), &cancel));
            cancel.throw();
            assert!(matches!(
                dialer.join().unwrap(),
                Err(DialError::Cut(Cut::Cancelled))
            ));
        });
    }
}
