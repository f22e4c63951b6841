//! One cell of the matrix: a fault, where in the exchange it strikes and over what connection, and what the contract
//! says must come of it. Nothing here touches a network.

/// What the server does wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// Ends the connection with a reset.
    Reset,
    /// Ends it in good order, too early.
    Truncate,
    /// Says nothing more and keeps the connection.
    Stall,
    /// Goes on a byte at a time and never comes to an end.
    Drip,
    /// Goes on a byte at a time until the reply is whole.
    DripToTheEnd,
    /// Goes on with bytes that are not HTTP.
    Garbage,
    /// Goes on with more and more of the same for ever.
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

/// Where in the exchange it strikes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// In the TLS handshake.
    Handshake,
    /// Before the first byte of the reply.
    BeforeReply,
    /// Behind an interim reply.
    AfterInterim,
    StatusLine,
    Head,
    /// In a body that has a length.
    LengthBody,
    /// In a body in chunks.
    ChunkedBody,
    /// In a body that ends with the connection.
    OpenBody,
    /// In the body of a 404.
    ErrorBody,
    /// In the body of a redirect.
    RedirectBody,
    /// Behind the whole reply to the request before.
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

/// The connection that the request comes over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Link {
    Fresh,
    Kept,
}

/// How often the server does it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Times {
    /// Whenever the URL is asked for.
    Always,
    /// The first time.
    Once,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Cell {
    pub(super) phase: Phase,
    pub(super) fault: Fault,
    pub(super) link: Link,
    pub(super) times: Times,
}

/// What a row must say: `ok` or a kind, the size of a page, and the attempts it took.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Expected {
    pub(super) kind: String,
    pub(super) bytes: Option<u64>,
    pub(super) attempts: u64,
}

/// The sizes of the pages before the fault, with it, and after it. All differ, so that none is taken for another.
pub(super) const BEFORE: usize = 11;
pub(super) const PAGE: usize = 120;
pub(super) const AFTER: usize = 33;
/// The page that the redirect leads to.
pub(super) const LANDING: usize = 44;
/// How much of the page has gone out when the fault strikes in it.
pub(super) const HALF: usize = 60;
/// Bytes that are no part of HTTP; in a body any byte is good.
pub(super) const GARBAGE: &[u8] = b"\x00\xff\xfeno HTTP at all\x07\r\n\r\n";

impl Cell {
    /// Some faults cannot strike in some places.
    pub(super) fn exists(&self) -> bool {
        match self.phase {
            // A handshake has no exchange before it, and this server's never comes to an end.
            Phase::Handshake => {
                self.link == Link::Fresh
                    && self.times == Times::Always
                    && self.fault != Fault::DripToTheEnd
            }
            // There is nothing between two replies if the connection does not outlive the first, and no end to drip to.
            Phase::Between => self.link == Link::Kept && self.fault != Fault::DripToTheEnd,
            _ => true,
        }
    }

    /// Whether the server has to get the request with the fault over a connection that had one before it. Nothing if
    /// that shows in what comes of it: between two replies the connection is spoilt, or nobody listens to it any more.
    pub(super) fn wants_a_used_connection(&self) -> Option<bool> {
        (self.phase != Phase::Between).then_some(self.link == Link::Kept)
    }

    /// What must come of the URLs of this cell, in their order.
    pub(super) fn expected(&self) -> Vec<Expected> {
        let fault = self.with_retries(self.first_attempt());
        if self.phase == Phase::Handshake {
            return vec![fault];
        }
        vec![page(BEFORE), fault, page(AFTER)]
    }

    /// A failure that passes is gone with the second attempt, if the fault is.
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

    /// A request over a connection that turns out to be dead, or to deliver what is no reply, is sent again and counts for
    /// one.
    fn is_repeated_unseen(&self) -> bool {
        let dies = matches!(self.fault, Fault::Reset | Fault::Truncate | Fault::Garbage);
        self.link == Link::Kept && self.phase == Phase::BeforeReply && dies
    }

    fn first_attempt(&self) -> Expected {
        match (self.phase, self.fault) {
            (Phase::Handshake, Fault::Stall | Fault::Drip) => failure("timeout tls"),
            (Phase::Handshake, Fault::Reset | Fault::Truncate) => failure("connect"),
            (Phase::Handshake, _) => failure("tls"),
            // The server hears nothing more on that connection, which nobody can know.
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
        // Any bytes are a body, and what is behind its end is not read.
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
