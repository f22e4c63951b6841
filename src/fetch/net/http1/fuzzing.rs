//! Checks of the framing of replies, for any bytes and any sizes of reads.

use super::chunked::Chunked;
use super::head::{HeadScanner, HeadStatus};
use super::recorded::wanted_headers;
use super::reply::inspect;
use crate::fetch::RecordHeaders;

/// Splits `data` into the size of a read, its first byte, and what the server sends.
fn split(data: &[u8]) -> (usize, &[u8]) {
    data.split_first()
        .map_or((1, data), |(&step, rest)| (usize::from(step) + 1, rest))
}

/// The end of a head is the same for all sizes of reads, a reduced head is valid, and a recorded header is one line.
pub(crate) fn head(data: &[u8]) {
    let (step, bytes) = split(data);
    let (whole, dripped) = (scan(bytes, usize::MAX), scan(bytes, step));
    if let (HeadStatus::Bad(_), HeadStatus::Bad(_)) = (&whole, &dripped) {
        return;
    }
    assert_eq!(whole, dripped);
    if let HeadStatus::Whole(end) = whole {
        let mut heads = bytes[..end].windows(5);
        let begin = heads.rposition(|window| window == b"HTTP/");
        check_reduced(&bytes[begin.unwrap_or_default()..end]);
        check_reduced(&bytes[..end]);
    }
}

/// Where the head ends, as the transport finds it in reads of `step` bytes.
fn scan(bytes: &[u8], step: usize) -> HeadStatus {
    let mut scanner = HeadScanner::default();
    let (mut from, mut to) = (0, 0);
    loop {
        match scanner.scan(&bytes[from..to]) {
            HeadStatus::Skip(amount) => {
                assert!(0 < amount && amount <= to - from);
                from += amount;
            }
            HeadStatus::Whole(size) => return HeadStatus::Whole(from + size),
            HeadStatus::Partial if to < bytes.len() => {
                to = bytes.len().min(to.saturating_add(step));
            }
            other => return other,
        }
    }
}

fn check_reduced(head: &[u8]) {
    for (name, values) in wanted_headers(head, &RecordHeaders::All).unwrap_or_default() {
        assert!(!name.is_empty() && !values.is_empty());
        assert!(values.iter().all(|value| !value.contains(['\r', '\n'])));
    }
    let Ok(inspected) = inspect(head) else { return };
    let shown = inspected.reduced;
    assert!(shown.len() <= head.len(), "it has grown");
    assert!(shown.ends_with(b"\n\n"));
    let again = inspect(&shown).expect("a reduced head is a head");
    assert!(again.chunked.is_none(), "the coding was taken off");
    assert_eq!(again.reduced, shown, "there is nothing left to drop");
    assert_eq!(again.stays_open, inspected.stays_open);
    let lines = shown.iter().filter(|&&byte| byte == b'\n').count();
    assert!(lines < 100, "too many for the library");
}

/// A body in chunks is the same for all sizes of reads, and never longer than what came.
pub(crate) fn chunked(data: &[u8]) {
    let (step, bytes) = split(data);
    let whole = decode(bytes, usize::MAX);
    assert_eq!(whole, decode(bytes, step));
    if let Ok((body, behind, ended, has_all)) = whole {
        assert!(body.len() + behind <= bytes.len());
        assert!(ended || behind == 0);
        assert!(has_all || !ended);
    }
}

/// The body, how much came after it, and whether it has ended and has all data.
type Decoded = Result<(Vec<u8>, usize, bool, bool), &'static str>;

fn decode(bytes: &[u8], step: usize) -> Decoded {
    let mut chunked = Chunked::default();
    let (mut body, mut behind) = (Vec::new(), 0);
    for read in bytes.chunks(step.min(bytes.len().max(1))) {
        let mut read = read.to_vec();
        let (kept, more) = chunked.decode(&mut read)?;
        body.extend_from_slice(&read[..kept]);
        behind += more;
    }
    Ok((body, behind, chunked.has_ended(), chunked.has_all_data()))
}
