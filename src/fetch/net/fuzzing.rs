//! Checks of the framing of replies, however reads cut them.

use super::http1::chunked::Chunked;
use super::http1::head::{HeadStatus, HeadWatch};
use super::http1::reply::inspect;

/// The first byte is the size of a read, the rest what the server sends.
fn cut(data: &[u8]) -> (usize, &[u8]) {
    data.split_first()
        .map_or((1, data), |(&step, rest)| (usize::from(step) + 1, rest))
}

/// A head: found at the same place however reads cut it; the reduced head is a good one.
pub(crate) fn head(data: &[u8]) {
    let (step, bytes) = cut(data);
    let whole = watch(bytes, usize::MAX);
    let dripped = watch(bytes, step);
    match (&whole, &dripped) {
        (HeadStatus::Bad(_), HeadStatus::Bad(_)) => return,
        _ => assert_eq!(whole, dripped),
    }
    let HeadStatus::Whole(end) = whole else {
        return;
    };
    let begin = bytes[..end]
        .windows(5)
        .rposition(|w| w == b"HTTP/")
        .unwrap_or_default();
    look_at(&bytes[begin..end]);
    look_at(&bytes[..end]);
}

/// Where the head ends, as [`super::client::transport`] finds it in reads of `step` bytes.
fn watch(bytes: &[u8], step: usize) -> HeadStatus {
    let mut watch = HeadWatch::default();
    let (mut from, mut to) = (0, 0);
    loop {
        let sight = if from == to {
            HeadStatus::Partial
        } else {
            watch.look(&bytes[from..to])
        };
        match sight {
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

fn look_at(head: &[u8]) {
    let Ok(inspected) = inspect(head) else { return };
    let shown = inspected.reduced;
    assert!(shown.len() <= head.len(), "it has grown");
    assert!(shown.ends_with(b"\n\n"));
    let again = inspect(&shown).expect("what was made of it is a head");
    assert!(again.framing.chunked.is_none(), "the coding was taken off");
    assert_eq!(again.reduced, shown, "there is nothing left to drop");
    assert_eq!(again.framing.stays_open, inspected.framing.stays_open);
    let lines = shown.iter().filter(|&&byte| byte == b'\n').count();
    assert!(lines < 100, "too many for the library");
}

/// A body in chunks: the same however reads cut it, and never more than came.
pub(crate) fn chunked(data: &[u8]) {
    let (step, bytes) = cut(data);
    let whole = decode(bytes, usize::MAX);
    assert_eq!(whole, decode(bytes, step));
    if let Ok((body, behind, ended, has_all)) = whole {
        assert!(body.len() + behind <= bytes.len());
        assert!(ended || behind == 0);
        assert!(has_all || !ended);
    }
}

/// The body, how much came behind it, and whether it has ended and has all data.
type Decoded = Result<(Vec<u8>, usize, bool, bool), &'static str>;

fn decode(bytes: &[u8], step: usize) -> Decoded {
    let mut chunked = Chunked::new();
    let (mut body, mut behind) = (Vec::new(), 0);
    for read in bytes.chunks(step.min(bytes.len().max(1))) {
        let mut read = read.to_vec();
        let (kept, more) = chunked.decode(&mut read)?;
        body.extend_from_slice(&read[..kept]);
        behind += more;
    }
    Ok((body, behind, chunked.has_ended(), chunked.has_all_data()))
}
