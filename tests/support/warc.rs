//! Reads an archive back, and checks it: members, lengths and digests. It shares no code with the program.

use flate2::bufread::GzDecoder;
use ring::digest::{SHA256, digest};
use std::io::Read;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

/// A record of an archive.
#[derive(Debug)]
pub(crate) struct WarcRecord {
    pub(crate) offset: usize,
    /// Bytes of its member.
    pub(crate) length: usize,
    headers: Vec<(String, String)>,
    pub(crate) block: Vec<u8>,
}

impl WarcRecord {
    /// The value of a header, which is there once.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        let mut values = self.headers.iter().filter(|(have, _)| have == name);
        let value = values.next().map(|(_, value)| value.as_str());
        assert!(values.next().is_none(), "{name} twice: {self:?}");
        value
    }

    pub(crate) fn kind(&self) -> &str {
        self.get("WARC-Type").expect("each record has a type")
    }

    /// The block of HTTP behind its head.
    pub(crate) fn payload(&self) -> &[u8] {
        let end = self.block.windows(4).position(|four| four == b"\r\n\r\n");
        &self.block[end.expect("a head ends in an empty line") + 4..]
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.block).into_owned()
    }
}

/// The records of the archive at `path`. `.ci/lab/warc` gets a copy of each archive, for other judges.
pub(crate) fn read_archive(path: &Path) -> Vec<WarcRecord> {
    let bytes = std::fs::read(path).expect("there is an archive");
    if let Some(judged) = std::env::var_os("FETCHPOOL_ARCHIVES") {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let name = format!("{}.warc.gz", COUNT.fetch_add(1, Ordering::Relaxed));
        std::fs::write(Path::new(&judged).join(name), &bytes).expect("it can be copied");
    }
    let mut records = Vec::new();
    let mut offset = 0;
    while offset < bytes.len() {
        let length = bytes[offset + 16..offset + 24].try_into().expect("8 bytes");
        let length = u64::from_le_bytes(length) as usize;
        let mut member = GzDecoder::new(&bytes[offset..offset + length]);
        let mut text = Vec::new();
        member.read_to_end(&mut text).expect("it is a whole member");
        assert!(member.into_inner().is_empty(), "one member has the length");
        records.push(parse(&text, offset, length));
        offset += length;
    }
    assert_eq!(records[0].kind(), "warcinfo");
    records
}

fn parse(text: &[u8], offset: usize, length: usize) -> WarcRecord {
    let end = text.windows(4).position(|four| four == b"\r\n\r\n");
    let end = end.expect("the header ends");
    let header = std::str::from_utf8(&text[..end]).expect("the header is text");
    let mut lines = header.split("\r\n");
    assert_eq!(lines.next(), Some("WARC/1.1"));
    let field = |line: &str| {
        let (name, value) = line.split_once(": ").expect("a line has a name");
        (name.to_owned(), value.to_owned())
    };
    let block = text[end + 4..].strip_suffix(b"\r\n\r\n");
    let record = WarcRecord {
        offset,
        length,
        headers: lines.map(field).collect(),
        block: block.expect("a record ends in two line breaks").to_vec(),
    };
    check(&record);
    record
}

fn check(record: &WarcRecord) {
    let told = record.get("Content-Length").map(str::parse);
    assert_eq!(told, Some(Ok(record.block.len())), "{record:?}");
    if let Some(digest) = record.get("WARC-Block-Digest") {
        assert_eq!(digest, sha256(&record.block), "{record:?}");
    }
    if record.kind() == "response" {
        let digest = record.get("WARC-Payload-Digest");
        assert_eq!(digest, Some(&*sha256(record.payload())), "{record:?}");
    }
}

fn sha256(bytes: &[u8]) -> String {
    let digest = digest(&SHA256, bytes);
    let digits = digest.as_ref().iter();
    "sha256:".to_owned() + &digits.map(|byte| format!("{byte:02x}")).collect::<String>()
}
