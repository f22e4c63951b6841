//! What the server does with each URL, which depends on its number alone, and the expected result. One URL in a
//! hundred has each fault.

/// The fault of a reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Fault {
    None,
    ResetBeforeReply,
    ResetInHead,
    ResetInBody,
    TruncatedBody,
    TruncatedChunks,
    StalledReply,
    StalledBody,
    Garbage,
    GarbageInChunks,
    FloodOfHeaders,
    FloodOfInterims,
    TooLarge,
    ServerError,
    NotFound,
    SlowDrip,
    CloseBehindReply,
    ResetBehindReply,
    BytesBehindReply,
    Redirect,
}

/// `--max-size` of the run.
pub(crate) const MAX_SIZE: usize = 65_536;

impl Fault {
    pub(crate) const ALL: [Self; 20] = [
        Self::ResetBeforeReply,
        Self::ResetInHead,
        Self::ResetInBody,
        Self::TruncatedBody,
        Self::TruncatedChunks,
        Self::StalledReply,
        Self::StalledBody,
        Self::Garbage,
        Self::GarbageInChunks,
        Self::FloodOfHeaders,
        Self::FloodOfInterims,
        Self::TooLarge,
        Self::ServerError,
        Self::NotFound,
        Self::SlowDrip,
        Self::CloseBehindReply,
        Self::ResetBehindReply,
        Self::BytesBehindReply,
        Self::Redirect,
        Self::None,
    ];

    /// The fault of the URL with this number.
    pub(crate) fn of(number: usize) -> Self {
        // Multiplicative hashing scatters the faults of a kind (Knuth, The Art of Computer Programming, 6.4).
        let scattered = (number as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32;
        let place = scattered as usize % 200;
        match Self::ALL.get(place / 2) {
            // Both kinds of stall together are one in a hundred, because each occupies a worker until the limit.
            Some(Self::StalledReply) if place % 2 == 1 => Self::StalledBody,
            Some(Self::StalledBody) | None => Self::None,
            Some(fault) => *fault,
        }
    }

    /// `ok`, or the promised kind of failure.
    pub(crate) fn kind(self) -> &'static str {
        match self {
            Self::ResetBeforeReply | Self::ResetInHead => "connect",
            Self::ResetInBody | Self::TruncatedBody | Self::TruncatedChunks => "body",
            Self::StalledReply => "timeout first_byte",
            Self::StalledBody => "timeout body",
            Self::Garbage
            | Self::GarbageInChunks
            | Self::FloodOfHeaders
            | Self::FloodOfInterims => "protocol",
            Self::TooLarge => "too_large",
            Self::ServerError | Self::NotFound => "http_status",
            Self::SlowDrip
            | Self::CloseBehindReply
            | Self::ResetBehindReply
            | Self::BytesBehindReply
            | Self::Redirect
            | Self::None => "ok",
        }
    }

    /// The size of the page with this number.
    pub(crate) fn size(self, number: usize) -> usize {
        match self {
            // The drip sends a byte a millisecond.
            Self::SlowDrip => 100,
            _ => 200 + number % 1500,
        }
    }
}
