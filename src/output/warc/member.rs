//! Gzip members, one for each WARC record.
//!
//! A member's header tells its length in an extra field (RFC 1952, 2.3.1.1), so that a reader gets from member to member
//! without decompressing.

use std::io::{self, Read, Seek, SeekFrom, Write};

use flate2::{Compress, Compression, Crc, FlushCompress, Status};

/// A member's header without the length: DEFLATE, an extra field, no time, no system; a subfield `FP` of 8 bytes.
pub(super) const HEADER: [u8; 16] = *b"\x1f\x8b\x08\x04\0\0\0\0\0\xff\x0c\0FP\x08\0";

/// Bytes of a member's header, with its length.
pub(super) const HEADER_LEN: usize = HEADER.len() + 8;

/// Records up to this size are stored: compressing a request saves a fifth, and takes longer than all else.
const STORED: usize = 1024;

/// Records up to this size are compressed with level 1, in half the time of the next level.
const SMALL: usize = 4096;

/// Level 6 makes pages smaller by 2 % and takes 1.8 times as long.
const LEVEL: Compression = Compression::new(4);

/// Most records fit.
const PIECE: usize = 64 * 1024;

/// Makes members. It is reused: setting up a compressor costs more than compressing a small page.
pub(super) struct MemberWriter {
    compress: Compress,
    input: Vec<u8>,
    output: Vec<u8>,
}

impl MemberWriter {
    pub(super) fn new() -> Self {
        Self {
            compress: Compress::new(LEVEL, false),
            input: vec![0; PIECE],
            output: vec![0; PIECE],
        }
    }

    /// Writes `record` as a member at the position of `to`. Returns its length.
    pub(super) fn write(
        &mut self,
        record: &mut dyn Read,
        to: &mut (impl Write + Seek),
    ) -> io::Result<u64> {
        let at = to.stream_position()?;
        to.write_all(&HEADER)?;
        to.write_all(&[0; 8])?;
        let mut crc = Crc::new();
        let mut amount = fill(record, &mut self.input)?;
        crc.update(&self.input[..amount]);
        if amount <= STORED {
            self.store(amount, to)?;
        } else {
            self.begin(amount)?;
            while amount == PIECE {
                self.compress(amount, FlushCompress::None, to)?;
                amount = fill(record, &mut self.input)?;
                crc.update(&self.input[..amount]);
            }
            self.compress(amount, FlushCompress::Finish, to)?;
        }
        to.write_all(&crc.sum().to_le_bytes())?;
        to.write_all(&crc.amount().to_le_bytes())?;
        let length = to.stream_position()? - at;
        to.seek(SeekFrom::Start(at + HEADER.len() as u64))?;
        to.write_all(&length.to_le_bytes())?;
        to.seek(SeekFrom::Start(at + length))?;
        Ok(length)
    }

    /// Writes the first `amount` bytes of the input as they are, in one last block (RFC 1951, 3.2.4).
    fn store(&self, amount: usize, to: &mut impl Write) -> io::Result<()> {
        let len = amount as u16;
        to.write_all(&[1])?;
        to.write_all(&len.to_le_bytes())?;
        to.write_all(&(!len).to_le_bytes())?;
        to.write_all(&self.input[..amount])
    }

    /// Begins to compress a record whose first piece has `amount` bytes.
    fn begin(&mut self, amount: usize) -> io::Result<()> {
        self.reset(Compression::fast())?;
        let level = match amount {
            PIECE if self.is_noise()? => Compression::none(),
            _ if amount <= SMALL => Compression::fast(),
            _ => LEVEL,
        };
        self.reset(level)
    }

    /// Whether the first piece becomes hardly smaller, as of an image or of a body with a content coding.
    fn is_noise(&mut self) -> io::Result<bool> {
        let flush = FlushCompress::Finish;
        let compressed = self.compress.compress(&self.input, &mut self.output, flush);
        compressed.map_err(io::Error::other)?;
        Ok(self.compress.total_out() > (PIECE - PIECE / 16) as u64)
    }

    fn reset(&mut self, level: Compression) -> io::Result<()> {
        self.compress.reset();
        self.compress.set_level(level).map_err(io::Error::other)
    }

    /// Compresses the first `amount` bytes of the input.
    fn compress(
        &mut self,
        amount: usize,
        flush: FlushCompress,
        to: &mut impl Write,
    ) -> io::Result<()> {
        let mut input = &self.input[..amount];
        loop {
            let (taken, made) = (self.compress.total_in(), self.compress.total_out());
            let compressed = self.compress.compress(input, &mut self.output, flush);
            let status = compressed.map_err(io::Error::other)?;
            input = &input[(self.compress.total_in() - taken) as usize..];
            to.write_all(&self.output[..(self.compress.total_out() - made) as usize])?;
            let has_more = !input.is_empty() || flush == FlushCompress::Finish;
            if status == Status::StreamEnd || !has_more {
                return Ok(());
            }
        }
    }
}

/// Reads until `buf` is full or `from` has ended. Returns the number of bytes.
fn fill(from: &mut dyn Read, buf: &mut [u8]) -> io::Result<usize> {
    let mut size = 0;
    while size < buf.len() {
        match from.read(&mut buf[size..])? {
            0 => break,
            amount => size += amount,
        }
    }
    Ok(size)
}

#[cfg(test)]
mod tests {
    use super::*;

    use flate2::bufread::GzDecoder;
    use std::io::Cursor;

    #[test]
    fn what_cannot_become_smaller_is_stored() {
        let mut noise = vec![0; 3 * PIECE];
        let random = ring::rand::SystemRandom::new();
        ring::rand::SecureRandom::fill(&random, &mut noise).unwrap();
        let text = b"some text ".repeat(PIECE);
        for (record, is_stored) in [(noise, true), (text, false)] {
            let mut member = Cursor::new(Vec::new());
            let mut writer = MemberWriter::new();
            let length = writer.write(&mut record.as_slice(), &mut member).unwrap();
            let mut read = Vec::new();
            let mut decoder = GzDecoder::new(member.get_ref().as_slice());
            decoder.read_to_end(&mut read).unwrap();
            assert!(read == record && length < record.len() as u64 + 1000);
            // A stored block begins with its type and its length.
            assert_eq!(member.get_ref()[HEADER_LEN] & 6 == 0, is_stored);
        }
    }

    #[test]
    fn members_decompress_and_tell_their_lengths() {
        let mut writer = MemberWriter::new();
        let mut file = Cursor::new(Vec::new());
        let sizes = [
            0,
            1,
            STORED,
            STORED + 1,
            SMALL,
            SMALL + 1,
            PIECE - 1,
            PIECE,
            PIECE + 1,
            3 * PIECE,
        ];
        let records = sizes.map(|size| {
            let byte = |n: usize| (n.wrapping_mul(n) >> 7) as u8;
            (0..size).map(byte).collect::<Vec<u8>>()
        });
        let lengths = records
            .each_ref()
            .map(|record| writer.write(&mut record.as_slice(), &mut file).unwrap());
        let mut rest = file.get_ref().as_slice();
        for (record, length) in records.iter().zip(lengths) {
            let (member, behind) = rest.split_at(length as usize);
            assert!(member.starts_with(&HEADER));
            assert_eq!(member[HEADER.len()..HEADER_LEN], length.to_le_bytes());
            let mut read = Vec::new();
            GzDecoder::new(member).read_to_end(&mut read).unwrap();
            assert!(read == *record, "{} bytes", record.len());
            rest = behind;
        }
        assert_eq!(rest, b"");
    }
}
