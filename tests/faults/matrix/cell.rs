//! One cell of the matrix: a fault, its place in the exchange, the connection, and the result that the contract
//! promises. This module uses no network.

/// What the server does wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// Ends the connection with a reset.
    Reset,
    /// Ends the connection without a reset, but too early.
    Truncate,
    /// Sends nothing more and keeps the connection.
    Stall,
    /// Sends a byte at a time, without end.
    Drip,
    /// Sends a byte at a time until the reply is whole.
    DripToTheEnd,
    /// Sends bytes that are not HTTP.
    Garbage,
    /// Sends more of the same, without end.
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

/// The place of the fault in the exchange.
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

/// How often the server makes the fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Times {
    /// For every request of the URL.
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

/// The expected row: `ok` or a kind, the size of the page, and the number of attempts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Expected {
    pub(super) kind: String,
    pub(super) bytes: Option<u64>,
    pub(super) attempts: u64,
}

/// The sizes of the pages before, with and after the fault. All differ, so that the test can tell them apart.
pub(super) const BEFORE: usize = 11;
pub(super) const PAGE: usize = 120;
pub(super) const AFTER: usize = 33;
/// The size of the redirect's target.
pub(super) const LANDING: usize = 44;
/// The size of the part that the server sends before a fault in the body.
pub(super) const HALF: usize = 60;
/// Bytes that are no HTTP. A body may contain any bytes.
pub(super) const GARBAGE: &[u8] = b"\x00\xff\xfeno HTTP at all\x07\r\n\r\n";

impl Cell {
    /// Whether this fault is possible in this place.
    pub(super) fn exists(&self) -> bool {
        match self.phase {
            // A handshake is first on its connection, and this server never completes it.
            Phase::Handshake => {
                self.link == Link::Fresh
                    && self.times == Times::Always
                    && self.fault != Fault::DripToTheEnd
            }
            // Only a kept connection has a next reply, and a drip between replies has no end.
            Phase::Between => self.link == Link::Kept && self.fault != Fault::DripToTheEnd,
            _ => true,
        }
    }

    /// `Some(true)` if the request with the fault must come over a used connection, `Some(false)` if over a fresh one.
    /// `None` for a fault between two replies, where the client may choose.
    pub(super) fn wants_a_used_connection(&self) -> Option<bool> {
        (self.phase != Phase::Between).then_some(self.link == Link::Kept)
    }

    /// The expected rows of this cell's URLs, in order.
    pub(super) fn expected(&self) -> Vec<Expected> {
        let fault = self.with_retries(self.first_attempt());
        if self.phase == Phase::Handshake {
            return vec![fault];
        }
        vec![page(BEFORE), fault, page(AFTER)]
    }

    /// With retries, a temporary failure disappears with its fault.
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

    /// The client repeats a request if a used connection is dead or delivers bytes that are no reply. That counts as
    /// one attempt.
    fn is_repeated_unseen(&self) -> bool {
        let dies = matches!(self.fault, Fault::Reset | Fault::Truncate | Fault::Garbage);
        self.link == Link::Kept && self.phase == Phase::BeforeReply && dies
    }

    fn first_attempt(&self) -> Expected {
        match (self.phase, self.fault) {
            (Phase::Handshake, Fault::Stall | Fault::Drip) => failure("timeout tls"),
            (Phase::Handshake, Fault::Reset | Fault::Truncate) => failure("connect"),
            (Phase::Handshake, _) => failure("tls"),
            // The connection looks idle, but the server no longer reads.
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
        // Any bytes are a valid body, and bytes after its end are not read.
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
