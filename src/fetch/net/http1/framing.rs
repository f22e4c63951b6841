//! Where a body ends (RFC 9112, 6.3).

use super::chunked::Chunked;

#[derive(Debug)]
pub(in crate::fetch::net) enum Framing {
    Chunked(Chunked),
    /// So many bytes are missing.
    Length(u64),
    /// The end of the connection ends it.
    Close,
}

impl Framing {
    /// Decodes the next bytes in place. Returns how many at the front are body, and how many came after its end.
    pub(in crate::fetch::net) fn decode(
        &mut self,
        bytes: &mut [u8],
    ) -> Result<(usize, usize), &'static str> {
        match self {
            Self::Chunked(chunked) => chunked.decode(bytes),
            Self::Length(left) => {
                let kept = (*left).min(bytes.len() as u64);
                *left -= kept;
                Ok((kept as usize, bytes.len() - kept as usize))
            }
            Self::Close => Ok((bytes.len(), 0)),
        }
    }

    pub(in crate::fetch::net) fn is_chunked(&self) -> bool {
        matches!(self, Self::Chunked(_))
    }

    pub(in crate::fetch::net) fn has_ended(&self) -> bool {
        match self {
            Self::Chunked(chunked) => chunked.has_ended(),
            Self::Length(left) => *left == 0,
            Self::Close => false,
        }
    }

    /// Whether the connection may close now.
    pub(in crate::fetch::net) fn has_all_data(&self) -> bool {
        match self {
            Self::Chunked(chunked) => chunked.has_all_data(),
            Self::Length(left) => *left == 0,
            Self::Close => true,
        }
    }
}
