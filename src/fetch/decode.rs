//! Decodes the content codings of a body: gzip, deflate, br and zstd, up to five nested.
//!
//! Decoding streams in bounded memory. The limits of the attempt stop a small reply that expands to gigabytes.

use std::io::{self, BufRead, BufReader, Chain, Cursor, Read};
use std::mem;

use brotli_decompressor::{BrotliDecompressStream, BrotliResult, BrotliState, StandardAlloc};
use flate2::bufread::{DeflateDecoder, GzDecoder, ZlibDecoder};
use http::{HeaderMap, header};
use zstd::zstd_safe::zstd_sys::ZSTD_ErrorCode;

use super::failure::{Failure, FailureKind};
use super::net::MOST_CODINGS;

/// How many bytes a decoder reads at a time.
const CODED: usize = 16 * 1024;

/// The largest window of a zstd frame, as a power of two: 8 MiB (RFC 9659).
const ZSTD_WINDOW_LOG: u32 = 23;

/// The first bytes of each member of a gzip body (RFC 1952, 2.3.1).
const GZIP: [u8; 2] = [0x1f, 0x8b];
/// The first bytes of a zstd frame (RFC 8878, 3.1.1).
const ZSTD: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Coding {
    Gzip,
    Deflate,
    Brotli,
    Zstd,
}

impl Coding {
    /// The codings of a reply, in the order in which they were applied. Empty if one is unknown: it was not asked for,
    /// and the body stays as it is.
    pub(super) fn of(headers: &HeaderMap) -> Result<Vec<Self>, Failure> {
        let mut found = Vec::new();
        for name in names(headers) {
            found.push(match name.as_str() {
                "gzip" | "x-gzip" => Self::Gzip,
                "deflate" => Self::Deflate,
                "br" => Self::Brotli,
                "zstd" => Self::Zstd,
                _ => return Ok(Vec::new()),
            });
        }
        if found.len() > MOST_CODINGS {
            let text = format!("the body has more than {MOST_CODINGS} content codings");
            return Err(Failure::new(FailureKind::Protocol, text));
        }
        Ok(found)
    }
}

/// The codings that `headers` name, without those that mean none.
fn names(headers: &HeaderMap) -> Vec<String> {
    let mut names = Vec::new();
    for value in headers.get_all(header::CONTENT_ENCODING) {
        let list = String::from_utf8_lossy(value.as_bytes()).to_ascii_lowercase();
        names.extend(list.split(',').map(|name| name.trim().to_owned()));
    }
    names.retain(|name| !matches!(name.as_str(), "" | "identity" | "none"));
    names
}

/// Whether `headers` name a coding, known or not.
pub(super) fn has_coding(headers: &HeaderMap) -> bool {
    !names(headers).is_empty()
}

/// Decodes `body` and reads it to its end. An error of the transfer after the end of the coding is an error, and so are
/// bytes after it.
///
/// `check` runs before each piece: a body can expand for hours without a byte from the network.
pub(super) fn decoded<'a>(
    codings: &[Coding],
    body: impl Read + 'a,
    check: &'a dyn Fn() -> Result<(), Failure>,
) -> io::Result<Box<dyn Read + 'a>> {
    let mut body: Box<dyn Read + 'a> = Box::new(body);
    for coding in codings.iter().rev() {
        let mut coded = BufReader::with_capacity(CODED, body);
        let mut begin = Vec::new();
        coded.by_ref().take(4).read_to_end(&mut begin)?;
        if begin.is_empty() {
            // An empty body has no coding, though servers name one.
            return Ok(Box::new(io::empty()));
        }
        let decoder = coding.decoder(begin, coded)?;
        body = Box::new(Layer { decoder, check });
    }
    Ok(body)
}

/// One coding of a body.
struct Layer<'a> {
    decoder: Decoder<'a>,
    check: &'a dyn Fn() -> Result<(), Failure>,
}

type Coded<'a> = Chain<Cursor<Vec<u8>>, BufReader<Box<dyn Read + 'a>>>;

enum Decoder<'a> {
    Gzip(GzDecoder<Coded<'a>>),
    Zlib(ZlibDecoder<Coded<'a>>),
    Deflate(DeflateDecoder<Coded<'a>>),
    Brotli(Box<Brotli<Coded<'a>>>),
    /// Reads all frames, and skips those without data.
    Zstd(zstd::Decoder<'static, Coded<'a>>),
    Ended,
}

impl Read for Layer<'_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        loop {
            (self.check)().map_err(io::Error::other)?;
            let amount = match &mut self.decoder {
                Decoder::Gzip(decoder) => decoder.read(buf)?,
                Decoder::Zlib(decoder) => decoder.read(buf)?,
                Decoder::Deflate(decoder) => decoder.read(buf)?,
                Decoder::Brotli(decoder) => decoder.read(buf)?,
                Decoder::Zstd(decoder) => decoder.read(buf).map_err(zstd_failure)?,
                Decoder::Ended => 0,
            };
            if amount > 0 || buf.is_empty() || !self.start_next_member()? {
                return Ok(amount);
            }
        }
    }
}

impl Layer<'_> {
    /// Starts the next member of a gzip body. `false` is the end of the body.
    fn start_next_member(&mut self) -> io::Result<bool> {
        let (mut body, is_gzip) = match mem::replace(&mut self.decoder, Decoder::Ended) {
            Decoder::Gzip(decoder) => (decoder.into_inner(), true),
            Decoder::Zlib(decoder) => (decoder.into_inner(), false),
            Decoder::Deflate(decoder) => (decoder.into_inner(), false),
            Decoder::Brotli(decoder) => (decoder.body, false),
            Decoder::Zstd(decoder) => (decoder.finish(), false),
            Decoder::Ended => return Ok(false),
        };
        match body.fill_buf()? {
            [] => Ok(false),
            [first, ..] if is_gzip && *first == GZIP[0] => {
                self.decoder = Decoder::Gzip(GzDecoder::new(body));
                Ok(true)
            }
            _ => Err(trailing_bytes()),
        }
    }
}

impl Coding {
    /// The decoder of a body that begins with `begin`, one to four bytes.
    fn decoder(
        self,
        begin: Vec<u8>,
        rest: BufReader<Box<dyn Read + '_>>,
    ) -> io::Result<Decoder<'_>> {
        let is = |magic: &[u8]| begin.starts_with(magic) || magic.starts_with(&begin);
        match self {
            Self::Gzip if !is(&GZIP) => return Err(failed("the body is not gzip")),
            Self::Zstd if !is(&ZSTD) && !is_skippable(&begin) => {
                return Err(failed("the body is not zstd"));
            }
            _ => {}
        }
        let is_zlib = is_zlib(&begin);
        let body = Cursor::new(begin).chain(rest);
        Ok(match self {
            Self::Gzip => Decoder::Gzip(GzDecoder::new(body)),
            Self::Deflate if is_zlib => Decoder::Zlib(ZlibDecoder::new(body)),
            Self::Deflate => Decoder::Deflate(DeflateDecoder::new(body)),
            Self::Brotli => Decoder::Brotli(Box::new(Brotli::new(body))),
            Self::Zstd => {
                let mut decoder = zstd::Decoder::with_buffer(body)?;
                decoder.window_log_max(ZSTD_WINDOW_LOG)?;
                Decoder::Zstd(decoder)
            }
        })
    }
}

/// Whether a zstd body begins with a frame without data (RFC 8878, 3.1.2).
fn is_skippable(begin: &[u8]) -> bool {
    matches!(begin, [0x50..=0x5f, 0x2a, 0x4d, 0x18])
}

/// Whether a `deflate` body has the zlib format (RFC 1950, 2.2), as RFC 9110 says. Many servers send raw deflate.
fn is_zlib(begin: &[u8]) -> bool {
    matches!(begin, [method, flags, ..]
        if method & 0x8f == 8 && u16::from_be_bytes([*method, *flags]).is_multiple_of(31))
}

/// Decodes br. The library's own reader accepts windows of up to 1 GiB, which RFC 7932 does not allow.
struct Brotli<R> {
    body: R,
    state: BrotliState<StandardAlloc, StandardAlloc, StandardAlloc>,
}

impl<R: BufRead> Brotli<R> {
    fn new(body: R) -> Self {
        let alloc = StandardAlloc::default;
        let state = BrotliState::new_strict(alloc(), alloc(), alloc());
        Self { body, state }
    }
}

impl<R: BufRead> Read for Brotli<R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        loop {
            let input = self.body.fill_buf()?;
            let (mut room, mut written, mut left, mut used) = (buf.len(), 0, input.len(), 0);
            let result = BrotliDecompressStream(
                &mut left,
                &mut used,
                input,
                &mut room,
                &mut written,
                buf,
                &mut 0,
                &mut self.state,
            );
            let is_end = input.is_empty();
            self.body.consume(used);
            match result {
                _ if written > 0 => return Ok(written),
                BrotliResult::ResultSuccess => return Ok(0),
                BrotliResult::ResultFailure => return Err(io::ErrorKind::InvalidData.into()),
                BrotliResult::NeedsMoreInput if is_end => {
                    return Err(io::ErrorKind::UnexpectedEof.into());
                }
                BrotliResult::NeedsMoreInput | BrotliResult::NeedsMoreOutput => {}
            }
        }
    }
}

fn zstd_failure(error: io::Error) -> io::Error {
    let is = |kind| {
        let inner = error
            .get_ref()
            .and_then(|e| e.downcast_ref::<zstd::Error>());
        inner.is_some_and(|error| error.is(kind))
    };
    if is(ZSTD_ErrorCode::ZSTD_error_frameParameter_windowTooLarge) {
        return failed(
            "the zstd body needs a window of more than 8 MiB, which RFC 9659 does not allow",
        );
    }
    if is(ZSTD_ErrorCode::ZSTD_error_prefix_unknown) {
        return trailing_bytes();
    }
    error
}

fn trailing_bytes() -> io::Error {
    failed("there is more behind the end of the compressed body")
}

fn failed(text: &str) -> io::Error {
    io::Error::other(Failure::new(FailureKind::Body, text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codings_as_servers_name_them() {
        use Coding::{Brotli, Deflate, Gzip, Zstd};
        let table: [(&[&str], &[Coding]); 14] = [
            (&[], &[]),
            (&["gzip"], &[Gzip]),
            (&["X-GZip"], &[Gzip]),
            (&["deflate"], &[Deflate]),
            (&["br"], &[Brotli]),
            (&["zstd"], &[Zstd]),
            (&["identity"], &[]),
            (&["none"], &[]),
            (&["identity, gzip,none"], &[Gzip]),
            (&["gzip, br"], &[Gzip, Brotli]),
            (&["gzip", "br,,zstd"], &[Gzip, Brotli, Zstd]),
            (
                &["gzip,gzip", "br,deflate,zstd"],
                &[Gzip, Gzip, Brotli, Deflate, Zstd],
            ),
            (&["compress"], &[]),
            (&["aws-chunked, gzip"], &[]),
        ];
        for (values, codings) in table {
            assert_eq!(Coding::of(&headers(values)).unwrap(), codings, "{values:?}");
        }
        let six = Coding::of(&headers(&["gzip, br, gzip", "br, gzip, br"]));
        assert_eq!(six.unwrap_err().kind(), FailureKind::Protocol);
    }

    fn headers(values: &[&str]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(header::CONTENT_ENCODING, value.parse().unwrap());
        }
        headers
    }

    #[test]
    fn deflate_is_told_from_zlib() {
        for (begin, wanted) in [
            (&[0x78, 0x01][..], true),
            (&[0x78, 0x5e], true),
            (&[0x78, 0x9c], true),
            (&[0x78, 0xda], true),
            (&[0x08, 0x1d], true),
            (&[0x78, 0x02], false),
            (&[0x78], false),
            (&[0x88, 0x1c], false),
            (&[0x4b, 0x4c], false),
            (&[0x01, 0x05], false),
            (&[0x03, 0x00], false),
        ] {
            assert_eq!(is_zlib(begin), wanted, "{begin:02x?}");
        }
    }

    /// Gives a byte at a time.
    struct Drip<'a>(&'a [u8]);

    impl Read for Drip<'_> {
        fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
            let amount = buf.len().min(1);
            self.0.read(&mut buf[..amount])
        }
    }

    #[test]
    fn bodies_come_to_the_same_however_reads_cut_and_whatever_is_wrong_with_them() {
        let deflated = |format| {
            let mut out = Vec::new();
            let mut encoder = flate2::Compress::new(Default::default(), format);
            out.reserve(100);
            let end = flate2::FlushCompress::Finish;
            encoder.compress_vec(b"hello hello", &mut out, end).unwrap();
            out
        };
        let gzip =
            b"\x1f\x8b\x08\0\0\0\0\0\x02\x03\xcb\x48\xcd\xc9\xc9\x07\0\x86\xa6\x10\x36\x05\0\0\0";
        for (coding, whole) in [
            (Coding::Gzip, gzip.repeat(2)),
            (Coding::Deflate, deflated(true)),
            (Coding::Deflate, deflated(false)),
            (Coding::Brotli, b"\x0b\x02\x80hello\x03".to_vec()),
            (
                Coding::Zstd,
                zstd::encode_all(&b"hello"[..], 1).unwrap().repeat(2),
            ),
        ] {
            let plain = |body: &[u8], in_drips| {
                let body: Box<dyn Read> = if in_drips {
                    Box::new(Drip(body))
                } else {
                    Box::new(body)
                };
                let mut out = Vec::new();
                let mut limited = decoded(&[coding], body, &|| Ok(())).ok()?.take(1 << 20);
                limited.read_to_end(&mut out).ok().map(|_| out)
            };
            let wanted = plain(&whole, false).expect("it is whole");
            assert!(wanted.starts_with(b"hello"), "{coding:?}");
            assert_eq!(plain(&whole, true), Some(wanted));
            for at in 0..whole.len() {
                for bit in [0x01, 0x80, 0xff] {
                    let mut wrong = whole.clone();
                    wrong[at] ^= bit;
                    assert_eq!(
                        plain(&wrong, true),
                        plain(&wrong, false),
                        "{coding:?} {wrong:02x?}"
                    );
                }
                assert_eq!(plain(&whole[..at], true), plain(&whole[..at], false));
            }
        }
    }
}
