//! One cell of the matrix: a fault, its phase of the exchange, its connection, and the rows that the contract demands. No
//! network here.

/// How the server fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// Ends the connection with a reset.
    Reset,
    /// Closes it without a reset, too early.
    Truncate,
    /// Sends nothing more and keeps the connection.
    Stall,
    /// Goes on a byte at a time without an end.
    Drip,
    /// Sends a byte at a time until the reply is whole.
    DripToTheEnd,
    /// Sends bytes that are not HTTP.
    Garbage,
    /// Repeats the same bytes without an end.
    Flood,
}

impl Fault {
    pub(super) const ALL: [Fault; 7] = [
        Fault::Reset,
        Fault::Truncate,
        Fault::Stall,
        Fault::Drip,
        Fault::DripToTheEnd,
        Fault::Garbage,
        Fault::Flood,
    ];
}

/// The phase of the exchange in which it fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// In the TLS handshake.
    Handshake,
    /// Before the first byte of the reply.
    BeforeReply,
    /// After an interim reply.
    AfterInterim,
    StatusLine,
    Head,
    /// In a body with a length.
    LengthBody,
    /// In a body in chunks.
    ChunkedBody,
    /// In a body up to the end of the connection.
    OpenBody,
    /// In the body of a 404.
    ErrorBody,
    /// In the body of a redirect.
    RedirectBody,
    /// After the whole reply to the previous request.
    Between,
}

impl Phase {
    pub(super) const ALL: [Phase; 11] = [
        Phase::Handshake,
        Phase::BeforeReply,
        Phase::AfterInterim,
        Phase::StatusLine,
        Phase::Head,
        Phase::LengthBody,
        Phase::ChunkedBody,
        Phase::OpenBody,
        Phase::ErrorBody,
        Phase::RedirectBody,
        Phase::Between,
    ];

    /// Before the reply's head is whole.
    fn is_early(self) -> bool {
        matches!(
            self,
            Phase::BeforeReply | Phase::AfterInterim | Phase::StatusLine | Phase::Head
        )
    }
}

/// The connection of the request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Link {
    Fresh,
    Kept,
}

/// How often the server fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Times {
    /// At each request for the URL.
    Always,
    /// For the first request.
    Once,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Cell {
    pub(super) phase: Phase,
    pub(super) fault: Fault,
    pub(super) link: Link,
    pub(super) times: Times,
}

/// The expected row: `ok` or a kind, the size of the page, and the attempts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Expected {
    pub(super) kind: String,
    pub(super) bytes: Option<u64>,
    pub(super) attempts: u64,
}

/// The sizes of the pages before the fault, with it, and after it. They differ, so that a test sees mixed-up pages.
pub(super) const BEFORE: usize = 11;
pub(super) const PAGE: usize = 120;
pub(super) const AFTER: usize = 33;
/// The size of the redirect's target.
pub(super) const LANDING: usize = 44;
/// How much of the page is sent before a fault in the body.
pub(super) const HALF: usize = 60;
/// Bytes that are not HTTP. A body may hold them.
pub(super) const GARBAGE: &[u8] = b"\x00\xff\xfeno HTTP at all\x07\r\n\r\n";

impl Cell {
    /// Not every fault is possible in every phase.
    pub(super) fn exists(&self) -> bool {
        match self.phase {
            // No exchange comes before a handshake, and this server's handshake never ends.
            Phase::Handshake => {
                self.link == Link::Fresh
                    && self.times == Times::Always
                    && self.fault != Fault::DripToTheEnd
            }
            // Between two replies a fault needs a connection that is kept, and has no reply to complete.
            Phase::Between => self.link == Link::Kept && self.fault != Fault::DripToTheEnd,
            _ => true,
        }
    }

    /// Whether the request with the fault must come over a connection that had one before. `None` if the rows show it:
    /// between two replies the connection is spoilt or closed.
    pub(super) fn wants_a_used_connection(&self) -> Option<bool> {
        (self.phase != Phase::Between).then_some(self.link == Link::Kept)
    }

    /// The expected rows of this cell, in order.
    pub(super) fn expected(&self) -> Vec<Expected> {
        let fault = self.with_retries(self.first_attempt());
        if self.phase == Phase::Handshake {
            return vec![fault];
        }
        vec![page(BEFORE), fault, page(AFTER)]
    }

    /// A retry succeeds if the fault occurs only once.
    fn with_retries(&self, first: Expected) -> Expected {
        let passes = ["connect", "body"].contains(&first.kind.as_str())
            || first.kind.starts_with("timeout")
            || self.is_repeated_unseen();
        if self.times == Times::Always || !passes {
            return first;
        }
        let attempts = if self.is_repeated_unseen() { 1 } else { 2 };
        Expected {
            attempts,
            ..page(PAGE)
        }
    }

    /// A request over a reused connection that is closed, or delivers no reply, is sent again within the attempt.
    fn is_repeated_unseen(&self) -> bool {
        let dies = matches!(self.fault, Fault::Reset | Fault::Truncate | Fault::Garbage);
        self.link == Link::Kept && self.phase == Phase::BeforeReply && dies
    }

    fn first_attempt(&self) -> Expected {
        match (self.phase, self.fault) {
            (Phase::Handshake, Fault::Stall | Fault::Drip) => failure("timeout tls"),
            (Phase::Handshake, Fault::Reset | Fault::Truncate) => failure("connect"),
            (Phase::Handshake, _) => failure("tls"),
            // The server reads nothing more from that connection, which the client cannot know.
            (Phase::Between, Fault::Stall) => failure("timeout first_byte"),
            (Phase::Between, _) => page(PAGE),
            (Phase::ErrorBody, _) => failure("http_status"),
            (Phase::RedirectBody, _) => page(LANDING),
            (_, Fault::DripToTheEnd) => page(PAGE),
            (phase, fault) if phase.is_early() => early(fault),
            (phase, fault) => in_body(phase, fault),
        }
    }
}

fn early(fault: Fault) -> Expected {
    failure(match fault {
        Fault::Reset | Fault::Truncate => "connect",
        Fault::Stall | Fault::Drip | Fault::DripToTheEnd => "timeout first_byte",
        Fault::Garbage | Fault::Flood => "protocol",
    })
}

fn in_body(phase: Phase, fault: Fault) -> Expected {
    match (phase, fault) {
        (_, Fault::Stall | Fault::Drip) => failure("timeout body"),
        (Phase::OpenBody, Fault::Truncate) => page(HALF),
        (_, Fault::Reset | Fault::Truncate) => failure("body"),
        // A body may hold any bytes, and the client does not read beyond its end.
        (Phase::LengthBody, _) => page(PAGE),
        (_, Fault::Flood) => failure("too_large"),
        (Phase::OpenBody, _) => page(HALF + GARBAGE.len()),
        _ => failure("protocol"),
    }
}

fn failure(kind: &str) -> Expected {
    Expected {
        kind: kind.to_owned(),
        bytes: None,
        attempts: 1,
    }
}

fn page(bytes: usize) -> Expected {
    Expected {
        kind: "ok".to_owned(),
        bytes: Some(bytes as u64),
        attempts: 1,
    }
}
