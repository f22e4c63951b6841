//! A name server on loopback, over UDP and TCP, that sends what a test wants.

use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, UdpSocket};
use std::sync::{Arc, Mutex};
use std::thread;

use hickory_proto::op::{Message, MessageType, ResponseCode};
use hickory_proto::rr::rdata::{A, AAAA, CNAME};
use hickory_proto::rr::{Name, RData, Record, RecordType};

/// A question, as the server got it.
#[derive(Debug, Clone)]
pub(super) struct Question {
    pub(super) message: Message,
    pub(super) is_tcp: bool,
}

/// Lives as long as the process.
pub(super) struct NameServer {
    pub(super) address: SocketAddr,
    asked: Arc<Mutex<Vec<Question>>>,
}

impl NameServer {
    /// `answer` gives the packets to send, in order.
    pub(super) fn start(
        answer: impl Fn(&Question) -> Vec<Vec<u8>> + Send + Clone + 'static,
    ) -> Self {
        let (tcp, udp) = loop {
            let tcp = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
            if let Ok(udp) = UdpSocket::bind(tcp.local_addr().unwrap()) {
                break (tcp, udp);
            }
        };
        let address = udp.local_addr().unwrap();
        let asked = Arc::<Mutex<Vec<Question>>>::default();
        let (counts, over_udp) = (Arc::clone(&asked), answer.clone());
        thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok((amount, client)) = udp.recv_from(&mut buffer) {
                let question = Question::new(&buffer[..amount], false);
                counts.lock().unwrap().push(question.clone());
                for packet in over_udp(&question) {
                    udp.send_to(&packet, client).unwrap();
                }
            }
        });
        let counts = Arc::clone(&asked);
        thread::spawn(move || {
            for stream in tcp.incoming() {
                let mut stream = stream.unwrap();
                let mut length = [0; 2];
                stream.read_exact(&mut length).unwrap();
                let mut bytes = vec![0; u16::from_be_bytes(length).into()];
                stream.read_exact(&mut bytes).unwrap();
                let question = Question::new(&bytes, true);
                counts.lock().unwrap().push(question.clone());
                for packet in answer(&question) {
                    let length = u16::try_from(packet.len()).unwrap().to_be_bytes();
                    // The client may have left.
                    let _ = stream.write_all(&[&length[..], &packet].concat());
                }
            }
        });
        Self { address, asked }
    }

    /// The kinds that were asked for, in order.
    pub(super) fn asked(&self) -> Vec<Question> {
        self.asked.lock().unwrap().clone()
    }

    /// How often it was asked for the addresses of IPv4 and of IPv6.
    pub(super) fn counts(&self) -> [usize; 2] {
        let asked = self.asked();
        [RecordType::A, RecordType::AAAA].map(|kind| {
            asked
                .iter()
                .filter(|question| question.kind() == kind)
                .count()
        })
    }
}

impl Question {
    fn new(bytes: &[u8], is_tcp: bool) -> Self {
        Self {
            message: Message::from_vec(bytes).unwrap(),
            is_tcp,
        }
    }

    pub(super) fn kind(&self) -> RecordType {
        self.message.queries[0].query_type()
    }

    pub(super) fn name(&self) -> &Name {
        self.message.queries[0].name()
    }

    /// The answer that would be right, for tests to change.
    pub(super) fn reply(&self, code: ResponseCode) -> Message {
        let mut reply = self.message.clone();
        reply.metadata.message_type = MessageType::Response;
        reply.metadata.response_code = code;
        reply
    }

    /// The addresses of the kind that is asked for.
    pub(super) fn with(&self, addresses: &[IpAddr]) -> Message {
        let mut reply = self.reply(ResponseCode::NoError);
        for address in addresses {
            let data = match address {
                IpAddr::V4(address) => RData::A(A(*address)),
                IpAddr::V6(address) => RData::AAAA(AAAA(*address)),
            };
            if data.record_type() == self.kind() {
                reply
                    .answers
                    .push(Record::from_rdata(self.name().clone(), 60, data));
            }
        }
        reply
    }

    pub(super) fn packet(&self, addresses: &[IpAddr]) -> Vec<Vec<u8>> {
        vec![self.with(addresses).to_vec().unwrap()]
    }

    pub(super) fn code(&self, code: ResponseCode) -> Vec<Vec<u8>> {
        vec![self.reply(code).to_vec().unwrap()]
    }
}

pub(super) fn name(text: &str) -> Name {
    Name::from_ascii(text).unwrap()
}

pub(super) fn alias(owner: &Name, target: &str) -> Record {
    Record::from_rdata(owner.clone(), 60, RData::CNAME(CNAME(name(target))))
}
