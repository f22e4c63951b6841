//! Decodes a list to UTF-8 from gzip, and from UTF-16 with a byte order mark, in constant memory.
//!
//! The first two bytes decide; the first alone if it is text, as the second may come late from a live pipe.

use std::io::{self, BufRead, BufReader, Cursor, Read};

use flate2::bufread::GzDecoder;

use super::lines::read_once;

/// The bytes of a list.
pub(super) type Bytes = Box<dyn Read + Send>;

/// The size of the first read.
const READ: usize = 64 << 10;

/// The size of a read of UTF-16.
const READ_UTF16: usize = 8 << 10;

/// The size of a read of gzip. Its text must fit one read of text: the decoder returns the rest only after a further
/// read, which may block.
const READ_GZIP: usize = 2 << 10;

/// Stands for invalid UTF-16. It is invalid UTF-8, so that the line fails.
const NO_TEXT: u8 = 0xff;

/// The text of `list`. Blocks for its first byte.
///
/// # Errors
///
/// Those of `list`. A read gives `UnexpectedEof` if compressed data is cut short.
pub(super) fn text(list: Bytes) -> io::Result<Bytes> {
    let (mut mark, mut list) = peek(list)?;
    if mark == [0x1f, 0x8b] {
        let gzip = BufReader::with_capacity(READ_GZIP, list);
        (mark, list) = peek(Box::new(Gzip(Some(GzDecoder::new(gzip)))))?;
    }
    Ok(match mark {
        [0xff, 0xfe] => Box::new(Utf16::new(list, u16::from_le_bytes)),
        [0xfe, 0xff] => Box::new(Utf16::new(list, u16::from_be_bytes)),
        _ => list,
    })
}

/// The first two bytes of `list`, and all of it.
fn peek(mut list: Bytes) -> io::Result<([u8; 2], Bytes)> {
    let mut begun = vec![0; READ];
    let mut length = 0;
    while length == 0 || length == 1 && matches!(begun[0], 0x1f | 0xfe | 0xff) {
        match read_once(&mut list, &mut begun[length..])? {
            0 => break,
            count => length += count,
        }
    }
    let mark = [begun[0], begun[1]];
    begun.truncate(length);
    Ok((mark, Box::new(Cursor::new(begun).chain(list))))
}

/// The text of all members of a gzip file; `None` after the last, which zero bytes may follow.
struct Gzip(Option<GzDecoder<BufReader<Bytes>>>);

impl Read for Gzip {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        while let Some(member) = &mut self.0 {
            let count = member.read(into)?;
            if count > 0 || into.is_empty() {
                return Ok(count);
            }
            let Some(mut rest) = self.0.take().map(GzDecoder::into_inner) else {
                break;
            };
            self.0 = match skip_zeros(&mut rest)? {
                None => None,
                Some(0x1f) => Some(GzDecoder::new(rest)),
                Some(_) => {
                    let text = "there is more behind the compressed data";
                    return Err(io::Error::new(io::ErrorKind::InvalidData, text));
                }
            };
        }
        Ok(0)
    }
}

/// The next byte that is not zero, which stays unread.
fn skip_zeros(rest: &mut impl BufRead) -> io::Result<Option<u8>> {
    loop {
        let buffer = rest.fill_buf()?;
        if buffer.is_empty() {
            return Ok(None);
        }
        let zeros = buffer.iter().take_while(|byte| **byte == 0).count();
        let next = buffer.get(zeros).copied();
        rest.consume(zeros);
        if next.is_some() {
            return Ok(next);
        }
    }
}

/// UTF-16 as UTF-8.
struct Utf16 {
    reader: Bytes,
    unit: fn([u8; 2]) -> u16,
    /// Undecoded bytes: half a unit, or half a surrogate pair.
    raw: Vec<u8>,
    text: Cursor<Vec<u8>>,
}

impl Utf16 {
    fn new(reader: Bytes, unit: fn([u8; 2]) -> u16) -> Self {
        Self {
            reader,
            unit,
            raw: Vec::new(),
            text: Cursor::default(),
        }
    }

    /// Decodes the complete characters of `raw`, or at the end of the list all of it.
    fn decode(&mut self, ended: bool) {
        let pairs = self.raw.chunks_exact(2);
        let units = pairs.map(|pair| (self.unit)([pair[0], pair[1]]));
        let last = units.clone().next_back();
        let awaits_low = !ended && last.is_some_and(|unit| (0xd800..0xdc00).contains(&unit));
        let count = units.len() - usize::from(awaits_low);
        let mut text = Vec::with_capacity(3 * count);
        for decoded in char::decode_utf16(units.take(count)) {
            match decoded {
                Ok(c) => text.extend(c.encode_utf8(&mut [0; 4]).as_bytes()),
                Err(_) => text.push(NO_TEXT),
            }
        }
        self.raw.drain(..2 * count);
        if ended && !self.raw.is_empty() {
            self.raw.clear();
            text.push(NO_TEXT);
        }
        self.text = Cursor::new(text);
    }
}

impl Read for Utf16 {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        loop {
            match self.text.read(into)? {
                0 if !into.is_empty() => {}
                count => return Ok(count),
            }
            let kept = self.raw.len();
            self.raw.resize(kept + READ_UTF16, 0);
            let count = read_once(&mut self.reader, &mut self.raw[kept..]);
            self.raw.truncate(kept + *count.as_ref().unwrap_or(&0));
            if count? == 0 && kept == 0 {
                return Ok(0);
            }
            self.decode(self.raw.len() == kept);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::Compression;
    use flate2::write::GzEncoder;
    use std::io::Write;

    /// Reads that bring no more than this many bytes each.
    struct Drip(Cursor<Vec<u8>>, usize);

    impl Read for Drip {
        fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
            let most = self.1.min(into.len());
            self.0.read(&mut into[..most])
        }
    }

    fn read(bytes: &[u8], step: usize) -> (Vec<u8>, io::Result<usize>) {
        let mut out = Vec::new();
        let opened = text(Box::new(Drip(Cursor::new(bytes.to_vec()), step)));
        let end = opened.and_then(|mut text| text.read_to_end(&mut out));
        (out, end)
    }

    fn utf16(text: &str, bytes: fn(u16) -> [u8; 2]) -> Vec<u8> {
        text.encode_utf16().flat_map(bytes).collect()
    }

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn every_encoding_gives_the_same_text_however_reads_cut_it() {
        let list = "\u{feff}http://a/\u{e4}\u{20ac}\u{1f600}\r\n\0\n\u{ffff}".repeat(3);
        let [little, big] = [u16::to_le_bytes, u16::to_be_bytes].map(|of| utf16(&list, of));
        let half = gzip(&list.as_bytes()[..30]);
        let members = [half, gzip(&list.as_bytes()[30..]), gzip(b"")].concat();
        let padded = [members.clone(), vec![0; 512]].concat();
        let (zipped, plain) = (gzip(&little), list.clone().into_bytes());
        for step in (1..12).chain([5000]) {
            for bytes in [
                &plain,
                &little,
                &big,
                &gzip(list.as_bytes()),
                &members,
                &padded,
                &zipped,
            ] {
                let (text, end) = read(bytes, step);
                assert!(end.is_ok() && text == list.as_bytes(), "{step}: {bytes:?}");
            }
        }
    }

    #[test]
    fn what_only_begins_as_a_mark_is_left_as_it_is() {
        for bytes in [
            &b""[..],
            b"\x1f",
            b"\xff",
            b"\xfe",
            b"\x1f\n",
            b"\xff\xff",
            b"h",
        ] {
            assert_eq!(read(bytes, 1).0, bytes);
        }
    }

    #[test]
    fn utf_16_that_is_no_text_is_no_utf_8() {
        for (units, expected) in [
            (&[0xfeff, 0xd83d, 0x61][..], &b"\xffa"[..]),
            (&[0xfeff, 0xde00], b"\xff"),
            (&[0xfeff, 0x61, 0xd83d], b"a\xff"),
        ] {
            let bytes: Vec<u8> = units
                .iter()
                .flat_map(|unit: &u16| unit.to_le_bytes())
                .collect();
            for step in 1..5 {
                assert_eq!(read(&bytes, step).0[3..], *expected, "{units:x?}");
            }
        }
        assert_eq!(read(b"\xff\xfea\0b", 2).0[3..], *b"a\xff");
    }

    #[test]
    fn compressed_data_that_is_cut_short_gives_what_there_is_and_an_error() {
        let whole = gzip(b"http://a/\nhttp://b/\n");
        for length in 2..whole.len() {
            let (text, end) = read(&whole[..length], 7);
            assert!(b"http://a/\nhttp://b/\n".starts_with(&text[..]));
            let kind = end.expect_err("it is cut short").kind();
            assert_eq!(kind, io::ErrorKind::UnexpectedEof, "{length}");
        }
    }
}
