//! Takes the content coding off a body that was asked for compressed: gzip and br.
//!
//! Decoding runs over the body as it streams, in bounded memory, so a small reply that unfolds into
//! gigabytes is stopped by the limit on the decoded size and not by the machine.

use std::io::{self, BufRead, BufReader, Read};

use brotli_decompressor::Decompressor;
use flate2::bufread::MultiGzDecoder;
use ureq::http::{HeaderMap, header};

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
        if body.fill_buf()?.is_empty() {
            return Ok(Box::new(body));
        }
        Ok(match self {
            Self::Gzip => Box::new(MultiGzDecoder::new(body)),
            Self::Brotli => Box::new(Brotli(Decompressor::new(body, CODED))),
        })
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
    let text = "there is more behind the end of the compressed data";
    io::Error::new(io::ErrorKind::InvalidData, text)
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
