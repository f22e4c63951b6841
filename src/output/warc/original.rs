//! The records that revisits refer to, read back from an archive.

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};

use flate2::bufread::GzDecoder;

use super::header::{Original, VERSION};
use crate::output::record::WarcPlace;

/// The longest header: two URLs of 64 KiB and some lines.
const LONGEST: u64 = 256 * 1024;

/// What the reply at `place` was, or referred to, if it is that of an attempt at `url` which began at `date`. A place in
/// another file of that name is of no use.
pub(crate) fn original_of(place: &WarcPlace, url: &str, date: &str) -> Option<Original> {
    // A pipe would wait for its writer.
    let file = fs::metadata(&*place.file)
        .ok()
        .filter(fs::Metadata::is_file);
    let file = file.and_then(|_| File::open(&*place.file).ok())?;
    let found = read_record(&file, place.offset).ok()?;
    let url = url.split('#').next().unwrap_or_default();
    (found.url == url && found.date == date).then_some(found.original)
}

/// What the reply at `offset` was, or referred to.
///
/// # Errors
///
/// There is no record with a reply.
pub(super) fn read(file: &File, offset: u64) -> io::Result<Original> {
    Ok(read_record(file, offset)?.original)
}

/// The header of a record with a reply.
struct Found {
    url: String,
    date: String,
    /// The record itself, or the one that it refers to.
    original: Original,
}

fn read_record(mut file: &File, offset: u64) -> io::Result<Found> {
    file.seek(SeekFrom::Start(offset))?;
    let record = GzDecoder::new(BufReader::with_capacity(4096, file));
    parse(record).map_err(|error| {
        let text = format!("no record can be read at byte {offset}: {error}");
        io::Error::new(io::ErrorKind::InvalidData, text)
    })
}

fn parse(record: impl Read) -> io::Result<Found> {
    let mut lines = BufReader::new(record.take(LONGEST)).lines();
    let first = lines.next().transpose()?;
    if first.as_deref() != Some(VERSION.trim_end()) {
        return Err(io::Error::other("it does not begin as a WARC record"));
    }
    let [mut url, mut date, mut digest, mut old_url, mut old_date] = [const { None }; 5];
    for line in lines {
        let line = line?;
        let Some((name, value)) = line.split_once(": ") else {
            break;
        };
        let field = match name {
            "WARC-Target-URI" => &mut url,
            "WARC-Date" => &mut date,
            "WARC-Payload-Digest" => &mut digest,
            "WARC-Refers-To-Target-URI" => &mut old_url,
            "WARC-Refers-To-Date" => &mut old_date,
            _ => continue,
        };
        *field = Some(value.to_owned());
    }
    let (Some(url), Some(date), Some(digest)) = (url, date, digest) else {
        return Err(io::Error::other("it has no URL, no date or no digest"));
    };
    let original = Original {
        url: old_url.unwrap_or_else(|| url.clone()),
        date: old_date.unwrap_or_else(|| date.clone()),
        digest,
    };
    Ok(Found {
        url,
        date,
        original,
    })
}
