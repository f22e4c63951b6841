//! What the server does to each URL, by its number alone, and what must come of it. One URL in a hundred has each fault.

/// What is wrong with a reply, if anything is.
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
        // Scattered, so that the faults of a kind do not come in step (Knuth, The Art of Computer Programming, 6.4).
        let scattered = (number as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32;
        let place = scattered as usize % 200;
        match Self::ALL.get(place / 2) {
            // The two ways to stall make one in a hundred together: each takes a worker for as long as the limit is.
            Some(Self::StalledReply) if place % 2 == 1 => Self::StalledBody,
            Some(Self::StalledBody) | None => Self::None,
            Some(fault) => *fault,
        }
    }

    /// `ok`, or the kind of failure that the contract has for it.
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

    /// How large the page with this number is.
    pub(crate) fn size(self, number: usize) -> usize {
        match self {
            // It takes a millisecond a byte.
            Self::SlowDrip => 100,
            _ => 200 + number % 1500,
        }
    }
}
