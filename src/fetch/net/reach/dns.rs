//! Asks name servers: UDP with a socket and an id of its own for each question, and TCP for truncated answers.
//!
//! A server that does not answer is put behind the others. What is no answer to the question is ignored.

use std::cell::{Cell, RefCell};
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::pin::pin;
use std::time::Duration;

use hickory_proto::op::{Message, MessageType, Query, ResponseCode};
use hickory_proto::rr::{Name, RData, RecordType};
use hickory_proto::serialize::binary::BinEncodable;
use resolv_conf::Config as Resolv;
use tokio::io::{AsyncReadExt, AsyncWriteExt, Interest};
use tokio::net::{TcpStream, UdpSocket};
use tokio::sync::Semaphore;
use tokio::time::timeout;

use super::resolver::{Answer, Miss};
use crate::system::is_out_of_descriptors;

/// How long a server is waited for at first, if it or another one is asked again: a datagram may be lost.
const FIRST_PATIENCE: Duration = Duration::from_secs(1);
/// Questions to one server within [`BURST`], or until they are answered: about as many as the buffer of a socket holds.
const AT_ONCE: usize = 256;
const BURST: Duration = Duration::from_millis(25);
/// Aliases that are followed.
const MAX_ALIASES: usize = 16;
/// The largest datagram: no larger answer is asked for.
const MAX_DATAGRAM: usize = 4096;
/// Bytes before the question, and in the third of them the bits of a truncated answer (RFC 1035, 4.1.1).
const HEAD: usize = 12;
const TRUNCATED_ANSWER: u8 = 0x82;

pub(super) const FAILED: &str =
    "the name servers failed (SERVFAIL), refused to answer, or did not answer in time";

#[derive(Debug)]
struct Server {
    address: SocketAddr,
    /// Questions in a row that it did not answer.
    silent: Cell<u32>,
    burst: Semaphore,
}

#[derive(Debug)]
pub(super) struct NameServers {
    servers: Vec<Server>,
    search: Vec<String>,
    ndots: usize,
    attempts: u32,
    timeout: Duration,
    /// Which server is first: with `rotate` the next for each question.
    rotation: Option<Cell<usize>>,
    /// For one datagram at a time.
    buffer: RefCell<Vec<u8>>,
}

/// What a server answered.
struct Reply {
    code: ResponseCode,
    is_truncated: bool,
    addresses: Vec<IpAddr>,
    keep: Duration,
}

impl NameServers {
    /// Those of `own`, or of the system if there are none.
    pub(super) fn new(resolv: &Resolv, own: &[SocketAddr]) -> Self {
        let mut addresses = own.to_vec();
        if own.is_empty() {
            let ips = resolv.nameservers.iter().map(IpAddr::from);
            addresses.extend(ips.map(|ip| SocketAddr::new(ip, 53)));
        }
        if addresses.is_empty() {
            addresses.push((Ipv4Addr::LOCALHOST, 53).into());
        }
        let server = |address| Server {
            address,
            silent: Cell::new(0),
            burst: Semaphore::new(AT_ONCE),
        };
        Self {
            servers: addresses.into_iter().map(server).collect(),
            search: resolv.get_last_search_or_domain().cloned().collect(),
            ndots: resolv.ndots as usize,
            attempts: resolv.attempts,
            timeout: Duration::from_secs(resolv.timeout.into()),
            rotation: (resolv.rotate && own.is_empty()).then(Cell::default),
            buffer: RefCell::new(vec![0; MAX_DATAGRAM]),
        }
    }

    /// The addresses of `name` in one family.
    pub(super) async fn look_up(&self, name: &str, is_v6: bool) -> Answer {
        let kind = if is_v6 {
            RecordType::AAAA
        } else {
            RecordType::A
        };
        let mut answer = Err(Miss::NoAddress);
        for name in self.candidates(name) {
            match self.ask(&name, kind).await {
                Ok(reply) if reply.code == ResponseCode::NXDomain => {}
                // A name that is there, but has no address of this family, may have one of the other.
                Ok(reply) if reply.addresses.is_empty() => return Err(Miss::NoAddress),
                Ok(reply) => return Ok((reply.addresses, reply.keep)),
                Err(Failed::Silent) => return Err(Miss::Unknown(FAILED.into())),
                Err(Failed::Answered) => answer = Err(Miss::Unknown(FAILED.into())),
                Err(Failed::NoDescriptor) => return Err(Miss::NoDescriptor),
            }
        }
        answer
    }

    /// The names to ask for, by the rules of resolv.conf's `search` and `ndots`.
    fn candidates(&self, name: &str) -> Vec<Name> {
        let absolute = name.strip_suffix('.');
        let mut names: Vec<String> = Vec::new();
        if absolute.is_none() {
            names.extend(self.search.iter().map(|domain| format!("{name}.{domain}")));
        }
        let is_first = name.matches('.').count() >= self.ndots;
        let at = if is_first { 0 } else { names.len() };
        names.insert(at, absolute.unwrap_or(name).to_owned());
        let parsed = names.iter().map(|name| {
            let mut name = Name::from_ascii(name.trim_end_matches('.'))?;
            name.set_fqdn(true);
            Ok::<_, hickory_proto::ProtoError>(name)
        });
        parsed.flatten().collect()
    }

    /// Asks one server after the other, until one answers.
    async fn ask(&self, name: &Name, kind: RecordType) -> Result<Reply, Failed> {
        let mut servers: Vec<&Server> = self.servers.iter().collect();
        if let Some(rotation) = &self.rotation {
            let first = rotation.get() % servers.len();
            servers.rotate_left(first);
            rotation.set(rotation.get().wrapping_add(1));
        }
        servers.sort_by_key(|server| server.silent.get());
        let mut failed = Failed::Silent;
        for round in 0..self.attempts {
            for (at, server) in servers.iter().enumerate() {
                let is_asked_again = self.attempts > 1 || at + 1 < servers.len();
                let patience = if round == 0 && is_asked_again {
                    self.timeout.min(FIRST_PATIENCE)
                } else {
                    self.timeout
                };
                let mut exchange = pin!(self.exchange(server.address, name, kind));
                let place = server.burst.acquire().await;
                let mut answer = timeout(patience.min(BURST), exchange.as_mut()).await;
                drop(place);
                if answer.is_err() {
                    answer = timeout(patience.saturating_sub(BURST), exchange).await;
                }
                match answer {
                    Ok(Ok(reply)) => {
                        server.silent.set(0);
                        if matches!(reply.code, ResponseCode::NoError | ResponseCode::NXDomain) {
                            return Ok(reply);
                        }
                        failed = Failed::Answered;
                    }
                    Ok(Err(error)) if is_out_of_descriptors(&error) => {
                        return Err(Failed::NoDescriptor);
                    }
                    _ => server.silent.set(server.silent.get().saturating_add(1)),
                }
            }
            if let Failed::Answered = failed {
                break;
            }
        }
        Err(failed)
    }

    /// Asks one server.
    async fn exchange(
        &self,
        server: SocketAddr,
        name: &Name,
        kind: RecordType,
    ) -> io::Result<Reply> {
        let query = Query::query(name.clone(), kind);
        let mut message = Message::query();
        message.metadata.recursion_desired = true;
        message.add_query(query.clone());
        let id = message.metadata.id;
        let bytes = message.to_vec().map_err(io::Error::other)?;
        let any: IpAddr = match server {
            SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
            SocketAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
        };
        let socket = UdpSocket::bind((any, 0)).await?;
        // The system drops datagrams of others.
        socket.connect(server).await?;
        socket.send(&bytes).await?;
        loop {
            let ready = socket.ready(Interest::READABLE | Interest::ERROR).await?;
            if ready.is_error() {
                // No server listens there.
                return Err(socket.take_error()?.unwrap_or(io::ErrorKind::Other.into()));
            }
            let mut buffer = self.buffer.borrow_mut();
            let amount = match socket.try_recv(&mut buffer) {
                Ok(amount) => amount,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => continue,
                Err(error) => return Err(error),
            };
            match parse(&buffer[..amount], id, &query) {
                Some(reply) if reply.is_truncated => break,
                Some(reply) => return Ok(reply),
                None => {}
            }
        }
        drop(socket);
        let mut stream = TcpStream::connect(server).await?;
        let length = u16::try_from(bytes.len()).map_err(io::Error::other)?;
        stream
            .write_all(&[&length.to_be_bytes(), &bytes[..]].concat())
            .await?;
        let mut reply = vec![0; stream.read_u16().await?.into()];
        stream.read_exact(&mut reply).await?;
        let no_answer = || io::Error::other("no answer to the question");
        parse(&reply, id, &query).ok_or_else(no_answer)
    }
}

/// Why no server had an answer.
enum Failed {
    Silent,
    Answered,
    NoDescriptor,
}

/// The answer to the question of this id; `None` for anything else.
fn parse(bytes: &[u8], id: u16, query: &Query) -> Option<Reply> {
    // Cheaper than to parse what a stranger sent.
    if bytes.first_chunk() != Some(&id.to_be_bytes()) {
        return None;
    }
    let Ok(message) = Message::from_vec(bytes) else {
        // A server may cut an answer anywhere. It must at least repeat the question.
        let question = query.to_bytes().ok()?;
        let is_cut = bytes
            .get(2)
            .is_some_and(|flags| flags & TRUNCATED_ANSWER == TRUNCATED_ANSWER);
        let is_ours = bytes.get(HEAD..)?.starts_with(&question);
        return (is_cut && is_ours).then(|| Reply {
            code: ResponseCode::NoError,
            is_truncated: true,
            addresses: Vec::new(),
            keep: Duration::ZERO,
        });
    };
    let head = &message.metadata;
    if head.message_type != MessageType::Response || message.queries != [query.clone()] {
        return None;
    }
    let mut owner = query.name();
    let mut ttl = u32::MAX;
    let mut addresses = Vec::new();
    for _ in 0..MAX_ALIASES {
        let mut alias = None;
        for record in message
            .answers
            .iter()
            .filter(|record| record.name == *owner)
        {
            let address = match &record.data {
                RData::A(address) => IpAddr::V4(address.0),
                RData::AAAA(address) => IpAddr::V6(address.0),
                RData::CNAME(target) => {
                    alias = Some((&target.0, record.ttl));
                    continue;
                }
                _ => continue,
            };
            addresses.push(address);
            ttl = ttl.min(record.ttl);
        }
        match alias {
            Some((target, seconds)) if addresses.is_empty() => {
                owner = target;
                ttl = ttl.min(seconds);
            }
            _ => break,
        }
    }
    Some(Reply {
        code: head.response_code,
        is_truncated: head.truncation,
        addresses,
        keep: Duration::from_secs(ttl.into()),
    })
}
