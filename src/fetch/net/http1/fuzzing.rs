//! Checks of the framing of replies, for any bytes and any sizes of reads.

use super::chunked::Chunked;
use super::framing::Framing;
use super::head::{HeadReader, HeadStatus, inspect};
use super::recorded::wanted_headers;
use crate::fetch::RecordHeaders;

/// Splits `data` into the size of a read, its first byte, and what the server sends.
fn split(data: &[u8]) -> (usize, &[u8]) {
    data.split_first()
        .map_or((1, data), |(&step, rest)| (usize::from(step) + 1, rest))
}

/// A head is read the same for all sizes of reads, a reduced head is valid, and a recorded header is one line.
pub(crate) fn head(data: &[u8]) {
    let (step, bytes) = split(data);
    let (whole, dripped) = (read(bytes, usize::MAX), read(bytes, step));
    if let (HeadStatus::Bad(_), HeadStatus::Bad(_)) = (&whole.0, &dripped.0) {
        return;
    }
    assert_eq!(whole, dripped);
    if let (HeadStatus::Whole, _, Some(head), _) = whole {
        check_reduced(&head);
    }
}

/// Reads a head as the transport does, in reads of `step` bytes. Returns how many are read, the head as it came, and
/// what it says.
fn read(bytes: &[u8], step: usize) -> (HeadStatus, usize, Option<Vec<u8>>, String) {
    let mut reader = HeadReader::new(Vec::new(), true);
    let (mut from, mut to) = (0, 0);
    loop {
        let (amount, status) = reader.read(&bytes[from..to]);
        assert!(amount <= to - from);
        from += amount;
        match status {
            HeadStatus::Whole => {
                let finished = reader.finish();
                let told = format!("{finished:?}");
                let raw = finished.ok().and_then(|(_, raw)| raw);
                return (HeadStatus::Whole, from, raw, told);
            }
            HeadStatus::Partial if to < bytes.len() => {
                to = bytes.len().min(to.saturating_add(step));
            }
            HeadStatus::Partial => return (status, 0, None, String::new()),
            bad => return (bad, 0, None, String::new()),
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
    assert!(matches!(again.framing, Framing::Close), "it has a framing");
    assert_eq!(again.reduced, shown, "there is nothing left to drop");
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
