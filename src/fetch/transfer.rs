//! How much of a body an attempt has received, for another thread to read meanwhile.

use std::sync::atomic::{AtomicU64, Ordering};

/// The body of one attempt.
#[derive(Debug, Default)]
pub(crate) struct Transfer {
    received: AtomicU64,
    /// 0 if it is not known.
    length: AtomicU64,
}

impl Transfer {
    /// The bytes received, and the length of the body if it is known.
    pub(crate) fn so_far(&self) -> (u64, Option<u64>) {
        let length = self.length.load(Ordering::Relaxed);
        let length = (length > 0).then_some(length);
        (self.received.load(Ordering::Relaxed), length)
    }
}

/// Begins a body of `length` bytes, decoded, of which the first `from` are there. The result takes how many bytes have come
/// since.
pub(super) fn report(
    transfer: Option<&Transfer>,
    from: u64,
    length: Option<u64>,
) -> impl Fn(u64) + use<'_> {
    let received = move |size| {
        if let Some(transfer) = transfer {
            transfer.received.store(from + size, Ordering::Relaxed);
        }
    };
    received(0);
    if let Some(transfer) = transfer {
        let length = length.unwrap_or(0);
        transfer.length.store(length, Ordering::Relaxed);
    }
    received
}
