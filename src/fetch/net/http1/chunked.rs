//! Decodes the chunked transfer coding (RFC 9112, 7.1) in place.
//!
//! The HTTP library's decoder waits for ever if lines end in LF alone, fails on chunk extensions of real servers, and
//! ignores the coding in HTTP/1.0. This one accepts what curl accepts, except for incomplete line breaks.

/// The longest size line of a chunk, with its extensions.
const LONGEST_LINE: u32 = 16 * 1024;
/// The most bytes of trailer fields.
const LONGEST_TRAILER: u32 = 64 * 1024;

/// What the next byte belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum At {
    /// The digits of a size.
    #[default]
    Size,
    /// The remainder of that line.
    Extension,
    /// A chunk of which this many bytes are missing.
    Data(u64),
    /// The line break after a chunk.
    DataEnd,
    /// The first byte of a trailer field, or of the empty line that ends the body.
    TrailerLine,
    Trailer,
    End,
}

#[derive(Debug, Default)]
pub(in crate::fetch::net) struct Chunked {
    at: At,
    size: u64,
    /// How long the size line or the trailer is so far.
    length: u32,
    /// The last chunk, of size zero, has begun.
    is_last: bool,
    /// The last byte of framing was a CR: LF must follow.
    after_cr: bool,
    /// The size line of the chunk ended in LF alone.
    is_lf_alone: bool,
}

impl Chunked {
    /// Decodes the next bytes in place. Returns how many bytes at the front are now the body, and how many came after it.
    pub(in crate::fetch::net) fn decode(
        &mut self,
        bytes: &mut [u8],
    ) -> Result<(usize, usize), &'static str> {
        let (mut from, mut to) = (0, 0);
        while from < bytes.len() && self.at != At::End {
            if let At::Data(left) = self.at {
                let amount = left.min((bytes.len() - from) as u64) as usize;
                bytes.copy_within(from..from + amount, to);
                from += amount;
                to += amount;
                self.at = match left - amount as u64 {
                    0 => At::DataEnd,
                    left => At::Data(left),
                };
            } else {
                self.step(bytes[from])?;
                from += 1;
            }
        }
        Ok((to, bytes.len() - from))
    }

    fn step(&mut self, byte: u8) -> Result<(), &'static str> {
        let after_cr = std::mem::replace(&mut self.after_cr, byte == b'\r');
        if after_cr && byte != b'\n' {
            return Err("there is a CR without its LF between chunks");
        }
        match (self.at, byte) {
            (At::Size, b'0'..=b'9' | b'a'..=b'f' | b'A'..=b'F') => self.digit(byte)?,
            (At::Size, _) if self.length == 0 => {
                return Err("a chunk does not begin with its size");
            }
            (At::Size | At::Extension, b'\n') => {
                self.is_lf_alone = !after_cr;
                self.begin_chunk();
            }
            (At::Size, b'\r' | b' ' | b'\t' | b';') | (At::Extension, _) => {
                self.at = At::Extension;
                self.count(LONGEST_LINE, "the size line of a chunk does not end")?;
            }
            (At::Size, _) => return Err("the size of a chunk is not a number"),
            (At::DataEnd, b'\r') => {}
            (At::DataEnd, b'\n') if after_cr || self.is_lf_alone => self.go_to(At::Size),
            // The CR may have been taken for data.
            (At::DataEnd, b'\n') => return Err("there is an LF without its CR behind a chunk"),
            (At::DataEnd, _) => return Err("a chunk is longer than its size"),
            (At::TrailerLine, b'\n') => self.at = At::End,
            (At::TrailerLine | At::Trailer, _) => {
                self.count(LONGEST_TRAILER, "the trailer behind the body does not end")?;
                match byte {
                    b'\n' => self.at = At::TrailerLine,
                    b'\r' => {}
                    _ => self.at = At::Trailer,
                }
            }
            (At::Data(_) | At::End, _) => {}
        }
        Ok(())
    }

    fn digit(&mut self, byte: u8) -> Result<(), &'static str> {
        let digit = char::from(byte).to_digit(16).unwrap_or_default();
        // Any number of leading zeros is valid.
        let size = self.size.checked_mul(16);
        self.size = size.ok_or("the size of a chunk is beyond all measure")? + u64::from(digit);
        self.count(LONGEST_LINE, "the size line of a chunk does not end")
    }

    fn begin_chunk(&mut self) {
        let next = match self.size {
            0 => At::TrailerLine,
            size => At::Data(size),
        };
        self.is_last = self.size == 0;
        self.size = 0;
        self.go_to(next);
    }

    fn go_to(&mut self, at: At) {
        self.at = at;
        self.length = 0;
    }

    fn count(&mut self, most: u32, what: &'static str) -> Result<(), &'static str> {
        self.length += 1;
        if self.length > most {
            Err(what)
        } else {
            Ok(())
        }
    }

    /// Whether the empty line after the last chunk has come.
    pub(in crate::fetch::net) fn has_ended(&self) -> bool {
        self.at == At::End
    }

    /// Whether the last chunk has come, with or without the lines after it.
    pub(in crate::fetch::net) fn has_all_data(&self) -> bool {
        self.is_last
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Decodes `input` in steps of `step` bytes: the body, what came after it, and the decoder.
    fn decode(input: &[u8], step: usize) -> Result<(Vec<u8>, usize, Chunked), &'static str> {
        let (mut body, mut behind, mut decoder) = (Vec::new(), 0, Chunked::default());
        for piece in input.chunks(step) {
            let mut piece = piece.to_vec();
            let (amount, more) = decoder.decode(&mut piece)?;
            body.extend_from_slice(&piece[..amount]);
            behind += more;
        }
        Ok((body, behind, decoder))
    }

    #[test]
    fn whole_bodies_however_reads_cut_them() {
        for (input, body) in [
            ("0\r\n\r\n", ""),
            ("5\r\nhello\r\n0\r\n\r\n", "hello"),
            ("5\nhello\n0\n\n", "hello"),
            ("5\nhello\r\n0\r\n\n", "hello"),
            ("6\nhello\r\n0\n\n", "hello\r"),
            ("2\r\nhe\r\n3\r\nllo\r\n00\r\n\r\n", "hello"),
            ("0000000000000000000000005\r\nhello\r\n0\r\n\r\n", "hello"),
            ("A \r\n0123456789\r\n0;end\r\n\r\n", "0123456789"),
            (
                "5;chunk-signature=0123456789abcdef0123456789abcdef\r\nhello\r\n0\r\n\r\n",
                "hello",
            ),
            ("5\r\nhello\r\n0\r\nX-Sum: 1\r\nY: 2\r\n\r\n", "hello"),
            ("7\r\na\r\nb\r\nc\r\n0\r\n\r\n", "a\r\nb\r\nc"),
        ] {
            for step in [1, 2, 3, 7, 1000] {
                let (got, behind, decoder) = decode(input.as_bytes(), step).expect(input);
                assert_eq!(
                    (String::from_utf8(got).unwrap().as_str(), behind),
                    (body, 0),
                    "{input:?}"
                );
                assert!(decoder.has_ended() && decoder.has_all_data(), "{input:?}");
            }
        }
        let (body, behind, _) = decode(b"1\r\nx\r\n0\r\n\r\nHTTP/1.1", 1000).unwrap();
        assert_eq!((body.as_slice(), behind), (b"x".as_slice(), 8));
    }

    #[test]
    fn cut_bodies_are_not_whole() {
        let whole = b"5\r\nhello\r\n0\r\n\r\n";
        for end in 0..whole.len() {
            let (_, _, decoder) = decode(&whole[..end], 100).unwrap();
            assert!(!decoder.has_ended(), "after {end} bytes");
            assert_eq!(decoder.has_all_data(), end >= 13, "after {end} bytes");
        }
    }

    #[test]
    fn what_is_no_chunk_is_refused() {
        let long = |begin: &str| format!("{begin}{}", "x".repeat(100_000));
        for input in [
            "x\r\n".to_owned(),
            "\r\n5\r\nhello".to_owned(),
            "-5\r\nhello".to_owned(),
            "5x\r\nhello".to_owned(),
            "0x5\r\nhello".to_owned(),
            "5\r\nhello!\r\n".to_owned(),
            "5\r\nhello\r\r\n".to_owned(),
            "5\r\nhello\n".to_owned(),
            "6\r\nhello\r\n".to_owned(),
            "5\rx\nhello".to_owned(),
            "5;a=\r;b\r\nhello".to_owned(),
            "5\r\r\nhello".to_owned(),
            "0\r\n\r\r\n".to_owned(),
            "0\r\nA: b\rC: d\r\n\r\n".to_owned(),
            "0\r\n\rA: b\r\n\r\n".to_owned(),
            "10000000000000000\r\n".to_owned(),
            "ffffffffffffffffffff\r\n".to_owned(),
            long("5;"),
            long("0\r\n"),
            "0".repeat(100_000),
            format!("0\r\n{}", "a: b\r\n".repeat(20_000)),
        ] {
            let shown = &input[..input.len().min(30)];
            assert!(decode(input.as_bytes(), 1000).is_err(), "{shown:?}");
        }
        assert!(decode(b"ffffffffffffffff\r\nhello", 100).is_ok());
    }
}
