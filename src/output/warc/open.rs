//! Opens the file of an archive: finds its end, and cuts off a member that a crash has torn.
//!
//! A power cut may leave zeros in place of the last bytes: they are cut off as well. A file that is not an archive of
//! fetchpool, or that is damaged, is not touched.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::path::Path;

use flate2::bufread::GzDecoder;

use super::header::VERSION;
use super::member::{HEADER, HEADER_LEN};
use crate::output::lock::try_lock;

/// Bytes behind a member's data: its checksum and its size. They are not all zeros.
const TRAILER_LEN: u64 = 8;

/// The file of an archive.
pub(super) struct Opened {
    pub(super) file: File,
    /// Where the members end.
    pub(super) end: u64,
    /// Bytes of a torn member that were cut off.
    pub(super) torn: u64,
}

/// Opens `path` and locks it, or creates it.
///
/// # Errors
///
/// It cannot be written, another run has it, or it is no archive of fetchpool.
pub(super) fn open(path: &Path) -> io::Result<Opened> {
    match fs::metadata(path) {
        Ok(metadata) if metadata.is_dir() => return refuse("it is a directory; give a file"),
        Ok(metadata) if !metadata.is_file() => return refuse("it is not a regular file"),
        _ => {}
    }
    let mut options = OpenOptions::new();
    let options = options.read(true).write(true).create(true);
    let file = options.truncate(false).open(path)?;
    // An error means that the file system has no locks.
    if matches!(try_lock(&file), Ok(false)) {
        return refuse("another run appends to it; give each run a file of its own");
    }
    let len = file.metadata()?.len();
    let end = end_of_members(&file, len)?;
    if end < len {
        file.set_len(end)?;
    }
    Ok(Opened {
        file,
        end,
        torn: len - end,
    })
}

/// Where the last whole member ends. Only a member that reaches past the end of the file, and zeros, may follow.
fn end_of_members(file: &File, len: u64) -> io::Result<u64> {
    let data_end = end_of_data(file, len)?;
    let mut at = 0;
    while at < len {
        // A file of zeros is no archive.
        let until = if at == 0 { len } else { data_end };
        let Some(length) = member_length(file, at, until)? else {
            return Ok(at);
        };
        if at == 0 && !begins_with_warcinfo(file)? {
            return refuse_foreign();
        }
        let is_whole = |next: &u64| {
            length > HEADER_LEN as u64 && *next <= len && *next < data_end + TRAILER_LEN
        };
        match at.checked_add(length).filter(is_whole) {
            Some(next) => at = next,
            None if is_torn(file, at, data_end)? => return Ok(at),
            None => return refuse_damaged(at),
        }
    }
    Ok(at)
}

/// Where the zeros begin with which the file ends.
fn end_of_data(file: &File, len: u64) -> io::Result<u64> {
    let mut end = len;
    let mut bytes = Vec::new();
    while end > 0 {
        let begin = end.saturating_sub(64 * 1024);
        bytes.clear();
        from(file, begin)?
            .take(end - begin)
            .read_to_end(&mut bytes)?;
        if let Some(last) = bytes.iter().rposition(|byte| *byte != 0) {
            return Ok(begin + last as u64 + 1);
        }
        end = begin;
    }
    Ok(0)
}

/// The length that the member at `at` has in its header; `None` if the data, up to `until`, ends in the header.
fn member_length(file: &File, at: u64, until: u64) -> io::Result<Option<u64>> {
    let mut head = Vec::with_capacity(HEADER_LEN);
    from(file, at)?
        .take(until.saturating_sub(at).min(HEADER_LEN as u64))
        .read_to_end(&mut head)?;
    let shorter = head.len().min(HEADER.len());
    if head[..shorter] != HEADER[..shorter] {
        return if at == 0 {
            refuse_foreign()
        } else {
            refuse_damaged(at)
        };
    }
    let length = head.get(HEADER.len()..HEADER_LEN);
    let length = length.and_then(|bytes| bytes.try_into().ok());
    Ok(length.map(u64::from_le_bytes))
}

/// Whether the first record is a warcinfo, or the file ends before it can tell.
fn begins_with_warcinfo(file: &File) -> io::Result<bool> {
    let expected = format!("{VERSION}WARC-Type: warcinfo\r\n");
    let mut begin = Vec::new();
    let record = GzDecoder::new(BufReader::new(from(file, 0)?));
    match record.take(expected.len() as u64).read_to_end(&mut begin) {
        Err(error) if error.kind() != io::ErrorKind::UnexpectedEof => Ok(false),
        _ => Ok(expected.as_bytes().starts_with(&begin)),
    }
}

/// Whether the data, up to `until`, ends within the member at `at`, so that its length was not read wrongly.
fn is_torn(file: &File, at: u64, until: u64) -> io::Result<bool> {
    let data = from(file, at)?.take(until.saturating_sub(at));
    let mut member = GzDecoder::new(BufReader::new(data));
    let read = io::copy(&mut member, &mut io::sink());
    Ok(read.is_err_and(|error| error.kind() == io::ErrorKind::UnexpectedEof))
}

fn from(mut file: &File, at: u64) -> io::Result<&File> {
    file.seek(SeekFrom::Start(at))?;
    Ok(file)
}

fn refuse_foreign<T>() -> io::Result<T> {
    refuse("it is no archive that fetchpool has written; give another file")
}

fn refuse_damaged<T>(at: u64) -> io::Result<T> {
    let text = format!("at byte {at} is no record of an archive; repair it, or give another file");
    refuse(&text)
}

fn refuse<T>(text: &str) -> io::Result<T> {
    Err(io::Error::new(io::ErrorKind::InvalidData, text))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::warc::member::MemberWriter;

    /// An archive, and where each of its members begins.
    fn archive() -> (Vec<u8>, Vec<usize>) {
        let mut file = io::Cursor::new(Vec::new());
        let mut writer = MemberWriter::new();
        let mut begins = Vec::new();
        let text = (0..9000).map(|n: u32| n.to_string()).collect::<String>();
        for record in ["WARC-Type: warcinfo\r\n", "WARC-Type: request\r\n", &text] {
            begins.push(file.position() as usize);
            let record = format!("{VERSION}{record}");
            writer.write(&mut record.as_bytes(), &mut file).unwrap();
            file.set_position(file.get_ref().len() as u64);
        }
        (file.into_inner(), begins)
    }

    fn opened(content: &[u8]) -> io::Result<Opened> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.warc.gz");
        fs::write(&path, content).unwrap();
        let opened = open(&path);
        assert!(opened.is_ok() || fs::read(&path).unwrap() == content);
        opened
    }

    #[test]
    fn zeros_in_place_of_the_last_bytes_are_cut_off() {
        let (whole, begins) = archive();
        for zeros in [1, 15, 24, 5000, 200_000] {
            let content = [&whole[..], &vec![0; zeros]].concat();
            let opened = opened(&content).unwrap();
            let found = (opened.end, opened.torn);
            assert_eq!(found, (whole.len() as u64, zeros as u64));
        }
        let last = begins[2];
        for kept in [
            last,
            last + 2,
            last + 17,
            last + 30,
            last + 4096,
            whole.len() - 8,
        ] {
            for len in [whole.len() - 9, whole.len(), whole.len() + 70_000] {
                let mut content = whole[..kept.min(len)].to_vec();
                content.resize(len, 0);
                let opened = opened(&content).unwrap();
                assert_eq!(opened.end, last as u64, "{kept} of {len}");
            }
        }
    }

    #[test]
    fn other_zeros_are_damage() {
        let (whole, begins) = archive();
        for at in &begins[1..] {
            let mut content = whole.clone();
            content[*at..at + 20].fill(0);
            let error = opened(&content).err().unwrap().to_string();
            assert!(error.contains(&format!("at byte {at} ")), "{error}");
        }
        let content = [&whole[..], &[0; 5000], b"x"].concat();
        assert!(opened(&content).is_err());
        let foreign = opened(&[0; 5000]).err().unwrap().to_string();
        assert!(foreign.contains("no archive"), "{foreign}");
    }
}
