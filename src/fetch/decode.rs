//! Takes the content coding off a body that was asked for compressed: gzip and br.
//!
//! Decoding runs over the body as it streams, in bounded memory, so a small reply that unfolds into
//! gigabytes is stopped by the limit on the decoded size and not by the machine.

use std::io::{self, BufRead, BufReader, Read};

use brotli_decompressor::Decompressor;
use flate2::bufread::GzDecoder;
use ureq::http::{HeaderMap, header};

use super::failure::{Failure, FailureKind};

/// What decoders read of the body at a time.
const CODED: usize = 16 * 1024;

/// How a body is coded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Coding {
    Gzip,
    Brotli,
}

impl Coding {
    /// The coding of a reply; `None` when it has none. The error is the name of one that was not
    /// asked for.
    pub(crate) fn of(headers: &HeaderMap) -> Result<Option<Self>, String> {
        let mut found = None;
        for value in headers.get_all(header::CONTENT_ENCODING) {
            let value = String::from_utf8_lossy(value.as_bytes()).to_ascii_lowercase();
            for name in value.split(',').map(str::trim) {
                let coding = match name {
                    "" | "identity" => continue,
                    "gzip" | "x-gzip" => Self::Gzip,
                    "br" => Self::Brotli,
                    _ => return Err(name.to_owned()),
                };
                if found.replace(coding).is_some() {
                    return Err(value);
                }
            }
        }
        Ok(found)
    }

    /// The decoded body. An empty one is taken as it is: servers mark replies without a body as
    /// well.
    ///
    /// The end of the decoded body may come before that of `body`: see [`check_end`].
    pub(crate) fn decode<'a>(self, body: &'a mut impl BufRead) -> io::Result<Box<dyn Read + 'a>> {
        let begin = body.fill_buf()?;
        if begin.is_empty() {
            return Ok(Box::new(body));
        }
        let is_gzip = GZIP.starts_with(&begin[..begin.len().min(GZIP.len())]);
        Ok(match self {
            Self::Gzip if !is_gzip => return Err(failed("the body is not gzip")),
            Self::Gzip => Box::new(Gzip(Some(GzDecoder::new(body)))),
            Self::Brotli => Box::new(Brotli(Decompressor::new(body, CODED))),
        })
    }
}

/// What each member of a gzip body begins with (RFC 1952, 2.3.1).
const GZIP: [u8; 2] = [0x1f, 0x8b];

/// The decoder of gzip, which may have several members; `None` behind the last. It tells what is behind
/// that from a member that is cut.
struct Gzip<R: BufRead>(Option<GzDecoder<R>>);

impl<R: BufRead> Read for Gzip<R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        while let Some(member) = &mut self.0 {
            let amount = member.read(buf)?;
            if amount > 0 || buf.is_empty() {
                return Ok(amount);
            }
            let Some(mut body) = self.0.take().map(GzDecoder::into_inner) else {
                break;
            };
            match body.fill_buf()? {
                [] => {}
                [first, ..] if *first == GZIP[0] => self.0 = Some(GzDecoder::new(body)),
                _ => return Err(more_behind()),
            }
        }
        Ok(0)
    }
}

/// The decoder of br, which does not keep to itself what it has read behind the end.
struct Brotli<R: Read>(Decompressor<R>);

impl<R: Read> Read for Brotli<R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        match self.0.read(buf)? {
            // Only the read behind the one that tells of the end says that there are bytes left in
            // the decoder's own buffer.
            0 if !buf.is_empty() => self.0.read(buf).map_err(|_| more_behind()),
            amount => Ok(amount),
        }
    }
}

/// A body as [`Coding::decode`] takes it.
pub(crate) fn coded<R: Read>(body: R) -> BufReader<R> {
    BufReader::with_capacity(CODED, body)
}

/// Looks for the end of a body whose decoder has come to its own. A failure of the transfer is an
/// error even there, and so are bytes behind the end of the coding, of which nobody knows what they
/// are.
pub(crate) fn check_end(body: &mut impl BufRead) -> io::Result<()> {
    if body.fill_buf()?.is_empty() {
        return Ok(());
    }
    Err(more_behind())
}

fn more_behind() -> io::Error {
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
        for (values, coding) in [
            (&[][..], Ok(None)),
            (&["gzip"], Ok(Some(Coding::Gzip))),
            (&["X-GZip"], Ok(Some(Coding::Gzip))),
            (&["br"], Ok(Some(Coding::Brotli))),
            (&["identity"], Ok(None)),
            (&["identity, gzip"], Ok(Some(Coding::Gzip))),
            (&["zstd"], Err("zstd".to_owned())),
            (&["gzip, br"], Err("gzip, br".to_owned())),
        ] {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(header::CONTENT_ENCODING, value.parse().unwrap());
            }
            assert_eq!(Coding::of(&headers), coding, "{values:?}");
        }
    }
}
